"""What every stage version gives on one made clip, pinned.

A failure here means that the same input gives other results. If that is meant,
raise the stage's version (old objects are then no longer taken for new ones),
and pin the new values under it. The roundings leave room for another CPU.
"""

import numpy as np
import pytest
from test_contract import walk

from mepipe.config import load_config
from mepipe.datasets.annotation import KeyFrame
from mepipe.frames import FrameReader, Timing
from mepipe.stages import STAGES, ClipInput

# fmt: off
PINNED = {
    ("face", 1, "annotation"): {
        "transforms": [[[0.86, -0.01, -167.15], [0.01, 0.86, -94.37]]],
        "inter_ocular_px": 108.0,
        "box": [205.3, 125.3, 445.3, 365.3],
        "landmarks": [[210.0, 200.0], [324.0, 374.0], [328.0, 251.0], [267.0, 283.0]],
    },
    ("spot", 1, "annotation"): {
        "onset, apex, offset": [10, 28, 39],
        "confidence": 1.0,
        "curve": [],
    },
    ("flow", 2, "annotation"): {
        "uv": (
            [[[-0.002, 0.082, -0.121, -0.002], [-0.037, 0.048, -0.077, 0.04], [-0.019, 0.006,
            0.025, 0.064], [0.001, 0.026, 0.059, 0.056]], [[0.221, 0.486, 0.542, 0.179], [0.103,
            0.243, 0.26, 0.067], [0.084, 0.019, -0.006, 0.047], [0.127, 0.07, 0.057, 0.043]]]
        ),
        "motion": [[0.999, 0.001, 0.142], [-0.001, 0.999, 0.45]],
    },
    ("tensor", 1, "annotation"): {
        "x": (
            [[[0.009, -0.015], [0.001, 0.019]], [[0.098, 0.097], [0.028, 0.013]], [[0.172,
            0.165], [0.096, 0.093]]]
        ),
        "largest": 1.0,
    },
    ("face", 1, "flow-peak"): {
        "transforms": [[[0.86, -0.01, -166.68], [0.01, 0.86, -94.75]]],
        "inter_ocular_px": 108.2,
        "box": [205.3, 125.3, 445.3, 365.3],
        "landmarks": [[210.0, 201.0], [324.0, 374.0], [328.0, 251.0], [267.0, 283.0]],
    },
    ("spot", 1, "flow-peak"): {
        "onset, apex, offset": [11, 27, 38],
        "confidence": 0.95,
        "curve": [0.0, 0.08, 0.39, 0.15, -0.01],
    },
    ("flow", 2, "flow-peak"): {
        "uv": (
            [[[-0.017, 0.074, -0.101, 0.019], [-0.04, 0.05, -0.065, 0.051], [-0.045, 0.005,
            0.024, 0.085], [-0.021, 0.002, 0.069, 0.047]], [[0.199, 0.438, 0.513, 0.177], [0.1,
            0.228, 0.26, 0.049], [0.082, 0.028, 0.009, 0.05], [0.14, 0.096, 0.087, 0.046]]]
        ),
        "motion": [[0.999, 0.001, 0.148], [-0.001, 0.999, 0.421]],
    },
    ("tensor", 1, "flow-peak"): {
        "x": (
            [[[0.006, -0.009], [-0.006, 0.021]], [[0.09, 0.093], [0.032, 0.018]], [[0.176,
            0.167], [0.102, 0.099]]]
        ),
        "largest": 1.0,
    },
}
# fmt: on


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    pytest.importorskip("skimage")
    from mepipe.sample import write

    out = tmp_path_factory.mktemp("pinned") / "sample"
    write(out, subjects=1, clips=1, seed=0)
    files = tuple(sorted((out / "s01" / "c01").iterdir()))
    return FrameReader(files, len(files), False, lambda _: None)


def rounded(array, digits):
    return (np.round(np.asarray(array, np.float64), digits) + 0.0).tolist()  # no -0.0


def summary(stage, result):
    """A few numbers that change when the stage's result does."""
    values, arrays = result.values, result.arrays
    if stage == "face":
        return {
            "transforms": rounded(np.array(values["transforms"]) * 224, 2),
            "inter_ocular_px": round(values["inter_ocular_px"], 1),
            "box": rounded(arrays["box"], 1),
            "landmarks": arrays["landmarks"][[0, 8, 30, 48]].tolist(),
        }
    if stage == "spot":
        curve = arrays["curve"]
        return {
            "onset, apex, offset": [values["onset"], values["apex"], values["offset"]],
            "confidence": round(values["apex_confidence"], 2),
            "curve": rounded(curve[:: max(len(curve) // 5, 1)], 2),
        }
    if stage == "flow":
        uv = arrays["uv"]
        cells = uv.reshape(2, 4, uv.shape[1] // 4, 4, -1).mean(axis=(2, 4))
        return {
            "uv": rounded(cells, 3),
            "motion": rounded(arrays["motion"], 3),
        }
    x = arrays["x"]
    cells = x.reshape(3, 2, x.shape[1] // 2, 2, -1).mean(axis=(2, 4))
    return {"x": rounded(cells, 3), "largest": round(float(np.abs(x).max()), 2)}


@pytest.mark.parametrize("method", ["annotation", "flow-peak"])
def test_results_are_those_of_the_version(clip, method):
    marks = [KeyFrame(i, i, "annotation") for i in (10, 28, 39)]
    chosen = ClipInput(clip, Timing(200.0), *(marks if method == "annotation" else ()))
    results = walk(chosen, load_config())
    for stage in STAGES:
        _, _, result = results[stage.name]
        pinned = PINNED[stage.name, stage.version, method]
        found = summary(stage.name, result)
        assert found.keys() == pinned.keys()
        for name, value in found.items():
            # One unit of the last digit: a rounding may fall on either side.
            np.testing.assert_allclose(
                value, pinned[name], atol=0.0011 if stage.name in ("flow", "tensor") else 0.011,
                err_msg=f"{stage.name} {stage.version} {method}: {name}",
            )  # fmt: skip
