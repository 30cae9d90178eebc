"""Objects of the motion stage with values that it never gives: their clips have no motion."""

import math

import numpy as np
from odd_outputs import changed, parts

from mepipe.cache.keys import object_key
from mepipe.cache.objects import StoredObject
from mepipe.cache.store import Store
from mepipe.clips.clip_task import Failure
from mepipe.pipeline.motion_objects import Motion, Motions

VALUES = {
    **{"onset": 2, "apex": 5, "offset": 7, "movement": True, "strength": 2.5, "visible": [1, 9]},
    **{f"{name}_confidence": 0.5 for name in ("onset", "apex", "offset")},
    **{f"{name}_source": "spotted" for name in ("onset", "apex", "offset")},
    **{"frame_ms": 5.0, "regions": ["brow", "mouth"]},
}
ARRAYS = {"curve": np.zeros(9, np.float32), "regions": np.zeros((9, 2, 2), np.float32)}


def found(root, values, arrays=ARRAYS):
    store = Store(root)
    store.create()
    name = store.write(StoredObject("motion", 1, object_key("motion", 1, {}), {}, values, arrays))
    return Motions(store, {"one": name}).found("one")


def test_odd_values_give_a_failure_that_says_what_to_do(tmp_path):
    assert isinstance(found(tmp_path, VALUES), Motion)
    # The values of an object are JSON, which has neither infinity nor NaN.
    odd = [one for one in parts(VALUES) if type(one[1]) is not float or math.isfinite(one[1])]
    failures = [found(tmp_path, changed(VALUES, *one)) for one in odd]
    failures = [one for one in failures if isinstance(one, Failure)]
    assert len(failures) > 150
    assert all(one.message and one.remedy for one in failures)


def test_curves_of_other_lengths_are_none_of_the_clip(tmp_path):
    for name, shape in (("curve", (3,)), ("regions", (9, 3, 2)), ("regions", (4, 2, 2))):
        odd = {**ARRAYS, name: np.zeros(shape, np.float32)}
        assert isinstance(found(tmp_path, VALUES, odd), Failure)
    alone = found(tmp_path, VALUES, {"curve": ARRAYS["curve"]})
    assert isinstance(alone, Motion)
    assert alone.vectors == {}
