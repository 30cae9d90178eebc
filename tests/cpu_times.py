"""The processor time of every test, with all the processes that it started: `make durations`.

The time on the wall says nothing on a busy machine. What a shared fixture costs stands with the
first test that needs it.
"""

import os

import psutil
import pytest

TIMES = {}
SLOW = set()
_HERE = psutil.Process()


def seconds():
    """Return the seconds of this process and all below it, also of those that have ended."""
    own = os.times()
    total = own.user + own.system + own.children_user + own.children_system
    for process in _HERE.children(recursive=True):
        try:
            used = process.cpu_times()
        except psutil.Error:
            continue
        total += used.user + used.system + used.children_user + used.children_system
    return total


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    before = seconds()
    result = yield
    TIMES[item.nodeid] = seconds() - before
    if item.get_closest_marker("slow"):
        SLOW.add(item.nodeid)
    return result


def pytest_terminal_summary(terminalreporter):
    write = terminalreporter.write_line
    for name, used in sorted(TIMES.items(), key=lambda one: -one[1])[:100]:
        write(f"{used:8.1f} s  {'slow  ' if name in SLOW else '      '}{name}")
    slow = sum(TIMES[name] for name in SLOW)
    write(f"{sum(TIMES.values()) - slow:8.1f} s  of the {len(TIMES) - len(SLOW)} that are not slow")
    write(f"{slow:8.1f} s  of the {len(SLOW)} slow ones")
