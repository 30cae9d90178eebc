"""Build the content of a report from the outputs of a run."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mepipe import __version__
from mepipe.assets import model_files
from mepipe.cache.keys import canonical, sha256_text
from mepipe.cache.manifest import FEATURES, Manifest
from mepipe.config.settings import Config
from mepipe.evaluation.results_io import Saved, read_saved
from mepipe.execution.context import Context
from mepipe.features import Features
from mepipe.pipeline.outputs import FAILURE_COLUMNS, NOTE_COLUMNS
from mepipe.pipeline.worth_a_look import in_short
from mepipe.report.cards import cards_of, choose, pictured
from mepipe.report.clip_pictures import searched_frames
from mepipe.report.content import (
    ClipCard,
    CountTable,
    FailureRow,
    Page,
    Setting,
    StepTime,
)
from mepipe.report.methods import RunSummary, write_methods
from mepipe.report.recordings import recording_cards, with_curves
from mepipe.report.report_inputs import ReportInputs, results_of, rows_of
from mepipe.schema import CLIP_STAGES, STEPS, protocol_words

# Settings that are paths. A report is shared, so only their file names are shown.
_PATHS = {"data.corrections", "data.events", "labels.classes"}
_FAILED_FRAMES = 100  # of failed clips: more than a person goes through


def make_page(out: Path, manifest: Manifest, shown: ReportInputs, context: Context) -> Page:
    """Return the report of the run of ``shown``, whose outputs are in ``out``."""
    features = Features(out / FEATURES) if manifest.made(FEATURES) else None
    results = results_of(out) if features is not None else None
    saved = read_saved(out) if results is not None else None
    failures = _failures(out, shown, context)
    notes = [(row["clip"], row["note"]) for row in rows_of(out / "notes.csv", NOTE_COLUMNS)]
    cards = cards_of(features, saved, notes, shown) if features is not None else []
    chosen = choose(cards, shown.config.report.clips)
    drawn = with_curves(pictured(chosen, shown, context), shown.recordings)
    settings = _settings(shown.config)
    groups = {str(group) for group in features.group if group} if features is not None else set()
    datasets = sorted({card.dataset for card in cards})
    return Page(
        title=", ".join(datasets) or out.resolve().name,
        started=shown.started.replace("T", " ").removesuffix("+00:00")
        + (" UTC" if shown.started else ""),
        clips=shown.clips,
        usable=len(cards),
        subjects=len(groups),
        failures=failures,
        notes=notes,
        settings=settings,
        counts=_counts(features) if features is not None else (),
        results=results,
        protocol=protocol_words(results["protocol"]).title if results is not None else "",
        by_subject=_by_subject(saved) if saved is not None else (),
        no_results=shown.no_results or ("" if features is not None else "no clip could be used."),
        # A run that computed nothing has no times worth a table.
        times=[
            StepTime(step, shown.computed.get(step, 0), reused, shown.seconds.get(step, 0.0))
            for step in STEPS
            if (reused := shown.reused.get(step, 0)) or shown.computed.get(step)
        ]
        if any(shown.computed.values())
        else [],
        methods=write_methods(_ran(shown, cards, groups, results)),
        provenance=_provenance(manifest, shown, features),
        cards=drawn,
        not_shown=len(cards) - len(chosen),
        faces=shown.config.report.faces,
        recordings=recording_cards(shown.recordings, drawn),
        confusion=saved.predictions.confusion_of_clips().tolist() if saved is not None else (),
        doubts=in_short(shown.doubts),
        spot_px=shown.config.spot.size,
    )


def _failures(out: Path, shown: ReportInputs, context: Context) -> list[FailureRow]:
    rows = rows_of(out / "failures.csv", FAILURE_COLUMNS)
    frames: Mapping[str, tuple[bytes, int]] = {}
    if shown.config.report.faces and shown.config.report.clips:
        named = [row["clip"] for row in rows if row["stage"] in CLIP_STAGES]
        known = [(clip, shown.sources[clip]) for clip in named if clip in shown.sources]
        frames = searched_frames(known[:_FAILED_FRAMES], context)
    return [
        FailureRow(
            row["clip"], row["stage"], row["message"], row["remedy"],
            *frames.get(row["clip"], (None, 0)),
        )
        for row in rows
    ]  # fmt: skip


def _by_subject(saved: Saved) -> list[tuple[str, float, int]]:
    """Return (person, accuracy over all seeds, clips), the lowest first."""
    predictions = saved.predictions
    right = (predictions.predicted == predictions.clips.y).mean(axis=0)
    groups = np.array(predictions.clips.group)
    rows = [
        (str(group), float(right[groups == group].mean()), int((groups == group).sum()))
        for group in sorted(set(predictions.clips.group))
    ]
    return sorted(rows, key=lambda row: (row[1], row[0]))


def _counts(features: Features) -> list[CountTable]:
    columns = {name: features.columns[name].tolist() for name in ("dataset", "group", "emotion")}
    outside = bool((features.y < 0).any())
    classes = [*features.classes, *(["no class"] if outside else [])]
    y = [int(value) for value in features.y]
    people = {"dataset": "By dataset", "group": "By subject", "emotion": "By emotion"}
    tables = []
    for column, title in people.items():
        counts: dict[str, Counter[int]] = defaultdict(Counter)
        for name, label in zip(columns[column], y, strict=True):
            counts[name or ("unlabelled" if column == "emotion" else "unknown")][label] += 1
        order = [*range(len(features.classes)), *([-1] if outside else [])]
        rows = tuple(
            (name, (*(found[label] for label in order), found.total()))
            for name, found in sorted(counts.items())
        )
        tables.append(CountTable(title, (*classes, "all"), rows))
    return tables


def _settings(config: Config) -> dict[str, list[Setting]]:
    """Return all settings. A value that another setting implies counts as a default."""
    shown = {}
    for section in Config.model_fields:
        model = getattr(config, section)
        plain = type(model)()
        rows = []
        for name, entry in type(model).model_fields.items():
            full = f"{section}.{entry.alias or name}"
            default = model.implied().get(name, getattr(plain, name))
            rows.append(Setting(full, _value(full, getattr(model, name)), _value(full, default)))
        shown[section] = sorted(rows, key=lambda setting: not setting.changed)
    return shown


def _value(name: str, value: Any) -> str:
    if value is None:
        return "unset"
    if name in _PATHS:
        return Path(value).name
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _ran(
    shown: ReportInputs,
    cards: Sequence[ClipCard],
    groups: set[str],
    results: Mapping[str, Any] | None,
) -> RunSummary:
    names = {one.timeline.name for one in shown.recordings}
    return RunSummary(
        version=__version__,
        settings=shown.config.model_dump(mode="json", by_alias=True),
        clips=len(cards),
        subjects=len(groups),
        collections=dict(sorted(Counter(card.clip.partition("/")[0] for card in cards).items())),
        sources=Counter(card.marks[1].source for card in cards),
        results=results,
        recordings=len(names),
        movements=sum(card.clip.rpartition("#")[0] in names for card in cards),
    )


def _provenance(
    manifest: Manifest, shown: ReportInputs, features: Features | None
) -> dict[str, Any]:
    """Return the digests and versions behind the page, without paths and host names."""
    settings = shown.config.model_dump(mode="json", by_alias=True, exclude={"report"})
    made = {file: manifest.made(file) for file in (FEATURES, "results.json", "predictions.csv")}
    return {
        "mepipe": __version__,
        "run": shown.run or "unknown",
        "settings (sha256)": sha256_text(canonical(settings)),
        **{f"{file} (sha256)": digest for file, digest in made.items() if digest},
        "models (sha256)": {model.file: model.sha256 for model in model_files()},
        "licences of the models": {model.file: model.licence for model in model_files()},
        "libraries": dict(sorted(features.libraries.items())) if features is not None else {},
    }
