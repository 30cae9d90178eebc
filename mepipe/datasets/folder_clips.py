"""Makes clips of what lies in a generic folder and what its table says of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mepipe.datasets import emotions
from mepipe.datasets.clip import Clip, Dataset, Images, Note, Reject, Video
from mepipe.datasets.folder_people import People, find_people
from mepipe.datasets.label_table import Labels
from mepipe.datasets.marks import mark
from mepipe.errors import BadDataError, MepipeError, UnreadableInputError
from mepipe.plausible import RATES, is_rate, likely_rate

ClipKey = tuple[str, str]
"""The subject's folder (empty: none) and the clip's name."""


@dataclass
class Contents:
    """What lies in the folder.

    ``sources`` has, for each clip, its paths with the frames there, or with the
    reason why they cannot be read. ``tables`` has the files of each subject's folder.
    """

    sources: dict[ClipKey, list[tuple[Path, Images | Video | MepipeError]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    notes: list[Note] = field(default_factory=list)
    tables: list[tuple[str, Iterable[str]]] = field(default_factory=list)


def build_dataset(root: Path, name: str, disk: Contents, table: Labels | None) -> Dataset:
    """Join what lies on disk and the rows of the table to a dataset."""
    clips, rejects = [], []
    people = find_people(list(disk.sources), table)
    notes = [*people.notes, *disk.notes]
    # One bad clip costs that clip: all others are read.
    for key, sources in disk.sources.items():
        clip_id = "/".join(part for part in (name, *key) if part)
        try:
            source = _one_source(sources)
            clips.append(_clip(clip_id, name, key, source, people=people, table=table, notes=notes))
        except (BadDataError, UnreadableInputError) as error:
            rejects.append(Reject(clip_id, type(error).__name__, error.message, error.remedy))
    if table:
        notes += table.notes
    words = {clip.emotion for clip in clips if clip.emotion}
    notes += _misspelling_notes(words, table.path.name if table else "a folder's name")
    return Dataset(
        name=name,
        reader="folder",
        root=root,
        clips=tuple(sorted(clips, key=lambda clip: clip.id)),
        rejects=tuple(sorted(rejects, key=lambda reject: reject.clip)),
        notes=tuple(notes),
        # One word outside the vocabulary, and all of them are the user's own classes.
        own_words=not words <= emotions.VOCABULARY,
        table=table.path if table else None,
        times=table.times if table else (),
    )


def _misspelling_notes(words: set[str], where: str) -> list[Note]:
    """Return a note for each unknown word beside words of the field's vocabulary.

    It is probably a misspelling, and it turns all words into the user's own classes.
    """
    if not words & emotions.VOCABULARY:
        return []
    return [
        Note(
            None,
            f"{where}: {emotions.unknown_word(word)}: with it, the words themselves are the "
            "classes. Correct it, or name the classes with --set labels.classes=FILE.toml",
        )
        for word in sorted(words - emotions.VOCABULARY)
    ]


def _clip(
    clip_id: str,
    name: str,
    key: ClipKey,
    source: Images | Video,
    *,
    people: People,
    table: Labels | None,
    notes: list[Note],
) -> Clip:
    folder, subject = key[0], people.subjects[key]
    # Raises if the clip's rows differ: which of them is right cannot be known.
    row = table.row(key) if table else {}
    emotion = emotions.normalise(row.get("emotion", "")) or people.emotions.get(folder, "")
    if table and not row:
        notes.append(
            Note(
                clip_id,
                f"has no row in {table.path.name}",
                "labelled by its folder" if emotion else "unlabelled",
            )
        )
    # That the people of folders named after emotions are unknown is said once for all.
    if emotion and not subject and folder not in people.emotions:
        notes.append(
            Note(
                clip_id,
                "has an emotion but no subject, so it stays unlabelled: no evaluation "
                "can leave its person out. Move it into a subject's folder, or name the person in "
                "a column 'person' of labels.csv",
            )
        )
        emotion = ""
    fps = _rate(row.get("fps", ""))
    if row.get("fps") and fps is None:
        notes.append(
            Note(
                clip_id,
                f"the fps {row['fps'][:40]!r} is not a rate: cameras make {RATES}"
                + _slip(row["fps"]),
                f"not used; correct it in {table.path.name if table else 'the table'}",
            )
        )
    return Clip(
        id=clip_id,
        dataset=name,
        subject=subject,
        group=f"{name}/{subject}" if subject else "",
        source=source,
        fps=fps,
        onset=mark(row.get("onset", "")),
        apex=mark(row.get("apex", "")),
        offset=mark(row.get("offset", "")),
        emotion=emotion,
        action_units=row.get("action_units", ""),
    )


def _number(text: str) -> float:
    try:
        return float(text.replace(",", "."))  # many countries write 29,97
    except ValueError:
        return float("nan")


def _rate(text: str) -> float | None:
    """Return the frames per second in a cell (``200``, ``29,97``); None if no camera has them."""
    rate = _number(text)
    return rate if is_rate(rate) else None


def _slip(text: str) -> str:
    meant = likely_rate(_number(text))
    return f" (did you mean {meant:g}?)" if meant else ""


def _one_source(sources: list[tuple[Path, Images | Video | MepipeError]]) -> Images | Video:
    # a.mp4 beside a/ or b.avi beside b.mp4: often copies, but nothing says so.
    if len(sources) > 1:
        raise BadDataError(
            "several files or folders are this clip: "
            + " and ".join(path.name for path, _ in sources),
            "Rename or remove all of them but one.",
        )
    source = sources[0][1]
    if isinstance(source, MepipeError):
        raise source
    return source
