"""All settings of mepipe with their defaults: one frozen model per stage.

``mepipe config`` prints the fields in this order, with their descriptions as comments.
Times are in milliseconds. The name or the description of a length states its unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from mepipe import schema
from mepipe.config.fields import Maps, Positive, PresetName, Settings, Targets
from mepipe.flow.settings import PRESETS, Tvl1Settings
from mepipe.networks.pyramid import Cells, Fusion, Mode, Pool
from mepipe.networks.registry import MODELS
from mepipe.plausible import DIGITS, HIGHEST_RATE, LOWEST_RATE


class DataSettings(Settings):
    """How datasets are read and their errors handled."""

    fps: Annotated[float, Field(ge=LOWEST_RATE, lt=HIGHEST_RATE)] | None = Field(
        None,
        description="frames per second, if the dataset does not state them, or to confirm an "
        "unusual rate that it states; unset: unknown",
    )
    repair: schema.Repair = Field("spot", description="how an impossible annotation is handled")
    missing: schema.Missing = Field(
        "nearest", description="an annotated frame that is missing: use the nearest frame, or fail"
    )
    max_missing: int = Field(
        2,
        ge=0,
        description="largest distance of the nearest frame, in frames; otherwise the clip fails",
    )
    first_number: int | None = Field(
        None,
        ge=0,
        lt=10**DIGITS,
        description="number of a video's first frame in the coding sheet, if the dataset does not "
        "state it (CASME2_compressed); unset: key frames are spotted",
    )
    bits: int | None = Field(
        None,
        ge=8,
        le=16,
        description="bits a sample of the camera, for images in 16-bit files; unset: as the files "
        "state, else the smallest of 8, 10, 12, 14, 16 that holds them",
    )
    select: str | None = Field(
        None,
        description="use only the clips of a named selection: megc2019, micro, macro; unset: all",
    )
    corrections: str | None = Field(
        None, description="a corrections.csv over the datasets; unset: that of the output folder"
    )
    events: str | None = Field(
        None, description="a corrected-events.csv of recordings; unset: that of the output folder"
    )


class LabelSettings(Settings):
    """How emotion words become classes."""

    classes: str = Field(
        "megc3",
        description="megc3 (negative, positive, surprise), emotion (the words), casme2-5 (also "
        "casme2-246, -247, -249, -255), samm-5, objective (I to VII), or a FILE.toml",
    )
    time: schema.TimeUnit = Field(
        "frames",
        description="unit of onset, apex and offset in the labels.csv of a generic folder: "
        "frames (their numbers), or seconds or milliseconds from the clip's first frame on",
    )


class FaceSettings(Settings):
    """The face stage: detection, landmarks, alignment."""

    align: Literal["clip", "per-frame"] = Field(
        "clip", description="one transform for the whole clip, or one per frame, smoothed over time"
    )
    search_size: int = Field(
        480,
        ge=80,
        description="long side of the image that is searched first, in px; then the full size",
    )
    spread: int = Field(
        8,
        ge=0,
        description="frames spread over the clip that are tried if the first ones have no face",
    )
    steady_ms: Positive = Field(
        100.0, description="per-frame only: sigma of the smoothing of the transforms, in ms"
    )


class SpotSettings(Settings):
    """The spot stage: onset, apex and offset."""

    method: Literal["auto", schema.SpotMethod] = Field(
        "auto",
        description="auto uses the annotation and spots missing key frames; the others ignore it",
    )
    fallback: schema.SpotMethod = Field(
        "flow-peak", description="how auto spots key frames that are not annotated"
    )
    no_movement: Literal["keep", "fail"] = Field(
        "keep", description="a clip without visible movement: use the best candidate, or fail"
    )
    size: int = Field(
        160, ge=64, le=512, description="side of the aligned face for spotting, in px"
    )
    smooth_ms: Positive = Field(20.0, description="smoothing of the motion curve, in ms")
    threshold: Positive = Field(
        1.2, description="a movement must be this many times stronger than chance"
    )


class RecordingSettings(Settings):
    """Recordings: the movements in a video that is longer than a clip."""

    threshold: Positive = Field(
        2.0,
        description="a movement must be this many times stronger than chance; 2.0 gives less than "
        "one false alarm a minute on a still face",
    )
    longer_than_s: float = Field(
        10.0,
        ge=0,
        description="in a run, a clip without key frames that is longer is a recording: each "
        "movement in it becomes a clip; in s; 0: never",
    )


class FlowSettings(Settings):
    """The flow stage: TV-L1 from the onset to the apex frame on the aligned face."""

    size: int = Field(224, ge=64, le=1024, description="side of the aligned face, in px")
    stabilise: Literal["head", schema.MotionModel, "none"] = Field(
        "head",
        description="head motion removed before flow: similarity or translation, fitted on rigid "
        "regions; head, in addition turning, fitted to the face by its relief",
    )
    even_light: bool = Field(
        True,
        description="bring both frames to one brightness before flow, which takes a lamp that "
        "flickers for motion",
    )
    targets: Targets = Field(
        "apex",
        description="targets of the flow from the onset: apex; apex-offset (both); or K, 2 to 64 "
        "frames spread evenly up to the offset, as a sequence beside the flow to the apex; phases: "
        "onset to apex, and apex to offset",
    )
    keep_faces: bool = Field(
        False, description="also store the aligned faces of the onset and of each target"
    )
    engine: Literal["mepipe", "opencv"] = Field(
        "mepipe", description="implementation of TV-L1: mepipe's own, or OpenCV"
    )
    preset: PresetName = Field(
        "subtle",
        description="defaults of the TV-L1 settings below: those of OpenCV (opencv), or values "
        "that recover more of a motion below 1.5 px without more noise (subtle)",
    )
    tau: Positive = Field(0.25, description="TV-L1: time step of the dual scheme")
    lambda_: Positive = Field(0.2, alias="lambda", description="TV-L1: weight of the data term")
    theta: Positive = Field(0.05, description="TV-L1: tightness of the coupling")
    gamma: float = Field(0.0, ge=0, description="TV-L1: weight of the illumination term")
    scales: int = Field(5, ge=1, description="TV-L1: levels of the pyramid")
    scale_step: float = Field(
        0.8, gt=0, lt=1, description="TV-L1: size ratio of a level to the next"
    )
    warps: int = Field(5, ge=1, description="TV-L1: warps per level")
    epsilon: Positive = Field(0.01, description="TV-L1: stopping threshold")
    inner_iterations: int = Field(30, ge=1, description="TV-L1: inner iterations per warp")
    outer_iterations: int = Field(10, ge=1, description="TV-L1: outer iterations per warp")
    median: Literal[1, 3, 5] = Field(5, description="TV-L1: side of the median filter (1: none)")
    blur: float = Field(
        0.0, ge=0, le=10, description="TV-L1: sigma of the smoothing of both images, in px"
    )
    border: int = Field(
        12, ge=0, le=64, description="TV-L1: width of the mirrored border around both images, in px"
    )

    def implied(self) -> Mapping[str, Any]:
        """Return the preset's values."""
        return asdict(PRESETS[self.preset])

    @model_validator(mode="before")
    @classmethod
    def _from_preset(cls, values: Any) -> Any:
        preset = PRESETS.get(str(values.get("preset"))) if isinstance(values, dict) else None
        return {**_named(preset, values), **values} if preset else values

    @field_validator("engine", mode="before")
    @classmethod
    def _engine_is_there(cls, value: Any) -> Any:
        if value == "torch":
            raise ValueError(
                "flow.engine = torch is gone: it took 40 times as long as mepipe's own engine on a "
                "CPU, for the same flow up to a tolerance",
                "Write flow.engine = mepipe, the default; or opencv.",
            )
        return value

    @model_validator(mode="after")
    def _gamma_has_an_engine(self) -> Self:
        if self.gamma and self.engine != "opencv":
            raise ValueError(f"flow.gamma = {self.gamma:g} needs flow.engine = opencv")
        return self


