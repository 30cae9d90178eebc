"""Write the clips of a sample, and the files beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mepipe.errors import UsageError
from mepipe.sample.annotations import ClipTruth, motion_csv, truth_csv
from mepipe.sample.factors import NONE, Factors
from mepipe.sample.layout import LAYOUTS, Layout, Place
from mepipe.sample.marked_folder import mark, standing_labels

if TYPE_CHECKING:
    from mepipe.sample.render import Scene

VERSION = 1  # of the sample's bytes; increased, older folders count as another sample
JPEG_QUALITY = 95

README = """\
A SYNTHETIC SAMPLE, NO GROUND FOR SCIENCE

These clips were made by `mepipe sample` from {source}.
The subjects are smooth changes of shape, skin and light of {people}; the
movements are drawn by hand after facial action units, and the labels follow from
the movements. They show that software runs and finds what was put in. No figure
obtained on them says anything about people, and none belongs in a paper.

{clips} clips of {subjects} subjects, {fps:g} frames per second, layout "{layout}".

{annotation}
truth.csv           what is true of each clip: onset, apex and offset as 0-based
                    positions, the peak displacement in px, the class
truth_motion.csv    the share of the peak motion that each frame shows

The apex is the frame of peak motion; onset and offset are the first and the last
frame with at least a tenth of it. Made again with

    mepipe sample {command}

