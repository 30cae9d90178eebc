"""Many networks of one architecture trained as one batch, each as `fit` would train it.

Each network keeps its own clips, scale, class weights, augmentation, order, dropout and first
weights, all from its own seed. Networks with as many steps an epoch share a schedule, and so an
optimiser, which changes each weight by that weight's own gradients. Every step has as many rows
as a batch can have. Those that only fill up count neither in the loss nor in a statistic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mepipe.evaluation.dropout_masks import Dropped, dropouts_of, epoch_masks
from mepipe.evaluation.network_training import (
    apart,
    augmented,
    laid_out,
    load_weights,
    mirrored,
    reproducible,
    seeded,
    steps_of,
)
from mepipe.evaluation.normalisation import Normalisation, maps_of
from mepipe.evaluation.targets import class_weights
from mepipe.evaluation.training_draws import Draws
from mepipe.networks.registry import build

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from mepipe.networks.stacked import StackedNetworks

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Lot:
    """One network to train: the rows of its clips, of those it is asked about, and its seed.

    ``weights`` are what it starts from, by the names of its tensors; None: random ones.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    seed: int
    weights: Mapping[str, Tensor] | None = None


def train_batch(
    x: Floats,
    y: NDArray[np.int64],
    lots: Sequence[Lot],
    *,
    classes: int,
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    recentre: bool = False,
    device: str = "cpu",
    double: bool = False,
) -> list[Floats]:
    """Train a network for each lot, all at once, and return what each predicts.

    On a CPU each differs from `mepipe.evaluation.network_training.fit` with its seed in
    rounding alone, and has the same bits whatever other lots there are. On a GPU dropout
    takes other random numbers than there.

    Parameters
    ----------
    x, y
        Features (M, C, S, S) float32, or (M, K, C, S, S) with K maps a clip, and class numbers
        (M,) of all clips. Of the ``test`` of a lot the classes are not read.
    lots
        All with as many steps an epoch, and two clips or more in every step.
    classes, model, training, recentre, double
        As for `mepipe.evaluation.network_training.fit`. The model is a built-in network.
    device
        "cpu" or "cuda". The data lie there from the first step to the last, and nothing is
        read back in between.

    Returns
    -------
    Class probabilities (n, K) float32 of the ``test`` of each lot.

    Raises
    ------
    ValueError
        If the lots differ in their number of steps.
    UsageError
        If weights are not those of such a network.
    RuntimeError
        If memory runs out (`is_out_of_memory`): give fewer lots.
    """
    shared = _Shared(classes, model, training, recentre, device, double)
    with reproducible():
        batch = _trained(x, y, lots, shared)
        return batch.predict([lot.test for lot in lots], mirror=bool(training["mirror"]))


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return True if torch had no memory left, on a GPU or on a CPU."""
    import torch

    text = str(error)
    return (
        isinstance(error, torch.cuda.OutOfMemoryError)
        or "out of memory" in text
        or "can't allocate memory" in text
    )


@dataclass(frozen=True)
class _Shared:
    """What all networks of a batch share; `train_batch` explains each."""

    classes: int
    model: Mapping[str, Any]
    training: Mapping[str, Any]
    recentre: bool
    device: str
    double: bool

    @property
    def dtype(self) -> torch.dtype:
        import torch

        return torch.float64 if self.double else torch.float32


@dataclass(frozen=True)
class _Batch:
    """N networks and all that their training needs, on the device before its first step.

    E epochs, T steps an epoch, B rows of a network in a step, M clips.
    """

    networks: StackedNetworks
    inputs: Tensor  # (M, S, S, C) float32, before any scale; C of all maps of a clip
    scale: Tensor  # (N, C) float32
    maps: int | None
    targets: Tensor  # (M,)
    weights: Tensor  # (N, K) of the classes in the loss; 0 of a class without clips
    clips: Tensor  # (E, T, N, B) rows of inputs
    mirror: Tensor  # (E, T, N, B)
    amplitude: Tensor  # (E, T, N, B)
    moves: Tensor  # (E, T, N, B, 2)
    rows: NDArray[np.int64]  # (T, N) how many of the B rows count
    used: Tensor  # (T, N, B) 1 where a row counts, else 0
    dropped: Sequence[Dropped]
    generators: Sequence[torch.Generator]
    shift: int
    smoothing: float

    def loss(self, epoch: int, step: int, kept: Sequence[Tensor]) -> Tensor:
        """Return the sum of the networks' losses: of each the cross entropy over its rows."""
        import torch
        from torch.nn import functional

        clips, used = self.clips[epoch, step], self.used[step]  # (N, B)
        # Scaled in float32 whatever follows, as by `Normalisation`.
        scaled = (self.inputs[clips] * self.scale[:, None, None, None]).to(used.dtype)
        moved = augmented(
            scaled.flatten(0, 1),
            self.mirror[epoch, step].flatten(),
            self.amplitude[epoch, step].flatten(),
            self.moves[epoch, step].flatten(0, 1),
            self.shift,
            self.maps or 1,
        )
        x = apart(moved, self.maps)
        logits = self.networks(x.reshape(*clips.shape, *x.shape[1:]), used, kept)
        every = torch.arange(logits.shape[2], device=logits.device)
        truth = (self.targets[clips][..., None] == every).to(logits.dtype)
        # Weights, smoothing and the mean as in torch's cross_entropy.
        weights = self.weights[:, None] * used[..., None]  # (N, B, K)
        smoothed = (1 - self.smoothing) * truth + self.smoothing / logits.shape[2]
        total = (truth * weights).sum(dim=(1, 2), keepdim=True)
        return -torch.sum(functional.log_softmax(logits, dim=2) * (smoothed * weights / total))

    def predict(self, tests: Sequence[NDArray[np.int64]], *, mirror: bool) -> list[Floats]:
        """Return class probabilities (n, K) float32 of the clips each network is asked about.

        A pass takes one clip of each network, so no clip is beside another of its fold.
        """
        import torch

        most = max(len(test) for test in tests)
        # Those with fewer clips are asked about some again, or about clip 0 if they have none.
        asked = np.stack([np.resize(test, most) if len(test) else np.zeros(most) for test in tests])
        columns = torch.from_numpy(asked.astype(np.int64)).to(self.inputs.device)
        never = (self.weights == 0)[:, None]
        answers = []
        with torch.inference_mode():
            for column in columns.unbind(1):
                scaled = self.inputs[column] * self.scale[:, None, None]
                # (N, C, S, S), or (N, K, C, S, S)
                clip = apart(scaled.to(self.used.dtype), self.maps)
                views = torch.stack([clip, mirrored(clip)] if mirror else [clip], dim=1)
                logits = self.networks(views).masked_fill(never, float("-inf"))
                answers.append(logits.softmax(dim=2).mean(dim=1))
            found: Floats = torch.stack(answers, dim=1).float().cpu().numpy()
        return [some[: len(test)] for some, test in zip(found, tests, strict=True)]


