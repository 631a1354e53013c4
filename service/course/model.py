"""The course of the disease: panels of values with their thresholds, bars of therapy, moments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from cds_cards.timeline import When

Kind = Literal["measured", "derived"]
Role = Literal["baseline", "follow-up", "newest", "before"]
Status = Literal["active", "past", "draft", "planned"]


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a panel. `number` in the panel's unit, None where the resource has none that could be used.

    `used`: the rules may look at it. `why` says why (not), in words. `roles`: what it stood for in the assessment.
    `said` is the value for a sentence, `recorded` as it was recorded; `when` None: the resource states no date.
    """

    when: When | None
    said: str
    recorded: str
    kind: Kind
    used: bool
    why: str
    sources: tuple[str, ...]
    number: float | None = None
    comparator: str | None = None
    roles: tuple[Role, ...] = ()
    fio2: float | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit of the guideline, of the site's policy or of the laboratory. `short` is for the margin of a picture."""

    value: float
    label: str
    source: str
    short: str


@dataclass(frozen=True, slots=True)
class Panel:
    """The values of one marker, oldest first, undated ones last. `unit` as written; empty where there is none."""

    id: str
    title: str
    unit: str
    values: tuple[Value, ...]
    thresholds: tuple[Threshold, ...] = ()


@dataclass(frozen=True, slots=True)
class Bar:
    """A course of therapy. `since` None: its start is not known; `until` None: it runs and states no end."""

    agent: str
    label: str
    status: Status
    since: When | None
    until: When | None
    by_text: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """A day that the rules count from, or now; an interval where the dates leave it open."""

    id: str
    label: str
    when: When


@dataclass(frozen=True, slots=True)
class Window:
    """The time that a picture shows."""

    start: datetime
    end: datetime

    def holds(self, when: When) -> bool:
        """Whether any of the interval lies within."""
        return when.start <= self.end and when.end >= self.start


@dataclass(frozen=True, slots=True)
class Course:
    """All of it as of `as_of`, dates read in `zone`. `window` is what a picture shows; `notes` what it cannot."""

    as_of: datetime
    zone: ZoneInfo
    panels: tuple[Panel, ...]
    bars: tuple[Bar, ...]
    moments: tuple[Moment, ...]
    window: Window
    notes: tuple[str, ...]


def moved(when: When, days: int, zone: ZoneInfo) -> When:
    """The interval so many calendar days later, with a text of its own."""
    start, end = ((each.astimezone(zone) + timedelta(days=days)) for each in (when.start, when.end))
    return When(start, end, _text(start.date(), end.date()))


def _text(first: date, last: date) -> str:
    return first.isoformat() if first == last else f"{first.isoformat()}/{last.isoformat()}"
