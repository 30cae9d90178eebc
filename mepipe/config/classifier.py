"""The settings of the classifier: the model, and how networks are trained."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from mepipe import schema
from mepipe.config.fields import Positive, Settings
from mepipe.networks.pyramid import Cells, Fusion, Mode, Pool
from mepipe.networks.registry import MODELS


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
        description="spp: number of windows along a side of each branch, with mode upsample: a "
        "different number for each kernel (distinct), or as few as cover the map (fewest)",
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
        description="scale the movement of each clip to the same size (root mean square), so that "
        "only its form counts",
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
        description="train the networks of all folds, seeds and members as one batch: auto: only "
        "on a GPU, because it is no faster on a CPU",
    )
    choices: dict[str, tuple[Any, ...]] = Field(
        {},
        description="values that --tune tries, for example {learning_rate = [1e-3, 1e-2]}, "
        '{"model.C" = [1, 10]}; empty: the default grid of the model',
    )
    seeds: int = Field(3, ge=1, description="repetitions; results are the means over them")
    seed: int = Field(0, ge=0, description="the first seed")
