"""A container whose shared memory is full or read-only: the work goes on, one task at a time."""

import subprocess
import sys

import pytest

CODE = """
import errno, os, warnings
import _multiprocessing

def refused(*_, **__):
    raise OSError(errno.{number}, os.strerror(errno.{number}))

# What is asked of the type, and not of a semaphore, is still answered.
refused.SEM_VALUE_MAX = _multiprocessing.SemLock.SEM_VALUE_MAX
_multiprocessing.SemLock = refused
from mepipe.execution.processes import run_tasks

with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    print(sorted(run_tasks(abs, [-1, -2, -3], 2)))
print("serial" in str([str(one.message) for one in told]))
"""


@pytest.mark.parametrize("number", ["ENOSPC", "EROFS", "EACCES"])
def test_tasks_run_one_after_the_other(number):
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(number=number)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[(-3, 3), (-2, 2), (-1, 1)]", "True"]
