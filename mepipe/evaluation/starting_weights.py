"""Weights of a saved model from which trainings start, instead of random ones.

The scale of the inputs is that of the training clips, as without them. One thing is taken from
the card: weights of clips that were brought to one size (``per_clip``) get such clips again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mepipe.config.classifier import TrainSettings
from mepipe.errors import SystemProblemError, UsageError
from mepipe.evaluation.model_card import (
    Card,
    checked_card,
    kind_of,
    known_to,
    read_card,
    seen_in_training,
)
from mepipe.evaluation.model_settings import trains_network
from mepipe.evaluation.saved_model import file_tensors, model_file, split_members
from mepipe.evaluation.suited_features import targets_of
from mepipe.features import Features
from mepipe.features.splits import LabelledClips
from mepipe.schema import ModelMap

if TYPE_CHECKING:
    from torch import Tensor

# It has no weights.
_FREE = {"dropout"}


@dataclass(frozen=True)
class Start:
    """A saved model whose weights trainings start from.

    Parameters
    ----------
    name
        ``pretrained`` or a file, as the user named it.
    path, sha256
        Its file, and the digest of it: the digest stands in keys.
    """

    name: str
    path: Path
    sha256: str

    @classmethod
    def of(cls, train: TrainSettings) -> Start | None:
        """Return the start that ``train.init`` names; None for random weights.

        Raises
        ------
        UsageError, DamageError
            As `mepipe.evaluation.model_card.read_card` and `mepipe.assets.pretrained_path`.
        """
        if train.init is None:
            return None
        path = model_file(train.init)
        checked_card(path, read_card(path))
        return cls(train.init, path, hashlib.sha256(path.read_bytes()).hexdigest())

    def training_for(
        self,
        features: Features,
        model: Mapping[str, Any],
        training: Mapping[str, Any],
        reads: ModelMap = "x",
    ) -> dict[str, Any]:
        """Return how a network is trained on from these weights, as plain values.

        Parameters
        ----------
        features, model, training
            What it is trained on, the network, and how it is trained, as without a start.
        reads
            The map that it reads of each clip.

        Raises
        ------
        UsageError
            If the weights are of another network, or for other features or classes.
        """
        known = self.require_network(
            model,
            shape=features.shape_of(reads)[1:],
            channels=features.channels,
            classes=features.classes,
            reads=reads,
        )
        was, now = targets_of(known.features.settings, features, reads)
        if was != now:
            raise UsageError(
                f"the weights of {self.name} read flow.targets = {was}, and these features have "
                f"{now}",
                f"Make the features with --set flow.targets={was}, or start without the weights.",
            )
        return {**training, "per_clip": True} if known.inputs.per_clip else dict(training)

    def require_network(
        self,
        model: Mapping[str, Any],
        *,
        shape: Sequence[int],
        channels: Sequence[str],
        classes: Sequence[str],
        reads: ModelMap,
    ) -> Card:
        """Return the card of the weights if they are those of this network.

        Parameters
        ----------
        model
            Its name and options.
        shape, channels, classes
            Of what it reads of each clip, (C, S, S) or (M, C, S, S), and of its answers.
        reads
            The map that it reads.

        Raises
        ------
        UsageError
            If they are not; the message names all that differs.
        """
        if not trains_network(str(model["name"])):
            raise UsageError(
                f"{model['name']} is not a network: it has no weights to start from",
                "Leave --from (train.init) out, or choose a network.",
            )
        known = checked_card(self.path, read_card(self.path))
        plain = json.loads(json.dumps(dict(model)))
        # An option that the card lacks came later: the network is built with its default.
        options = [
            f"model.{key} was {value} in the weights and is {plain.get(key, '(not set)')} here"
            for key, value in known.model.items()
            if key not in _FREE and value != plain.get(key)
        ]
        for what, was, now in (
            ("map", known.features.map, reads),
            ("shape", list(known.features.shape), list(shape)),
            ("channels", known.features.channels, list(channels)),
            ("classes", known.classes, list(classes)),
        ):
            if was != now:
                options.append(f"{what}: {was} in the weights and {now} here")
        if options:
            raise UsageError(
                f"the weights of {self.name} are of another network: {'; '.join(options)}",
                "Use the settings that they were trained with, or start without them.",
            )
        return known

    def refuse_known(self, clips: LabelledClips) -> None:
        """Raise UsageError if the weights have seen a person who will be tested."""
        seen = seen_in_training(read_card(self.path), clips)
        if seen:
            raise UsageError(
                f"{self.name} was trained on {len(seen)} of these clips, or on their persons "
                f"({', '.join(seen[:3])}): every fold would start from weights that have seen "
                "whom it tests",
                "Start from weights of other people, or from pretrained.",
            )

    def weights(self) -> list[dict[str, Tensor]]:
        """Return the tensors of each network of the saved model.

        Raises
        ------
        SystemProblemError
            If the file is another by now.
        DamageError
            If it holds other networks than its card names.
        """
        data = self.path.read_bytes() if self.path.is_file() else b""
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise SystemProblemError(
                f"{self.path} changed while it was used", "Run the same command again."
            )
        known = checked_card(self.path, read_card(self.path))
        return split_members(self.path, file_tensors(self.path, data), known.inputs.members)

    @property
    def note(self) -> str:
        """What is said of results."""
        return f"every training started from the weights of {self.name}"

    def in_a_card(self) -> dict[str, Any]:
        """Return what a card says of it: what it is, and whom it and its own start had seen."""
        card = read_card(self.path)
        return {
            "name": self.name,
            "sha256": self.sha256,
            "kind": kind_of(card),
            **{part: sorted(known_to(card, part)) for part in ("clips", "persons")},
        }

    def refuse_choices(self, candidates: Sequence[Mapping[str, Any]]) -> None:
        """Raise UsageError if ``--tune`` would change the network."""
        changed = {key for one in candidates for key in one if key.startswith("model.")}
        changed -= {f"model.{key}" for key in _FREE}
        if changed:
            raise UsageError(
                f"train.choices: {min(changed)} would change the network, and all start from the "
                f"weights of {self.name}",
                "Choose among training settings only.",
            )
