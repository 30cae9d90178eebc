"""What hostile names, closed or full streams and signals at odd moments do to a command."""

import ast
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import mepipe.cli
from mepipe.cli.terminal import open_console, say
from mepipe.visible import visible, visible_json

ESCAPES = {
    "clipboard": "\x1b]52;c;cm0gLXJm\x07",
    "title": "\x1b]0;owned\x07",
    "clear": "\x1b[2J\x1b[H",
    "8 bits": "\x9b31mred",
    "backspaces": "good\b\b\b\bevil",
    "line": "name\r0 problem(s)",
    "turned": "evil\u202egnp.exe",
    "paragraph": "a\u2029b",
    "half": "a\udce4b",
}
PROGRAM = [sys.executable, "-c", "from mepipe.cli import main; main(prog_name='mepipe')"]
FORBIDDEN = set(map(chr, (*range(9), *range(11, 32), *range(0x7F, 0xA0), 0x2028, 0x2029, 0x202E)))


@given(st.text(st.characters(exclude_categories=[])))
@example("".join(ESCAPES.values()))
def test_no_terminal_obeys_what_is_printed(text):
    shown = visible(text)
    assert not FORBIDDEN & set(shown.encode().decode())


@given(st.dictionaries(st.text(), st.text(st.characters(exclude_categories=[]))))
def test_json_for_a_terminal_reads_back_as_the_same_values(content):
    text = visible_json(json.dumps(content, ensure_ascii=False))
    assert not FORBIDDEN & set(text.encode().decode())
    assert json.loads(text) == content


@pytest.mark.parametrize("name", ESCAPES)
def test_names_are_shown_as_codes_everywhere(name, capsys):
    from rich.markup import escape
    from rich.table import Table

    text = ESCAPES[name]
    say(f"{text}: said")
    say(f"{text}: said", err=True)
    console = open_console()
    console.print(escape(text), "printed")
    table = Table(escape(text), title=escape(text))
    table.add_row(escape(text))
    console.print(table)
    for part in capsys.readouterr():
        assert not FORBIDDEN & set(part)
        assert "said" in part


def test_nothing_reaches_the_terminal_by_another_way():
    """`say`, `say_json` and `open_console` are the only functions that print."""
    for path in Path(mepipe.cli.__file__).parent.glob("*.py"):
        if path.name == "terminal.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in {"click.echo", "click.secho", "print", "Console"}, path
                assert not called.startswith(("sys.stdout.w", "sys.stderr.w")), path


@pytest.mark.parametrize("name", ESCAPES)
def test_a_check_prints_no_escape_of_a_name(name, tmp_path):
    import cv2
    import numpy as np
    from click.testing import CliRunner

    folder = tmp_path / "data" / f"s{ESCAPES[name]}01" / f"c{ESCAPES[name]}"
    folder.mkdir(parents=True)
    for number in range(3):
        picture = cv2.imencode(".png", np.full((8, 8), number, np.uint8))[1]
        (folder / f"{number}.png").write_bytes(picture.tobytes())
    for more in ((), ("--json",)):
        run = CliRunner().invoke(
            mepipe.cli.main,
            ["check", str(tmp_path / "data"), "--cache", str(tmp_path / "cache"), *more],
        )
        assert run.exception is None or isinstance(run.exception, SystemExit), run.exception
        assert run.exit_code in {0, 2, 3, 4}
        shown = run.stdout + run.stderr
        assert shown
        assert not FORBIDDEN & set(shown)


def ran(command, folder, **environment):
    """Run a command in a folder and return what became of it."""
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def shell(line, folder, **environment):
    """Run ``mepipe`` in a shell, where $M stands for it."""
    quoted = " ".join(f"'{word}'" if " " in word or "'" in word else word for word in PROGRAM[:2])
    program = f'{quoted} "{PROGRAM[2]}"'
    return ran(["sh", "-c", line.replace("$M", program)], folder, **environment)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("$M cache path >&-", 0),
        ("$M cache path 2>&-", 0),
        ("$M cache path <&- >&- 2>&-", 0),
        ("$M run nowhere 2>&-", 2),
        ("$M cache path --json >/dev/full", 6),
        ("$M cache path >/dev/full", 6),
        ("$M doctor >/dev/full", 6),
        ("$M run nowhere 2>/dev/full", 2),
        ("mkdir gone && cd gone && rmdir ../gone && $M cache path --cache here", 6),
        ("mkdir gone && cd gone && rmdir ../gone && $M check here", 2),
    ],
)
def test_streams_and_folders_that_are_gone_end_in_a_code_and_no_traceback(line, code, tmp_path):
    if "/dev/full" in line and not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    done = shell(line, tmp_path, MEPIPE_CACHE=str(tmp_path / "cache"))
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode == code, done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_names_of_any_script_are_printed_in_any_locale(encoding, tmp_path):
    done = shell("$M check 表情", tmp_path, PYTHONIOENCODING=encoding)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


STARTED = """
import os, signal, sys, time
import mepipe.cli as cli
signal.signal(signal.SIGINT, signal.default_int_handler)
import mepipe.cache.location as location
def wait(option):
    os.kill(os.getpid(), {number})
    time.sleep(60)
location.cache_root = wait
{more}
cli.main(prog_name="mepipe")
"""


@pytest.mark.parametrize(
    ("number", "more", "code", "said"),
    [
        ("signal.SIGINT", "", 130, "interrupted"),
        ("signal.SIGTERM", "", 143, "terminated"),
        ("signal.SIGHUP", "", 143, "terminated"),
        # With nohup a hangup is ignored; the command goes on, here until it is asked to end.
        (
            "signal.SIGHUP); os.kill(os.getpid(), signal.SIGTERM",
            "signal.signal(signal.SIGHUP, signal.SIG_IGN)",
            143,
            "terminated",
        ),
    ],
)
def test_signals_end_a_command_with_their_code(number, more, code, said, tmp_path):
    program = STARTED.format(number=number, more=more)
    done = ran([sys.executable, "-c", program, "cache", "path"], tmp_path)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_before_the_work_and_while_python_ends_prints_no_traceback(tmp_path):
    before = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
import importlib
def interrupted(name):
    raise KeyboardInterrupt
import mepipe.cli as cli
cli.importlib.import_module = interrupted
cli.main(prog_name="mepipe")
"""
    after = """
import atexit, os, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
def late():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)
atexit.register(late)
import mepipe.cli as cli
cli.main(prog_name="mepipe")
"""
    for program, codes in ((before, {130}), (after, {130, -signal.SIGINT})):
        done = ran([sys.executable, "-c", program, "cache", "path"], tmp_path)
        assert done.returncode in codes, done.stderr
        assert "Traceback" not in done.stderr
