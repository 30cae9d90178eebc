"""Action units as displacement fields, and their course over the frames.

The fields are drawn by hand after the Facial Action Coding System (Ekman,
Friesen and Hager 2002): where an action unit moves the skin, and which way.
They are smooth bumps anchored to landmarks. None was measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Combination = dict[int, float]

# For each of the 68 landmarks, its counterpart on the other side of the face.
# fmt: off
MIRROR = np.array([
    *range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31,
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65,
])
# fmt: on


@dataclass(frozen=True)
class Pull:
    """A bump of displacement on the subject's right side (the image's left).

    ``anchor`` is an affine combination of landmarks; ``direction`` is (x, y),
    y down, its length the share of the action unit's full motion; ``reach`` the
    Gaussian's sigma in inter-ocular distances.
    """

    anchor: Combination
    direction: tuple[float, float]
    reach: float


ACTION_UNITS: dict[str, tuple[Pull, ...]] = {
    "1": (
        Pull({21: 1.0}, (0.0, -1.0), 0.17),
        Pull({20: 1.4, 38: -0.4}, (0.0, -0.8), 0.20),
    ),
    "2": (
        Pull({18: 1.0}, (-0.05, -1.0), 0.18),
        Pull({18: 1.4, 36: -0.4}, (0.0, -0.7), 0.20),
    ),
    "4": (
        Pull({21: 1.0}, (0.5, 0.8), 0.17),
        Pull({19: 1.0}, (0.25, 0.75), 0.18),
        Pull({21: 1.4, 39: -0.4}, (0.2, 0.6), 0.18),
    ),
    "5": (Pull({37: 0.5, 38: 0.5}, (0.0, -0.6), 0.09),),
    "6": (
        Pull({41: 0.6, 48: 0.4}, (0.15, -0.9), 0.20),
        Pull({41: 0.5, 40: 0.5}, (0.0, -0.45), 0.10),
    ),
    "7": (
        Pull({41: 0.5, 40: 0.5}, (0.0, -0.7), 0.08),
        Pull({37: 0.5, 38: 0.5}, (0.0, 0.4), 0.08),
        Pull({41: 1.0}, (0.2, -0.3), 0.12),
    ),
    "9": (
        Pull({31: 0.8, 39: 0.2}, (0.1, -1.0), 0.13),
        Pull({31: 0.5, 50: 0.5}, (0.0, -0.7), 0.13),
        Pull({27: 0.7, 39: 0.3}, (0.1, 0.35), 0.12),
    ),
    "10": (
        Pull({50: 1.0}, (0.0, -1.0), 0.12),
        Pull({31: 0.5, 50: 0.5}, (0.05, -0.9), 0.14),
        Pull({31: 0.7, 40: 0.3}, (0.0, -0.5), 0.14),
    ),
    "12": (
        Pull({48: 1.0}, (-0.65, -0.75), 0.17),
        Pull({48: 0.6, 2: 0.4}, (-0.35, -0.75), 0.22),
        Pull({59: 1.0}, (-0.35, -0.25), 0.14),
    ),
    "14": (
        Pull({48: 1.0}, (-0.6, -0.15), 0.12),
        Pull({48: 0.7, 4: 0.3}, (0.4, -0.1), 0.12),
    ),
    "15": (
        Pull({48: 1.0}, (-0.15, 1.0), 0.16),
        Pull({48: 0.6, 5: 0.4}, (-0.1, 0.7), 0.18),
    ),
    "16": (
        Pull({58: 1.0}, (-0.15, 0.9), 0.16),
        Pull({58: 0.5, 6: 0.5}, (-0.25, 0.9), 0.22),
        Pull({59: 0.5, 5: 0.5}, (-0.3, 0.8), 0.24),
    ),
    "17": (
        Pull({57: 0.4, 8: 0.6}, (0.0, -1.0), 0.20),
        Pull({57: 1.0}, (0.0, -0.7), 0.14),
        Pull({48: 0.8, 5: 0.2}, (-0.05, 0.3), 0.12),
    ),
    "20": (
        Pull({48: 1.0}, (-1.0, 0.1), 0.17),
        Pull({48: 0.6, 4: 0.4}, (-0.6, 0.25), 0.20),
    ),
    "23": (
        Pull({48: 1.0}, (0.7, 0.0), 0.12),
        Pull({51: 0.5, 50: 0.5}, (0.0, 0.4), 0.09),
        Pull({57: 0.5, 58: 0.5}, (0.0, -0.4), 0.09),
    ),
    "24": (
        Pull({51: 0.5, 50: 0.5}, (0.0, 0.8), 0.11),
        Pull({57: 0.5, 58: 0.5}, (0.0, -0.8), 0.11),
    ),
    "25": (
        Pull({57: 0.5, 58: 0.5}, (0.0, 0.9), 0.15),
        Pull({50: 0.5, 51: 0.5}, (0.0, -0.3), 0.12),
    ),
    "26": (
        Pull({57: 0.5, 8: 0.5}, (0.0, 1.0), 0.28),
        Pull({58: 0.7, 6: 0.3}, (0.0, 0.7), 0.22),
    ),
}


@dataclass(frozen=True)
class Expression:
    """The expression of a clip, with the names that a dataset would give it."""

    emotion: str
    label: str
    shares: dict[str, float]
    objective_class: str

    @property
    def action_units(self) -> str:
        """The action units as coding sheets write them: ``4+9``."""
        return "+".join(self.shares)


# Action units and objective classes go together as in the CASME II coding; in
# each class the first unit is the strongest.
EXPRESSIONS: dict[str, tuple[Expression, ...]] = {
    "negative": (
        Expression("disgust", "negative", {"4": 1.0, "9": 0.9}, "IV"),
        Expression("repression", "negative", {"4": 0.9, "15": 0.9}, "VII"),
        Expression("disgust", "negative", {"4": 1.0}, "III"),
    ),
    "positive": (
        Expression("happiness", "positive", {"12": 1.0}, "I"),
        Expression("happiness", "positive", {"6": 0.7, "12": 1.0}, "I"),
    ),
    "surprise": (
        Expression("surprise", "surprise", {"1": 1.0, "2": 1.0}, "II"),
        Expression("surprise", "surprise", {"1": 0.9, "2": 1.0, "5": 0.6}, "II"),
        Expression("surprise", "surprise", {"1": 1.0, "2": 0.9, "25": 0.6, "26": 0.7}, "II"),
    ),
}
NEUTRAL = Expression("neutral", "neutral", {}, "")
LABELS = tuple(EXPRESSIONS)


def _at(landmarks: NDArray[np.float64], anchor: Combination) -> NDArray[np.float64]:
    weights = np.array(list(anchor.values()))
    return np.asarray(weights @ landmarks[list(anchor)], np.float64)


def displacement(
    expression: Expression,
    landmarks: NDArray[np.float64],
    shape: tuple[int, int],
    *,
    rng: np.random.Generator | None = None,
) -> NDArray[np.float32]:
    """Return the full displacement field of an expression, its peak scaled to 1 px.

    Parameters
    ----------
    expression
        The action units and their shares.
    landmarks
        (68, 2) in px of the image, of a face that stands upright.
    shape
        Height and width of the image.
    rng
        Draws how strong each unit is (0.8 to 1.2), and each side of it (a
        difference of at most 15 %); None draws nothing.

    Returns
    -------
    field
        (H, W, 2), float32, x right and y down; its largest length is 1.
    """
    field = np.zeros((*shape, 2), np.float32)
    for unit, share in expression.shares.items():
        strength = share * (1.0 if rng is None else rng.uniform(0.8, 1.2))
        tilt = 0.0 if rng is None else rng.uniform(-0.075, 0.075)
        add_pulls(
            field, ACTION_UNITS[unit], landmarks, strength * (1 + tilt), strength * (1 - tilt)
        )
    longest = np.hypot(field[..., 0], field[..., 1]).max()
    return np.asarray(field / longest, np.float32)


def add_pulls(
    field: NDArray[np.float32],
    pulls: tuple[Pull, ...],
    landmarks: NDArray[np.float64],
    right: float,
    left: float,
) -> None:
    """Add pulls to a field (H, W, 2) in place, with their strengths on the subject's two sides."""
    eye_distance = float(
        np.linalg.norm(landmarks[36:42].mean(axis=0) - landmarks[42:48].mean(axis=0))
    )
    ys, xs = np.mgrid[: field.shape[0], : field.shape[1]].astype(np.float32)
    for pull in pulls:
        sigma = pull.reach * eye_distance
        for strength, points, flip in ((right, landmarks, 1.0), (left, landmarks[MIRROR], -1.0)):
            x, y = _at(points, pull.anchor)
            bump = np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / np.float32(2 * sigma**2))
            bump *= strength
            field[..., 0] += np.float32(flip * pull.direction[0]) * bump
            field[..., 1] += np.float32(pull.direction[1]) * bump


