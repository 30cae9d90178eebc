"""Train the network that comes with mepipe: on made movements alone, the same file again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from mepipe import __version__
from mepipe.config.classifier import ModelSettings, TrainSettings
from mepipe.config.settings import Config
from mepipe.evaluation.calibration import calibrated
from mepipe.evaluation.ensemble import Ensemble
from mepipe.evaluation.fitting import fit
from mepipe.evaluation.metrics import confusion, uar, uf1
from mepipe.evaluation.model_settings import model_of, training_of
from mepipe.evaluation.train import claim_model, write_model
from mepipe.extras import require
from mepipe.sample.photos import load_photos
from mepipe.schema import CHANNELS, CLASSES, CLIP_STAGES, Progress
from mepipe.synthetic.dataset import MadeSet, make_set
from mepipe.synthetic.rendered import render_set
from mepipe.versions import libraries

FIELDS, RENDERED = 12000, 600
"""Made flow fields and rendered movements to train on; a tenth as many fields and half as many
rendered ones are held out for the temperature and the figures."""
ODDITY = 2.0
"""Of the movements that the temperature is fitted on (`mepipe.synthetic.fields.draw_field`). Real
movements differ from made ones by more than made ones from each other: a temperature of ordinary
ones would leave the probabilities far too sure."""
# Of the streams of draws: no movement is in two sets.
_TRAINING, _TEMPERATURE, _FIGURES = 1, 2, 3

SETTINGS = TrainSettings(epochs=20, batch=64, members=1, label_smoothing=0.05, per_clip=True)
"""How it is trained where it differs from the defaults: one network of 28 thousand weights on many
movements, of which the form alone counts."""


def train_synthetic(
    out: Path,
    *,
    seed: int = 0,
    fields: int | None = None,
    rendered: int | None = None,
    epochs: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train the SPP network on made movements, write the model, return its card.

    The same call gives the same bytes on the same machine and versions, and nearly
    the same figures elsewhere. Nothing but the photograph of scikit-image is read.

    Parameters
    ----------
    out
        The .safetensors file; a readable copy of the card lies beside it as .json.
    seed
        Of all that is drawn.
    fields, rendered
        How many movements are made for the training: flow fields, and pairs of
        frames that go through the stages of a run. None: `FIELDS` and `RENDERED`.
    epochs
        Of the training. None: those of `SETTINGS`.
    progress
        Counts movements, then epochs.

    Raises
    ------
    UsageError
        If ``out`` is no .safetensors file or another file has the name of its card; or
        scikit-image, whose photograph is needed, is not installed.
    """
    require("train", "training")
    claim_model(out)
    load_photos(None)  # what is missing is better said before the work
    fields, rendered = fields or FIELDS, rendered or RENDERED
    epochs = epochs or SETTINGS.epochs
    config, model = Config(), model_of(ModelSettings())
    training = training_of(SETTINGS.model_copy(update={"epochs": epochs, "seed": seed}))
    held = max(len(CLASSES), fields // 10), max(len(CLASSES), rendered // 2)
    sets = {_TRAINING: (fields, rendered), _FIGURES: held}
    if progress is not None:
        progress.begin("movements", sum(map(sum, sets.values())) + held[0])
    advance = progress.advance if progress is not None else None
    made: dict[int, tuple[MadeSet, MadeSet]] = {}
    try:
        for stream, (flows, pairs) in sets.items():
            drawn = seed * (_FIGURES + 1) + stream
            made[stream] = (
                make_set(flows, drawn, config.tensor, advance),
                render_set(pairs, drawn, config, advance=advance),
            )
        drawn = seed * (_FIGURES + 1) + _TEMPERATURE
        odd = make_set(held[0], drawn, config.tensor, advance, oddity=ODDITY)
    finally:
        if progress is not None:
            progress.end()
    x, y = _joined(made[_TRAINING])
    if progress is not None:
        progress.begin("epochs", epochs)
    try:
        fitted = fit(
            x, y, classes=len(CLASSES), model=model, training=training, seed=seed, advance=advance
        )
    finally:
        if progress is not None:
            progress.end()
    assert isinstance(fitted, Ensemble)
    fitted = calibrated(fitted, odd.x, odd.y)
    sections = config.model_dump(mode="json", by_alias=True, include=set(CLIP_STAGES))
    card = {
        "model": model,
        "code": "",
        "training": training,
        "seed": seed,
        "from": None,
        "classes": list(CLASSES),
        "features": {
            "sha256": hashlib.sha256(x.tobytes()).hexdigest(),
            "shape": list(x.shape[1:]),
            "channels": list(CHANNELS),
            "settings": sections,
            "libraries": libraries(("numpy", "opencv-contrib-python-headless", "numba")),
        },
        "select": [],
        "clips": [],
        "clips_by_class": dict.fromkeys(CLASSES, 0),
        "subjects": 0,
        "persons": [],
        "figures": [
            {"on": on, **_figures(fitted, one)}
            for on, one in zip(
                ("made flow fields held out", "rendered movements held out"),
                made[_FIGURES],
                strict=True,
            )
        ],
        "synthetic": {"seed": seed, "fields": fields, "rendered": rendered},
        "versions": {"mepipe": __version__, **libraries(("numpy", "torch", "safetensors"))},
    }
    write_model(out, fitted, card)
    return card


def _joined(parts: tuple[MadeSet, MadeSet]) -> tuple[Any, Any]:
    return np.concatenate([one.x for one in parts]), np.concatenate([one.y for one in parts])


def _figures(fitted: Ensemble, made: MadeSet) -> dict[str, Any]:
    counts = confusion(made.y, fitted.predict(made.x).argmax(axis=1), len(CLASSES))
    return {
        "clips": len(made.y),
        "uf1": round(float(uf1(counts)), 4),
        "uar": round(float(uar(counts)), 4),
        "confusion": counts.tolist(),
    }
