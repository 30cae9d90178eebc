"""The reader of SMIC's short clips: HS (100 fps), VIS and NIR (25 fps).

::

    SMIC_all_raw/HS/s1/micro/negative/s1_ne_01/image559740.bmp
    SMIC_all_cropped/HS/s1/micro/surprise/s1_sur_01/reg_image559740.bmp
    .../s1/non_micro/...                                          not used

There is no sheet. A clip's class is in its name (ne, po, sur) and in the folder
above it; where the two differ the name is followed and the clip is noted. The
first frame is the onset and the last the offset; no apex is annotated.

One folder may hold HS, VIS and NIR: they are one `Dataset` called ``smic``
whose clips' ids tell them apart (``smic-hs/s01/s01_ne_01``). A folder with one
of them, or ``SMIC_all_raw/HS`` itself, is ``smic-hs``. A person is the same in
all of them (``smic/s01``), so none is on both sides of a split. Raw and cropped
clips have the same ids: one of the two is read in a run.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from mepipe.datasets import emotions
from mepipe.datasets.clip import Clip, Dataset, Images, Mark, Note, Reject
from mepipe.datasets.clip_trees import Shape, folders_in, locate, nested, plain
from mepipe.datasets.frames_on_disk import list_folder, list_frames, missing_runs
from mepipe.errors import BadDataError, UnreadableInputError, UsageError

PERSONS = "smic"
_RATES = {"hs": 100.0, "vis": 25.0, "nir": 25.0}
CODES = {"ne": "negative", "po": "positive", "sur": "surprise"}

_SUBJECT = re.compile(r"s?0*([0-9]{1,3})\Z", re.IGNORECASE)
_CLIP = re.compile(r"(s?[0-9]+)_(ne|po|sur)_0*([0-9]+)\Z", re.IGNORECASE)
_SHAPE = Shape(
    "SMIC",
    "SMIC_all_raw/HS/s1/micro/negative/s1_ne_01/image559740.bmp",
    re.compile(r"smic(?!e|hse|vise|nire).*|hs|vis|nir"),
    nested(re.compile(r"s[0-9]{1,3}", re.IGNORECASE), re.compile(r"(?:non_)?micro", re.IGNORECASE)),
)
# How many frames of a clip the published cropped set lacks; None: all of them.
_KNOWN_GAPS = {
    "smic-hs/s18/s18_sur_03": None,
    "smic-hs/s03/s03_po_08": 2,
    "smic-hs/s03/s03_sur_01": 1,
    "smic-hs/s03/s03_sur_05": 1,
    "smic-hs/s03/s03_ne_16": 1,
}


def subject_name(text: str) -> str | None:
    """Return ``s01`` for 's1', 's01' and '1'; None for other text."""
    match = _SUBJECT.match(text.strip())
    return f"s{int(match[1]):02d}" if match else None


def clip_name(text: str) -> str:
    """Return a clip's name as it is published, ``s01_ne_01`` for 's1_ne_1'; else the text."""
    match = _CLIP.match(text.strip())
    if not match:
        return text.strip()
    return f"{subject_name(match[1])}_{match[2].lower()}_{int(match[3]):02d}"


def code_word(clip: str) -> str:
    """Return the class that a clip's name states, empty if it states none."""
    match = _CLIP.match(clip)
    return CODES[match[2].lower()] if match else ""


