import itertools
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mepipe.errors import UsageError
from mepipe.networks.pyramid import cells_of, map_sizes, overhang, plan, windows


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
        (28, 2, (7, 6, 5, 4, 3)),
        (28, 3, (4, 3, 2, 2, 2)),
        (56, 2, (14, 10, 7, 6, 5)),
        (64, 2, (16, 11, 8, 7, 6)),
        (112, 2, (7, 6, 5, 4, 3)),
    ],
)
def test_cells_of_every_branch(size, position, cells):
    assert plan(size, (2, 3, 4, 5, 6), position).cells == cells


def test_equal_branches_are_named():
    text = plan(28, (2, 3, 4, 5, 6), 2, cells="fewest").describe()
    assert "kernel 2: 7x7, kernel 3: 5x5, kernel 4: 4x4, kernel 5: 3x3, kernel 6: 3x3" in text
    assert "warning: kernels 5 and 6 have the same number of cells" in text
    assert plan(28, (2, 3, 4, 5, 6), 3).equal == ((4, 5, 6),)
    assert "warning" not in plan(28, (2, 3, 4, 5), 2, cells="fewest").describe()
    assert "warning" not in plan(28, (2, 3, 4, 5, 6), 2).describe()
    assert plan(28, (), 2).describe() == "no pyramid"


def test_a_smaller_kernel_has_one_window_more_only_where_two_would_be_equal():
    assert cells_of(14, (6, 2, 5, 3, 4), "upsample", "distinct") == (3, 7, 4, 6, 5)
    assert cells_of(14, (2, 3, 4), "upsample", "distinct") == (7, 5, 4)
    # A window of 2 would lie outside of 3 cells, so the three stay two scales.
    assert cells_of(3, (2, 3), "upsample", "distinct") == (2, 1)
    assert cells_of(7, (4, 5, 6), "upsample", "distinct") == (2, 2, 2)
    # As many windows more than one border as beyond the other: the same in a mirror.
    for kernel, cells in zip((2, 3, 4, 5, 6), (7, 6, 5, 4, 3), strict=True):
        spans = windows(14, kernel, "upsample", cells)
        assert spans == tuple((14 - end, 14 - start) for start, end in reversed(spans))


@given(st.integers(2, 60), st.sets(st.integers(2, 12), min_size=1, max_size=6))
def test_distinct_windows_cover_any_map_and_none_is_empty(size, kernels):
    few = cells_of(size, sorted(kernels), "upsample", "fewest")
    cells = cells_of(size, sorted(kernels), "upsample", "distinct")
    assert cells == few or len(set(cells)) == len(cells)
    if len(set(few)) == len(few):
        assert cells == few
    for kernel, count in zip(sorted(kernels), cells, strict=True):
        spans = windows(size, kernel, "upsample", count)
        assert len(spans) == count
        assert all(start < end for start, end in spans)
        assert set(itertools.chain(*(range(*span) for span in spans))) == set(range(size))
        assert 0 <= overhang(size, kernel, count) < kernel


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


def test_there_is_no_third_choice_of_cells():
    with pytest.raises(UsageError, match=r"model\.cells = most"):
        plan(28, (2, 3), 2, cells="most")


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
