"""Two rendered frames of a face that moves, through the stages of a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mepipe.assets import template
from mepipe.config.settings import Config
from mepipe.face import fit_similarity, warp_face
from mepipe.sample import factors
from mepipe.sample.identity import HEIGHT, WIDTH, Subject, make_subject
from mepipe.sample.movement import Course, Expression, displacement
from mepipe.sample.photos import load_photos
from mepipe.sample.render import Part, Scene, frames
from mepipe.schema import CLASSES
from mepipe.stages.flow import movement
from mepipe.stages.tensor import scaled_tensor
from mepipe.synthetic.dataset import Float32, MadeSet
from mepipe.synthetic.expressions import draw_units

Float = NDArray[np.float64]

PAIRS = 12
"""Movements of one subject: making one takes as long as some movements."""
SMALLEST, LARGEST = 0.5, 8.0  # peak of the expression, px of the frame, 110 px between the eyes
# Shift x and y (px), roll (rad), growth, yaw and pitch (rad): standard deviations.
HEAD = (0.5, 0.5, 0.003, 0.002, 0.012, 0.012)
FOUND = 1.0  # px by which a landmark is found beside its place


def render_set(
    count: int,
    seed: int,
    config: Config,
    photos: Path | None = None,
    advance: Callable[[], None] | None = None,
) -> MadeSet:
    """Render ``count`` movements and compute their tensors as a run does, the classes in turn.

    Face, head, light and sensor noise are those of the synthetic sample, and landmarks
    are found beside their places. Movement i depends on ``seed``, i and the photographs.

    Parameters
    ----------
    count
        Movements.
    seed
        Of all that is drawn.
    config
        The settings of the flow and the tensor stage.
    photos
        Photographs of faces; None: scikit-image's astronaut.
    advance
        Called after each.

    Raises
    ------
    UsageError
        As `mepipe.sample.photos.load_photos`.
    """
    pictures = load_photos(photos)
    made = []
    for number in range(count):
        person = number // PAIRS
        if number % PAIRS == 0:
            subject = make_subject(pictures[person % len(pictures)], person, seed)
        rng = np.random.default_rng([seed, number])
        units = draw_units(CLASSES[number % len(CLASSES)], rng)
        made.append(_tensor(subject, units, (seed, person, number), rng, config))
        if advance is not None:
            advance()
    return MadeSet(np.stack(made), np.arange(count) % len(CLASSES))


def _tensor(
    subject: Subject,
    units: tuple[str, ...],
    draw: tuple[int, int, int],
    rng: np.random.Generator,
    config: Config,
) -> Float32:
    shares = {unit: float(np.exp(rng.uniform(-0.4, 0.3))) for unit in units}
    expression = Expression("", "", shares, "")
    peak = float(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST))))
    field = displacement(expression, subject.landmarks, (HEIGHT, WIDTH), rng=rng)
    share = np.array([0.0, 1.0])
    scene = Scene(
        subject,
        expression,
        Course(share, 0, 1, 1),
        peak,
        (Part(field * np.float32(peak), share),),
        share[:, None] * rng.normal(0, HEAD),
        1 + share * rng.normal(0, 0.005),
        draw,
        relief=factors.relief(draw, subject.landmarks, subject.depth, subject.eye_distance),
    )
    still, moved = frames(scene)
    rigid = list(template().rigid)
    found = subject.landmarks[rigid] + rng.normal(0, FOUND, (len(rigid), 2))
    transform = fit_similarity(found, template().points[rigid])
    reference = warp_face(still, transform, config.flow.size)
    flow = movement(reference, moved, transform, config).uv
    eyes = template().inter_ocular * config.flow.size
    x: Float32 = scaled_tensor(flow, config.tensor, eyes)
    return x
