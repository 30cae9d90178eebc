"""What the facts of a video mean for its clip, in words for the user."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mepipe.datasets.clip import Note
from mepipe.errors import BadDataError
from mepipe.frames import Sudden, VideoFacts

_SHOWN = 3
# Below this rate, a movement of 200 ms covers at most 12 frames.
_FEW_FPS = 60


def video_notes(clip: str, facts: VideoFacts) -> list[Note]:
    """Return what there is to say about a video that is used."""
    return [Note(clip, problem, handling) for problem, handling in _notes(facts)]


def _notes(facts: VideoFacts) -> list[tuple[str, str]]:
    notes = []
    missing = facts.declared - facts.count
    if 0 < missing <= facts.hidden:
        notes.append(
            (
                f"the video holds {facts.declared} frames, and its edit list hides {missing} of "
                "them, as after a cut without encoding again",
                f"the {facts.count} frames that a player shows are used",
            )
        )
    elif missing > 0:
        notes.append(
            (
                f"the video's header promises {facts.declared} frames, and {facts.count} are in "
                f"the file: the last {missing} are probably lost, as in a copy that broke off",
                f"the {facts.count} frames are used",
            )
        )
    if facts.torn:
        notes.append(
            (
                f"the file breaks off within frame {facts.count}",
                f"the {facts.count} frames before it are used",
            )
        )
    if facts.interlaced:
        notes.append(
            (
                f"{facts.interlaced} of {facts.count} frames are interlaced: each holds two half "
                "pictures of different moments",
                "the lines of the second half are made from the first (FFmpeg's bwdif)",
            )
        )
    if facts.combed:
        notes.append(
            (
                "where the picture moves, its lines form combs: the video is interlaced and does "
                "not say so",
                "the lines of the second half are made from the first (FFmpeg's bwdif)",
            )
        )
    if facts.pixel_shape != (1, 1):
        wide, high = facts.pixel_shape
        notes.append(
            (
                f"the video's pixels are not square ({wide}:{high})",
                f"frames are resampled to {facts.width} x {facts.height} px with square pixels",
            )
        )
    if facts.mirrored:
        notes.append(("the video is to be shown mirrored", "frames are mirrored as players do"))
    if facts.mended:
        notes.append(
            (
                f"{facts.mended} of {facts.count} time stamps are missing, or not later than the "
                "one before",
                "these times are put between those of the neighbours",
            )
        )
    notes += [
        (
            f"frames {damage.first} to {damage.last} of the video{_from(facts, damage.first)} are "
            f"damaged ({damage.reason})",
            "they are not used: the clip fails if a stage needs one of them",
        )
        for damage in facts.damage[:_SHOWN]
    ]
    if len(facts.damage) > _SHOWN:
        notes.append((f"{len(facts.damage) - _SHOWN} more runs of damaged frames", "likewise"))
    notes += sudden_notes(facts.sudden)
    if facts.repeats:
        text = repeats_text(len(facts.repeats), facts.count, facts.fps)
        notes.append((text, REPEATS_HANDLING))
    return notes


def sudden_notes(found: Sequence[Sudden]) -> list[tuple[str, str]]:
    """Return what there is to say of sudden changes, (problem, handling) each."""
    cuts = [one.position for one in found if one.is_cut]
    parts = [one.position for one in found if not one.is_cut]
    notes = []
    if parts:
        notes.append(
            (
                f"parts of the picture change at once in frame {_listed(parts)}: a blink or a cut "
                "does so, and damage that no decoder notices, too",
                "the clip is used; look at these frames",
            )
        )
    if cuts:
        notes.append(
            (
                f"the whole picture changes at once in frame {_listed(cuts)}: a cut, or damage",
                "the clip is used; cut it there if it shows two scenes",
            )
        )
    return notes


def _listed(positions: Sequence[int]) -> str:
    shown = ", ".join(map(str, positions[:_SHOWN]))
    return shown + (f" and {len(positions) - _SHOWN} more" if len(positions) > _SHOWN else "")


REPEATS_HANDLING = "spotting sees each picture once, at the time of its first frame"


def repeats_text(repeats: int, count: int, fps: float | None) -> str:
    """Return how many frames repeat a picture, and how often the picture really changes."""
    text = f"{repeats} of {count} frames show the same picture as the frame before"
    if fps:
        text += f": {fps * (1 - repeats / count):.4g} new pictures a second, not {fps:.4g}"
    return text


def _from(facts: VideoFacts, position: int) -> str:
    time = facts.time_s(position)
    return "" if time is None else f" (from {time:.2f} s)"


def doubtful_rate(path: Path, facts: VideoFacts) -> BadDataError:
    """Return the error for a video whose own rate must not be believed."""
    return BadDataError(
        f"{path}: {facts.doubt}",
        "Give the rate at which the camera recorded: a column fps in labels.csv, or "
        "--set data.fps=N for all such videos.",
    )


def rate_notes(rates: Iterable[float | None]) -> list[Note]:
    """Return a note if clips have so few frames per second that a movement has only a few."""
    slow = [fps for fps in rates if fps and fps < _FEW_FPS]
    if not slow:
        return []
    shown = " to ".join(dict.fromkeys(f"{fps:g}" for fps in (min(slow), max(slow))))
    return [
        Note(
            None,
            f"{len(slow)} clip(s) have fewer than {_FEW_FPS} frames per second ({shown}): at this "
            "rate a micro-expression lasts only a few frames; published sets use 100 to 200",
        )
    ]