the files have the same bytes (same machine and library versions).
"""

ASTRONAUT = "scikit-image's\nphotograph of the astronaut Eileen Collins (NASA, public domain)"


@dataclass(frozen=True)
class SampleSummary:
    """The content of the folder.

    ``labels`` counts clips by class; ``annotations`` is the file a reader uses;
    ``made`` is False if the same sample existed already.
    """

    path: Path
    layout: str
    clips: int
    subjects: int
    labels: dict[str, int]
    annotations: Path
    truth: Path
    made: bool

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in sorted(self.labels.items()))
        return (
            f"{self.clips} clips of {self.subjects} subjects ({counts}) in {self.path}"
            f"{'' if self.made else ' (existed already)'}\n"
            f"annotations {self.annotations}\ntruth       {self.truth}\n"
            "The sample is synthetic. Use it to test the software, not for scientific results."
        )


def write(
    out: Path,
    *,
    layout: str = "folder",
    subjects: int = 12,
    clips: int = 3,
    seed: int = 0,
    photos: Path | None = None,
    factors: Factors = NONE,
    progress: Callable[[int, int], None] | None = None,
) -> SampleSummary:
    """Write clips with known truth, in the exact layout of a dataset.

    Parameters
    ----------
    out
        The folder to write. It is created if necessary. If it has the same sample already,
        nothing is done. An interrupted sample is completed.
    layout
        ``folder``: the generic folder with labels.csv; ``casme2``: CASME II's
        RAW_selected with its coding sheet. The clips are the same; ``samm``
        has them in grey, with SAMM's tree and sheet, and ``smic`` as SMIC's raw
        HS clips: from onset to offset, 100 frames per second, .bmp.
    subjects, clips
        Number of subjects, and of clips of each. With three clips a subject has
        one of each class (negative, positive, surprise).
    seed
        0 or larger. Each clip depends on the seed, its subject's number and its
        own number alone, so a larger sample contains the smaller one.
    photos
        Folder of photographs with a face, used in turn, or one photograph; None:
        scikit-image's astronaut.
    factors
        What makes the clips hard, or leaves the expression out.
    progress
        Called with (clips done, clips in all) after each clip.

    Raises
    ------
    UsageError
        If a number is out of range, ``out`` has other content, a photograph is missing, or
        scikit-image is not installed.
    """
    _check(layout, subjects, clips, seed)
    if factors.still and layout != "folder":
        raise UsageError(
            f"the layout {layout} has no clips without a movement",
            "Use --layout folder with --still.",
        )
    from mepipe.sample.photos import load_photos, source_digests

    wanted: dict[str, Any] = {
        "format": VERSION,
        "layout": layout,
        "subjects": subjects,
        "clips": clips,
        "seed": seed,
        "photos": source_digests(photos),
        "name": out.name if layout == "folder" else layout,
    }
    if factors.names:
        wanted["factors"] = factors.names
    form = LAYOUTS[layout]
    annotations = out / form.annotations
    finished = standing_labels(out, wanted)
    if finished is not None:
        return SampleSummary(
            out, layout, subjects * clips, subjects, finished, annotations, out / "truth.csv", False
        )
    pictures = load_photos(photos)
    out.mkdir(parents=True, exist_ok=True)
    # Without labels, the marker says that the sample is not complete.
    mark(out, wanted)
    truths: list[ClipTruth] = []
    courses: list[list[float]] = []

    from mepipe.sample.identity import make_subject
    from mepipe.sample.render import choose_label, make_scene

    for index in range(subjects):
        person = make_subject(pictures[index % len(pictures)], index, seed)
        # A clip depends on the seed and its numbers only, not on the clips before it.
        for clip in range(clips):
            place = form.place(out, index, clip, seed, choose_label(index, clip))
            scene = make_scene(person, index, clip, seed, factors)
            truth, course = _write_clip(out, form, place, scene)
            truths.append(truth)
            courses.append(course)
            if progress is not None:
                progress(len(truths), subjects * clips)
    if form.write is not None:
        annotations.write_bytes(form.write(truths))
    (out / "truth.csv").write_bytes(truth_csv(truths))
    (out / "truth_motion.csv").write_bytes(motion_csv(truths, courses))
    labels = dict(sorted(Counter(truth.expression.label for truth in truths).items()))
    options = [f"--{name}" for name in factors.names] + ["--photos DIR"] * (photos is not None)
    text = _readme(layout, (subjects, clips, seed), truths[0].fps, options)
    (out / "README.txt").write_text(text, encoding="utf-8")
    mark(out, {**wanted, "labels": labels})
    return SampleSummary(
        out, layout, len(truths), subjects, labels, annotations, out / "truth.csv", True
    )


def _check(layout: str, subjects: int, clips: int, seed: int) -> None:
    if layout not in LAYOUTS:
        raise UsageError(f"unknown layout {layout!r}", f"Choose one of: {', '.join(LAYOUTS)}.")
    for name, value, low, high in (
        ("subjects", subjects, 1, 99),
        ("clips", clips, 1, 99),
        ("seed", seed, 0, 2**32 - 1),
    ):
        if not low <= value <= high:
            raise UsageError(f"--{name} {value} is out of range", f"Choose {low} to {high}.")


def _write_clip(
    out: Path, form: Layout, place: Place, scene: Scene
) -> tuple[ClipTruth, list[float]]:
    import cv2

    from mepipe.sample.render import FPS, frames

    folder = out / place.folder
    folder.mkdir(parents=True, exist_ok=True)
    timing = scene.course
    kept = form.kept(timing)
    for drawn, frame in enumerate(frames(scene)):
        if drawn not in kept:
            continue
        name = place.pattern.format(place.first_number + kept.index(drawn))
        image = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) if form.grey else frame
        quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if name.endswith(".jpg") else []
        _, encoded = cv2.imencode(Path(name).suffix, image, quality)
        (folder / name).write_bytes(encoded.tobytes())
    share = [float(timing.share[drawn]) for drawn in kept]
    seen = [position for position, part in enumerate(share) if part >= 0.1]
    truth = ClipTruth(
        id=f"{place.collection}/{place.subject}/{place.name}",
        subject=place.subject,
        name=place.name,
        first_number=place.first_number,
        frames=len(share),
        expression=scene.expression,
        emotion=form.words.get(scene.expression.emotion, scene.expression.emotion),
        onset=seen[0] if seen else -1,
        apex=kept.index(timing.apex) if seen else -1,
        offset=seen[-1] if seen else -1,
        amplitude=scene.amplitude,
        eye_distance=scene.subject.eye_distance,
        fps=FPS / kept.step,
    )
    return truth, share


def _readme(layout: str, numbers: tuple[int, int, int], fps: float, options: Sequence[str]) -> str:
    subjects, clips, seed = numbers
    command = f"OUT --layout {layout} --subjects {subjects} --clips {clips} --seed {seed}"
    own_photos = "--photos DIR" in options
    return README.format(
        source="the user's own photographs" if own_photos else ASTRONAUT,
        people="these photographs" if own_photos else "this one photograph",
        clips=subjects * clips,
        subjects=subjects,
        fps=fps,
        layout=layout,
        annotation=LAYOUTS[layout].about,
        command=" ".join([command, *options]),
    )