def _named(preset: Tvl1Settings, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a preset by the field names that a user can write."""
    named = {"lambda" if name == "lambda_" else name: v for name, v in asdict(preset).items()}
    return {name: v for name, v in named.items() if f"{name}_" not in values}


class TensorSettings(Settings):
    """The tensor stage: u, v and optical strain at the network's size."""

    size: int = Field(
        28, ge=4, le=1024, description="side of the tensor, in cells; at most flow.size"
    )
    scale: schema.Scale = Field(
        "fixed",
        description="fixed: by the distance between the eyes, equal for all clips; "
        "clip: by the largest motion of the clip; minmax: each channel 0 to 1; none: px",
    )
    displacement_range: Positive = Field(
        0.03,
        description="fixed: motion that is scaled to 1, as a fraction of the inter-ocular distance",
    )
    strain_range: Positive = Field(0.1, description="fixed: strain that is scaled to 1")
    limit: schema.Limit = Field(
        "soft",
        description="fixed: soft: linear up to three quarters of the range, larger motion "
        "approaches its end and stays distinct; hard: larger motion is cut at its end",
    )
    strain_sigma: float = Field(
        6.0,
        ge=0,
        le=32,
        description="strain is made of the flow smoothed with this sigma, in px of the aligned "
        "face; 0: of the flow as it is",
    )


class PackSettings(Settings):
    """The pack: what features.h5 stores for each clip."""

    include: Maps = Field(
        ("x",),
        description=", ".join(f"{name} ({item.what})" for name, item in schema.MAPS.items()),
    )


class ModelSettings(Settings):
    """The classifier: a built-in model, or your own as package.module:factory."""

    name: str = Field(
        "spp",
        description=", ".join(
            f"{name} ({entry.note})" if entry.note else name for name, entry in MODELS.items()
        )
        + ", or package.module:factory",
    )
    kernels: tuple[int, ...] = Field(
        (2, 3, 4, 5, 6), description="spp: pooling kernels of the pyramid's branches"
    )
    position: int = Field(2, ge=1, le=5, description="spp: the pyramid follows this layer")
    mode: Mode = Field(
        "upsample",
        description="spp: pooled branches resized to the map; pooling with stride 1; "
        "kernel x kernel bins (PSPNet); flattened bins (He; position 5)",
    )
    pool: Pool = Field("max", description="spp: pooling in the branches")
    fuse: Fusion = Field("concat-1x1", description="spp: how the branches and the map are combined")
    cells: Cells = Field(
        "distinct",
        description="spp: windows a side of a branch, with mode upsample: a smaller kernel has one "
        "more where two would have as many; or as few as cover the map",
    )
    width: int = Field(
        8,
        ge=4,
        description="spp: channels of layer 1; layer 2 has twice as many, later layers 4 times",
    )
    dropout: float = Field(0.5, ge=0, lt=1, description="spp: dropout before the classifier")
    options: dict[str, Any] = Field(
        {}, description='arguments of any other model, for example {"C" = 3.0}'
    )
    map: schema.ModelMap = Field(
        "x",
        description="the map of features.h5 that the model reads: x, or sequence (spp, base, svm, "
        "tree and your own; needs pack.include and flow.targets)",
    )
    recentre: Literal["auto", "always", "never"] = Field(
        "auto", description="subtract the median of u and of v (auto: where features are minmax)"
    )


class TrainSettings(Settings):
    """How networks are trained: fixed epochs, last weights."""

    epochs: int = Field(50, ge=1, description="epochs; the last weights are used")
    batch: int = Field(32, ge=2, description="clips per step")
    learning_rate: Positive = Field(2e-3, description="peak of the one-cycle schedule (AdamW)")
    weight_decay: float = Field(1e-2, ge=0, description="decoupled weight decay (AdamW)")
    balance: bool = Field(True, description="weight classes by the inverse of their frequency")
    label_smoothing: float = Field(0.1, ge=0, lt=1, description="label smoothing")
    mirror: bool = Field(True, description="augmentation: exchange left and right, and negate u")
    amplitude: float = Field(
        0.3,
        ge=0,
        lt=1,
        description="augmentation: scale the flow by up to this fraction, up or down",
    )
    shift: int = Field(2, ge=0, description="augmentation: shift by up to this many cells")
    per_clip: bool = Field(
        False,
        description="bring the movement of each clip to one size (root mean square): its form "
        "alone decides",
    )
    members: int = Field(
        2, ge=1, le=20, description="networks per training, whose probabilities are averaged"
    )
    init: str | None = Field(
        None,
        description="start from the weights of a trained model: pretrained, or a .safetensors "
        "file; unset: from random weights",
    )
    batched: Literal["auto", "always", "never"] = Field(
        "auto",
        description="train the networks of all folds, seeds and members as one batch: auto, on a "
        "GPU, for on a CPU it is no faster",
    )
    choices: dict[str, tuple[Any, ...]] = Field(
        {},
        description="values that --tune tries, for example {learning_rate = [1e-3, 1e-2]}, "
        '{"model.C" = [1, 10]}; empty: the default grid of the model',
    )
    seeds: int = Field(3, ge=1, description="repetitions; results are the means over them")
    seed: int = Field(0, ge=0, description="the first seed")


class ReportSettings(Settings):
    """The report: one HTML page at the end of a run."""

    enabled: bool = Field(True, description="write report.html")
    faces: bool = Field(True, description="show aligned faces; false: no picture of a face")
    clips: int = Field(500, ge=0, description="largest number of clips with a card of their own")
    curves: Literal["spotted", "all"] = Field(
        "spotted",
        description="motion curves of spotted clips, or of all and their regions: it takes long",
    )


class Config(Settings):
    """The whole configuration, with a section per stage."""

    data: DataSettings = DataSettings()
    labels: LabelSettings = LabelSettings()
    face: FaceSettings = FaceSettings()
    spot: SpotSettings = SpotSettings()
    recordings: RecordingSettings = RecordingSettings()
    flow: FlowSettings = FlowSettings()
    tensor: TensorSettings = TensorSettings()
    pack: PackSettings = PackSettings()
    model: ModelSettings = ModelSettings()
    train: TrainSettings = TrainSettings()
    report: ReportSettings = ReportSettings()

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        if self.tensor.size > self.flow.size:
            raise ValueError(
                f"tensor.size = {self.tensor.size} is larger than flow.size = {self.flow.size}"
            )
        return self

    @model_validator(mode="after")
    def _what_is_packed_is_made(self) -> Self:
        for name in self.pack.include:
            needed = schema.MAPS[name].needed
            if needed is not None and self._has_default(needed.setting):
                raise ValueError(
                    f"pack.include has {name}, {needed.without}",
                    f"Add --set {needed.setting}={needed.value}{needed.others}, or take {name} "
                    "out of pack.include.",
                )
        return self

    def _has_default(self, setting: str) -> bool:
        """Return True if the setting ``section.name`` has its default."""
        section, _, name = setting.partition(".")
        model: Settings = getattr(self, section)
        return bool(getattr(model, name) == type(model).model_fields[name].default)
