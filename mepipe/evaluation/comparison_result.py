"""Compare evaluations from Python, as ``mepipe compare`` does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mepipe.cache.keys import sha256_text
from mepipe.cache.manifest import Manifest
from mepipe.errors import UsageError
from mepipe.evaluation.alignment import aligned
from mepipe.evaluation.comparison import FEWEST_RESAMPLES, RESAMPLES, Pair
from mepipe.evaluation.comparison import compare as compare_predictions
from mepipe.evaluation.comparison_tables import (
    comparison_json,
    comparison_latex,
    comparison_markdown,
    verdict_text,
)
from mepipe.evaluation.evaluation_result import EvaluationResult
from mepipe.evaluation.results_io import Saved, read_saved

if TYPE_CHECKING:
    import pandas as pd

FILES = ("comparison.md", "comparison.tex", "comparison.json")


@dataclass(frozen=True, repr=False)
class Comparison:
    """Models that predicted the same clips, and by how much they differ.

    Parameters
    ----------
    pairs
        Each model against its reference.
    content
        Everything that comparison.json holds.
    """

    pairs: tuple[Pair, ...] = field(repr=False)
    content: Mapping[str, Any] = field(repr=False)

    def __repr__(self) -> str:
        verdicts = ", ".join(
            f"{pair['model']} - {pair['reference']}: {verdict_text(pair['uf1'])}"
            for pair in self.content["pairs"]
        )
        return f"<Comparison by UF1 of {self.content['clips']} clips: {verdicts}>"

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row for each pair and figure (UF1, UAR).

        ``difference`` is the model's figure less the reference's, with its 95 %
        interval ``low``, ``high``; ``p_holm`` is corrected for all pairs. With fewer
        than 8 subjects there is no interval and no p.
        """
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "model": pair["model"],
                    "reference": pair["reference"],
                    "figure": figure.upper(),
                    "difference": pair[figure]["difference"],
                    "low": None if pair[figure]["ci"] is None else pair[figure]["ci"][0],
                    "high": None if pair[figure]["ci"] is None else pair[figure]["ci"][1],
                    "p": pair[figure]["p"],
                    "p_holm": pair[figure]["p_holm"],
                    "verdict": verdict_text(pair[figure]),
                }
                for pair in self.content["pairs"]
                for figure in ("uf1", "uar")
            ]
        )

    def markdown(self) -> str:
        """Return every table of the comparison in Markdown."""
        return comparison_markdown(self.content)

    def latex(self) -> str:
        """Return a row of a LaTeX table for each model."""
        return comparison_latex(self.content)

    def write(self, out: str | Path) -> None:
        """Write comparison.md, comparison.tex and comparison.json to the folder ``out``.

        Raises
        ------
        UsageError
            If one of them is there and mepipe did not write it.
        SystemProblemError
            If the folder cannot be written.
        """
        text = json.dumps({"schema": 1, **self.content}, indent=1, ensure_ascii=False) + "\n"
        key, manifest = sha256_text(text), Manifest(Path(out))
        manifest.claim(FILES)
        for file, page in zip(FILES, (self.markdown(), self.latex(), text), strict=True):
            manifest.write_if_stale(file, key, page.encode())


def compare(
    models: Mapping[str, EvaluationResult | str | Path],
    *,
    resamples: int = RESAMPLES,
    all_pairs: bool = False,
    common: bool = False,
) -> Comparison:
    """Test whether models that predicted the same clips differ by more than chance.

    The difference of the pooled UF1 and UAR is tested by a paired bootstrap over
    subjects (Efron and Tibshirani, 1993), with Holm's correction over all pairs.
    McNemar's exact test stands beside it. With fewer than 8 subjects the bootstrap
    would find too much, and the difference alone is given.

    Parameters
    ----------
    models
        By name: what `mepipe.evaluate` returned, or a folder that an evaluation
        wrote. The first is the reference.
    resamples
        How many times the subjects are drawn, at least 39.
    all_pairs
        Compare every two models, not only each with the first.
    common
        Compare over the clips that all have, where they differ in their clips.

    Raises
    ------
    UsageError
        If there are fewer than two models, a folder holds no evaluation, or the
        evaluations differ in clips, labels, classes or protocol.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from mepipe.evaluation.api import evaluate
    >>> from mepipe.features import demo_features
    >>> folder = TemporaryDirectory()
    >>> features = demo_features(f"{folder.name}/features.h5", subjects=8)
    >>> cache = f"{folder.name}/cache"
    >>> svm = evaluate(features, "svm", seeds=1, cache=cache)
    >>> tree = evaluate(features, "tree", seeds=1, cache=cache)
    >>> comparison = compare({"svm": svm, "tree": tree}, resamples=999)
    >>> comparison.table[["model", "reference", "figure"]].values.tolist()
    [['tree', 'svm', 'UF1'], ['tree', 'svm', 'UAR']]
    >>> pair = comparison.pairs[0]
    >>> pair.uf1.low <= pair.uf1.value <= pair.uf1.high, 0 < pair.uf1.p <= 1
    (True, True)
    >>> print(comparison.markdown().splitlines()[0])
    # svm, tree
    >>> folder.cleanup()
    """
    if len(models) < 2:
        raise UsageError("one model alone cannot be compared", "Name two or more.")
    if resamples < FEWEST_RESAMPLES:
        raise UsageError(
            f"{resamples} resamples give no 95 % interval", f"Give {FEWEST_RESAMPLES} or more."
        )
    saved = {name: _saved(one) for name, one in models.items()}
    predictions = aligned(saved, common=common)
    pairs = compare_predictions(predictions, all_pairs=all_pairs, resamples=resamples)
    # What chance reaches was found on all clips of an evaluation: it says nothing of fewer.
    chance = {
        name: one.chance if len(one.predictions.clips) == len(predictions[name].clips) else None
        for name, one in saved.items()
    }
    content = {
        "protocol": ", ".join(dict.fromkeys(one.protocol for one in saved.values())),
        "resamples": resamples,
        "left_out": {
            name: len(one.predictions.clips) - len(predictions[name].clips)
            for name, one in saved.items()
        },
        **comparison_json(predictions, pairs, chance),
    }
    return Comparison(pairs, content)


def _saved(model: EvaluationResult | str | Path) -> Saved:
    if isinstance(model, EvaluationResult):
        content = model.content
        return Saved(
            model.pooled, content["model"], content["protocol"], chance=content.get("chance")
        )
    return read_saved(Path(model))
