"""Colours (Okabe and Ito's, darkened where white needs it) and sizes of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Theme = Literal["light", "dark"]
FONT = "sans-serif"
LEFT, PLOT, RIGHT = 166, 586, 148
"""Pixels: names and axes, time, limits and dates; 900 together."""
PANEL, BARE, ROW, LINE = 84, 30, 20, 16
"""Heights in pixels: a panel, one without numbers, a row of therapy, a line of text."""
TEXT = 12
LETTER = 6.2
"""Width of a letter of that size, as estimated for what must not overlap."""


@dataclass(frozen=True, slots=True)
class Palette:
    """Graphics have a contrast of at least 3:1 to `paper`, texts (`ink`, `muted`, `limit`) of 4.5:1."""

    paper: str
    ink: str
    muted: str
    grid: str
    measured: str
    derived: str
    limit: str
    active: str
    past: str


PALETTES: dict[Theme, Palette] = {
    "light": Palette(
        paper="#ffffff",
        ink="#1f2328",
        muted="#57606a",
        grid="#dfe3e8",
        measured="#0072b2",
        derived="#d55e00",
        limit="#96457a",
        active="#009e73",
        past="#767f89",
    ),
    "dark": Palette(
        paper="#171e26",
        ink="#e6edf3",
        muted="#a8b3be",
        grid="#343b44",
        measured="#56b4e9",
        derived="#e69f00",
        limit="#dc93bb",
        active="#1fb58a",
        past="#8b949e",
    ),
}


def width_of(text: str) -> float:
    """Estimated width of a text in pixels."""
    return len(text) * LETTER
