"""The level of chance of an evaluation: computed once for features and folds, stored, and told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.cache.keys import canonical, object_key
from mepipe.cache.objects import StoredObject
from mepipe.cache.store import ObjectName
from mepipe.errors import DamageError
from mepipe.evaluation import chance
from mepipe.evaluation.chance import Shuffled, figures_by_chance
from mepipe.evaluation.fold_cache import Source
from mepipe.evaluation.folds import FoldJob, features_for
from mepipe.evaluation.normalisation import Normalisation
from mepipe.execution.context import Context
from mepipe.features import Features
from mepipe.features.splits import LabelledClips
from mepipe.versions import libraries

STAGE = "chance"
VERSION = 1
ARRAYS = {"uf1": ("f8", 1), "uar": ("f8", 1)}
CHANCE_ROWS = {"(chance)": "median", "(chance, 95 %)": "p95"}
"""The rows of a table of figures, and what of the level stands in them."""
_LIBRARIES = ("numpy",)
# Figures that are equal may differ by this much when their terms were added in another order.
_ROUNDING = 1e-12


def chance_level(
    jobs: Sequence[FoldJob],
    clips: LabelledClips,
    features: Features,
    source: Source,
    context: Context,
    *,
    again: bool = False,
) -> Shuffled:
    """Return what shuffled labels reach with these features and folds, from the cache if there.

    It does not depend on the model that is evaluated, so all models that are
    evaluated on the same folds share it.

    Parameters
    ----------
    jobs
        The folds; of several seeds the folds of one are enough.
    clips
        What they evaluate, sorted by id.
    features, source
        The features, and their file as it was hashed.
    context
        Where it is stored.
    again
        Compute it also where it is stored.

    Raises
    ------
    BadDataError
        If features of a clip are not finite.
    SystemProblemError
        If it cannot be stored, or the file changed.
    """
    folds = [job for job in jobs if job.seed == jobs[0].seed]
    parts: dict[str, Any] = {
        "features": source.digest,
        "tests": [list(job.test) for job in folds],
        "recentre": jobs[0].recentre,
        "permutations": chance.PERMUTATIONS,
    }
    if jobs[0].reads != "x":
        parts["map"] = jobs[0].reads
    key = object_key(STAGE, VERSION, parts)
    known = None if again else _stored(context, context.store.find(STAGE, key))
    if known is not None:
        return known
    x = features_for(features, clips.clip, jobs[0].reads)
    row = {clip: number for number, clip in enumerate(clips.clip)}
    shuffled = figures_by_chance(
        Normalisation.of(x, recentre=jobs[0].recentre)(x),
        clips.y,
        clips.dataset,
        clips.group,
        [np.array([row[clip] for clip in job.test]) for job in folds],
        classes=len(clips.classes),
        permutations=chance.PERMUTATIONS,
    )
    source.refuse_changed()
    context.store.write(
        StoredObject(
            STAGE,
            VERSION,
            key,
            json.loads(canonical(parts)),
            {},
            {"uf1": shuffled.uf1, "uar": shuffled.uar},
            None,
            libraries(_LIBRARIES),
        )
    )
    return shuffled


def _stored(context: Context, name: ObjectName | None) -> Shuffled | None:
    if name is None:
        return None
    try:
        stored = context.store.read(name, ARRAYS)
    except DamageError:
        return None  # computed again, like one that is not there
    if context.strict_versions and stored.libraries != libraries(_LIBRARIES):
        return None
    uf1, uar = (stored.arrays.get(name, np.empty(0)) for name in ("uf1", "uar"))
    if not len(uf1) or len(uf1) != len(uar) or not _are_shares(uf1, uar):
        return None  # whoever wrote it: no level was computed so
    return Shuffled(uf1, uar)


def _are_shares(*found: NDArray[Any]) -> bool:
    # NaN is neither.
    return all(bool(np.all((values >= 0) & (values <= 1 + _ROUNDING))) for values in found)


def chance_content(
    level: Shuffled, figures: Mapping[str, Any], model: str = chance.MODEL
) -> dict[str, Any]:
    """Return the level as plain values, and whether ``uf1`` and ``uar`` of a model lie above it."""
    content: dict[str, Any] = {"model": model, "permutations": len(level.uf1)}
    for name, values in (("uf1", level.uf1), ("uar", level.uar)):
        median, high = (float(one) for one in np.percentile(values, [50, 95]))
        content[name] = {
            "median": median,
            "p95": high,
            "above": figures[name] is not None and figures[name] > high + _ROUNDING,
        }
    return content


def level_alone(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the level of `chance_content` without what is of one model: whether it lies above."""
    return {
        name: {level: one[level] for level in ("median", "p95")} if isinstance(one, dict) else one
        for name, one in content.items()
    }


def chance_cells(content: Mapping[str, Any]) -> tuple[str, str]:
    """Return what shuffled labels reach, of UF1 and of UAR, as tables show it."""
    one, two = (
        f"median {content[name]['median']:.3f}, 95 % {content[name]['p95']:.3f}"
        for name in ("uf1", "uar")
    )
    return one, two


def chance_text(content: Mapping[str, Any]) -> str:
    """Return what shuffled labels reach, in a line.

    >>> level = {"median": 0.325, "p95": 0.381}
    >>> chance_text({"uf1": level, "uar": level}).partition(";")[0]
    'chance (labels shuffled): UF1 median 0.325, 95 % 0.381'
    """
    one, two = chance_cells(content)
    return f"chance (labels shuffled): UF1 {one}; UAR {two}"


def not_above(figures: Mapping[str, Any]) -> list[str]:
    """Return the sentence that figures do not lie above chance; nothing where all do.

    ``figures`` are those of a model, with ``chance`` as `chance_content` gives it.
    """
    told = [
        f"{name.upper()} {figures[name]:.3f} (shuffled labels: 95 % {level['p95']:.3f})"
        for name, level in ((one, figures["chance"][one]) for one in ("uf1", "uar"))
        if not level["above"] and figures[name] is not None
    ]
    return [f"not above chance: {', '.join(told)}"] if told else []
