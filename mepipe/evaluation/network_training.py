"""Training one network on one split: fixed epochs, last weights, nothing seen of the test clips.

Every random number of a training follows from its seed alone, and on a CPU
every sum is taken by one thread in one order, so the same call gives the same
bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mepipe.errors import UsageError
from mepipe.evaluation.normalisation import Normalisation, maps_of
from mepipe.evaluation.targets import (
    are_units,
    check_targets,
    loss_of,
    seen_targets,
    weights_of,
)
from mepipe.evaluation.training_draws import Draws
from mepipe.networks.registry import build, is_own

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Trained:
    """A trained network and what its inputs must be.

    Parameters
    ----------
    network
        In evaluation mode, on ``device``.
    normalise
        From features to inputs.
    seen
        (K,) whether a class had training clips; one without is never predicted.
    mirror
        Average the predictions of a clip and its mirror image, as it was
        trained on both.
    device
        "cpu", "cuda" or "mps".
    name
        What the user calls the network.
    temperature
        The logits are divided by it before the softmax: above 1, the probabilities are less
        certain. It changes no order of the classes of one network and one view.
    double
        It computes in float64.
    units
        Each answer is that of an action unit, by itself, instead of one of several classes.
    """

    network: torch.nn.Module
    normalise: Normalisation
    seen: NDArray[np.bool_]
    mirror: bool
    device: str
    name: str
    temperature: float = 1.0
    double: bool = False
    units: bool = False

    def predict(self, x: Floats) -> Floats:
        """Return class probabilities (N, K) float32 for features as those of the training.

        Of action units (N, U), each by itself.

        Each clip passes alone: no clip's prediction depends on another's, not
        even in the last bit.
        """
        import torch

        with reproducible(), torch.inference_mode():
            # A division by 1.0 is exact.
            out = [
                self._probabilities(logits / self.temperature).mean(dim=0)
                for logits in self._views(x)
            ]
        if not out:
            return np.empty((0, len(self.seen)), dtype=np.float32)
        probabilities: Floats = torch.stack(out).float().cpu().numpy()
        return probabilities

    def _probabilities(self, logits: Tensor) -> Tensor:
        return logits.sigmoid() if self.units else logits.softmax(dim=1)

    def logits(self, x: Floats) -> Floats:
        """Return what `predict` takes the softmax of, before the temperature: (N, V, K) float32.

        V views: the clip and, with ``mirror``, its mirror image. -inf for a class without
        training clips.
        """
        import torch

        with reproducible(), torch.inference_mode():
            out = list(self._views(x))
        if not out:
            return np.empty((0, 1 + self.mirror, len(self.seen)), dtype=np.float32)
        logits: Floats = torch.stack(out).float().cpu().numpy()
        return logits

    def _views(self, x: Floats) -> Iterator[Tensor]:
        """Give the logits (V, K) of each clip."""
        import torch

        never = torch.from_numpy(~self.seen).to(self.device)
        dtype = torch.float64 if self.double else torch.float32
        for clip in torch.from_numpy(self.normalise(x)).to(self.device, dtype):
            views = [clip, mirrored(clip)] if self.mirror else [clip]
            logits = self.network(laid_out(torch.stack(views), _layout(self.name)))
            _check_logits(logits, len(views), len(self.seen), self.name)
            yield logits.masked_fill(never, float("-inf"))


def mirrored(x: Tensor) -> Tensor:
    """Return features (..., C, S, S) as a mirror shows them: left is right and u changes sign."""
    import torch

    sign = torch.ones(x.shape[-3], 1, 1, device=x.device)
    sign[0] = -1
    return x.flip(-1) * sign


def fit(
    x: Floats,
    y: NDArray[np.int64],
    *,
    classes: int,
    model: Mapping[str, Any],
    training: Mapping[str, Any],
    recentre: bool = False,
    seed: int = 0,
    device: str = "cpu",
    weights: Mapping[str, Tensor] | None = None,
    advance: Callable[[], None] | None = None,
    double: bool = False,
) -> Trained:
    """Train a network: AdamW on a one-cycle schedule, fixed epochs, the last weights.

    Parameters
    ----------
    x
        (N, C, S, S) float32 features, u and v first, 0 meaning no motion (with
        ``recentre``: the median meaning no motion); or (N, M, C, S, S), M maps a clip.
    y
        (N,) class numbers, 0 to K - 1; or (N, K) of 0 and 1, which of K action units a clip has.
    classes
        K.
    model
        ``name`` and the options of the network (`mepipe.networks.registry.build`).
    training
        ``epochs``, ``batch``, ``learning_rate``, ``weight_decay``, ``balance``,
        ``label_smoothing``, ``mirror``, ``amplitude`` and ``shift``, as in
        `mepipe.config.settings.TrainSettings`; ``per_clip`` where it is true.
    seed
        Decides the first weights, the order, dropout and augmentation. The
        order of the rows counts too: sort them by clip id.
    device
        "cpu", "cuda" or "mps". The data lie there from the first step to the
        last, and nothing is read back in between.
    weights
        What the network starts from, by the names of its tensors; None: random weights. All
        other random numbers are the same with and without.
    advance
        Called after each epoch.
    double
        Compute in float64 instead of float32, from the same first weights: to compare ways
        of computing, for they then agree up to rounding.

    Raises
    ------
    ValueError
        If there is no clip, a class number is out of range or a feature not finite.
    UsageError
        If the weights are not those of such a network.
    """
    import torch

    _check(x, y, classes)
    clips, (channels, size, _) = len(x), x.shape[-3:]
    maps = maps_of(x)
    epochs, shift = int(training["epochs"]), int(training["shift"])
    steps = steps_of(clips, training)
    dtype = torch.float64 if double else torch.float32
    normalise = Normalisation.of(
        x, recentre=recentre, per_clip=bool(training.get("per_clip", False))
    )
    draw = np.random.default_rng(seed)
    with reproducible(), seeded(int(draw.integers(2**31)), device):
        network = build(**model, channels=channels, size=size, classes=classes, maps=maps)
        name = str(model["name"])
        if weights is not None:
            load_weights(network, weights, name)
        layout = _layout(name)
        network = network.to(device).train()
        network = network.double() if double else network
        if not is_own(name):
            network = network.to(memory_format=layout)
        # The maps of a clip lie one after the other, as further channels.
        stacked = normalise(x).reshape(clips, -1, size, size)
        inputs = torch.from_numpy(stacked).to(device, dtype).permute(0, 2, 3, 1).contiguous()
        targets = torch.from_numpy(y).to(device)
        weight = torch.from_numpy(weights_of(y, classes, balance=training["balance"]))
        weight = weight.to(device, dtype)
        optimiser = torch.optim.AdamW(
            network.parameters(),
            lr=training["learning_rate"],
            weight_decay=training["weight_decay"],
            # One pass over the weights instead of ten small ones.
            fused=device in {"cpu", "cuda"},
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, max_lr=training["learning_rate"], total_steps=steps * epochs
        )
        # Everything random but dropout is drawn here and moved to the device once.
        order, mirror, amplitude, moves = (
            part.to(device) for part in Draws.of(draw, clips, training).tensors()
        )
        amplitude = amplitude.to(dtype)
        for epoch in range(epochs):
            moved = augmented(
                inputs, mirror[epoch], amplitude[epoch], moves[epoch], shift, maps or 1
            )
            # Batches of nearly equal size: no remainder too small to normalise.
            for rows in order[epoch].tensor_split(steps):
                optimiser.zero_grad()
                logits = network(laid_out(apart(moved.index_select(0, rows), maps), layout))
                _check_logits(logits, len(rows), classes, name)
                loss = loss_of(logits, targets[rows], weight, training["label_smoothing"])
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
            if advance is not None:
                advance()
    seen, mirrors = seen_targets(y, classes), bool(training["mirror"])
    return Trained(
        network.eval(),
        normalise,
        seen,
        mirrors,
        device,
        name,
        double=double,
        units=are_units(y),
    )


def steps_of(clips: int, training: Mapping[str, Any]) -> int:
    """Return the number of steps in an epoch over ``clips`` clips."""
    return -(-clips // int(training["batch"]))


def load_weights(network: torch.nn.Module, weights: Mapping[str, Tensor], name: str) -> None:
    """Let a network start from weights, by the names of its tensors.

    Raises
    ------
    UsageError
        If they are not those of such a network.
    """
    try:
        network.load_state_dict(dict(weights))
    except RuntimeError as error:
        raise UsageError(
            f"the weights to start from are not those of the network {name}: "
            f"{str(error).splitlines()[-1].strip()}",
            "Use the settings that they were trained with, or start without them.",
        ) from error


def _check(x: Floats, y: NDArray[np.int64], classes: int) -> None:
    if x.ndim not in (4, 5) or x.shape[-2] != x.shape[-1] or len(x) != len(y) or not len(x):
        raise ValueError(
            f"x must be (N, C, S, S) or (N, M, C, S, S) with N labels, not {x.shape} with {y.shape}"
        )
    check_targets(y, classes)
    if not np.isfinite(x).all():
        raise ValueError("x holds NaN or infinity")


def _layout(name: str) -> torch.memory_format:
    """Return how a batch lies in memory; users' networks may ``view`` what they compute."""
    import torch

    return torch.contiguous_format if is_own(name) else torch.channels_last


