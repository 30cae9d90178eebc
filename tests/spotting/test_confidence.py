import numpy as np
import pytest

from mepipe.spotting.confidence import APEX, OFFSET, ONSET, chance


@pytest.mark.parametrize("fitted", [APEX, ONSET, OFFSET])
def test_a_chance_rises_with_its_score_and_stays_within_its_bounds(fitted):
    chances = [chance(score, fitted) for score in np.linspace(0, 1, 50)]
    assert np.all(np.diff(chances) >= 0)
    assert chances[0] == 0
    assert 0.9 < chances[-1] < 1
