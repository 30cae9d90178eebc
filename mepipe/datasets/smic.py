"""The reader of SMIC's short clips: HS (100 fps), VIS and NIR (25 fps).

::

    SMIC_all_raw/HS/s1/micro/negative/s1_ne_01/image559740.bmp
    SMIC_all_cropped/HS/s1/micro/surprise/s1_sur_01/reg_image559740.bmp
    .../s1/non_micro/...                                          not used

There is no sheet. A clip's class is in its name (ne, po, sur) and in the folder
above it. If the two differ, the name is followed and the clip is noted. The first
frame is the onset and the last the offset. No apex is annotated.

A folder that holds HS, VIS and NIR is one `Dataset` called ``smic``; the ids of
its clips tell the cameras apart (``smic-hs/s01/s01_ne_01``). A folder with only
HS, or ``SMIC_all_raw/HS`` itself, is ``smic-hs``. The subjects are the same
people in all of them (``smic/s01``), so no person is on both sides of a split.
Raw and cropped clips have the same ids: a run reads one of the two.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from mepipe.datasets import emotions
from mepipe.datasets.clip import Clip, Dataset, Images, Mark, Note, Reject
from mepipe.datasets.clip_trees import (
    Shape,
    folders_in,
    locate,
    nested,
    normalise_name,
    tree_must_be_readable,
)
from mepipe.datasets.frames_on_disk import list_folder, list_frames, missing_runs
from mepipe.errors import BadDataError, UnreadableInputError, UsageError

# All cameras, and SMIC-E, filmed the same people.
SUBJECT_COLLECTION = "smic"
_FPS = {"hs": 100.0, "vis": 25.0, "nir": 25.0}
CODES = {"ne": "negative", "po": "positive", "sur": "surprise"}

_SUBJECT = re.compile(r"s?0*([0-9]{1,3})\Z", re.IGNORECASE)
# s1_ne_01 in the raw trees, s01_ne_01 in the lists.
_CLIP = re.compile(r"(s?[0-9]+)_(ne|po|sur)_0*([0-9]+)\Z", re.IGNORECASE)
_SHAPE = Shape(
    "SMIC",
    "SMIC_all_raw/HS/s1/micro/negative/s1_ne_01/image559740.bmp",
    re.compile(r"smic(?!e|hse|vise|nire).*|hs|vis|nir"),  # names in E are SMIC-E's
    nested(re.compile(r"s[0-9]{1,3}", re.IGNORECASE), re.compile(r"(?:non_)?micro", re.IGNORECASE)),
)
# Errata of the published cropped set: how many frames of a clip it lacks; None if it
# lacks the whole clip.
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
    """Return a clip's name as the lists write it: ``s01_ne_01`` for 's1_ne_1'.

    Other text is returned as it is.
    """
    match = _CLIP.match(text.strip())
    if not match:
        return text.strip()
    return f"{subject_name(match[1])}_{match[2].lower()}_{int(match[3]):02d}"


def class_in_name(clip: str) -> str:
    """Return the class that a clip's name states; empty if it states none."""
    match = _CLIP.match(clip)
    return CODES[match[2].lower()] if match else ""


@dataclass
class _Contents:
    """What lies in the trees.

    ``clips`` has the folders of each (collection, subject, clip), each with the
    class that the folder above it states, or an empty text. ``not_micro`` counts
    the clips without a micro-expression.
    """

    clips: dict[tuple[str, str, str], list[tuple[Path, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    notes: list[Note] = field(default_factory=list)
    not_micro: int = 0


def read(root: Path, name: str | None) -> Dataset:
    """Read SMIC at ``root``; see `mepipe.datasets.clip.Reader`."""
    trees = _by_camera(root, locate(root, _SHAPE))
    disk = _Contents()
    with tree_must_be_readable():
        for collection, tree in trees.items():
            _list_tree(collection, tree, disk)
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
            message = error.message  # with the erratum, if it explains what is missing
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
    """Return the tree of each collection (``smic-hs``, ...), by name.

    Raises
    ------
    UsageError
        If a tree's name tells no camera, or two trees are of one camera.
    """
    cameras: dict[str, Path] = {}
    for tree in trees:
        camera = normalise_name(tree.name).removeprefix("smic")
        if camera not in _FPS:
            raise UsageError(
                f"{tree} is SMIC, but its name does not say which camera it is from",
                "Call the folder HS, VIS or NIR, as in SMIC_all_raw/HS.",
            )
        known = cameras.setdefault(f"smic-{camera}", tree)
        if known != tree:
            raise UsageError(
                f"{root} holds two trees of SMIC's {tree.name}: {known} and {tree}",
                f"Name the one to use, for example {known.parent}.",
            )
    return dict(sorted(cameras.items()))


def _list_tree(collection: str, tree: Path, disk: _Contents) -> None:
    listing = list_folder(tree)
    disk.notes += [Note(None, f"{tree}: {bad} is not a UTF-8 name") for bad in listing.unnameable]
    for name in listing.folders:
        subject = subject_name(name)
        if subject is None:
            disk.notes.append(Note(None, f"{tree / name} is not a subject's folder: not used"))
            continue
        try:
            inside = list_folder(tree / name)
            for kind in inside.folders:
                if normalise_name(kind) == "nonmicro":
                    disk.not_micro += len(folders_in(tree / name / kind))
                elif normalise_name(kind) == "micro":
                    _list_micro((collection, subject), tree / name / kind, disk)
                else:
                    disk.notes.append(Note(None, f"{tree / name / kind} is not used"))
        except UnreadableInputError as error:
            disk.notes.append(Note(None, f"{error.message}: its clips are not used"))


def _list_micro(owner: tuple[str, str], micro: Path, disk: _Contents) -> None:
    """List ``micro/negative/s1_ne_01``, and ``micro/s1_ne_01`` in copies without class folders."""
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
            f"{folder} is in the folder of {subject}, but its name says {subject_name(named[1])}",
            "Move it to the folder of the right subject.",
        )
    frames = list_frames(folder)
    texts = frames.left_out
    word = class_in_name(clip)
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
        group=f"{SUBJECT_COLLECTION}/{subject}",
        source=frames.images,
        fps=_FPS[collection.removeprefix("smic-")],
        onset=Mark(numbers[0]),
        offset=Mark(numbers[-1]),
        emotion=word or above,
    )


def _gap_texts(lacking: int | None, images: Images) -> list[str]:
    """Return what to say of a clip that the published cropped set has in part only."""
    gone = sum(last - first + 1 for first, last in missing_runs(images.numbers))
    if gone:
        return [f"known erratum: the published cropped set lacks {gone} frame(s) of this clip"]
    if lacking is None:
        return []  # this copy has the clip
    return [
        f"known erratum: the published cropped set lacks {lacking} frame(s) of this clip. They "
        "are not missing between its first and last frame here, so its onset may be late or its "
        "offset early by as many frames"
    ]


def _is_cropped(folder: Path) -> bool:
    # Six folders up from a clip: class, micro, subject, camera, the tree and one around it.
    return any("crop" in normalise_name(part.name) for part in list(folder.parents)[:6])