@dataclass
class _Disk:
    """Each clip's folders with the class that the folder above states (or nothing)."""

    clips: dict[tuple[str, str, str], list[tuple[Path, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    notes: list[Note] = field(default_factory=list)
    not_micro: int = 0


def read(root: Path, name: str | None) -> Dataset:
    """Read SMIC at ``root``; see `mepipe.datasets.clip.Reader`."""
    trees = _by_camera(root, locate(root, _SHAPE))
    disk = _Disk()
    try:
        for collection, tree in trees.items():
            _list_tree(collection, tree, disk)
    except UnreadableInputError as error:
        raise UsageError(error.message, error.remedy) from error
    own_name = name or (next(iter(trees)) if len(trees) == 1 else "smic")
    notes = disk.notes
    if disk.not_micro:
        text = f"{disk.not_micro} clips of non_micro are not used: they show no micro-expression"
        notes.append(Note(None, text))
    clips, rejects = [], []
    for (collection, subject, clip), folders in disk.clips.items():
        clip_id = f"{collection}/{subject}/{clip}"
        try:
            clips.append(_clip(own_name, clip_id, folders, notes))
        except (BadDataError, UnreadableInputError) as error:
            message = error.message
            if clip_id in _KNOWN_GAPS and _is_cropped(folders[0][0]):
                message += " (known erratum of the published cropped set)"
            rejects.append(Reject(clip_id, type(error).__name__, message, error.remedy))
    return Dataset(
        name=own_name,
        reader="smic",
        root=root,
        clips=tuple(sorted(clips, key=lambda clip: clip.id)),
        rejects=tuple(sorted(rejects, key=lambda reject: reject.clip)),
        notes=tuple(notes),
    )


def _by_camera(root: Path, trees: list[Path]) -> dict[str, Path]:
    cameras: dict[str, Path] = {}
    for tree in trees:
        camera = plain(tree.name).removeprefix("smic")
        if camera not in _RATES:
            raise UsageError(
                f"{tree} is SMIC, but its name does not say which camera's",
                "Call the folder HS, VIS or NIR, as in SMIC_all_raw/HS.",
            )
        known = cameras.setdefault(f"smic-{camera}", tree)
        if known != tree:
            raise UsageError(
                f"{root} holds two trees of SMIC's {tree.name}: {known} and {tree}",
                f"Name the one to use, for example {known.parent}.",
            )
    return dict(sorted(cameras.items()))


def _list_tree(collection: str, tree: Path, disk: _Disk) -> None:
    listing = list_folder(tree)
    disk.notes += [Note(None, f"{tree}: {bad} is no UTF-8 name") for bad in listing.unnameable]
    for name in listing.folders:
        subject = subject_name(name)
        if subject is None:
            disk.notes.append(Note(None, f"{tree / name} is not a subject's folder: not used"))
            continue
        try:
            inside = list_folder(tree / name)
            for kind in inside.folders:
                if plain(kind) == "nonmicro":
                    disk.not_micro += len(folders_in(tree / name / kind))
                elif plain(kind) == "micro":
                    _list_micro((collection, subject), tree / name / kind, disk)
                else:
                    disk.notes.append(Note(None, f"{tree / name / kind} is not used"))
        except UnreadableInputError as error:
            disk.notes.append(Note(None, f"{error.message}: its clips are not used"))


def _list_micro(owner: tuple[str, str], micro: Path, disk: _Disk) -> None:
    """List ``micro/negative/s1_ne_01``, and ``micro/s1_ne_01`` where a copy lost the class."""
    for name in list_folder(micro).folders:
        word = emotions.normalise(name)
        if word in CODES.values():
            for clip in list_folder(micro / name).folders:
                disk.clips[(*owner, clip_name(clip))].append((micro / name / clip, word))
        elif _CLIP.match(name):
            disk.clips[(*owner, clip_name(name))].append((micro / name, ""))
        else:
            text = f"{micro / name} is neither negative, positive nor surprise: not used"
            disk.notes.append(Note(None, text))


def _clip(dataset: str, clip_id: str, folders: list[tuple[Path, str]], notes: list[Note]) -> Clip:
    collection, subject, clip = clip_id.split("/", 2)
    if len(folders) > 1:
        raise BadDataError(
            f"two folders are this clip: {folders[0][0]} and {folders[1][0]}",
            "Remove one of them.",
        )
    folder, above = folders[0]
    named = _CLIP.match(clip)
    if named and subject_name(named[1]) != subject:
        raise BadDataError(
            f"{folder} lies with {subject}, but its name says {subject_name(named[1])}",
            "Move it to the right person's folder.",
        )
    frames = list_frames(folder)
    texts = [f"{file} has no frame number: not used" for file in frames.unnumbered]
    word = code_word(clip)
    if word and above and word != above:
        texts.append(f"its name says {word}, its folder {above}: the name is followed")
    if clip_id in _KNOWN_GAPS and _is_cropped(folder):
        texts += _gap_texts(_KNOWN_GAPS[clip_id], frames.images)
    notes += [Note(clip_id, text) for text in texts]
    numbers = frames.images.numbers
    return Clip(
        id=clip_id,
        dataset=dataset,
        subject=subject,
        group=f"{PERSONS}/{subject}",
        source=frames.images,
        fps=_RATES[collection.removeprefix("smic-")],
        onset=Mark(numbers[0]),
        offset=Mark(numbers[-1]),
        emotion=word or above,
    )


def _gap_texts(lacking: int | None, images: Images) -> list[str]:
    gone = sum(last - first + 1 for first, last in missing_runs(images.numbers))
    if gone:
        return [f"known erratum: the published cropped set lacks {gone} frame(s) of this clip"]
    if lacking is None:
        return []  # this copy has the clip
    return [
        f"known erratum: the published cropped set lacks {lacking} frame(s) of this clip, none "
        "between its first and last here: its onset or offset may be late or early by as much"
    ]


def _is_cropped(folder: Path) -> bool:
    return any("crop" in plain(part.name) for part in list(folder.parents)[:6])
