"""``mepipe bench``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mepipe.cli.bench_cluster import cluster
from mepipe.cli.bench_device import device
from mepipe.cli.bench_growth import growth
from mepipe.cli.bench_review import review
from mepipe.cli.bench_spot import counting, spot
from mepipe.cli.errors import exit_codes
from mepipe.cli.progress import make_progress
from mepipe.cli.terminal import say

if TYPE_CHECKING:
    from mepipe.bench.flow import Row


@click.group()
def command() -> None:
    """Measure mepipe on this machine: medians of process time, all in one run.

    \b
    Example:
      mepipe bench flow --size 128 --size 224
    """


command.add_command(spot)
command.add_command(device)
command.add_command(review)
command.add_command(growth)
command.add_command(cluster)


@command.command()
@click.option("--size", "sizes", type=click.IntRange(32), multiple=True, help="Side of the face.")
@click.option(
    "--photos",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Photographs of faces, instead of scikit-image's astronaut.",
)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option(
    "--plot", type=click.Path(path_type=Path), help="Also draw the trade-off to this file."
)
def flow(sizes: tuple[int, ...], photos: Path | None, rounds: int, plot: Path | None) -> None:
    """Compare the flow engines: speed, agreement with OpenCV, and the exact truth.

    \b
    Example:
      mepipe bench flow --photos faces/ --plot trade-off.png
    """
    with exit_codes():
        from mepipe.bench.flow import SIZES, measure, trade_off
        from mepipe.errors import UsageError

        if plot is not None and not plot.absolute().parent.is_dir():
            raise UsageError(f"there is no folder {plot.parent}", "Create it, or choose another.")

        with counting("engines") as advance:
            rows = measure(photos, sizes or SIZES, rounds, advance)
        say(flow_table(rows))
        if plot is not None:
            from mepipe.viz.trade_off import trade_off_png

            with counting("settings") as advance:
                points = trade_off(photos, progress=advance)
            plot.write_bytes(trade_off_png([(p.settings, p.recovered, p.noise) for p in points]))
            say(f"\nplot {plot}")


def flow_table(rows: list[Row]) -> str:
    """Return the measurements as Markdown."""
    lines = [
        "| px | engine | ms | x OpenCV | ns/px/it | diff. mean | p99 | p99 off rim | max "
        "| error | rec. 0.3 | 0.6 | 1.2 | 3 | noise | fw-bw |",
        "|" + "---|" * 16,
    ]
    for row in rows:
        numbers = (
            f"{row.ms:.1f}", f"{row.ratio:.1f}", "" if row.ns != row.ns else f"{row.ns:.2f}",
            *(f"{value:.3f}" for value in row.difference), f"{row.error:.4f}",
            *(f"{value:.2f}" for value in row.recovered), f"{row.noise:.4f}",
            f"{row.forward_backward:.4f}",
        )  # fmt: skip
        lines.append(f"| {row.size} | {row.engine} | {' | '.join(numbers)} |")
    return "\n".join(lines)


@command.command()
@click.option(
    "--photos",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Photographs of faces, instead of scikit-image's astronaut.",
)
@click.option(
    "--peak",
    "peaks",
    type=click.FloatRange(0.05, 10),
    multiple=True,
    help="Largest motion of an expression, in px of the aligned face.",
)
@click.option(
    "--turn",
    "degrees",
    type=click.FloatRange(0, 5),
    nargs=2,
    metavar="FROM TO",
    help="By how many degrees heads turn. [default: 1 2]",
)
@click.option(
    "--crf",
    type=click.IntRange(0, 51),
    help="Code the frames with H.264 of this constant rate factor.",
)
@click.option("--only", multiple=True, help="One of the compared settings, instead of all.")
@click.option("--network", is_flag=True, help="Train the SPP network beside the SVM.")
@click.option(
    "--maps",
    is_flag=True,
    help="Compare instead what a model reads of a clip: one map, two phases, four frames; and the "
    "size of a tensor.",
)
@click.option("--clips", type=click.IntRange(3), help="With --maps: of each face. [default: 12]")
@click.option(
    "--seeds", type=click.IntRange(1), help="With --maps: trainings of the network on each split."
)
def features(
    photos: Path | None,
    peaks: tuple[float, ...],
    degrees: tuple[float, float] | None,
    crf: int | None,
    only: tuple[str, ...],
    network: bool,
    maps: bool,
    clips: int | None,
    seeds: int | None,
) -> None:
    """Compare the features with the exact truth, before and after each change of defaults.

    Four expressions on heads that keep still, drift or turn. With four faces and more, an SVM
    tells the expressions of a face that it has not seen. A pair takes about half a second with
    all settings, a face 36 pairs; a training of the network about 5 s, three for each face
    and setting.

    \b
    Examples:
      mepipe bench features --photos faces/ --peak 0.6
      mepipe bench features --photos faces/ --peak 0.4 --maps
    """
    with exit_codes():
        if maps:
            _compare_maps(photos, peaks, only, clips, seeds or 1, network=network)
            return
        from mepipe.bench.features import PEAKS, compared, feature_table, measure
        from mepipe.bench.moving_faces import DEGREES

        chosen = compared(only)
        with counting("pairs") as advance:
            rows = measure(
                photos,
                peaks or PEAKS,
                chosen,
                advance,
                degrees=degrees or DEGREES,
                crf=crf,
                network=network,
            )
        say(feature_table(rows, peaks or PEAKS))


def _compare_maps(
    photos: Path | None,
    peaks: tuple[float, ...],
    only: tuple[str, ...],
    clips: int | None,
    seeds: int,
    *,
    network: bool,
) -> None:
    from mepipe.bench.maps import CLIPS, compared_maps, map_table, measure
    from mepipe.errors import UsageError

    compared = compared_maps(only)
    if len(peaks) > 1:
        raise UsageError("--maps takes one --peak", "Give one, or none: 0.8 to 2 px are drawn.")
    with counting("clips") as advance:
        rows = measure(
            photos,
            clips=clips or CLIPS,
            peak=peaks[0] if peaks else None,
            compared=compared,
            seeds=seeds,
            network=network,
            progress=advance,
            report=lambda row: say(f"{row.reads} {row.size} done", err=True),
        )
    say(map_table(rows))


@command.command()
@click.option("--subjects", type=click.IntRange(1, 99), default=12, show_default=True)
@click.option("--clips", type=click.IntRange(1, 99), default=3, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
def run(subjects: int, clips: int, rounds: int) -> None:
    """Time a cold run over annotated clips, and the same steps written by hand.

    \b
    Example:
      mepipe bench run
    """
    with exit_codes():
        from mepipe.bench.run import measure

        with counting("runs") as advance:
            result = measure(subjects, clips, rounds, advance)
        for name, times in (("mepipe", result.mepipe), ("by hand", result.peer)):
            shown = ", ".join(f"{value:.1f}" for value in times)
            say(f"{name:<8} {shown} s of CPU over {result.clips} clips")
        say(f"ratio of medians {result.ratio:.1f}")


@command.command()
@click.option("--clips", type=click.IntRange(100), default=10_000, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
def cache(clips: int, rounds: int) -> None:
    """Measure the cost of the cache (planning, warm runs, storing), and count undetected damage.

    \b
    Example:
      mepipe bench cache
    """
    with exit_codes():
        import tempfile
        from pathlib import Path

        from mepipe.bench import cache as bench

        for count in sorted({clips // 5, clips}):
            one = bench.planning(count)
            say(
                f"planning {count} cached clips: {one.elapsed_s:.2f} s "
                f"({one.cpu_s:.2f} s of CPU), at most {one.peak_mb:.0f} MB"
            )
        for count in (250, 1000):
            elapsed, cpu, peak = bench.warm_run(count)
            say(
                f"warm run over {count} clips: {elapsed:.2f} s in all ({cpu:.2f} s of CPU), "
                f"at most {peak:.0f} MB"
            )
        # The network's tensor, and the aligned face: a small and a large object.
        for side in (28, 224):
            for _ in range(rounds):
                # A new folder each time, so that no round finds the objects of another.
                with tempfile.TemporaryDirectory() as scratch:
                    done = bench.storing(Path(scratch), side)
                say(
                    f"storing {done.size} bytes: {done.store_ms:.2f} ms, of these encoding "
                    f"{done.encode_ms:.2f}; plain write, fsync and replace {done.plain_ms:.2f} ms; "
                    f"ratio {done.ratio:.2f}"
                )
        with tempfile.TemporaryDirectory() as scratch:
            small, large, accepted = bench.flips(Path(scratch))
        say(f"bytes flipped: {small} (all) and {large} of a larger object, {accepted} accepted")


@command.command()
@click.option("--clips", type=click.IntRange(64), default=10_000, show_default=True)
@click.option(
    "--size",
    type=click.IntRange(4),
    default=28,
    show_default=True,
    help="Side of the tensors, in cells.",
)
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
def feed(clips: int, size: int, rounds: int) -> None:
    """Compare a torch DataLoader on features.h5 with one on a memory-mapped array.

    \b
    Example:
      mepipe bench feed --clips 2000
    """
    with exit_codes():
        from mepipe.bench.feed import measure

        say("| workers | features.h5, samples/s | memmap, samples/s | share |")
        say("|---|---|---|---|")
        for row in measure(clips, size, rounds, (0, 2)):
            say(f"| {row.workers} | {row.features:,.0f} | {row.memmap:,.0f} | {row.share:.0%} |")


@command.command()
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
def predict(rounds: int) -> None:
    """Time the prediction of a saved model on a clip of 2 s, 640x480, 30 frames per second.

    Loading the models is not included.

    \b
    Example:
      taskset -c 0 mepipe bench predict
    """
    with exit_codes():
        from statistics import median

        from mepipe.bench.predict import measure

        found = measure(rounds, make_progress(quiet=False))
        for name, times in (
            ("a video", found.video),
            ("in memory", found.frames),
            ("its picture", found.picture),
        ):
            cpu, clock = (median(column) for column in zip(*times, strict=True))
            say(f"{name:<11} {cpu:.2f} s of CPU, {clock:.2f} s of the clock")


@command.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True)
@click.option(
    "--seconds",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="Length of the 1920x1080 recording that is made.",
)
def decode(files: tuple[Path, ...], rounds: int, seconds: int) -> None:
    """Compare the decoding of videos with OpenCV's. Without FILES, videos are made.

    \b
    Example:
      mepipe bench decode smile.mp4 --rounds 5
    """
    with exit_codes():
        import tempfile

        from mepipe.bench.decode import decode_table, make, measure

        with tempfile.TemporaryDirectory() as folder:
            videos = list(files) or make(Path(folder), seconds)
            with counting("videos") as advance:
                rows = measure(videos, rounds, advance)
        say(decode_table(rows))