@dataclass(frozen=True)
class Course:
    """The share of the expression in each frame.

    ``share`` is (N,), 0 to 1 and exactly 1 at ``apex`` alone; ``onset`` and
    ``offset`` are the first and the last frame with at least a tenth of it.
    All are 0-based positions.
    """

    share: NDArray[np.float64]
    onset: int
    apex: int
    offset: int


def course(rng: np.random.Generator) -> Course:
    """Draw a rise, a plateau and a fall, with still frames before and after.

    The rise takes 14 to 66 frames (the 5 to 95 % range of real clips at 200
    fps), the whole clip about 60 to 110. The plateau is a low dome, so that the
    apex is one frame. Up to 6 % of the motion is left at the end.
    """
    rise = int(np.round(np.exp(rng.uniform(np.log(14), np.log(66)))))
    hold = int(rng.integers(0, 7))
    ratio = np.exp(rng.uniform(-0.7, 0.7))
    fall = int(np.clip(np.round(rise * ratio), 12, max(16, 96 - rise - hold)))
    lead_in, lead_out = (int(n) for n in rng.integers(0, 17, 2))
    missing = max(0, 60 - (lead_in + rise + hold + fall + lead_out))
    before = int(rng.integers(0, missing + 1))
    lead_in, lead_out = lead_in + before, lead_out + missing - before
    left_over = rng.uniform(0.0, 0.06)
    return course_of(rise_and_fall(rng, (lead_in, rise, hold, fall, lead_out), left_over)[0])


