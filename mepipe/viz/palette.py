"""The report's colours, light and dark, and how well they can be read."""

from __future__ import annotations

from collections.abc import Mapping

from mepipe.schema import KEY_FRAMES

LIGHT: Mapping[str, str] = {
    "page": "#f6f7f9",
    "card": "#ffffff",
    "line": "#d9dde3",
    "text": "#1b2026",
    "muted": "#566070",
    "accent": "#1f5fa8",
    "soft": "#e7eef8",
    "warn": "#8f3d00",
    "warnsoft": "#fdf0e3",
    "good": "#1c6b3c",
    "onset": "#1c7a43",
    "apex": "#b3261e",
    "offset": "#7a3fb0",
    "bar": "#3f7cc4",
    "s0": "#ffffff",
    "s1": "#e9f0f9",
    "s2": "#d3e2f3",
    "s3": "#bdd3ed",
    "s4": "#a7c5e7",
}

DARK: Mapping[str, str] = {
    "page": "#12161b",
    "card": "#1a2027",
    "line": "#343d48",
    "text": "#e6eaef",
    "muted": "#a3aebb",
    "accent": "#8dbcf2",
    "soft": "#22303f",
    "warn": "#f2b277",
    "warnsoft": "#33261a",
    "good": "#84d0a0",
    "onset": "#6fcf97",
    "apex": "#ff8a80",
    "offset": "#c9a2f0",
    "bar": "#5b95d8",
    "s0": "#1a2027",
    "s1": "#1d2b3a",
    "s2": "#20364e",
    "s3": "#234161",
    "s4": "#264c75",
}

# What is written on what, in both themes.
PAIRS: tuple[tuple[str, str], ...] = (
    *((ink, paper) for ink in ("text", "muted", "accent") for paper in ("page", "card", "soft")),
    *(("text", f"s{step}") for step in range(5)),
    *((mark, "card") for mark in KEY_FRAMES),
    ("warn", "warnsoft"),
    ("text", "warnsoft"),
    ("warn", "card"),
    ("good", "card"),
)


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio (1 to 21) of two colours ``#rrggbb``, as WCAG 2.1 defines it."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def style_variables(colours: Mapping[str, str]) -> str:
    """Return the colours as custom properties of a style sheet."""
    return " ".join(f"--{name}: {value};" for name, value in colours.items())
