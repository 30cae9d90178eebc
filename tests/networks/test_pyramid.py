import subprocess
import sys

import pytest

from mepipe.errors import UsageError
from mepipe.networks.pyramid import map_sizes, plan


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        (28, (28, 14, 7, 7, 7)),
        (56, (56, 28, 14, 14, 14)),
        (112, (56, 14, 7, 7, 7)),
        (224, (112, 28, 14, 14, 14)),
    ],
)
def test_map_sizes(size, sizes):
    assert map_sizes(size) == sizes
    assert sizes[1] >= 12  # what the pyramid of the paper needs after layer 2


@pytest.mark.parametrize(
    ("size", "position", "cells"),
    [
        (28, 1, (14, 10, 7, 6, 5)),
        (28, 2, (7, 5, 4, 3, 3)),
        (28, 3, (4, 3, 2, 2, 2)),
        (56, 2, (14, 10, 7, 6, 5)),
        (112, 2, (7, 5, 4, 3, 3)),
    ],
)
def test_cells_of_every_branch(size, position, cells):
    assert plan(size, (2, 3, 4, 5, 6), position).cells == cells


def test_equal_branches_are_named():
    text = plan(28, (2, 3, 4, 5, 6), 2).describe()
    assert "kernel 2: 7x7, kernel 3: 5x5, kernel 4: 4x4, kernel 5: 3x3, kernel 6: 3x3" in text
    assert "warning: kernels 5 and 6 have the same number of cells" in text
    assert plan(28, (2, 3, 4, 5, 6), 3).equal == ((4, 5, 6),)
    assert "warning" not in plan(28, (2, 3, 4, 5), 2).describe()
    assert plan(28, (), 2).describe() == "no pyramid"


@pytest.mark.parametrize(
    ("size", "position", "mode", "kernels", "cells"),
    [
        (28, 2, "same", (2, 3, 4), (14, 14, 14)),
        (28, 2, "bins", (1, 2, 3, 6), (1, 2, 3, 6)),
        (112, 4, "bins", (2, 7), (2, 7)),
        (28, 5, "flat", (2, 3, 4, 5, 6), (2, 3, 4, 5, 6)),
        (224, 5, "flat", (1, 14), (1, 14)),
    ],
)
def test_cells_in_every_mode(size, position, mode, kernels, cells):
    assert plan(size, kernels, position, mode).cells == cells


def test_modes_describe_themselves():
    assert plan(28, (2, 3), 2, "same").describe() == (
        "pyramid after layer 2 on 14x14, mode same: kernel 2: 14x14, kernel 3: 14x14"
    )
    assert plan(28, (1, 6), 5, "flat").describe() == (
        "pyramid after layer 5 on 7x7, mode flat: bins 1: 1x1, bins 6: 6x6"
    )


@pytest.mark.parametrize(
    ("kernels", "position", "words"),
    [
        ((2, 15), 2, "kernel 15 does not fit"),
        ((2, 8), 4, "after layer 4 is 7x7"),
        ((2, 2), 2, "must differ"),
        ((1, 2), 2, "at least 2"),
        ((2,), 6, "layers 1 to 5"),
        ((2,), 0, "layers 1 to 5"),
    ],
)
def test_plan_refuses_impossible_kernels(kernels, position, words):
    with pytest.raises(UsageError, match=words) as error:
        plan(28, kernels, position)
    assert error.value.remedy


def test_a_plan_needs_no_torch():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import mepipe.networks.registry, mepipe.evaluation.network_training\n"
        "import mepipe.evaluation.folds\n"
        "import mepipe.evaluation.results, mepipe.evaluation.device, mepipe.viz.confusion\n"
        "from mepipe.networks.pyramid import plan; print(plan(28, (2,), 2).cells)\n"
        "assert 'matplotlib' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "(7,)\n", done.stderr