def apart(x: Tensor, maps: int | None) -> Tensor:
    """Return (B, C, S, S) for a batch (B, S, S, C), or (B, M, C / M, S, S) for one of M maps."""
    clips, size, _, channels = x.shape
    x = x.permute(0, 3, 1, 2)
    return x if maps is None else x.reshape(clips, maps, channels // maps, size, size)


def laid_out(x: Tensor, layout: torch.memory_format) -> Tensor:
    """Return a batch (B, C, S, S) or (B, M, C, S, S) with its maps in a layout of memory."""
    if x.ndim == 5:
        # view: the layout is that of each map, and stays.
        return x.flatten(0, 1).contiguous(memory_format=layout).view(x.shape)
    return x.contiguous(memory_format=layout)


def _check_logits(logits: object, clips: int, classes: int, name: str) -> None:
    shape = tuple(getattr(logits, "shape", ()))
    if shape != (clips, classes):
        raise UsageError(
            f"the network {name} returned {shape or type(logits).__name__} for {clips} clips",
            f"Its forward must return logits (B, {classes}).",
        )


def augmented(
    x: Tensor, mirror: Tensor, amplitude: Tensor, moves: Tensor, most: int, maps: int = 1
) -> Tensor:
    """Return other faces with the same movement.

    Parameters
    ----------
    x
        (N, S, S, C) inputs. Of several maps, C are the channels of the first, then those of
        the second and so on. All maps of a clip are changed alike.
    mirror
        (N,) bool: left and right exchanged, u negated.
    amplitude
        (N,) factors; strain is linear in the flow, so all channels take the same.
    moves
        (N, 2) rows and columns, 0 to 2 ``most``; ``most`` means not moved. What
        comes in from outside is no motion.
    maps
        How many maps a clip has.
    """
    import torch
    from torch.nn import functional

    clips, size, _, channels = x.shape
    padded = functional.pad(x, (0, 0, most, most, most, most))
    clip = torch.arange(clips, device=x.device)
    cell = torch.arange(size, device=x.device)
    rows = moves[:, 0, None] + cell  # (N, S)
    columns = moves[:, 1, None] + torch.where(mirror[:, None], cell.flip(0), cell)
    # One index a cell is half the work of three.
    wide = size + 2 * most
    cells = ((clip[:, None] * wide + rows) * wide)[:, :, None] + columns[:, None, :]
    flat = padded.reshape(-1, channels).index_select(0, cells.reshape(-1))
    moved = flat.reshape(clips, size, size, channels)
    factor = amplitude[:, None].repeat(1, channels)
    factor[:, :: channels // maps] *= 1 - 2 * mirror.float()[:, None]  # u of each map
    return moved * factor[:, None, None, :]


@contextmanager
def reproducible() -> Iterator[None]:
    """One thread and deterministic algorithms inside, the caller's choice again outside."""
    import torch
    import torch.utils.deterministic as memory

    threads = torch.get_num_threads()
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.set_num_threads(1)
    fill = memory.fill_uninitialized_memory  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(True)
    # Nothing here reads memory before it writes it, and filling it costs a tenth of a training.
    memory.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)
        memory.fill_uninitialized_memory = fill  # type: ignore[attr-defined]


@contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """Torch's own generators seeded inside, as the caller left them outside (but for mps)."""
    import torch

    devices = [torch.cuda.current_device()] if device == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
