"""How values, dates and recorded texts are written in the picture and its table."""

from __future__ import annotations

import re
from datetime import tzinfo

from cds_cards.timeline import When

_UNITS = {"mm[Hg]": "mmHg", "{titer}": "titre"}
# what XML cannot hold, and what turns the direction of writing
_UNFIT = re.compile(
    r"[^\t\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_LONGEST = 90
_GROUPED_FROM = 1e15
"""From here on figures are written with an exponent."""


def plain(text: str, longest: int = _LONGEST) -> str:
    """A recorded text on one line, without what XML cannot hold, shortened."""
    clean = " ".join(_UNFIT.sub(" ", text).split())
    return clean if len(clean) <= longest else clean[: longest - 1].rstrip() + "…"


def unit_words(unit: str | None) -> str:
    """A UCUM unit as it is spoken of: mmHg."""
    return plain(_UNITS.get(unit or "", unit or ""), 16)


def amount(number: float, comparator: str | None = None, decimals: int = 3) -> str:
    """`>1,000`, `52.5`."""
    if abs(number) >= _GROUPED_FROM:
        return f"{comparator or ''}{number:.3g}"
    return f"{comparator or ''}{round(number, decimals):,.12g}"


def quantity(number: float, unit: str, comparator: str | None = None) -> str:
    """A value with its unit, for a sentence: `1,523 ng/mL`, `1:320`."""
    if unit == "titre":
        return f"{comparator or ''}1:{number:.12g}"
    return f"{amount(number, comparator, 1 if unit == 'mmHg' else 3)} {unit}".rstrip()


def day(when: When, zone: tzinfo) -> str:
    """The calendar day, or the partial date as recorded."""
    return plain(when.day(zone), 40)
