"""The names that ``mepipe.viz`` offers."""

import subprocess
import sys

import pytest

from mepipe import viz


@pytest.mark.parametrize("name", viz.__all__)
def test_every_name_is_there(name):
    assert getattr(viz, name).__name__ == name


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'plot'"):
        viz.plot  # noqa: B018


def test_the_door_is_light():
    code = (
        "import sys, mepipe.viz\n"
        "assert 'matplotlib' not in sys.modules and 'cv2' not in sys.modules\n"
        "assert 'flow_colours' in dir(mepipe.viz)\n"
        "assert 'numpy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