def _trained(x: Floats, y: NDArray[np.int64], lots: Sequence[Lot], shared: _Shared) -> _Batch:
    """Return the batch after its last step, with the networks in evaluation mode."""
    import torch

    training = shared.training
    steps = {steps_of(len(lot.train), training) for lot in lots}
    if len(steps) != 1:
        raise ValueError(f"the lots differ in their number of steps an epoch: {sorted(steps)}")
    batch = _prepare(x, y, lots, steps.pop(), shared)
    networks = batch.networks.train()
    optimiser = torch.optim.AdamW(
        networks.parameters(),
        lr=training["learning_rate"],
        weight_decay=training["weight_decay"],
        # Fused on a CPU, the last bits of a weight depend on its place among the others.
        fused=shared.device == "cuda",
    )
    epochs = int(training["epochs"])
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=training["learning_rate"], total_steps=len(batch.rows) * epochs
    )
    for epoch in range(epochs):
        masks = epoch_masks(
            batch.dropped,
            batch.generators,
            batch.rows,
            batch.clips.shape[3],
            shared.dtype,
            as_torch=shared.device == "cpu",
        )
        for step, kept in enumerate(masks):
            optimiser.zero_grad()
            batch.loss(epoch, step, kept).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    networks.eval()
    return batch


def _prepare(
    x: Floats, y: NDArray[np.int64], lots: Sequence[Lot], steps: int, shared: _Shared
) -> _Batch:
    import torch

    from mepipe.networks.stacked import StackedNetworks

    training, device, dtype = shared.training, shared.device, shared.dtype
    channels, size = x.shape[-3:-1]
    maps = maps_of(x)
    built, generators, plans = [], [], []
    for lot in lots:
        draw = np.random.default_rng(lot.seed)
        seed = int(draw.integers(2**31))
        generator = torch.Generator(device).manual_seed(seed)
        with seeded(seed, "cpu"):
            network = build(
                **shared.model, channels=channels, size=size, classes=shared.classes, maps=maps
            )
            if lot.weights is not None:
                load_weights(network, lot.weights, str(shared.model["name"]))
            built.append(network)
            if device == "cpu":
                # Dropout goes on where the first weights ended.
                generator.set_state(torch.get_rng_state())
        generators.append(generator)
        plans.append(_in_steps(lot.train, Draws.of(draw, len(lot.train), training), training))
    clips, mirror, amplitude, moves = (
        torch.from_numpy(np.stack(part, axis=2)).to(device) for part in zip(*plans, strict=True)
    )
    rows = np.stack([_rows(len(lot.train), steps) for lot in lots], axis=1)
    used = np.arange(clips.shape[3]) < rows[..., None]
    balance = training["balance"]
    weights = [class_weights(y[lot.train], shared.classes, balance=balance) for lot in lots]
    per_clip = bool(training.get("per_clip", False))
    centred = Normalisation(shared.recentre, np.ones(channels, np.float32), per_clip)(x)
    sample = laid_out(torch.zeros(2, *x.shape[1:]), torch.channels_last)
    # The maps of a clip lie one after the other, as further channels.
    joined = torch.from_numpy(centred.reshape(len(x), -1, size, size)).to(device)
    scale = torch.from_numpy(np.tile(_scales(centred, lots), maps or 1)).to(device)
    return _Batch(
        networks=StackedNetworks(built).to(device, dtype),
        inputs=joined.permute(0, 2, 3, 1).contiguous(),
        scale=scale,
        maps=maps,
        targets=torch.from_numpy(y).to(device),
        weights=torch.from_numpy(np.stack(weights)).to(device, dtype),
        clips=clips,
        mirror=mirror,
        amplitude=amplitude.to(dtype),
        moves=moves,
        rows=rows,
        used=torch.from_numpy(used).to(device, dtype),
        dropped=dropouts_of(built[0], sample),
        generators=generators,
        shift=int(training["shift"]),
        smoothing=float(training["label_smoothing"]),
    )


