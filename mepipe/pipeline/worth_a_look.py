"""The clips that a person should look at: marks without motion, and key frames that are unsure.

An annotation is compared with the motion of its clip (`mepipe.pipeline.motion`), where that is
known. How often the comparison is right is told in the docstring of `disagreement`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mepipe.cache.keys import Json, canonical, object_key, sha256_text
from mepipe.cache.manifest import WORTH_A_LOOK, Manifest
from mepipe.clips.corrections import USED
from mepipe.datasets.csv_tables import csv_text, encoded, read_csv
from mepipe.pipeline.motion_objects import Motion, Motions
from mepipe.pipeline.outcome import ClipOutcome

DOUBTS: Mapping[str, str] = MappingProxyType(
    {
        "peak-elsewhere": "the strongest motion is not where the annotation says",
        "nothing-moves": "nothing moves above the noise in a clip that is annotated",
        "still": "no movement above the noise was found: the best candidate is used",
        "unsure": "onset or apex were found with little confidence",
        "noted": "something was noted about the pictures or the annotation",
    }
)
"""What each kind of doubt means, in one line. The first kinds weigh most."""

COLUMNS = ("clip", "kind", "weight", "text")
# Raised whenever equal clips give other rows of that file.
VERSION = 3

UNSURE = 0.5  # a confidence below it is little
# Of the height of the strongest movement: what annotated onset and apex must differ by.
LEAST_RISE = 0.5
# Coders place an apex within some frames of each other, at 200 per second.
TOLERANCE_MS = 25.0
_SAID = {"annotation", "erratum", "correction"}  # sources of a mark that a person made
LARGE = "a large movement, or the head's motion"
"""How a note ends of a tensor with values beyond the range of `tensor.scale`."""

_ALREADY_SAID = ("no movement above the noise", "action units ")  # notes that are no new doubt


@dataclass(frozen=True)
class Doubt:
    """A clip that a person should look at.

    Parameters
    ----------
    clip
        Its id.
    kind
        A name of `DOUBTS`.
    text
        What is doubtful, in words. Frames are positions in the clip, from 0.
    weight
        0 to 1; the larger, the sooner it should be looked at.
    """

    clip: str
    kind: str
    text: str
    weight: float


def doubts_of(
    outcomes: Mapping[str, ClipOutcome],
    motions: Mapping[str, Motion],
    notes: Iterable[tuple[str | None, str]] = (),
    *,
    marks: Mapping[str, Mapping[str, int | None]] | None = None,
) -> tuple[Doubt, ...]:
    """Return what is doubtful about the usable clips, the worst first.

    Failed clips are not among them: they are failures, and their reason is told.

    Parameters
    ----------
    outcomes
        The stages of the clips, by clip. One whose spot stage is not done has no doubt.
    motions
        The motion of clips, as far as it is known. It is asked for annotated clips alone.
    notes
        (clip, text) of what was noted. Notes without a clip are left out.
    marks
        Annotated positions of clips, by the name of the key frame, where they are others than
        those that the outcomes were computed with.
    """
    found: list[Doubt] = []
    noted: dict[str, list[str]] = {}
    for clip, text in notes:
        # Somebody looked at a clip whose correction is used. The size says nothing about the marks.
        known = text.startswith(_ALREADY_SAID) or text.endswith((USED, LARGE))
        if clip is not None and not known:
            noted.setdefault(clip, []).append(text)
    for clip, outcome in outcomes.items():
        spot = outcome.values.get("spot")
        if outcome.failure is not None or not spot:
            continue
        said = {
            name: spot[name] for name in ("onset", "apex") if spot[f"{name}_source"] in _SAID
        } | {name: at for name, at in ((marks or {}).get(clip) or {}).items() if at is not None}
        if said:
            onset, apex = (said.get(name, spot[name]) for name in ("onset", "apex"))
            motion = motions.get(clip)
            doubt = motion and disagreement(clip, motion, onset, apex)
            found += [doubt] if doubt else []
        sources = {spot["onset_source"], spot["apex_source"]}
        if not spot["movement"] and "spotted" in sources:
            strength = f" (strength {spot['strength']:.2f})" if "strength" in spot else ""
            found.append(Doubt(clip, "still", DOUBTS["still"] + strength, 0.5))
        elif "spotted" in sources:
            found += _unsure(clip, spot)
        if clip in noted:
            found.append(Doubt(clip, "noted", "; ".join(noted[clip]), 0.1))
    return tuple(sorted(found, key=lambda doubt: (-doubt.weight, doubt.clip, doubt.kind)))


def in_short(doubts: Iterable[Doubt]) -> list[tuple[str, str]]:
    """Return each doubtful clip once, in the order of its largest doubt, and why.

    Notes are told elsewhere: of a clip with another doubt they are left out, of one without, the
    first is given.
    """
    found: dict[str, list[str]] = {}
    for doubt in doubts:
        texts = found.setdefault(doubt.clip, [])
        first, _, more = doubt.text.partition("; ")
        if doubt.kind != "noted":
            texts.append(doubt.text)
        elif not texts:
            texts.append(f"{first} (and more)" if more else first)
    return [(clip, "; ".join(texts)) for clip, texts in found.items()]


def _unsure(clip: str, spot: Mapping[str, float]) -> list[Doubt]:
    confidence, name = min(
        (spot[f"{name}_confidence"], name)
        for name in ("onset", "apex")
        if spot[f"{name}_confidence"] is not None
    )
    if confidence >= UNSURE:
        return []
    text = f"the {name} at frame {spot[name]} was found with a confidence of {confidence:.2f}"
    return [Doubt(clip, "unsure", text, round(0.4 - 0.2 * confidence / UNSURE, 4))]


def disagreement(clip: str, motion: Motion, onset: int, apex: int) -> Doubt | None:
    """Return how an annotation disagrees with the motion of its clip; None if it does not.

    Two figures must both be small, each as a share of what the strongest movement of the clip
    has: the rise of its curve from the annotated onset to the annotated apex, and the way that the
    region which moves most goes between them, in whatever direction. Both marks may lie 25 ms
    beside the motion: coders differ by as much. A long movement whose plateau holds the mark gives
    no doubt, nor does a smaller one at the mark that is half as strong as the clip's strongest.

    Of the 36 clips of ``mepipe sample`` none has a doubt, and all have one whose marks are moved
    into the rest before the movement (36 of 36) or after it (29 of 29). Of those of ``--hard
    --seed 5`` (blinks, a moving head and light, plateaus) none has its peak elsewhere and in 2 of
    36 nothing moves; with marks before the movement 35 of 36 have a doubt, after it 18 of 18. An
    apex 40 ms off gives none.

    Parameters
    ----------
    clip
        Its id.
    motion
        Of the clip, without any mark.
    onset, apex
        The annotated positions, from 0.
    """
    count = len(motion.curve)
    start, mark = onset - motion.first, apex - motion.first
    if not (0 <= start < count and 0 <= mark < count):
        return None  # the face is not seen there, which a note says
    if not motion.movement:
        text = (
            f"nothing moves above the noise between the annotated onset (frame {onset}) and apex "
            f"(frame {apex}), nor elsewhere in the clip: strength {motion.strength:.2f}"
        )
        return Doubt(clip, "nothing-moves", text, 0.7)
    rise, way = shares(motion, start, mark)
    if rise >= LEAST_RISE or way >= LEAST_RISE:
        return None
    height = float(motion.curve[motion.apex - motion.first])
    text = (
        f"the motion peaks at frame {motion.apex} ({height:.2f} px), the annotated apex is frame "
        f"{apex}: from onset to apex the face shows {max(rise, 0.0):.0%} of that movement"
    )
    far = 1 - max(rise, way, 0.0) / LEAST_RISE
    return Doubt(
        clip, "peak-elsewhere", text, round(0.75 + 0.25 * far * motion.confidence["apex"], 4)
    )


def shares(motion: Motion, onset: int, apex: int) -> tuple[float, float]:
    """Return which share of the clip's strongest movement lies between an onset and an apex.

    Parameters
    ----------
    motion
        Of the clip. It has a movement.
    onset, apex
        Indices into its curve.

    Returns
    -------
    Of its curve, and of the way of the region that moves most; the second is that of the curve
    where the motion of the regions is unknown. 1 is all of it.
    """
    curve = motion.curve.astype(np.float64)
    beside = max(1, round(TOLERANCE_MS / motion.frame_ms)) if motion.frame_ms else 1
    start, peak = motion.onset - motion.first, motion.apex - motion.first
    height = max(float(curve[peak] - curve[start]), 1e-6)
    rise = float(_near(curve, apex, beside).max() - _near(curve, onset, beside).min()) / height
    if not motion.vectors:
        return rise, rise
    places = np.stack(list(motion.vectors.values()), axis=1).astype(np.float64)  # (N, K, 2)
    longest = _way(places[[peak]], places[[start]])
    way = _way(_near(places, apex, beside), places[[onset]])
    return rise, way / max(longest, 1e-6)


def _near(values: NDArray[np.float64], at: int, beside: int) -> NDArray[np.float64]:
    return values[max(0, at - beside) : at + beside + 1]


def _way(to: NDArray[np.float64], start: NDArray[np.float64]) -> float:
    """Return the longest way of a region from one place to any of others, px."""
    return float(np.linalg.norm(to - start, axis=-1).max())


def keep_doubts(
    manifest: Manifest,
    outcomes: Mapping[str, ClipOutcome],
    motions: Motions,
    notes: Iterable[tuple[str | None, str]],
) -> tuple[Doubt, ...]:
    """Return the doubts of a run, and write them to ``worth-a-look.csv`` of its folder.

    If that file is current, it is read instead, and no object is opened.
    """
    told = list(notes)
    objects = {
        clip: [outcome.stages[name].digest for name in ("face", "spot") if name in outcome.stages]
        + ([motions.names[clip].digest] if clip in motions.names else [])
        + ([outcome.failure.stage] if outcome.failure else [])
        for clip, outcome in outcomes.items()
    }
    parts: dict[str, Json] = {
        "objects": sha256_text(canonical(objects)),
        "notes": sha256_text(canonical([[clip or "", text] for clip, text in told])),
    }
    key = object_key("worth-a-look", VERSION, parts)
    data = manifest.read_if_current(WORTH_A_LOOK, key)
    if data is not None:
        with suppress(KeyError, ValueError):  # edited, and its digest with it
            return doubts_in(data)
    doubts = doubts_of(outcomes, motions, told)
    manifest.write(WORTH_A_LOOK, key, doubts_csv(doubts))
    return doubts


def doubts_csv(doubts: Iterable[Doubt]) -> bytes:
    """Return ``worth-a-look.csv``: a row for each doubt, the worst first, with `COLUMNS`."""
    rows = ((one.clip, one.kind, one.weight, one.text) for one in doubts)
    return encoded(csv_text(COLUMNS, rows, floats="g"))


def doubts_in(data: bytes) -> tuple[Doubt, ...]:
    """Return the doubts that `doubts_csv` wrote as ``data``.

    Raises
    ------
    KeyError, ValueError
        If it is no such table any more.

    Examples
    --------
    >>> doubts = (Doubt("lab/s01/c01", "still", "no movement", 0.5),)
    >>> doubts_in(doubts_csv(doubts)) == doubts
    True
    """
    header, *rows = [cells for _, cells in read_csv(data.decode()) if cells] or [[]]
    named = (dict(zip(header, cells, strict=False)) for cells in rows)
    return tuple(
        Doubt(row["clip"], row["kind"], row["text"], float(row["weight"])) for row in named
    )
