"""``mepipe spot``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mepipe.cli.choices import cluster_address, cluster_options, setting_options
from mepipe.cli.errors import exit_codes, print_json
from mepipe.cli.progress import make_progress
from mepipe.cli.terminal import say
from mepipe.errors import EXIT_DONE, EXIT_NOTHING_USABLE, EXIT_SOME_FAILED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mepipe.recordings.events import Event
    from mepipe.recordings.result import RecordingEvents
    from mepipe.recordings.spot import Found

_SHOWN = 20  # movements of a recording that are printed


@click.command()
@click.argument("recordings", metavar="VIDEO_OR_FOLDER...", nargs=-1, required=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("mepipe-events"),
    show_default=True,
    help="Folder for events.csv, and the curve, captions (.vtt) and picture of each recording.",
)
@click.option(
    "--fps",
    type=float,
    help="Frames per second of images, or of a video whose own rate is wrong.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, min_open=True),
    help="Minimum strength of a movement, relative to noise. Default: 2.0.",
)
@setting_options
@click.option("--cache", type=click.Path(path_type=Path), help="The folder of the cache.")
@click.option(
    "--jobs",
    type=click.IntRange(1),
    help="Recordings that are searched at once. Default: 1; with dask: its workers decide.",
)
@cluster_options
@click.option("--elan", is_flag=True, help="Write a .eaf file of each recording for ELAN.")
@click.option("--no-pictures", is_flag=True, help="Draw no timelines.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    recordings: tuple[str, ...],
    out: Path,
    fps: float | None,
    threshold: float | None,
    config_file: Path | None,
    assignments: tuple[str, ...],
    cache: Path | None,
    jobs: int | None,
    backend: str,
    scheduler: str | None,
    *,
    elan: bool,
    no_pictures: bool,
    as_json: bool,
) -> None:
    """Find every movement of the face in recordings of any length, from onset to offset.

    A recording is a video, or a folder of images; a folder of several, or a dataset, is
    searched as a whole. What was measured is kept in the cache, a stretch of some seconds at
    a time: an interrupted search goes on there, and another threshold reads no frame again.

    \b
    Examples:
      mepipe spot interview.mp4
      mepipe spot interview.mp4 --threshold 3 --elan
      mepipe spot recordings/ --out events --json
    """
    with exit_codes(as_json=as_json) as ended_early:
        from mepipe.cache.location import cache_root
        from mepipe.cache.store import open_store
        from mepipe.config import load_config
        from mepipe.execution.context import Context
        from mepipe.recordings.spot import Found, open_sources, spot_sources
        from mepipe.recordings.written import require_own, write_found

        ended_early.update(_json(Found((), ()), out, []))
        address = cluster_address(backend, scheduler)
        if elan:
            from mepipe.recordings.elan import check_elan

            check_elan()
        if threshold is not None:
            assignments += (f"recordings.threshold={threshold}",)
        config = load_config(config_file, assignments)
        sources = open_sources(recordings, fps)
        # What is in the way of the result is told before the work.
        names = [one.clip.id for one in sources]
        require_own(out, names, pictures=not no_pictures, elan=elan)
        found = spot_sources(
            sources,
            config,
            Context(
                open_store(cache_root(cache)),
                jobs=jobs or 1,
                progress=make_progress(quiet=as_json),
                scheduler=address,
                cluster_jobs=jobs,
            ),
        )
        files = write_found(
            found.recordings,
            out,
            media={one.clip.id: one.video for one in sources if one.video is not None},
            pictures=not no_pictures,
            elan=elan,
        )
        if as_json:
            print_json(_json(found, out, files))
        else:
            _print(found, out, files)
        code = EXIT_SOME_FAILED if found.failures else EXIT_DONE
        if not found.recordings:
            code = EXIT_NOTHING_USABLE
    sys.exit(code)


def _json(found: Found, out: Path, files: Sequence[str]) -> dict[str, Any]:
    return {
        "recordings": [
            {
                "recording": one.name,
                "seconds": round(one.seconds, 3),
                "fps": one.fps,
                "face_seen": round(one.seen, 4),
                "cuts": list(one.cuts),
                "events": [_event_json(event, one) for event in one.events],
            }
            for one in found.recordings
        ],
        "failed": [
            {
                "recording": one.clip,
                "error": one.error,
                "message": one.message,
                "remedy": one.remedy,
            }
            for one in found.failures
        ],
        "out": str(out),
        "files": list(files),
    }


def _event_json(event: Event, one: RecordingEvents) -> dict[str, Any]:
    return {
        "kind": event.kind,
        "face": event.face,
        "onset": event.onset,
        "apex": event.apex,
        "offset": event.offset,
        "onset_s": round(float(one.times_ms[event.onset]) / 1000, 3),
        "strength": round(event.strength, 3),
        "confidence": round(event.confidence, 3),
        "px": round(event.px, 2),
        "regions": list(event.regions),
    }


def _print(found: Found, out: Path, files: Sequence[str]) -> None:
    for one in found.recordings:
        say(f"{one.name}: {_summary(one)}")
        for event in one.movements[:_SHOWN]:
            say(f"  {_line(event, one)}")
        if len(one.movements) > _SHOWN:
            say(f"  and {len(one.movements) - _SHOWN} more, in events.csv")
    for failure in found.failures:
        say(f"{failure.clip}: not searched: {failure.message}. {failure.remedy}", err=True)
    if files:
        say(f"written to {out}: {', '.join(files[:4])}{', ...' if len(files) > 4 else ''}")


def _summary(one: RecordingEvents) -> str:
    counts = dict.fromkeys(("micro", "macro", "blink", "turn", "speech"), 0)
    for event in one.events:
        counts[event.kind] = counts.get(event.kind, 0) + 1
    if not one.seen:
        return f"no face was found in {clock(one.seconds)}"
    said = [f"{counts['micro']} micro and {counts['macro']} macro movements"]
    said += [f"{counts['blink']} blinks", f"{counts['turn']} turns of the head"]
    if counts["speech"]:
        said.append(f"{counts['speech']} stretches of speech")
    if one.cuts:
        said.append(f"{len(one.cuts)} cuts")
    if one.seen < 0.995:
        said.append(f"a face in {one.seen:.0%} of the frames")
    return f"{', '.join(said)} in {clock(one.seconds)}"


def _line(event: Event, one: RecordingEvents) -> str:
    onset, apex = (float(one.times_ms[place]) / 1000 for place in (event.onset, event.apex))
    end = "?" if event.offset is None else clock(float(one.times_ms[event.offset]) / 1000)
    regions = ", ".join(name.replace("_", " ") for name in event.regions[:3])
    return (
        f"{event.kind}  {clock(onset)} to {end} (apex {clock(apex)}), {event.px:.1f} px, "
        f"confidence {event.confidence:.2f}: {regions}"
    )


def clock(seconds: float) -> str:
    """Return a time as minutes and seconds: 1:02.35."""
    whole = round(seconds * 100)
    return f"{whole // 6000}:{whole % 6000 / 100:05.2f}"
