"""The card, and the limits that CDS Hooks sets to it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from cds_cards.proposals import Suggestion

Topic = Literal[
    "rec-2",
    "rec-2b",
    "rec-3",
    "rec-4",
    "rec-5",
    "rec-6",
    "rec-7",
    "rec-8",
    "rec-9",
    "rec-10",
    "risk",
    "refractoriness",
    "diagnosis",
    "data-gap",
    "dose",
    "safety-pregnancy",
    "safety-allergy",
    "safety-interaction",
]
Indicator = Literal["info", "warning", "critical"]
Selection = Literal["at-most-one", "any"]

SUMMARY_LIMIT = 140
"""CDS Hooks: a summary has fewer characters than this."""
_HTML = re.compile(r"<[A-Za-z/!?]")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a clinician may override the card: a code with its display. `system` None: of our own code system.

    `written` is what a card's digest says of it: the same few stand on every card.
    """

    code: str
    display: str
    system: str | None = None
    written: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "written", repr(self))


@dataclass(frozen=True, slots=True)
class Link:
    """A link of type `absolute`."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Card:
    """One card. `detail` is GitHub-flavoured Markdown without HTML; `selection` stands when there are suggestions."""

    topic: Topic
    summary: str
    indicator: Indicator
    detail: str
    selection: Selection | None
    suggestions: tuple[Suggestion, ...]
    override_reasons: tuple[Reason, ...]
    links: tuple[Link, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < len(self.summary) < SUMMARY_LIMIT or "\n" in self.summary:
            raise ValueError(f"{self.topic}: a summary is one line of fewer than {SUMMARY_LIMIT} characters")
        if not self.detail or _HTML.search(self.detail):
            raise ValueError(f"{self.topic}: a detail is Markdown without HTML, and not empty")
        if bool(self.suggestions) != (self.selection is not None):
            raise ValueError(f"{self.topic}: suggestions and the way to select them go together")

    @property
    def digest_parts(self) -> tuple[str, ...]:
        """What identifies the card's content: the same content gives the same parts, in any process."""
        return (
            self.topic,
            self.summary,
            self.indicator,
            self.detail,
            self.selection or "",
            *map(repr, self.suggestions),
            *[reason.written for reason in self.override_reasons],
            *map(repr, self.links),
        )
