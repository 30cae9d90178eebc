"""A comparison as JSON, as Markdown, as rows of a LaTeX table, and for the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mepipe.evaluation.chance_level import chance_text, not_above
from mepipe.evaluation.comparison import Difference, Pair
from mepipe.evaluation.metrics import interval_note
from mepipe.evaluation.results import (
    Predictions,
    Table,
    pooled_figures,
    subject_confusions,
    text,
    with_interval,
)
from mepipe.visible import on_one_line

CAPTION = (
    "Figures are means over seeds of figures from counts pooled over all clips; [95 %] is over "
    "resampled subjects. A difference is the model's figure less the reference's, over the same "
    "resampled subjects; it is called better or worse only where its interval excludes 0. p Holm: "
    "corrected for all pairs of the table. McNemar: clips that only the model has right : clips "
    "that only the reference has right, of several seeds by their mean probability; it takes clips "
    "for independent, which those of a person are not."
)


def comparison_json(
    models: Mapping[str, Predictions],
    pairs: Sequence[Pair],
    chance: Mapping[str, Mapping[str, Any] | None] | None = None,
) -> dict[str, Any]:
    """Return everything of a comparison as plain values.

    Parameters
    ----------
    models
        The predictions that were compared, by name.
    pairs
        What `mepipe.evaluation.comparison.compare` found.
    chance
        What shuffled labels reach, by name of the model, as its results say; None
        where that is not known or is of other clips.
    """
    clips = next(iter(models.values())).clips
    chance = chance or {}
    return {
        "clips": len(clips),
        "subjects": len(set(clips.group)),
        "classes": list(clips.classes),
        "ci_note": interval_note(len(set(clips.group))) or None,
        "models": [_model(name, one, chance.get(name)) for name, one in models.items()],
        "pairs": [_pair(pair) for pair in pairs],
    }


def _model(name: str, predictions: Predictions, chance: Mapping[str, Any] | None) -> dict[str, Any]:
    by_subject = subject_confusions(predictions)
    right = np.trace(by_subject, axis1=2, axis2=3).mean(axis=1)
    return {
        "name": name,
        "seeds": list(predictions.seeds),
        **pooled_figures(predictions),
        "chance": None if chance is None else dict(chance),
        "per_subject": {
            group: {"clips": int(matrices[0].sum()), "right": float(share)}
            for group, matrices, share in zip(
                sorted(set(predictions.clips.group)), by_subject, right, strict=True
            )
        },
    }


def _pair(pair: Pair) -> dict[str, Any]:
    more, fewer, same = pair.subjects
    test = pair.mcnemar
    return {
        "model": pair.model,
        "reference": pair.reference,
        "uf1": _difference(pair.uf1),
        "uar": _difference(pair.uar),
        "mcnemar": {
            "only_model": test.only_model,
            "only_reference": test.only_reference,
            "p": test.p,
            "p_holm": test.p_holm,
        },
        "subjects": {"more_right": more, "fewer_right": fewer, "same": same},
    }


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "difference": one.value,
        "ci": None if one.low is None else [one.low, one.high],
        "p": one.p,
        "p_holm": one.p_holm,
        "verdict": one.verdict,
        "after_holm": one.after_holm,
    }


def verdict_text(content: Mapping[str, Any]) -> str:
    """Return in words what a difference of `comparison_json` says, and what Holm leaves of it."""
    left = content["after_holm"] == content["verdict"]
    return str(content["verdict"]) + ("" if left else ", but not after Holm")


def comparison_notes(content: Mapping[str, Any]) -> list[str]:
    """Return what is to be said of the intervals, of chance, and of who is not above it."""
    notes = [content["ci_note"]] if content["ci_note"] else []
    known = [model for model in content["models"] if model["chance"]]
    told = {model["name"]: chance_text(model["chance"]) for model in known}
    # On the same features and folds chance is the same for all.
    if len(known) == len(content["models"]) and len(set(told.values())) == 1:
        notes.append(next(iter(told.values())))
    else:
        notes += [f"{name}, {text}" for name, text in told.items()]
    return notes + [
        f"{model['name']} is {sentence}" for model in known for sentence in not_above(model)
    ]


def comparison_tables(content: Mapping[str, Any]) -> dict[str, Table]:
    """Return the tables of `comparison_json` by title: models, differences, classes, ..."""
    models = content["models"]
    names = tuple(model["name"] for model in models)
    tables = {
        "Models": Table(
            ("model", "seeds", "UF1 [95 %]", "UAR [95 %]", "accuracy"),
            tuple(
                (
                    model["name"],
                    str(len(model["seeds"])),
                    _with_interval(model, "uf1"),
                    _with_interval(model, "uar"),
                    text(model["accuracy"]),
                )
                for model in models
            ),
        ),
        "Differences": Table(
            ("model - reference", "figure", "difference [95 %]", "p", "p Holm", "verdict"),
            tuple(row for pair in content["pairs"] for row in _pair_rows(pair)),
        ),
        "F1 / recall per class": _per(models, "per_class", ("f1", "recall")),
        "UF1 / UAR per dataset": _per(models, "per_dataset", ("uf1", "uar")),
        "Clips right per subject": Table(
            ("", "clips", *names),
            tuple(
                (
                    subject,
                    str(one["clips"]),
                    *(f"{model['per_subject'][subject]['right']:.1f}" for model in models),
                )
                for subject, one in models[0]["per_subject"].items()
            ),
        ),
    }
    if len(models[0]["per_dataset"]) < 2:
        del tables["UF1 / UAR per dataset"]
    return tables


def _pair_rows(pair: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows = []
    name = f"{pair['model']} - {pair['reference']}"
    for key in ("uf1", "uar"):
        one = pair[key]
        value = f"{one['difference']:+.3f}"
        if one["ci"] is not None:
            value += " [{:+.3f}, {:+.3f}]".format(*one["ci"])
        rows.append((name, key.upper(), value, *_p(one), verdict_text(one)))
    test = pair["mcnemar"]
    right = f"{test['only_model']} : {test['only_reference']}"
    return [*rows, (name, "McNemar", right, *_p(test), "")]


def _per(models: Sequence[Mapping[str, Any]], key: str, figures: tuple[str, str]) -> Table:
    return Table(
        ("", "clips", *(model["name"] for model in models)),
        tuple(
            (
                name,
                str(one["clips"]),
                *(" / ".join(text(model[key][name][f]) for f in figures) for model in models),
            )
            for name, one in models[0][key].items()
        ),
        (),
    )


def comparison_markdown(content: Mapping[str, Any]) -> str:
    """Return every table of `comparison_json` in Markdown."""
    parts = [
        f"# {_markdown(', '.join(model['name'] for model in content['models']))}",
        f"{content['clips']} clips of {content['subjects']} subjects. {CAPTION}",
        *(f"Note: {note}." for note in comparison_notes(content)),
    ]
    for title, table in comparison_tables(content).items():
        lines = [table.header, ("---",) * len(table.header), *table.rows]
        parts.append(f"## {_markdown(title)}")
        parts.append(
            "\n".join(f"| {' | '.join(_markdown(cell) for cell in line)} |" for line in lines)
        )
    return "\n\n".join(parts) + "\n"


def comparison_latex(content: Mapping[str, Any]) -> str:
    """Return a row of a LaTeX table for each model: UF1 and UAR with intervals, then per dataset.

    The first line, a comment, names the columns.
    """
    datasets = list(content["models"][0]["per_dataset"])
    datasets = datasets if len(datasets) > 1 else []
    header = ["model", "UF1 [95 %]", "UAR [95 %]"]
    header += [f"{dataset} {figure}" for dataset in datasets for figure in ("UF1", "UAR")]
    lines = ["% " + " & ".join(map(on_one_line, header))]
    for model in content["models"]:
        cells = [_latex(model["name"])]
        cells += [_with_interval(model, key) for key in ("uf1", "uar")]
        cells += [
            text(model["per_dataset"][dataset][key])
            for dataset in datasets
            for key in ("uf1", "uar")
        ]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join(lines) + "\n"


def _markdown(cell: str) -> str:
    return on_one_line(cell).replace("\\", "\\\\").replace("|", "\\|")


def _latex(text: str) -> str:
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    special |= {character: "\\" + character for character in "&%$#_{}"}
    special["["] = "{[}"  # at the start of a row it would be an option of the break before
    return "".join(special.get(character, character) for character in on_one_line(text))


def _with_interval(model: Mapping[str, Any], key: str) -> str:
    return with_interval(model[key], model["ci"][key])


def _p(one: Mapping[str, Any]) -> tuple[str, str]:
    if one["p"] is None:
        return "", ""
    p, corrected = ("< .001" if one[k] < 0.001 else f"{one[k]:.3f}" for k in ("p", "p_holm"))
    return p, corrected
