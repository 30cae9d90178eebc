"""One independent training for each fold and seed.

A job names clips and settings and holds no array, so it is cheap to send to
another process, and its result depends on nothing but the job and the features
of the clips it names: not on the order of rows, jobs or workers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import BadDataError, UsageError
from mepipe.features.protocols import folds_of
from mepipe.features.splits import LabelledClips, LeftOut, usable
from mepipe.schema import ModelMap

if TYPE_CHECKING:
    from mepipe.evaluation.starting_weights import Start
    from mepipe.features import Features


@dataclass(frozen=True)
class FoldJob:
    """One training: what is held out, the seed, and all settings that decide the result.

    ``train`` and ``test`` are clip ids, sorted, and ``groups`` the persons of the
    training clips, in their order. ``model`` and ``training`` are the settings as
    plain values. ``candidates`` are changes to these (`mepipe.evaluation.tuning`)
    among which inner splits of the training persons decide; none: nothing is
    chosen. ``device`` is resolved, never "auto". ``code`` is a digest of a user's
    own model code. ``start`` has the weights that the training starts from; None: random ones.
    ``reads`` is the map that the model reads of each clip.
    ``batched``: its networks are trained in a batch with others
    (`mepipe.evaluation.batched_folds`), which decides the last bits.
    ``units`` are the numbers of the action units that are learnt instead of classes, ``classes``
    is then how many.
    """

    fold: str
    seed: int
    train: tuple[str, ...]
    test: tuple[str, ...]
    classes: int
    model: Mapping[str, Any]
    training: Mapping[str, Any]
    recentre: bool
    device: str = "cpu"
    groups: tuple[str, ...] = ()
    candidates: tuple[Mapping[str, Any], ...] = ()
    code: str = ""
    start: Start | None = None
    reads: ModelMap = "x"
    batched: bool = False
    units: tuple[int, ...] = ()

    def identity(self) -> dict[str, Any]:
        """Return all that decides the result beside the features, as JSON-able values."""
        parts = asdict(self)
        if not self.candidates:  # then the persons decide nothing
            del parts["groups"], parts["candidates"]
        # The digest decides, and not where the weights lie. Without a start there is no such
        # part, as before there was one.
        del parts["start"]
        if self.start is not None:
            parts["start"] = self.start.sha256
        if self.reads == "x":  # the key of folds from before there was a choice
            del parts["reads"]
        if not self.batched:  # as it was before there were batches
            del parts["batched"]
        if not self.units:  # the key of folds from before there was a choice
            del parts["units"]
        return parts


@dataclass(frozen=True)
class FoldPrediction:
    """The class probabilities (n, K) float32 of the held-out clips of one job, or those of units.

    ``chosen`` is the candidate that the inner splits decided for, if there were any.
    """

    fold: str
    seed: int
    clip: tuple[str, ...]
    probabilities: NDArray[np.float32]
    chosen: Mapping[str, Any] | None = None


def fold_jobs(
    clips: LabelledClips,
    *,
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    seeds: Sequence[int],
    protocol: str = "loso",
    k: int = 10,
    recentre: bool = False,
    device: str = "cpu",
    candidates: Sequence[Mapping[str, Any]] = (),
    code: str = "",
    start: Start | None = None,
    reads: ModelMap = "x",
) -> tuple[list[FoldJob], LabelledClips, LeftOut]:
    """Return the jobs, the clips they evaluate (sorted by id), and the clips left out.

    Raises
    ------
    UsageError
        If the clips do not allow the protocol (`mepipe.features.protocols`), an
        id occurs twice or a class number is out of range.
    """
    kept, left_out = usable(clips)
    person = dict(zip(kept.clip, kept.group, strict=True))
    jobs = [
        FoldJob(
            fold=fold.name,
            seed=seed,
            train=fold.train,
            test=fold.test,
            classes=len(kept.classes),
            model=dict(model),
            training=dict(training),
            recentre=recentre,
            device=device,
            groups=tuple(person[clip] for clip in fold.train),
            candidates=tuple(candidates),
            code=code,
            start=start,
            reads=reads,
        )
        for seed in seeds
        for fold in folds_of(kept, protocol, k=k)
    ]
    return jobs, kept, left_out


def run_fold(job: FoldJob, features: Features) -> FoldPrediction:
    """Train on the job's training clips and return the predictions of its test clips.

    Labels of test clips are never read, neither to train nor to choose. On a CPU
    the result is the same, bit for bit, for the same job and features.

    Raises
    ------
    BadDataError
        If a clip has features that are not finite; the message names it.
    UsageError
        If the job names a clip that the features do not have, or training diverges.
    """
    from mepipe.evaluation.fitting import fit
    from mepipe.evaluation.tuning import apply_candidate, choose_candidate

    # By clip id, never by row: the order of the file must not change a result.
    x = features_for(features, job.train, job.reads)
    y = targets_for(features, job.train, job.units)
    model, training, chosen = dict(job.model), dict(job.training), None
    if job.candidates:
        chosen = choose_candidate(job, x, y)
        model, training = apply_candidate(model, training, chosen)
    trained = fit(
        x,
        y,
        classes=job.classes,
        model=model,
        training=training,
        recentre=job.recentre,
        seed=training_seed(job.seed, job.fold),
        device=job.device,
        start=job.start,
    )
    return finished(job, trained.predict(features_for(features, job.test, job.reads)), chosen)


def finished(
    job: FoldJob, probabilities: NDArray[np.float32], chosen: Mapping[str, Any] | None = None
) -> FoldPrediction:
    """Return the prediction of a job.

    Raises
    ------
    UsageError
        If it is no numbers, because training diverged.
    """
    if not np.isfinite(probabilities).all():
        raise UsageError(
            f"the training without {job.fold} (seed {job.seed}) diverged: its predictions are "
            "no numbers",
            "Lower train.learning_rate.",
        )
    return FoldPrediction(job.fold, job.seed, job.test, probabilities, chosen)


def targets_for(
    features: Features, clips: Sequence[str], units: Sequence[int] = ()
) -> NDArray[np.int64]:
    """Return the classes (n,) of ``clips``, or which of ``units`` they have: 0 or 1 (n, U).

    Raises
    ------
    UsageError
        If there is no such clip, or its action units are not known.
    """
    rows = rows_of(features, clips)
    if not units:
        return np.asarray(features.y)[rows].astype(np.int64)
    has = np.stack([features.action_units[f"AU{unit}"][rows] for unit in units], axis=1)
    if np.isnan(has).any():
        raise UsageError(
            f"the action units of {clips[int(np.isnan(has).any(axis=1).argmax())]} are not known",
            "Make the jobs from the same features.",
        )
    return has.astype(np.int64)


def training_seed(seed: int, fold: str) -> int:
    """Return the seed of one training, from the seed and the fold's name alone."""
    digest = hashlib.sha256(f"{seed}/{fold}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def features_for(
    features: Features, clips: Sequence[str], reads: ModelMap = "x"
) -> NDArray[np.float32]:
    """Return a map of ``clips``, in their order: (n, C, S, S) float32, or (n, K, C, S, S).

    Raises
    ------
    BadDataError
        If those of one clip are not finite.
    UsageError
        If there are none of one clip, or not of that map.
    """
    rows = rows_of(features, clips)
    read = np.asarray(features.x)[rows] if reads == "x" else features.read(reads, rows)
    x = read.astype(np.float32)
    for clip, value in zip(clips, x, strict=True):
        if not np.isfinite(value).all():
            raise BadDataError(
                f"the features of {clip} hold NaN or infinity",
                "Leave the clip out, or make its features again.",
            )
    return x


def rows_of(features: Features, clips: Sequence[str]) -> list[int]:
    """Return the rows of ``clips``, in their order.

    Raises
    ------
    UsageError
        If the features have no such clip.
    """
    row = {str(clip): number for number, clip in enumerate(features.clip)}
    missing = [clip for clip in clips if clip not in row]
    if missing:
        raise UsageError(
            f"the features have no clip {missing[0]}", "Make the jobs from the same features."
        )
    return [row[clip] for clip in clips]
