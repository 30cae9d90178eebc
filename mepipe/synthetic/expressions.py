"""Combinations of action units by class, and how often each is drawn.

The combinations are those that the objective classes of micro-expressions name
(Davison, Merghani and Yap, "Objective Classes for Micro-Facial Expression
Recognition", J. Imaging 4(10):119, 2018) and those that the Facial Action Coding
System gives for the emotions (Ekman, Friesen and Hager 2002). Positive, surprise
and negative are the three classes of See et al., "MEGC 2019", FG 2019. How often
each is drawn is our choice: none was counted in a dataset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Combination:
    """Action units that move together, and the weight with which they are drawn."""

    units: tuple[str, ...]
    weight: float


def _of(**weights: float) -> tuple[Combination, ...]:
    # AU4_AU9=3 is units 4 and 9, drawn three times as often as those of weight 1.
    return tuple(
        Combination(tuple(unit.removeprefix("AU") for unit in name.split("_")), weight)
        for name, weight in weights.items()
    )


COMBINATIONS: dict[str, tuple[Combination, ...]] = {
    # Objective classes III (anger), IV (disgust), V (sadness), VI (fear), and contempt. Units 6 and
    # 15 of sadness are left out: in flow they are hardly to be told from a smile with open lips.
    "negative": _of(
        AU4=5, AU4_AU7=5, AU4_AU5=1, AU4_AU6_AU7=1, AU23=1, AU17_AU24=1, AU24=1,
        AU9=2, AU10=2, AU4_AU9=3, AU4_AU7_AU9=2, AU4_AU7_AU10=1, AU7_AU10=1, AU4_AU9_AU17=1,
        AU15=2, AU15_AU17=2, AU17=2, AU1_AU4=2, AU7=1,
        AU1_AU2_AU4=1, AU20=1, AU14=2,
    ),
    # Objective class I.
    "positive": _of(
        AU12=8, AU6_AU12=6, AU7_AU12=2, AU6_AU7_AU12=2, AU12_AU25=2, AU6_AU12_AU25=2,
        AU12_AU16_AU25=3, AU6_AU12_AU16_AU25=5, AU6_AU7_AU12_AU16_AU25=2,
        AU12_AU25_AU26=2, AU6_AU12_AU25_AU26=3, AU6_AU7_AU12_AU25_AU26=2, AU6=1,
    ),
    # Objective class II.
    "surprise": _of(
        AU1_AU2=9, AU1_AU2_AU5=4, AU1_AU2_AU25=2, AU1_AU2_AU26=2, AU1_AU2_AU25_AU26=2,
        AU1_AU2_AU5_AU25_AU26=1, AU2=1, AU5=1, AU25_AU26=1,
    ),
}  # fmt: skip
"""By class: what may be drawn."""


def draw_units(name: str, rng: np.random.Generator) -> tuple[str, ...]:
    """Draw the action units of a movement of a class.

    >>> import numpy as np
    >>> from mepipe.synthetic.expressions import draw_units
    >>> "12" in draw_units("positive", np.random.default_rng(0))
    True
    """
    options = COMBINATIONS[name]
    weights = np.array([one.weight for one in options])
    return options[int(rng.choice(len(options), p=weights / weights.sum()))].units
