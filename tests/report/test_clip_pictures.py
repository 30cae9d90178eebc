"""A clip's pictures in the report are those of what its tensor was made of."""

import numpy as np
import pytest

from mepipe.cache.keys import object_key
from mepipe.cache.objects import StoredObject
from mepipe.cache.store import Store
from mepipe.flow import optical_strain
from mepipe.pipeline.outcome import ClipOutcome, StageOutcome
from mepipe.report.clip_pictures import ClipWork, pictures_of
from mepipe.viz.thumbnails import strain_thumbnail

SPOTTED = {
    "onset": 1, "apex": 4, "offset": 8, "movement": True, "visible": [0, 9],
    **{f"{name}_source": "spotted" for name in ("onset", "apex", "offset")},
    **{f"{name}_confidence": 0.9 for name in ("onset", "apex", "offset")},
}  # fmt: skip
FLOWED = {"uv": "px of the aligned face", "inter_ocular": 40.0}


@pytest.mark.parametrize("sigma", [None, 6.0])
def test_strain_is_drawn_as_the_tensor_has_it(tmp_path, sigma):
    store = Store(tmp_path)
    store.create()
    uv = np.random.default_rng(0).normal(size=(2, 96, 96)).astype(np.float32)
    settings = {"size": 28} if sigma is None else {"size": 28, "strain_sigma": sigma}
    made = {
        "face": ({}, {}, {}),
        "spot": ({}, SPOTTED, {"curve": np.zeros(9, np.float32)}),
        "flow": ({"frames": ["a", "b"]}, FLOWED, {"uv": uv, "motion": np.eye(2, 3)}),
        "tensor": ({"settings": settings}, {}, {"x": np.zeros((3, 28, 28), np.float32)}),
    }
    stages = {}
    for stage, (parts, values, arrays) in made.items():
        key = object_key(stage, 1, parts)
        name = store.write(StoredObject(stage, 1, key, parts, values, arrays))
        stages[stage] = StageOutcome(key, parts, name.digest, values, None, {}, computed=True)
    work = ClipWork.of(ClipOutcome("a/s/c", stages), None, faces=False)
    found = pictures_of(work, tmp_path)
    assert not found.missing
    assert (found.strain, found.largest_strain) == strain_thumbnail(optical_strain(uv, sigma or 0))
    assert found.strain != strain_thumbnail(optical_strain(uv, 3))[0]
