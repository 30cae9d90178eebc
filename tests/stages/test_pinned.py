"""What every stage version gives on one made clip, pinned.

A failure here means that the same input gives other results. If that is meant,
raise the stage's version (old objects are then no longer taken for new ones),
and pin the new values under it. The roundings leave room for another CPU.
"""

import numpy as np
import pytest
from test_contract import walk

from mepipe.bench.features import BEFORE
from mepipe.clips.annotation import KeyFrame
from mepipe.clips.clip_input import ClipInput
from mepipe.config import load_config
from mepipe.frames import FrameReader, Timing
from mepipe.stages import STAGES

# The defaults of flow and tensor since these versions. Their keys hold what was changed, and the
# version of the head's model (mepipe.flow.head.MODEL_VERSION, 2 here), so the versions stay: what
# they give with the settings of before is pinned under ``before``.
# fmt: off
PINNED = {
    ("flow", 2, "annotation"): {
        "uv": (
            [[[0.042, 0.123, -0.138, -0.017], [0.007, 0.073, -0.084, 0.011], [0.015, 0.015, 0.033,
            0.02], [0.012, 0.026, 0.037, 0.011]], [[0.146, 0.524, 0.579, 0.166], [0.085, 0.276,
            0.292, 0.079], [0.046, 0.031, 0.002, 0.032], [0.018, 0.046, 0.031, 0.009]]]
        ),
        "motion": [[0.999, 0.001, 0.113], [-0.001, 0.999, 0.405]],
    },
    ("tensor", 1, "annotation"): {
        "x": (
            [[[0.023, -0.021], [0.006, 0.009]], [[0.096, 0.104], [0.013, 0.007]], [[0.124, 0.141],
            [0.018, 0.019]]]
        ),
        "largest": 0.45,
    },
    ("flow", 2, "flow-peak"): {
        "uv": (
            [[[0.045, 0.137, -0.176, -0.032], [0.027, 0.095, -0.092, 0.009], [0.024, 0.028, 0.035,
            0.02], [0.017, 0.041, 0.038, 0.0]], [[0.156, 0.566, 0.617, 0.183], [0.087, 0.293,
            0.317, 0.074], [0.036, 0.03, 0.003, 0.012], [0.011, 0.048, 0.027, 0.004]]]
        ),
        "motion": [[0.999, 0.001, 0.171], [-0.001, 0.999, 0.375]],
    },
    ("tensor", 1, "flow-peak"): {
        "x": (
            [[[0.028, -0.027], [0.01, 0.009]], [[0.103, 0.111], [0.012, 0.004]], [[0.131, 0.151],
            [0.02, 0.017]]]
        ),
        "largest": 0.5,
    },
    ("face", 4, "annotation"): {
        "transforms": [[[0.86, -0.01, -167.76], [0.01, 0.86, -94.46]]],
        "inter_ocular_px": 107.9,
        "box": [205.3, 125.3, 445.3, 365.3],
        "landmarks": [[211.0, 199.8], [324.2, 373.4], [327.8, 251.0], [266.6, 283.0]],
    },
    ("spot", 4, "annotation"): {
        "onset, apex, offset": [10, 28, 39],
        "confidence": 1.0,
        "curve": [],
    },
    ("flow", 2, "annotation", "before"): {
        "uv": (
            [[[0.005, 0.094, -0.105, 0.017], [-0.035, 0.056, -0.073, 0.042], [-0.027, 0.003,
            0.028, 0.072], [-0.016, 0.007, 0.057, 0.05]], [[0.207, 0.471, 0.545, 0.195], [0.089,
            0.24, 0.264, 0.069], [0.073, 0.017, -0.002, 0.057], [0.111, 0.071, 0.065, 0.052]]]
        ),
        "motion": [[0.998, 0.001, 0.133], [-0.001, 0.998, 0.475]],
    },
    ("tensor", 1, "annotation", "before"): {
        "x": (
            [[[0.011, -0.011], [-0.003, 0.019]], [[0.094, 0.1], [0.025, 0.016]], [[0.172,
            0.172], [0.09, 0.099]]]
        ),
        "largest": 1.0,
    },
    ("face", 4, "flow-peak"): {
        "transforms": [[[0.86, -0.01, -166.94], [0.01, 0.86, -95.0]]],
        "inter_ocular_px": 108.1,
        "box": [205.3, 125.3, 445.3, 365.3],
        "landmarks": [[210.67, 201.33], [324.67, 373.33], [328.0, 250.67], [267.0, 283.0]],
    },
    ("spot", 4, "flow-peak"): {
        "onset, apex, offset": [8, 27, 39],
        "confidence": 0.9,
        "curve": [0.04, 0.16, 0.61, 0.26, 0.0],
    },
    ("flow", 2, "flow-peak", "before"): {
        "uv": (
            [[[-0.046, 0.053, -0.112, 0.003], [-0.093, 0.058, -0.085, 0.084], [-0.065, 0.022,
            0.031, 0.129], [-0.04, 0.023, 0.117, 0.062]], [[0.228, 0.46, 0.572, 0.202], [0.112,
            0.26, 0.289, 0.05], [0.11, 0.025, -0.001, 0.058], [0.155, 0.111, 0.092, -0.012]]]
        ),
        "motion": [[0.998, 0.001, 0.21], [-0.001, 0.998, 0.461]],
    },
    ("tensor", 1, "flow-peak", "before"): {
        "x": (
            [[[-0.003, -0.01], [-0.006, 0.032]], [[0.099, 0.103], [0.037, 0.013]], [[0.222,
            0.206], [0.17, 0.15]]]
        ),
        "largest": 1.0,
    },
}

