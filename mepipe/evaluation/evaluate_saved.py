"""Measure a saved model on labelled clips: nothing is trained.

Anybody's features can be given, also published ones of which nobody knows how they were made:
a clip is recentred where its file does not say what no motion is, and brought to the size that
the networks know where its numbers have another unit. Only another shape, other channels or
other classes are refused.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mepipe.cache.keys import Json, object_key
from mepipe.config.classifier import ModelSettings
from mepipe.errors import DamageError, UsageError
from mepipe.evaluation.chance import figures_of_answers
from mepipe.evaluation.chance_level import chance_content
from mepipe.evaluation.ensemble import Ensemble
from mepipe.evaluation.evaluate import labelled, one_class_notes
from mepipe.evaluation.evaluation_result import EvaluationResult
from mepipe.evaluation.fold_cache import VERSION, Source
from mepipe.evaluation.folds import FoldPrediction, features_for
from mepipe.evaluation.model_card import describe_card, known_to, seen_in_training
from mepipe.evaluation.results_file import known_training
from mepipe.evaluation.saved_model import SavedModel, load_model, model_file
from mepipe.evaluation.suited_features import SHOWN, adapted, require_same_form
from mepipe.features import Features
from mepipe.features.splits import LabelledClips, LeftOut, usable
from mepipe.schema import NOTHING_TRAINED

_SAME_ANSWERS = "model with the same answers"


@dataclass(frozen=True)
class SavedEvaluation:
    """A saved model and the clips that it is measured on, both checked.

    Parameters
    ----------
    features, source
        The features, and their file as it was hashed.
    name, digest
        What the user calls the model, and the sha256 of its file.
    saved
        The model as it was saved.
    ensemble
        The same, with the normalisation that these features need.
    clips, left_out
        What is evaluated, and what is not.
    seen
        The ids of clips that it was trained on, or that show a person it was trained on.
    notes
        What must be known of the figures.
    select
        The conditions on the clips.
    device
        Where it predicts.
    """

    features: Features = field(repr=False)
    source: Source
    name: str
    digest: str
    saved: SavedModel = field(repr=False)
    ensemble: Ensemble = field(repr=False)
    clips: LabelledClips = field(repr=False)
    left_out: LeftOut
    seen: tuple[str, ...]
    notes: tuple[str, ...]
    select: tuple[str, ...]
    device: str

    @classmethod
    def of(
        cls,
        path: Path,
        model: ModelSettings,
        *,
        select: Sequence[str] = (),
        device: str = "auto",
        trust: str | None = None,
    ) -> SavedEvaluation:
        """Open the features and the model that ``model.name`` names.

        Parameters
        ----------
        path
            The features file.
        model
            Its ``name`` is ``pretrained`` or a .safetensors file; ``recentre`` says whether
            the medians of u and v are subtracted.
        select
            ``COLUMN=VALUE[,VALUE...]`` conditions.
        device
            As `mepipe.evaluation.device.resolve` takes it.
        trust
            As for `mepipe.evaluation.saved_model.load_model`.

        Raises
        ------
        UsageError
            If there is no such file or model; if the features have another shape, other
            channels or other classes; if the model was trained on these clips; if no clip has
            a class and a known person.
        DamageError
            If a file is damaged.
        """
        file = model_file(model.name)
        saved = load_model(model.name, trust=trust, device=device)
        if model.map not in ("x", saved.map):
            raise UsageError(
                f"{model.name} reads the map {saved.map}, and model.map is {model.map}",
                "Leave model.map out: a trained model reads what it was trained on.",
            )
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        source = Source.of(path)
        features = Features(path)
        require_same_form(saved.card, features, model.name)
        clips, left_out = usable(labelled(features, select))
        if not len(clips):
            raise UsageError(
                "no clip has both a class and a known subject",
                "Give emotions and subjects (in a generic folder: labels.csv).",
            )
        seen = seen_in_training(saved.card, clips)
        trained_on = known_to(saved.card, "clips")
        # A card of before names no clips: then the file decides.
        same = not trained_on and saved.card["features"].get("sha256") == source.digest
        if same or (trained_on and trained_on >= set(clips.clip)):
            raise UsageError(
                f"{model.name} was trained on these clips: its answers on them say nothing of "
                "others",
                "Measure it on other people, or evaluate its settings with `mepipe evaluate "
                f"{path} --model {saved.card['model']['name']}`.",
            )
        ensemble, notes = adapted(saved, features, model)
        if seen:
            notes.insert(
                0,
                f"caution: {len(seen)} of the {len(clips)} clips were in the training of "
                f"{model.name}, or show a person who was: {', '.join(seen[:SHOWN])}"
                + (", ..." if len(seen) > SHOWN else ""),
            )
        return cls(
            features,
            source,
            Path(model.name).name,
            digest,
            saved,
            ensemble,
            clips,
            left_out,
            seen,
            tuple(notes),
            tuple(select),
            ensemble.members[0].device,
        )

    @property
    def about(self) -> str:
        """The model in a line."""
        return describe_card(self.name, self.saved.card)

    @property
    def key(self) -> str:
        """The key of the results."""
        normalise = self.ensemble.members[0].normalise
        parts: dict[str, Json] = {
            "features": self.source.digest,
            "saved": self.digest,
            "name": self.name,
            "recentre": normalise.recentre,
            "per_clip": normalise.per_clip,
            "select": list(self.select),
            "device": self.device,
        }
        return object_key("results", VERSION, parts)

    def run(self) -> EvaluationResult:
        """Predict every clip and return the figures.

        Raises
        ------
        BadDataError
            If a clip's features are not finite.
        DamageError
            If a prediction is not finite.
        SystemProblemError
            If the features file changed meanwhile.
        """
        from mepipe.evaluation import results as tables

        started = time.perf_counter()
        probabilities = self.ensemble.predict(
            features_for(self.features, self.clips.clip, self.saved.map)
        )
        if not np.isfinite(probabilities).all():
            raise DamageError(
                f"the probabilities of {self.name} are not finite numbers", "Train the model again."
            )
        self.source.refuse_changed()
        joined = tables.join(self.clips, [FoldPrediction("all", 0, self.clips.clip, probabilities)])
        card = self.saved.card
        content = tables.results(
            joined,
            model=self.name,
            protocol=NOTHING_TRAINED,
            elapsed_s=time.perf_counter() - started,
            left_out=self.left_out,
        )
        level = figures_of_answers(
            probabilities.argmax(axis=1),
            self.clips.y,
            self.clips.dataset,
            self.clips.group,
            classes=len(self.clips.classes),
        )
        content |= {
            "chance": chance_content(level, content, _SAME_ANSWERS),
            "folds": 0,
            "notes": [*self.notes, *one_class_notes(self.clips)],
            "features": self.source.digest,
            "shape": list(self.features.shape_of(self.saved.map)[1:]),
            "select": list(self.select),
            "device": self.device,
            "settings": {
                "model": card["model"],
                "training": known_training(card.get("training")),
                "recentre": self.ensemble.members[0].normalise.recentre,
                "code": card.get("code", ""),
                "saved": self.digest,
                "map": self.saved.map,
            },
            "k": None,
            "tuned": None,
            "seen": list(self.seen),
        }
        return EvaluationResult(content, joined, 0, 0, self.about)