def _rows(clips: int, steps: int) -> NDArray[np.int64]:
    """Return the size of each batch: nearly equal ones, the larger first, as in `fit`."""
    return np.array([len(some) for some in np.array_split(np.arange(clips), steps)])


def _in_steps(
    train: NDArray[np.int64], draws: Draws, training: Mapping[str, Any]
) -> tuple[NDArray[Any], ...]:
    """Return the clips of every step, and mirror, amplitude and moves of each, (E, T, B, ...).

    B is the largest size of a batch, also where none is as large: the clips of one network
    must not decide how another one is summed. Rows that fill up repeat the first of the step.
    """
    rows = _rows(len(train), steps_of(len(train), training))
    first = np.cumsum(rows) - rows
    row = np.arange(int(training["batch"]))
    places = first[:, None] + np.where(row < rows[:, None], row, 0)  # (T, B)
    order = draws.order[:, places]
    epoch = np.arange(len(order))[:, None, None]
    changes = (draws.mirror, draws.amplitude, draws.moves)
    return train[order], *(change[epoch, order] for change in changes)


def _scales(x: Floats, lots: Sequence[Lot]) -> Floats:
    """Return the scale (N, C) of each network, that of its training clips.

    What a clip alone decides has been done to ``x``.
    """
    found: dict[bytes, Floats] = {}  # seeds and members of a fold have the same clips
    for lot in lots:
        name = lot.train.tobytes()
        if name not in found:
            found[name] = Normalisation.of(x[lot.train], recentre=False).scale
    return np.stack([found[lot.train.tobytes()] for lot in lots])
