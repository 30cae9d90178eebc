"""Workers end with the process that started them, however that ended."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows keeps no parents")

PARENT = """
import os, sys, time
sys.path.insert(0, os.path.dirname({here!r}))
from test_orphans import long
from mepipe.execution import processes
{setup}
list(processes.run_tasks(long, [1, 2], jobs=2))
"""
ALONE = """
processes._alone(long, 1)
"""


def long(number):
    # Said only here: the worker is at work, and holds the pipe that it inherited.
    print(f"at work {os.getpid()}", flush=True)
    time.sleep(600)
    return number


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


BY_LOOKING = """
import os, subprocess, sys
child = '''
import os, time
vars(os).pop("pidfd_open", None)
from mepipe.execution.orphans import end_with
end_with(os.getppid())
print("at work", os.getpid(), flush=True)
time.sleep(600)
'''
subprocess.run([sys.executable, "-c", child])
"""
WAYS = {
    "several": (PARENT.format(here=__file__, setup=""), 2),
    "alone": (PARENT.format(here=__file__, setup=ALONE), 1),
    "on a system without descriptors of processes": (BY_LOOKING, 1),
}


@pytest.mark.parametrize("way", WAYS)
def test_workers_of_a_killed_parent_end_and_let_go_of_its_pipes(way):
    program, workers = WAYS[way]
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    found = [int(process.stdout.readline().split()[-1]) for _ in range(workers)]
    process.send_signal(signal.SIGKILL)
    # Without an end of the workers this would wait for ten minutes.
    process.communicate(timeout=300)
    deadline = time.monotonic() + 300
    while any(map(is_alive, found)):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.05)
