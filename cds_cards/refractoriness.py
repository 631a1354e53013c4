"""Response to the combination: the five criteria and what they add up to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cds_cards.criteria import Verdict
from cds_cards.timeline import When

RefractorinessStatus = Literal[
    "refractory", "probable", "possible", "not-refractory", "not-assessable", "too-early", "not-on-combination"
]


@dataclass(frozen=True, slots=True)
class Point:
    """A value of a trend: number and canonical unit (or a flag's words), date, source, whether derived."""

    value: float | None
    unit: str | None
    when: When
    source: str
    derived: bool = False


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """One of the five criteria with baseline and follow-up where it is a trend."""

    id: str
    verdict: Verdict
    why: str
    baseline: Point | None = None
    follow_up: Point | None = None
    oxygen_differed: bool = False


@dataclass(frozen=True, slots=True)
class RefractorinessAssessment:
    """The status and its criteria, in the guideline's order. `worsening`: sentences on early worsening (status too-early)."""

    status: RefractorinessStatus
    why: str
    criteria: tuple[CriterionResult, ...]
    worsening: tuple[str, ...] = ()
    triple: bool = False
