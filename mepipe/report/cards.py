"""The cards of a report: what is known of each usable clip."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mepipe.evaluation.results_io import Saved
from mepipe.execution.context import Context
from mepipe.features import Features
from mepipe.report.clip_pictures import ClipWork, draw_clips
from mepipe.report.content import ClipCard, KeyFrame, MotionSays, Pictures
from mepipe.report.quality import figures_of
from mepipe.report.report_inputs import ReportInputs
from mepipe.schema import KEY_FRAMES


def choose(cards: Sequence[ClipCard], most: int) -> list[ClipCard]:
    """Return at most ``most`` cards, in order: all doubtful ones, then others evenly spread."""
    if len(cards) <= most:
        return list(cards)
    doubtful = [place for place, card in enumerate(cards) if card.doubtful]
    sure = [place for place, card in enumerate(cards) if not card.doubtful]
    chosen = _spread(doubtful, most)
    chosen += _spread(sure, most - len(chosen))
    return [cards[place] for place in sorted(chosen)]


def _spread(places: Sequence[int], count: int) -> list[int]:
    if len(places) <= count:
        return list(places)
    # Evenly and without chance, so that equal runs give equal pages.
    return [places[int(at * len(places) / count)] for at in range(count)]


def pictured(cards: Sequence[ClipCard], shown: ReportInputs, context: Context) -> list[ClipCard]:
    """Return the cards with their pictures and curves."""
    drawn = _drawn(cards, shown, context)
    return [_with(card, drawn[card.clip], shown) for card in cards]


def _drawn(cards: Sequence[ClipCard], shown: ReportInputs, context: Context) -> dict[str, Pictures]:
    faces = shown.config.report.faces
    work, found = [], {}
    for card in cards:
        outcome = shown.outcomes.get(card.clip)
        if outcome is None or "flow" not in outcome.stages:
            found[card.clip] = Pictures(missing="no record of a run names its results")
        else:
            work.append(ClipWork.of(outcome, shown.sources.get(card.clip), faces=faces))
    return found | draw_clips(work, context)


def _with(card: ClipCard, pictures: Pictures, shown: ReportInputs) -> ClipCard:
    """Return the card with its pictures, and the curves of its motion where there are any."""
    motion = shown.motions.get(card.clip)
    if motion is None:
        return replace(card, pictures=pictures)
    if not pictures.curve:
        curve = tuple(np.asarray(motion.curve, np.float64).round(4).tolist())
        pictures = replace(pictures, curve=curve, curve_from=motion.first)
    regions: dict[str, tuple[float, ...]] = {}
    if pictures.curve_from == motion.first:
        regions = {
            name: tuple(np.asarray(values, np.float64).round(3).tolist())
            for name, values in motion.regions.items()
        }
    annotated = any(mark.source != "spotted" for mark in card.marks if mark.position is not None)
    says = MotionSays(
        tuple((name, int(getattr(motion, name))) for name in KEY_FRAMES),
        tuple(float(motion.confidence[name]) for name in KEY_FRAMES),
        motion.movement,
        motion.strength,
    )
    return replace(card, pictures=pictures, regions=regions, motion=says if annotated else None)


def cards_of(
    features: Features,
    saved: Saved | None,
    notes: Sequence[tuple[str, str]],
    shown: ReportInputs,
) -> list[ClipCard]:
    """Return the card of each usable clip, without pictures, in the order of features.h5."""
    noted: dict[str, list[str]] = defaultdict(list)
    for clip, text in notes:
        noted[clip].append(text)
    doubted: dict[str, list[Any]] = defaultdict(list)
    for doubt in shown.doubts:
        doubted[doubt.clip].append(doubt)
    votes = _votes(saved) if saved is not None else {}
    columns = {name: values.tolist() for name, values in features.columns.items()}
    cards = []
    for row, clip in enumerate(columns["clip"]):
        one = {name: values[row] for name, values in columns.items()}
        predicted, share = votes.get(clip, ("", ""))
        outcome = shown.outcomes.get(clip)
        values = outcome.values if outcome is not None else {}
        strength = values.get("spot", {}).get("strength")
        if strength is None and clip in shown.motions:
            strength = shown.motions[clip].strength
        cards.append(
            ClipCard(
                clip=clip,
                dataset=one["dataset"],
                subject=one["subject"],
                emotion=one["emotion"],
                label=one["label"],
                frames=one["frames"],
                fps=None if math.isnan(one["fps"]) else one["fps"],
                movement=one["movement"],
                marks=tuple(_mark(one, name) for name in KEY_FRAMES),
                action_units=one["au"],
                notes=tuple(noted[clip]),
                predicted=predicted,
                votes=share,
                # What was noted stands there as notes.
                doubts=tuple(doubt.text for doubt in doubted[clip] if doubt.kind != "noted"),
                weight=max((doubt.weight for doubt in doubted[clip]), default=0.0),
                figures=figures_of(values),
                strength=strength,
            )
        )
    return cards


def _mark(row: Mapping[str, Any], name: str) -> KeyFrame:
    position, number = row[name], row[f"{name}_number"]
    confidence = row[f"{name}_confidence"]
    return KeyFrame(
        name,
        position if position >= 0 else None,
        number if number >= 0 else None,
        row[f"{name}_source"],
        None if math.isnan(confidence) else confidence,
    )


def _votes(saved: Saved) -> dict[str, tuple[str, str]]:
    """Return, by clip, the class that most seeds predicted, and their number."""
    predictions = saved.predictions
    classes, counts = predictions.most_predicted()
    several = len(predictions.seeds) > 1
    return {
        clip: (
            predictions.clips.classes[winner],
            f"{count} of {len(predictions.seeds)}" if several else "",
        )
        for clip, winner, count in zip(predictions.clips.clip, classes, counts, strict=True)
    }