def rise_and_fall(
    rng: np.random.Generator, lengths: tuple[int, int, int, int, int], left_over: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw how steep a rise and a fall are, and where the low dome between them is highest.

    ``lengths`` are those of lead-in, rise, plateau, fall and lead-out, in frames;
    ``left_over`` is the share that stays at the end. Returns the share of the
    motion in each of their N frames (N,), exactly 1 at its peak, and the fall
    alone (N,), from 1 to ``left_over``.
    """
    lead_in, rise, hold, fall, _ = lengths
    power_up, power_down = rng.uniform(0.8, 1.3, 2)
    t = np.arange(sum(lengths), dtype=np.float64)
    up = np.sin(np.pi / 2 * np.clip((t - lead_in) / rise, 0, 1)) ** (2 * power_up)
    down = np.clip((lead_in + rise + hold + fall - t) / fall, 0, 1)
    down = left_over + (1 - left_over) * np.sin(np.pi / 2 * down) ** (2 * power_down)
    centre = lead_in + rise + hold * rng.uniform(0.35, 0.65)
    dome = 1 - 0.04 * np.clip((t - centre) / (hold / 2 + 1), -1, 1) ** 2
    share = up * down * dome
    return share / share.max(), down


def course_of(share: NDArray[np.float64]) -> Course:
    """Return the course whose motion relative to its peak is ``share`` (N,)."""
    seen = np.flatnonzero(share >= 0.1)
    return Course(share, int(seen[0]), int(np.argmax(share)), int(seen[-1]))


def slow_noise(rng: np.random.Generator, count: int, terms: int = 3) -> NDArray[np.float64]:
    """Return (count,) values of a slow smooth wander, of about unit size.

    Sines whose periods are 0.6 to 3 times 100 frames (0.3 to 1.5 s at 200 fps).
    """
    t = np.arange(count)
    periods = np.exp(rng.uniform(np.log(60.0), np.log(300.0), terms))
    phases = rng.uniform(0, 2 * np.pi, terms)
    sizes = rng.uniform(0.4, 1.0, terms)
    waves = sizes[:, None] * np.sin(2 * np.pi * t / periods[:, None] + phases[:, None])
    return np.asarray(waves.sum(axis=0) * np.sqrt(2.0 / terms), np.float64)
