import os
import signal
import sys
import time
from pathlib import Path

import pytest

from mepipe.execution.processes import WorkerDied, run_tasks
from mepipe.execution.safe_start import hiding_files

# On a busy machine loky's own thread may find a task gone that was given up: a race within joblib,
# which ends that thread and nothing of ours. It is said during this test or one after it.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception in thread ExecutorManagerThread:pytest.PytestUnhandledThreadExceptionWarning"
)


def square(number):
    return number * number


def die_at_seven(number):
    if number == 7:
        os._exit(9)
    time.sleep(0.01)
    return number


def crash_at_seven(number):
    if number == 7:
        os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(0.01)
    return number


def run_out_of_memory_at_seven(number):
    if number == 7:
        # As the kernel does it.
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01)
    return number


def fail_at_three(number):
    if number == 3:
        raise ValueError("three")
    return number


@pytest.mark.parametrize("jobs", [1, 2])
def test_run_tasks_answers_every_task_once(jobs):
    answers = dict(run_tasks(square, list(range(20)), jobs))
    assert answers == {number: number * number for number in range(20)}


def test_run_tasks_loses_only_the_task_of_a_dead_worker():
    answers = dict(run_tasks(die_at_seven, list(range(20)), 2))
    assert isinstance(answers.pop(7), WorkerDied)
    assert answers == {number: number for number in range(20) if number != 7}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "reason"),
    [(crash_at_seven, "crashed in compiled code"), (run_out_of_memory_at_seven, "memory ran out")],
)
def test_worker_died_states_the_reason(function, reason):
    answers = dict(run_tasks(function, list(range(12)), 2))
    assert reason in answers.pop(7).reason
    assert answers == {number: number for number in range(12) if number != 7}


def test_run_tasks_survives_a_single_task_that_kills_its_worker():
    """As when an earlier run did all clips but this one."""
    ((number, answer),) = run_tasks(crash_at_seven, [7], 2)
    assert number == 7
    assert "SIGSEGV" in answer.reason


@pytest.mark.parametrize("jobs", [1, 2])
def test_run_tasks_raises_the_exception_of_a_task(jobs):
    with pytest.raises(ValueError, match="three"):
        list(run_tasks(fail_at_three, list(range(6)), jobs))
    # The workers are usable again afterwards.
    assert dict(run_tasks(square, [1, 2], jobs)) == {1: 1, 2: 4}


def test_run_tasks_closed_early_does_not_hang():
    answers = run_tasks(square, list(range(200)), 2)
    next(answers)
    answers.close()


def blas_threads(_):
    import numpy as np
    from threadpoolctl import threadpool_info

    np.ones((4, 4)) @ np.ones((4, 4))
    return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}


@pytest.mark.parametrize("jobs", [1, 2])
def test_run_tasks_limits_linear_algebra_to_one_thread(jobs):
    assert [answer for _, answer in run_tasks(blas_threads, [1, 2], jobs)] == [{1}, {1}]


def test_libraries_are_looked_for_again_only_when_a_module_was_loaded(monkeypatch):
    import threadpoolctl

    from mepipe.execution.processes import one_thread

    looked, real = [], threadpoolctl.ThreadpoolController

    def controller():
        looked.append(len(sys.modules))
        return real()

    monkeypatch.setattr(threadpoolctl, "ThreadpoolController", controller)
    monkeypatch.setitem(sys.modules, "one_more_module", threadpoolctl)
    for _ in range(3):
        one_thread(abs, -1)
    assert len(looked) == 1
    monkeypatch.setitem(sys.modules, "yet_another_module", threadpoolctl)
    one_thread(abs, -1)
    assert len(looked) == 2


def file_text(name):
    return Path(name).read_text()


def own_word(_):
    import own_module_of_the_caller

    return own_module_of_the_caller.WORD


def test_a_relative_path_means_the_same_in_workers_that_were_started_elsewhere(
    tmp_path, monkeypatch
):
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "name.txt").write_text(folder)
        monkeypatch.chdir(tmp_path / folder)
        answers = [answer for _, answer in run_tasks(file_text, ["name.txt"] * 2, 2)]
        assert answers == [folder, folder]


def test_workers_find_modules_where_the_caller_finds_them_now(tmp_path, monkeypatch):
    list(run_tasks(square, [1, 2], 2))  # the workers exist before the path changes
    (tmp_path / "own_module_of_the_caller.py").write_text("WORD = 'found'\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert [answer for _, answer in run_tasks(own_word, [1, 2], 2)] == ["found", "found"]


def test_workers_that_exist_run_although_the_folder_of_the_caller_is_gone(tmp_path, monkeypatch):
    list(run_tasks(square, [1, 2], 2))
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert dict(run_tasks(square, [1, 2], 2)) == {1: 1, 2: 4}


def environment(_):
    return os.environ.get("PYTHONSAFEPATH"), sys.flags.safe_path


def test_workers_start_without_the_current_folder_and_the_caller_keeps_its_environment():
    before = dict(os.environ)
    assert dict(run_tasks(environment, [1, 2], 2)) == {1: ("1", True), 2: ("1", True)}
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("name", "whose"), [("chunk.py", "standard library's"), ("cv2/__init__.py", "package")]
)
def test_a_dead_worker_and_a_hidden_module_are_named_together(tmp_path, monkeypatch, name, whose):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    ((_, answer),) = run_tasks(crash_at_seven, [7], 2)
    top = name.partition("/")[0]
    assert f"{top} in {tmp_path} hides the {whose}" in answer.reason
    assert str(tmp_path / top) in answer.remedy
    assert "Rename" in answer.remedy


def test_what_hides_nothing_is_not_named(tmp_path, monkeypatch):
    (tmp_path / "numpy").mkdir()  # no package
    (tmp_path / "my_nets.py").write_text("")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert hiding_files() == []
    (tmp_path / "signal.py").write_text("")
    assert hiding_files() == [tmp_path / "signal.py"]
    monkeypatch.setattr(sys, "path", [*sys.path[1:], str(tmp_path)])
    assert hiding_files() == [], "the last on the path hides nothing"
