"""Write what was found in recordings into a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mepipe.cache.keys import sha256_text
from mepipe.cache.manifest import Manifest
from mepipe.recordings.result import RecordingEvents
from mepipe.recordings.tables import curve_csv, events_csv
from mepipe.recordings.web_vtt import events_vtt

EVENTS = "events.csv"


def write_found(
    recordings: Sequence[RecordingEvents],
    out: Path,
    *,
    media: dict[str, Path],
    pictures: bool = True,
    elan: bool = False,
) -> list[str]:
    """Write the events of recordings, and for each its curve, captions and picture.

    Parameters
    ----------
    recordings
        What was found.
    out
        The folder. Only files that mepipe wrote there are replaced.
    media
        The video of each recording that is one, by name: ELAN opens it.
    pictures
        Draw a timeline of each recording.
    elan
        Write a .eaf file of each recording.

    Returns
    -------
    The names of the files, in order. None without a recording: then what stands there stays.

    Raises
    ------
    UsageError
        If a file is in the way that mepipe did not write, or pympi-ling is missing.
    SystemProblemError
        If the folder cannot be written.
    """
    if not recordings:
        return []
    manifest = Manifest(out)
    written: list[str] = []

    def write(name: str, data: bytes) -> None:
        manifest.write(name, spotted_key(name), data)
        written.append(name)

    # One file in memory at a time: a curve of hours is long.
    write(EVENTS, events_csv(recordings).encode())
    for one, stem in zip(recordings, stems([one.name for one in recordings]), strict=True):
        write(f"{stem}-curve.csv", curve_csv(one).encode())
        write(f"{stem}.vtt", events_vtt(one).encode())
        if elan:
            from mepipe.recordings.elan import events_eaf, link_from

            video = media.get(one.name)
            write(f"{stem}.eaf", events_eaf(one, None if video is None else link_from(out, video)))
        if pictures:
            from mepipe.recordings.picture import events_png

            write(f"{stem}.png", events_png(one))
    return written


def spotted_key(name: str) -> str:
    """Return the key that the manifest has for a file of `write_found`."""
    return sha256_text(name)


def require_own(out: Path, names: Sequence[str], *, pictures: bool, elan: bool) -> None:
    """Check that what will be written of recordings of these names can be, before the work.

    Parameters
    ----------
    out, pictures, elan
        As for `write_found`.
    names
        Of the recordings.

    Raises
    ------
    UsageError
        If a file is in the way that mepipe did not write, or two recordings would have one.
    """
    endings = ["-curve.csv", ".vtt"] + [".eaf"] * elan + [".png"] * pictures
    files = [stem + ending for stem in stems(names) for ending in endings]
    Manifest(out).require_own([EVENTS, *files])


def stems(names: Sequence[str]) -> list[str]:
    """Return a file name without ending for each recording, all different.

    Raises
    ------
    UsageError
        If two recordings would have one.

    Examples
    --------
    >>> from mepipe.recordings.written import stems
    >>> stems(["interview", "lab/s01/r01", "lab/s02/r01"])
    ['interview', 'lab-s01-r01', 'lab-s02-r01']
    """
    from mepipe.io.file_names import UniqueNames, plain_name

    unique = UniqueNames("file name", "Search them in two calls, or rename one.")
    found = []
    for name in names:
        stem = plain_name(name.replace("/", "-"), name)
        unique.claim(stem, name, name)
        found.append(stem)
    return found
