"""What an evaluation gives: figures, and every prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mepipe.evaluation.chance_level import CHANCE_ROWS
from mepipe.evaluation.results import Predictions, predictions_table

if TYPE_CHECKING:
    import pandas as pd

    from mepipe.viz.reliability import ReliabilityBins

_FIGURES = ("uf1", "uar", "accuracy")


@dataclass(frozen=True, repr=False)
class EvaluationResult:
    """The figures and predictions of an evaluation.

    Figures are 0 to 1 and means over the seeds, from counts pooled over all folds;
    None where undefined.

    Parameters
    ----------
    content
        Everything that results.json holds (``docs/reference/json.md``).
    pooled
        Every prediction, as arrays.
    computed, reused
        Folds that were trained for this result, and folds found in the cache.
    about
        The model in a line: for ``spp`` the cells of its pyramid.
    out
        The folder that the files were written to; None if none were.
    """

    content: Mapping[str, Any]
    pooled: Predictions
    computed: int
    reused: int
    about: str = ""
    out: Path | None = None

    def __repr__(self) -> str:
        figures = ", ".join(
            f"{name} {'undefined' if value is None else format(value, '.3f')}"
            for name, value in (("UF1", self.uf1), ("UAR", self.uar))
        )
        content = self.content
        return (
            f"<EvaluationResult {content['model']}, {content['protocol']}: {figures}, "
            f"{content['clips']} clips of {content['subjects']} subjects>"
        )

    @property
    def uf1(self) -> float | None:
        """Unweighted F1."""
        return self._figure("uf1")

    @property
    def uar(self) -> float | None:
        """Unweighted average recall."""
        return self._figure("uar")

    @property
    def accuracy(self) -> float | None:
        """Share of clips with the right answer."""
        return self._figure("accuracy")

    def _figure(self, name: str) -> float | None:
        value = self.content[name]
        return None if value is None else float(value)

    @property
    def ci(self) -> Mapping[str, tuple[float, float] | None]:
        """95 % intervals over resampled subjects of ``uf1`` and ``uar``: (low, high).

        None with fewer than 8 subjects; ``content["ci_note"]`` says why.
        """
        return {
            name: None if bounds is None else (float(bounds[0]), float(bounds[1]))
            for name, bounds in self.content["ci"].items()
        }

    @property
    def chance(self) -> Mapping[str, Any]:
        """What shuffled labels reach: of ``uf1`` and ``uar`` each the ``median`` and ``p95``.

        ``p95`` is the 95th percentile; ``above`` says whether this model's figure lies
        above it. See `mepipe.evaluation.chance`.
        """
        return dict(self.content["chance"])

    @property
    def per_dataset(self) -> Mapping[str, Mapping[str, Any]]:
        """By dataset: clips, the figures, and the classes of which it has no clip."""
        return dict(self.content["per_dataset"])

    @property
    def per_class(self) -> Mapping[str, Mapping[str, Any]]:
        """By class: clips, F1, recall and precision."""
        return dict(self.content["per_class"])

    @property
    def per_seed(self) -> Sequence[Mapping[str, Any]]:
        """The figures of each seed."""
        return list(self.content["per_seed"])

    @cached_property
    def reliability(self) -> ReliabilityBins:
        """How often answers of each confidence are right, over all clips and seeds."""
        from mepipe.evaluation.calibration import reliability

        probabilities = self.pooled.probabilities
        y = np.tile(self.pooled.clips.y, len(probabilities))
        return reliability(probabilities.reshape(len(y), -1), y)

    def reliability_png(self) -> bytes:
        """Return a PNG of `reliability`: whether the probabilities mean what they say."""
        from mepipe.viz.reliability import reliability_png

        return reliability_png({str(self.content["model"]): self.reliability})

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """A row for each clip and seed, with the columns of predictions.csv."""
        return predictions_table(self.pooled)

    @cached_property
    def table(self) -> pd.DataFrame:
        """The figures of all clips, of each dataset, of the largest class, and of chance.

        The largest class: always answering it. Chance: the median and the 95th percentile
        of what a cheap model reaches with shuffled labels.
        """
        import pandas as pd

        content = self.content
        floors = {
            f"({name})": {**one, "clips": content["clips"]}
            for name, one in content["floors"].items()
        }
        shuffled = {
            row: {
                "clips": content["clips"],
                **{name: self.chance[name][level] for name in ("uf1", "uar")},
            }
            for row, level in CHANCE_ROWS.items()
        }
        rows = {"all": content, **content["per_dataset"], **floors, **shuffled}
        columns = ["clips", *_FIGURES]
        return pd.DataFrame(
            {name: [row.get(name) for row in rows.values()] for name in columns}, index=list(rows)
        )