# With flow.targets = 3, by the versions of flow and of tensor.
SEQUENCES = {
    (2, 1): {
        "flow": (
            [[[[0.059, -0.033], [0.058, 0.064]], [[0.213, 0.188], [0.038, 0.0]]], [[[0.056,
            -0.068], [0.009, 0.014]], [[0.231, 0.25], [0.017, 0.001]]], [[[0.005, 0.008], [-0.005,
            0.005]], [[0.008, 0.01], [0.003, 0.002]]]]
        ),
        "motion": (
            [[[0.999, 0.0, 0.118], [0.0, 0.999, 0.16]], [[0.999, 0.001, 0.156], [-0.001, 0.999,
            0.43]], [[0.999, 0.0, 0.009], [0.0, 0.999, 0.442]]]
        ),
        "tensor": (
            [[[[0.022, -0.012], [0.022, 0.024]], [[0.079, 0.07], [0.014, 0.0]], [[0.097, 0.103],
            [0.019, 0.019]]], [[[0.021, -0.025], [0.003, 0.005]], [[0.086, 0.093], [0.006, 0.0]],
            [[0.118, 0.137], [0.014, 0.015]]], [[[0.002, 0.003], [-0.002, 0.002]], [[0.003,
            0.004], [0.001, 0.001]], [[0.018, 0.017], [0.013, 0.014]]]]
        ),
    },
    (2, 1, "before"): {
        "flow": (
            [[[[-0.009, -0.017], [-0.003, 0.063]], [[0.154, 0.148], [0.044,
            0.008]]], [[[-0.005, -0.027], [0.001, 0.09]], [[0.253, 0.245], [0.101,
            0.031]]], [[[-0.074, 0.063], [-0.006, 0.131]], [[0.132, 0.085], [0.213,
            0.116]]]]
        ),
        "motion": (
            [[[0.999, 0.0, 0.199], [0.0, 0.999, 0.269]], [[0.998, 0.001, 0.168],
            [-0.001, 0.998, 0.46]], [[0.999, 0.0, 0.009], [0.0, 0.999, 0.442]]]
        ),
        "tensor": (
            [[[[-0.003, -0.006], [-0.001, 0.023]], [[0.057, 0.055], [0.017, 0.003]],
            [[0.142, 0.13], [0.099, 0.095]]], [[[-0.002, -0.01], [0.0, 0.033]],
            [[0.094, 0.091], [0.038, 0.011]], [[0.198, 0.182], [0.141, 0.135]]],
            [[[-0.028, 0.023], [-0.002, 0.049]], [[0.049, 0.032], [0.079, 0.043]],
            [[0.176, 0.128], [0.201, 0.181]]]]
        ),
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
    return FrameReader(files, len(files), None, lambda _: None)


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
            "landmarks": rounded(arrays["landmarks"][[0, 8, 30, 48]], 2),
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


@pytest.mark.parametrize("settings", [(), BEFORE], ids=["default", "before"])
@pytest.mark.parametrize("method", ["annotation", "flow-peak"])
def test_results_are_those_of_the_version(clip, method, settings):
    marks = [KeyFrame(i, i, "annotation") for i in (10, 28, 39)]
    chosen = ClipInput(clip, Timing(200.0), *(marks if method == "annotation" else ()))
    results = walk(chosen, load_config(None, settings))
    for stage in STAGES:
        _, _, result = results[stage.name]
        as_before = ("before",) if settings and stage.name in ("flow", "tensor") else ()
        pinned = PINNED[(stage.name, stage.version, method, *as_before)]
        found = summary(stage.name, result)
        assert found.keys() == pinned.keys()
        for name, value in found.items():
            # One unit of the last digit: a rounding may fall on either side.
            np.testing.assert_allclose(
                value, pinned[name], atol=0.0011 if stage.name in ("flow", "tensor") else 0.011,
                err_msg=f"{stage.name} {stage.version} {method}: {name}",
            )  # fmt: skip


@pytest.mark.parametrize("settings", [(), BEFORE], ids=["default", "before"])
def test_sequences_are_those_of_the_versions(clip, settings):
    marks = [KeyFrame(i, i, "annotation") for i in (10, 28, 39)]
    found = walk(
        ClipInput(clip, Timing(200.0), *marks), load_config(None, ["flow.targets=3", *settings])
    )
    flow, tensor = (found[name][2].arrays for name in ("flow", "tensor"))
    pinned = SEQUENCES[(STAGES[2].version, STAGES[3].version, *(["before"] if settings else []))]
    summaries = {
        "flow": flow["sequence"].reshape(3, 2, 2, 112, 2, 112).mean(axis=(3, 5)),
        "motion": flow["sequence_motion"],
        "tensor": tensor["sequence"].reshape(3, 3, 2, 14, 2, 14).mean(axis=(3, 5)),
    }
    for name, value in summaries.items():
        np.testing.assert_allclose(rounded(value, 3), pinned[name], atol=0.0011, err_msg=name)
