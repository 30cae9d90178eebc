"""The figures of a clip's quality, each with a line on what it means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mepipe.face.plausible_face import CLIPPED, DARK, FEW_EYES, FLAT, LIKENESS, MOVED


@dataclass(frozen=True)
class Figure:
    """One figure: the stage and the name of its value, its title, its form, its meaning."""

    stage: str
    value: str
    title: str
    shown: Callable[[Any], str]
    means: str


def _plain(form: str) -> Callable[[Any], str]:
    return form.format


# In the order in which they are shown. The keys stand in the page's data.
FIGURES: Mapping[str, Figure] = {
    "movement": Figure(
        "spot", "movement", "Movement", lambda value: "yes" if value else "no",
        "yes: the motion stands out from the noise. Marks that are annotated count as one.",
    ),
    "strength": Figure(
        "spot", "strength", "Strength", _plain("{:.1f}"),
        "the movement in units of this clip's noise: about 1 where nothing moves.",
    ),
    "searched": Figure(
        "spot", "visible", "Frames with the face", lambda value: f"{value[0]} to {value[1] - 1}",
        "the span in which this face is seen, and in which the key frames were searched.",
    ),
    "repeated": Figure(
        "spot", "repeated", "Repeated pictures", _plain("{}"),
        "frames that show the picture before again: they hold no motion of their own.",
    ),
    "quality": Figure(
        "face", "quality", "Face detector", _plain("{:.2f}"),
        "the score of the face detector, larger is surer.",
    ),
    "likeness": Figure(
        "face", "likeness", "Face, brought upright", _plain("{:.2f}"),
        f"the detector's score in the aligned picture. Below {min(LIKENESS):g} it is refused.",
    ),
    "moved": Figure(
        "face", "moved", "Steadiness of the landmarks", _plain("{:.1%}"),
        "how far the landmarks move if they are found again in the mirror image, in distances "
        f"between the eyes. {MOVED:.0%} is the most.",
    ),
    "frontal": Figure(
        "face", "frontal", "Frontal", _plain("{:.2f}"),
        "1: seen from the front; 0: in profile.",
    ),
    "roll": Figure(
        "face", "roll", "Roll of the head", _plain("{:.0f}°"),
        "how far the head is tilted in the picture, clockwise. It is aligned upright.",
    ),
    "eyes": Figure(
        "face", "inter_ocular_px", "Between the eyes", _plain("{:.0f} px"),
        f"in the recording. With less than {FEW_EYES:.0f} px noise may be taken for a movement.",
    ),
    "faces": Figure(
        "face", "faces", "Faces in the frame", _plain("{}"),
        "of several faces the larger and more central one is used.",
    ),
    "contrast": Figure(
        "face", "contrast", "Contrast", _plain("{:.0f}"),
        f"grey levels between dark and bright parts of the face, of 255. Below {FLAT:.0f} a face "
        "is refused, and below 70 much of a small movement is lost.",
    ),
    "brightest": Figure(
        "face", "brightest", "Bright parts", _plain("{:.0f}"),
        f"grey level of the bright parts of the face, of 255. Below {DARK:.0f} it is too dark.",
    ),
    "clipped": Figure(
        "face", "clipped", "Black or white", _plain("{:.0%}"),
        f"share of the face without any detail. With more than {CLIPPED:.0%} it is refused.",
    ),
    "limited": Figure(
        "tensor", "limited", "Limited by the scale",
        lambda value: " · ".join(f"{share:.1%}" for share in value),
        "share of u, v and strain that is larger than the network's range, and was made smaller.",
    ),
}  # fmt: skip


def figures_of(values: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return the figures that the values of a clip's stages hold, by their key in `FIGURES`.

    >>> figures_of({"spot": {"movement": True}, "tensor": {"limited": [0, 0.5]}})
    {'movement': 'yes', 'limited': '0.0% · 50.0%'}
    """
    found = {}
    for key, figure in FIGURES.items():
        value = values.get(figure.stage, {}).get(figure.value)
        if value is not None:
            found[key] = figure.shown(value)
    return found
