"""Where labels stand along a line so that none covers another and none leaves the picture."""

from __future__ import annotations

from collections.abc import Sequence

LETTER = 0.6  # mean width of a letter of a sans-serif font, in font sizes: rather too much


def text_width(text: str, size: float) -> float:
    """Return about how wide a short text is at a font size, in the size's unit.

    >>> text_width("apex", 10)
    24.0
    """
    return LETTER * size * len(text)


def spread_labels(
    wanted: Sequence[float], widths: Sequence[float], low: float, high: float, gap: float = 4.0
) -> list[tuple[int, float]]:
    """Return the row and the centre of each label.

    Labels keep the order of ``wanted`` and move as little as they can (least squares). What does
    not fit into one row goes into the next. A label wider than the picture stands in its middle.

    Parameters
    ----------
    wanted
        Where each label's centre should be.
    widths
        The width of each.
    low, high
        The ends of the picture.
    gap
        The least distance between two labels of a row.

    Examples
    --------
    >>> spread_labels([50, 52], [20, 20], 0, 100)
    [(0, 39.0), (0, 63.0)]
    >>> spread_labels([2, 99], [20, 20], 0, 100)
    [(0, 10.0), (0, 90.0)]
    >>> spread_labels([5, 6, 7], [20, 20, 20], 0, 50)
    [(0, 10.0), (0, 34.0), (1, 10.0)]
    """
    order = sorted(range(len(wanted)), key=lambda place: (wanted[place], place))
    rows: list[list[int]] = [[]]
    used = -gap
    for place in order:
        if rows[-1] and used + gap + widths[place] > high - low:
            rows.append([])
            used = -gap
        rows[-1].append(place)
        used += gap + widths[place]
    found = [(0, 0.0)] * len(wanted)
    for row, places in enumerate(rows):
        centres = _in_row([wanted[p] for p in places], [widths[p] for p in places], low, high, gap)
        for place, centre in zip(places, centres, strict=True):
            found[place] = row, centre
    return found


def _in_row(
    wanted: Sequence[float], widths: Sequence[float], low: float, high: float, gap: float
) -> list[float]:
    """Return the centres of labels, in order, that fit into one row."""
    # Measured from its place in a row packed to the left, each label may lie anywhere behind the
    # one before: so what is sought is the nearest sequence that never falls.
    packed, at = [], low
    for width in widths:
        packed.append(at + width / 2)
        at += width + gap
    room = max(high - low - sum(widths) - gap * (len(widths) - 1), 0.0)
    blocks: list[list[float]] = []  # sum and number of what moves together
    for want, place in zip(wanted, packed, strict=True):
        blocks.append([want - place, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    moved = [total / count for total, count in blocks for _ in range(round(count))]
    centres = [p + min(max(m, 0.0), room) for p, m in zip(packed, moved, strict=True)]
    if len(widths) == 1 and widths[0] > high - low:
        return [(low + high) / 2]
    return [round(centre, 2) for centre in centres]
