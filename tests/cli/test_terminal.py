"""What the terminal page promises: progress, colour, completion."""

import os
import re
import subprocess
import sys

import pytest

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7])[;m]")
PROGRAM = [sys.executable, "-c", "from mepipe.cli import main; main(prog_name='mepipe')"]


@pytest.fixture
def features(write_features, tmp_path):
    return write_features(tmp_path / "features.h5")


@pytest.fixture
def on_a_terminal(features, tmp_path):
    """Run an export with a terminal for standard error; return what it shows there."""
    pty = pytest.importorskip("pty", reason="this system has no such terminals")

    def run(**environment):
        ours, theirs = pty.openpty()
        keep = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        out = tmp_path / f"out{len(environment)}"
        done = subprocess.Popen(
            [*PROGRAM, "export", str(features), "--to", "npz", "--out", str(out)],
            stdout=subprocess.DEVNULL,
            stderr=theirs,
            env={**keep, "TERM": "xterm-256color", **environment},
        )
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 4096):
                shown += chunk
        except OSError:  # the other side is closed
            pass
        os.close(ours)
        assert done.wait() == 0
        return shown.decode()

    return run


def test_a_terminal_has_a_bar_with_the_time_left_and_no_color_takes_the_colour(on_a_terminal):
    shown = on_a_terminal()
    assert "export npz" in shown
    assert "left" in shown
    assert COLOUR.search(shown)
    plain = on_a_terminal(NO_COLOR="1")
    assert "export npz" in plain
    assert not COLOUR.search(plain)


def test_elsewhere_there_are_plain_lines(mepipe, features):
    done = mepipe("export", features, "--to", "npz", "--out", "arrays")
    assert "export npz: 18/18 (" in done.stderr
    assert "\x1b" not in done.stderr + done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_a_script(mepipe, shell):
    program = "from mepipe.cli import main; main(prog_name='mepipe')"
    done = mepipe(code=program, env={"_MEPIPE_COMPLETE": f"{shell}_source"})
    assert f"_MEPIPE_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.parametrize(
    ("words", "position", "found"),
    [
        ("mepipe pre", 1, "predict"),
        ("mepipe cache ex", 2, "explain"),
        ("mepipe run --dr", 2, "--dry-run"),
        ("mepipe run --until te", 3, "tensor"),
    ],
)
def test_the_tab_key_completes(mepipe, words, position, found):
    program = "from mepipe.cli import main; main(prog_name='mepipe')"
    done = mepipe(
        code=program,
        env={
            "_MEPIPE_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(position),
        },
    )
    assert done.stdout.split() == [f"plain,{found}"]
