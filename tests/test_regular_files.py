"""What is no regular file, or is made of holes, is refused at once, and is neither waited for."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from mepipe.regular_files import read_regular, regular

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")


@needs_pipes
def test_a_pipe_a_socket_a_device_and_a_folder_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the name of a socket may have 100 characters
    os.mkfifo("pipe")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket")
        for path, what in (
            ("pipe", "a named pipe"),
            ("socket", "a socket"),
            ("/dev/zero", "a device"),
            (".", "a folder"),
        ):
            with pytest.raises(OSError, match=f"it is {what}, and no regular file"):
                regular(path)
            with pytest.raises(OSError, match=what):
                read_regular(path, 10)


@needs_pipes
def test_a_link_to_a_pipe_is_no_way_around(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "1.png").symlink_to(tmp_path / "pipe")
    with pytest.raises(OSError, match="named pipe"):
        regular(tmp_path / "1.png")


def test_a_pipe_that_takes_the_place_of_a_file_is_not_waited_for(tmp_path, monkeypatch):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    monkeypatch.setattr("mepipe.regular_files.os.stat", lambda _: os.lstat(__file__))
    with pytest.raises(OSError, match="named pipe"):
        regular(path)


def test_no_more_is_read_than_asked_for(tmp_path):
    (tmp_path / "file").write_bytes(bytes(10))
    assert read_regular(tmp_path / "file", 10) == bytes(10)
    with pytest.raises(OSError, match="it has 10 bytes, and more than 9 are not read"):
        read_regular(tmp_path / "file", 9)


def test_a_file_that_is_all_holes_broke_off_and_a_full_one_is_read(tmp_path):
    path = tmp_path / "video.mp4"
    with path.open("wb") as file:
        file.write(b"some")
        file.truncate(100_000_000_000)
    if path.stat().st_blocks * 512 > 50_000_000 or not hasattr(os, "SEEK_HOLE"):
        pytest.skip("this file system has no holes")
    with pytest.raises(OSError, match=r"of its 100000000000 bytes only \d+ were ever written"):
        regular(path)
    with path.open("wb") as file:
        file.truncate(1000)
    os.close(regular(path))


def test_descriptors_are_closed_again(tmp_path):
    """In a process of its own: this one has others."""
    code = (
        "import os, sys\n"
        "from mepipe.regular_files import regular\n"
        "path = sys.argv[1]\n"
        "with open(path, 'wb') as file: file.truncate(10**11)\n"
        "before = len(os.listdir('/proc/self/fd'))\n"
        "for _ in range(5):\n"
        "    try: regular(path)\n"
        "    except OSError: pass\n"
        "assert len(os.listdir('/proc/self/fd')) == before\n"
    )
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("there is no /proc")
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "file")], check=True)
