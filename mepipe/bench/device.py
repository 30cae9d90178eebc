"""What needs a GPU, in one table: time, agreement with the CPU, repetition to the bit, memory."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mepipe.config import load_config
from mepipe.errors import UsageError
from mepipe.evaluation.batched_folds import run_batched
from mepipe.evaluation.batched_training import Lot, train_batch
from mepipe.evaluation.device import resolve
from mepipe.evaluation.folds import FoldJob, fold_jobs, run_fold
from mepipe.evaluation.model_settings import model_of, training_of
from mepipe.evaluation.network_training import fit
from mepipe.features import Features
from mepipe.features.demo import demo_features
from mepipe.features.splits import LabelledClips
from mepipe.networks.registry import MODELS

Floats = NDArray[np.float32]

GOAL_S = 20
_LONGEST_S = 60  # the evaluation is cut to as many epochs as fit, twice


@dataclass(frozen=True)
class Size:
    """What is trained: made features of ``persons``, three clips for each of ``triples``."""

    persons: int
    triples: int
    side: int
    seeds: int
    epochs: int
    beside: int  # folds that are also trained on the CPU


FULL = Size(persons=40, triples=103, side=28, seeds=3, epochs=50, beside=4)
SMALL = Size(persons=4, triples=8, side=12, seeds=1, epochs=2, beside=1)


@dataclass(frozen=True)
class Line:
    """A line of the table."""

    what: str
    figure: str


def device_for(*, small: bool) -> str:
    """Return the GPU, or for the small form the CPU where there is none.

    Raises
    ------
    UsageError
        If there is no GPU, and the form is not small.
    """
    device = resolve("auto")
    if device == "cpu" and not small:
        raise UsageError(
            "torch finds no GPU here, so nothing was checked",
            "Run it on a machine with one. `mepipe bench device --small` runs a small form of it "
            "on the CPU.",
        )
    return device


def measure(device: str, size: Size, progress: Callable[[int, int], None]) -> list[Line]:
    """Run every check and return the table.

    Parameters
    ----------
    device
        "cuda", or "cpu".
    size
        `FULL` or `SMALL`.
    progress
        Called with (checks done, their total).
    """
    checks = (_whole_evaluation, _one_by_one, _in_other_company, _against_the_cpu, _every_network)
    lines = [Line("device", _name(device))]
    with tempfile.TemporaryDirectory() as folder:
        features = demo_features(
            Path(folder) / "features.h5", subjects=size.triples, size=size.side, seed=1
        )
        for number, check in enumerate(checks, start=1):
            lines += check(features, device, size)
            progress(number, len(checks))
    return lines


def device_table(lines: Sequence[Line]) -> str:
    """Return the lines as Markdown."""
    return "\n".join(
        ["| check | found |", "|---|---|", *(f"| {a.what} | {a.figure} |" for a in lines)]
    )


def _name(device: str) -> str:
    import torch

    if device == "cpu":
        return f"CPU, torch {torch.__version__}"
    what = torch.cuda.get_device_properties(0)
    return f"{what.name}, {what.total_memory / 1e9:.0f} GB, torch {torch.__version__}"


def _settings(size: Size, model: str = "spp", **changes: Any) -> tuple[dict[str, Any], ...]:
    """Return the default model and training as plain values, small where the size is."""
    config = load_config()
    narrow: dict[str, Any] = {"kernels": (2, 3), "width": 4} if size.side < 28 else {}
    settings = config.model.model_copy(update={"name": model} | narrow)
    training = training_of(config.train)
    return model_of(settings), training | {"epochs": size.epochs} | changes


def _jobs(features: Features, device: str, size: Size, **changes: Any) -> list[FoldJob]:
    """Return the folds of leaving one person out, a person having clips of several triples."""
    made = LabelledClips.of(features)
    person = {name: number % size.persons for number, name in enumerate(sorted(set(made.group)))}
    clips = replace(made, group=tuple(f"p{person[name]:02d}" for name in made.group))
    model, training = _settings(size, **changes)
    jobs, _, _ = fold_jobs(
        clips, model=model, training=training, seeds=range(size.seeds), device=device
    )
    return [replace(job, batched=True) for job in jobs]


def _clock(device: str) -> float:
    if device == "cuda":
        import torch

        torch.cuda.synchronize()
    return time.perf_counter()


def _timed(device: str, work: Callable[[], Any]) -> tuple[float, Any]:
    begun = _clock(device)
    found = work()
    return _clock(device) - begun, found


def _predicted(jobs: Sequence[FoldJob], features: Features) -> dict[tuple[str, int], Floats]:
    return {(one.fold, one.seed): one.probabilities for one in run_batched(jobs, features)}


def _whole_evaluation(features: Features, device: str, size: Size) -> list[Line]:
    """Return time, memory and repetition of all folds, seeds and members at once."""
    one = _jobs(features, device, size, epochs=1)
    _predicted(one, features)  # starts the device
    an_epoch, _ = _timed(device, lambda: _predicted(one, features))
    epochs = int(np.clip(_LONGEST_S / an_epoch, 1, size.epochs))
    jobs = _jobs(features, device, size, epochs=epochs)
    _forget_memory(device)
    first_s, first = _timed(device, lambda: _predicted(jobs, features))
    memory = _memory(device)
    again_s, again = _timed(device, lambda: _predicted(jobs, features))
    same = all(first[name].tobytes() == again[name].tobytes() for name in first)
    networks = len(jobs) * int(jobs[0].training["members"])
    seconds = min(first_s, again_s) * size.epochs / epochs
    goal = f" (goal: below {GOAL_S} s)" if size == FULL else ""
    cut = "" if epochs == size.epochs else f", from {epochs} epochs"
    return [
        Line(
            f"{size.persons} folds x {size.seeds} seeds x {jobs[0].training['members']} members, "
            f"{size.epochs} epochs, {len(features)} clips, at once",
            f"{seconds:.1f} s{goal}{cut}",
        ),
        Line("most memory, and of a network", memory(networks)),
        Line("the same again", "the same bits" if same else "OTHER BITS"),
    ]


def _forget_memory(device: str) -> None:
    if device == "cuda":
        import torch

        torch.cuda.reset_peak_memory_stats()


def _memory(device: str) -> Callable[[int], str]:
    """Return how the memory of so many networks is written."""
    if device != "cuda":
        return lambda networks: f"not measured on a CPU ({networks} networks)"
    import torch

    most = torch.cuda.max_memory_allocated()
    return lambda networks: f"{most / 1e9:.2f} GB, {most / 1e6 / networks:.0f} MB"


def _one_by_one(features: Features, device: str, size: Size) -> list[Line]:
    """Return the time of all folds one after the other, from a few of them."""
    jobs = _jobs(features, device, size)
    lines = []
    for where in dict.fromkeys((device, "cpu")):
        some = [replace(job, device=where, batched=False) for job in jobs[: size.beside]]
        begun = _clock(where)
        for job in some:
            run_fold(job, features)
        seconds = _clock(where) - begun
        lines.append(
            Line(
                f"the same one by one, {where.upper()}, one process, from {len(some)} of "
                f"{len(jobs)} folds",
                f"{seconds / len(some) * len(jobs):.1f} s",
            )
        )
    return lines


def _lots(features: Features, jobs: Sequence[FoldJob]) -> list[Lot]:
    row = {str(clip): number for number, clip in enumerate(features.clip)}
    return [
        Lot(np.array([row[c] for c in job.train]), np.array([row[c] for c in job.test]), number)
        for number, job in enumerate(jobs)
    ]


def _difference(some: Sequence[Floats], others: Sequence[Floats]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(some, others, strict=True))


def _arrays(features: Features) -> tuple[Floats, NDArray[np.int64]]:
    return np.asarray(features.x, np.float32), np.asarray(features.y, np.int64)


def _equal_steps(jobs: Sequence[FoldJob]) -> list[FoldJob]:
    """Return the jobs with as many training clips as the first."""
    return [job for job in jobs if len(job.train) == len(jobs[0].train)]


def _batch(
    features: Features, lots: Sequence[Lot], model: Mapping[str, Any], training: Mapping[str, Any],
    device: str, *, double: bool = False,
) -> list[Floats]:  # fmt: skip
    x, y = _arrays(features)
    return train_batch(
        x, y, lots, classes=3, model=model, training=training, device=device, double=double
    )


def _in_other_company(features: Features, device: str, size: Size) -> list[Line]:
    """Return whether other networks in the batch change a network."""
    model, training = _settings(size, epochs=min(5, size.epochs))
    lots = _lots(features, _equal_steps(_jobs(features, device, size)))
    few = _batch(features, lots[:2], model, training, device)
    many = _batch(features, lots, model, training, device)[:2]
    difference = _difference(few, many)
    return [
        Line(
            f"two networks in a batch of 2 and of {len(lots)}, {training['epochs']} epochs",
            "the same bits" if difference == 0 else f"differ by {difference:.0e} at most",
        )
    ]


def _against_the_cpu(features: Features, device: str, size: Size) -> list[Line]:
    """Return how far the batch is from networks trained one by one on the CPU.

    Without dropout, for a GPU draws other numbers than a CPU.
    """
    model, training = _settings(size, epochs=min(10, size.epochs))
    model = model | {"dropout": 0.0}
    x, y = _arrays(features)
    lots = _lots(features, _equal_steps(_jobs(features, device, size))[: size.beside])
    lines = []
    for double in (True, False):
        on_cpu = [
            fit(
                x[lot.train], y[lot.train], classes=3, model=model, training=training,
                seed=lot.seed, double=double,
            ).predict(x[lot.test])
            for lot in lots
        ]  # fmt: skip
        batch = _batch(features, lots, model, training, device, double=double)
        equal = sum(
            int((a.argmax(1) == b.argmax(1)).sum()) for a, b in zip(batch, on_cpu, strict=True)
        )
        lines.append(
            Line(
                f"against one by one on the CPU, {'float64' if double else 'float32'}, without "
                f"dropout, {training['epochs']} epochs",
                f"probabilities differ by {_difference(batch, on_cpu):.0e} at most; "
                f"{equal} of {sum(map(len, batch))} clips get the same class",
            )
        )
    return lines


def _every_network(features: Features, device: str, size: Size) -> list[Line]:
    """Return whether every built-in network, and every mode of the pyramid, repeats to the bit."""
    lots = _lots(features, _equal_steps(_jobs(features, device, size))[:4])
    names = [name for name, entry in MODELS.items() if entry.kind == "network" and name != "spp"]
    variants: list[tuple[str, dict[str, Any]]] = [(name, {}) for name in names]
    variants += [("spp", {"mode": mode}) for mode in ("same", "bins")]
    variants += [("spp", {"mode": "flat", "position": 5}), ("spp", {"fuse": "concat"})]
    lines = []
    for name, change in variants:
        model, training = _settings(size, name, epochs=2)
        runs = [_batch(features, lots, model | change, training, device) for _ in range(2)]
        same = all(a.tobytes() == b.tobytes() for a, b in zip(*runs, strict=True))
        what = " ".join([name, *(str(value) for value in change.values())])
        lines.append(Line(f"{what}, twice", "the same bits" if same else "OTHER BITS"))
    return lines
