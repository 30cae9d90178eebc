"""Made flow: the same for the same draw, of every class, and of faces of their own."""

import numpy as np
import pytest

from mepipe.config.settings import TensorSettings
from mepipe.sample.movement import ACTION_UNITS
from mepipe.schema import CLASSES
from mepipe.synthetic.dataset import SPREAD, make_set
from mepipe.synthetic.expressions import COMBINATIONS, draw_units
from mepipe.synthetic.fields import SIDE, draw_face, draw_field, expression_field

SETTINGS = TensorSettings()


def test_every_class_has_combinations_of_known_units():
    assert tuple(COMBINATIONS) == CLASSES
    for options in COMBINATIONS.values():
        assert all(set(one.units) <= set(ACTION_UNITS) and one.weight > 0 for one in options)
    # No combination belongs to two classes: its label would be a coin.
    every = [one.units for options in COMBINATIONS.values() for one in options]
    assert len(set(every)) == len(every)


@pytest.mark.parametrize("name", CLASSES)
def test_units_are_drawn_as_often_as_their_weights_say(name):
    rng = np.random.default_rng(0)
    drawn = [draw_units(name, rng) for _ in range(3000)]
    total = sum(one.weight for one in COMBINATIONS[name])
    for one in COMBINATIONS[name]:
        assert drawn.count(one.units) / 3000 == pytest.approx(one.weight / total, abs=0.03)


def test_a_movement_depends_on_its_number_alone():
    short, long = make_set(4, 7, SETTINGS), make_set(6, 7, SETTINGS)
    assert long.x[:4].tobytes() == short.x.tobytes()
    assert make_set(4, 8, SETTINGS).x.tobytes() != short.x.tobytes()
    assert long.y.tolist() == [0, 1, 2, 0, 1, 2]
    assert short.x.shape == (4, 3, SETTINGS.size, SETTINGS.size)
    assert short.x.dtype == np.float32
    assert np.isfinite(short.x).all()


def test_brows_rise_in_surprise_and_corners_of_the_mouth_in_a_smile():
    for units, rows in ((("1", "2"), slice(0, SIDE // 2)), (("12",), slice(SIDE // 2, SIDE))):
        for seed in range(5):
            rng = np.random.default_rng(seed)
            u, v = expression_field(draw_face(rng), units, rng)
            size = np.hypot(u, v)
            assert size.max() == pytest.approx(1, abs=1e-5)
            place = np.unravel_index(size.argmax(), size.shape)
            assert rows.start <= place[0] < rows.stop
            assert v[place] < -0.4  # up


def test_people_and_recordings_differ():
    fields = [draw_field(("12",), np.random.default_rng(seed)) for seed in range(12)]
    peaks = [float(np.hypot(*field).max()) for field in fields]
    assert max(peaks) > 3 * min(peaks)
    spots = {int(np.hypot(*field).argmax()) // SIDE // 8 for field in fields}
    assert len(spots) > 1


def test_a_share_has_its_channels_scaled_apart():
    x = make_set(60, 1, SETTINGS).x
    spans = np.ptp(x, axis=(2, 3))
    apart = np.isclose(spans, 1, atol=1e-4).all(axis=1)
    assert apart.mean() == pytest.approx(SPREAD, abs=0.2)
