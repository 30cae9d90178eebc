"""The command: it says what is wrong before any work, and ends with Ctrl-C."""

import os
import signal
import subprocess
import sys
import urllib.request

import pytest
from click.testing import CliRunner

from mepipe.cli import main
from mepipe.review.server import bind


def test_a_folder_that_is_no_run_and_a_missing_cache(run_copy):
    folder = str(run_copy)
    said = CliRunner().invoke(main, ["review", folder, "--no-open"])
    assert said.exit_code == 2
    assert "is not an output folder of a run" in said.output
    empty = str(run_copy / "other")
    said = CliRunner().invoke(main, ["review", f"{folder}/out", "--no-open", "--cache", empty])
    assert said.exit_code == 2
    assert "no record of the run" in said.output


def test_a_port_in_use(run_copy):
    listener = bind(0)
    port = str(listener.getsockname()[1])
    said = CliRunner().invoke(main, ["review", str(run_copy / "out"), "--port", port])
    listener.close()
    assert said.exit_code == 2
    assert f"port {port} of 127.0.0.1 cannot be used" in said.output


def test_the_extra_is_asked_for_first(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    said = CliRunner().invoke(main, ["review", "nowhere"])
    assert said.exit_code == 2
    assert "pip install 'mepipe[review]'" in said.output


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_it_answers_and_ends_with_ctrl_c(run_copy):
    cache = str(run_copy / "cache")
    words = ["review", str(run_copy / "out"), "--cache", cache, "--no-open", "--coder", "ann"]
    code = "import sys; from mepipe.cli import main; main(sys.argv[1:])"
    with subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        lines = [process.stdout.readline() for _ in range(2)]
        assert "corrections-ann.csv (no run reads this file by itself)" in lines[0]
        address = lines[1].split()[-1]
        with urllib.request.urlopen(address, timeout=600) as answer:
            assert b"<title>Review - mepipe</title>" in answer.read()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=600)
    assert process.returncode == 0
    assert "all changes are saved" in rest
    assert errors == ""


BUSY = """
import threading, time
import cv2, numpy as np
from mepipe.review.server import end
def work(image=np.ones((2000, 2000), np.float32)):
    while True:
        cv2.GaussianBlur(image, (31, 31), 5)
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.5)
print("ended")
end()
"""


def test_the_end_is_quiet_while_threads_are_at_work():
    done = subprocess.run([sys.executable, "-c", BUSY], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


def test_an_answer_that_the_end_cut_short_is_no_error():
    import asyncio
    import logging

    from mepipe.review.server import _not_cut_short

    def kept(error):
        try:
            raise error
        except (ValueError, asyncio.CancelledError):
            info = sys.exc_info()
        return _not_cut_short(logging.LogRecord("x", logging.ERROR, "", 0, "bad", (), info))

    assert not kept(asyncio.CancelledError())
    assert kept(ValueError("a bug"))
