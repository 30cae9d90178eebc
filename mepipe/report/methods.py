"""Write a paragraph of methods from the settings and results of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mepipe.flow.tensor import KNEE
from mepipe.networks.registry import MODELS
from mepipe.report.content import Methods
from mepipe.report.references import REFERENCES
from mepipe.schema import protocol_words

_ENGINES = {"mepipe": "mepipe's own engine", "opencv": "OpenCV"}


@dataclass(frozen=True)
class RunSummary:
    """The data for the paragraph.

    Parameters
    ----------
    version
        The version of mepipe.
    settings
        Every setting by section, as `mepipe config` names them.
    clips, subjects
        Number of usable clips, and of their subjects.
    collections
        Number of clips by collection, the first part of their ids.
    sources
        Number of clips by the source of their apex.
    results
        The content of results.json. None if nothing was evaluated.
    recordings, movements
        Number of recordings, and of the clips that are movements found in them.
    """

    version: str
    settings: Mapping[str, Mapping[str, Any]]
    clips: int
    subjects: int
    collections: Mapping[str, int]
    sources: Mapping[str, int]
    results: Mapping[str, Any] | None = None
    recordings: int = 0
    movements: int = 0


class _Cited:
    """Numbers the references in the order in which they are cited."""

    def __init__(self) -> None:
        self._order: list[str] = []

    def __call__(self, *names: str) -> str:
        self._order += [name for name in names if name not in self._order]
        return " [" + ", ".join(str(self._order.index(name) + 1) for name in names) + "]"

    def references(self) -> tuple[str, ...]:
        return tuple(REFERENCES[name] for name in self._order)


def write_methods(run: RunSummary) -> Methods:
    """Return the paragraph and its references. Only methods that ran are named."""
    cite = _Cited()
    sentences = [_data(run, cite)]
    if run.clips:
        sentences += [
            _face(run.settings["face"], cite),
            *_spot(run, cite),
            *_flow(run.settings["flow"], cite),
            _tensor(run.settings["tensor"], cite),
        ]
    if run.results is not None:
        sentences += _classifier(run, run.results, cite)
    return Methods(" ".join(sentences), cite.references())


def _data(run: RunSummary, cite: _Cited) -> str:
    parts = []
    for name, count in run.collections.items():
        known = next((one for one in ("casme2", "samm", "smic") if _is_of(name, one)), "")
        parts.append(f"{name}{cite(known) if known else ''} ({count})")
    of = f" from {', '.join(parts)}" if parts else ""
    people = f" of {run.subjects} subjects" if run.subjects else ""
    return f"{run.clips} clips{people}{of} were processed with mepipe {run.version}."


def _is_of(name: str, collection: str) -> bool:
    return name == collection or name.startswith(f"{collection}-")


def _face(face: Mapping[str, Any], cite: _Cited) -> str:
    once = face["align"] == "clip"
    way = (
        "one similarity transform per clip"
        if once
        else "one similarity transform per frame, smoothed with a Gaussian of "
        f"{face['steady_ms']:g} ms"
    )
    return (
        f"Faces were detected with the HOG detector{cite('hog')} of dlib{cite('dlib')} and 68 "
        f"landmarks located by an ensemble of regression trees{cite('landmarks')} trained on "
        f"iBUG 300-W{cite('300w')}; the face was aligned to a template by {way}{cite('umeyama')}, "
        "fitted to landmarks that expressions do not move."
    )


def _spot(run: RunSummary, cite: _Cited) -> list[str]:
    spot, sentences = run.settings["spot"], []
    annotated = sum(n for source, n in run.sources.items() if source not in {"spotted", "middle"})
    if annotated:
        sentences.append(f"The apex was taken from the annotation in {annotated} clips.")
    if run.movements:
        recordings = f"{run.recordings} recording{'s' * (run.recordings != 1)}"
        sentences.append(
            f"{run.movements} clips are movements that were found in {recordings}: the courses "
            "that explain the facial motion best, measured cell by cell with inverse compositional "
            f"alignment{cite('lucas', 'baker')}, beside the motion of the head, the eyes and slow "
            f"drift, at least {run.settings['recordings']['threshold']:g} times stronger than "
            "chance. A movement of at most 500 ms from onset to offset is micro, a longer one "
            "macro."
        )
    found = run.sources.get("spotted", 0) - run.movements
    method = spot["fallback"] if spot["method"] == "auto" else spot["method"]
    if found and method == "flow-peak":
        sentences.append(
            f"In {found} clips the apex was found where the facial motion peaks, measured cell by "
            f"cell with inverse compositional alignment{cite('lucas', 'baker')} and freed of head "
            f"motion and blinks (flow-peak; curve smoothed over {spot['smooth_ms']:g} ms, "
            f"threshold {spot['threshold']:g})."
        )
    elif found:
        sentences.append(
            f"In {found} clips the apex was found by divide and conquer over differences of local "
            f"binary patterns{cite('lbp')}."
        )
    if run.sources.get("middle"):
        sentences.append(
            f"In {run.sources['middle']} clips the middle frame was taken for the apex."
        )
    return sentences


def _flow(flow: Mapping[str, Any], cite: _Cited) -> list[str]:
    sentences = []
    if flow["stabilise"] == "head":
        sentences.append(
            "Head motion between onset and apex was estimated as a similarity on rigid regions of "
            f"the face and refined by direct alignment of cells all over it{cite('lucas', 'baker')}"
            ": a robust fit of shift, growth, roll, yaw and pitch, the last two with the relief of "
            "a generic face. It was removed as far as firm shrinkage"
            f"{cite('gao')} told it from the expression, and flow outside the face faded with it."
        )
    elif flow["stabilise"] != "none":
        sentences.append(
            f"Head motion between onset and apex was estimated as a {flow['stabilise']} on rigid "
            "regions of the face and removed."
        )
    if flow.get("even_light"):
        sentences.append(
            "The apex frame was multiplied by the ratio of the two frames' local mean brightness."
        )
    # A record of before may name an engine that is gone.
    engine = _ENGINES.get(flow["engine"], f"the engine {flow['engine']}")
    numbers = f"lambda {flow['lambda']:g}, theta {flow['theta']:g}, {flow['scales']} scales"
    sentences.append(
        f"TV-L1 optical flow{cite('tvl1', 'tvl1-ipol')} from onset to apex was computed on the "
        f"aligned face of {flow['size']} px with {engine} (preset "
        f"{flow['preset']}; {numbers})."
    )
    return sentences


def _tensor(tensor: Mapping[str, Any], cite: _Cited) -> str:
    # A run of before has no limit, and was cut.
    soft = tensor.get("limit", "hard") == "soft"
    beyond = f"; values above {KNEE:g} approach 1 along a hyperbola" if soft else ", larger is cut"
    scales = {
        "fixed": f"scaled alike for all clips (motion of {tensor['displacement_range']:g} of the "
        f"inter-ocular distance and strain of {tensor['strain_range']:g} become 1{beyond})",
        "clip": "scaled by each clip's largest motion",
        "minmax": "scaled to 0 to 1, each channel of each clip for itself",
        "none": "left in px",
    }
    of = cite("strain", "ststnet")  # first, so that the numbers stand in their order
    sigma = tensor.get("strain_sigma", 0)  # a run of before has none
    smoothed = f", smoothed with a Gaussian of {sigma:g} px{cite('torre')}" if sigma else ""
    return (
        f"Optical strain{of} was derived from the flow{smoothed}, and u, v "
        f"and strain were reduced to {tensor['size']} by {tensor['size']} cells and "
        f"{scales[tensor['scale']]}."
    )


def _classifier(run: RunSummary, results: Mapping[str, Any], cite: _Cited) -> list[str]:
    name = str(results["model"])
    entry = MODELS.get(name)  # None: the user's own
    words, reference = (entry.called, entry.cite) if entry else (f"the model {name}", "")
    classes = ", ".join(results["classes"])
    protocol = protocol_words(results["protocol"]).way
    model = f"{words}{cite(reference) if reference else ''}"
    if results["protocol"] == "megc2019":
        protocol += cite("megc2019")
    seeds = [one["seed"] for one in results["per_seed"]]
    sentences = [
        f"{results['clips']} clips of {results['subjects']} subjects in the classes {classes} were "
        f"classified with {model}{_read(run, results)}, evaluated by {protocol}."
    ]
    training = results.get("settings", {}).get("training")
    if training:
        members = training["members"]
        several = f"the mean of {members} networks" if members > 1 else "one network"
        sentences.append(
            f"Each training is {several}, {training['epochs']} epochs of AdamW (peak learning rate "
            f"{training['learning_rate']:g}, batch {training['batch']}), last weights."
        )
    if training and training.get("per_clip"):
        sentences.append(
            "u and v of each clip were divided by their joint root mean square in it, and strain "
            "by its own."
        )
    start = results.get("settings", {}).get("start")
    if start:
        sentences.append(
            f"Each training started from the weights of a trained model (sha256 {start[:12]})."
        )
    spread = "seed" if len(seeds) == 1 else "seeds"
    one = _with_interval(results, "uf1", "95 % interval over resampled subjects ")
    sentences.append(
        f"Over {len(seeds)} {spread} ({', '.join(map(str, seeds))}), from counts pooled over "
        f"folds, UF1 is {one} and UAR {_with_interval(results, 'uar')}."
    )
    if results.get("ci_note"):
        sentences.append(f"{results['ci_note'][0].upper()}{results['ci_note'][1:]}.")
    chance = results.get("chance")
    if chance:
        sentences.append(
            f"With the labels shuffled, a {chance['model']} on the same folds reaches, in the "
            f"median and at the 95th percentile of {chance['permutations']} shuffles, UF1 "
            f"{_level(chance['uf1'])} and UAR {_level(chance['uar'])}."
        )
    return sentences


def _with_interval(results: Mapping[str, Any], name: str, words: str = "") -> str:
    bounds = results["ci"][name]
    if bounds is None:
        return _figure(results[name])
    return f"{_figure(results[name])} ({words}{_figure(bounds[0])} to {_figure(bounds[1])})"


def _level(figures: Mapping[str, Any]) -> str:
    return f"{_figure(figures['median'])} and {_figure(figures['p95'])}"


def _read(run: RunSummary, results: Mapping[str, Any]) -> str:
    """Return what the model read of each clip, where it is more than the flow to the apex."""
    if results.get("settings", {}).get("map", "x") == "x":
        return ""
    targets = run.settings["flow"]["targets"]
    to = {
        "phases": "from onset to apex and from apex to offset",
        "apex-offset": "from onset to apex and from onset to offset",
    }.get(str(targets), f"from onset to {targets} frames spread evenly up to the offset")
    return f" on the flow {to}"


def _figure(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
