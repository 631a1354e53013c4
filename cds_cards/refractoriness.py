"""Response to the combination: the five criteria and what they add up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cds_cards.criteria import Verdict
from cds_cards.failure import CRITERIA, GRADIENT, CriterionResult, Point, criteria, names
from cds_cards.follow_up import Step
from cds_cards.gas import Gases
from cds_cards.guideline import Guideline, Policy
from cds_cards.record import PatientRecord
from cds_cards.therapy import Therapy
from cds_cards.worsening import worsening

__all__ = ["CriterionResult", "Point", "RefractorinessAssessment", "RefractorinessStatus", "refractoriness"]

RefractorinessStatus = Literal[
    "refractory", "probable", "possible", "not-refractory", "not-assessable", "too-early", "not-on-combination"
]
LUNG = frozenset({"respiratory-symptoms", GRADIENT, "imaging"})


@dataclass(frozen=True, slots=True)
class RefractorinessAssessment:
    """The status and its criteria, in the guideline's order (none when no combination runs).

    `worsening`: sentences on early worsening (status too-early). `triple`: glucocorticoid, CNI and cyclophosphamide
    run, as in the cited definition; for other combinations its use is site policy.
    """

    status: RefractorinessStatus
    why: str
    criteria: tuple[CriterionResult, ...]
    worsening: tuple[str, ...] = ()
    triple: bool = False


def refractoriness(
    record: PatientRecord, gases: Gases, therapy: Therapy, guideline: Guideline, as_of: datetime
) -> RefractorinessAssessment:
    """Judge the response to the running orders at `as_of`; drafts do not count."""
    if therapy.running_stage == "unknown":
        return _without_start("not every medication order could be read, so that a combination may be running", therapy)
    if therapy.running_stage in ("untreated", "glucocorticoid-only", "incomplete"):
        why = f"no combination runs (stage {therapy.running_stage})"
        return RefractorinessAssessment("not-on-combination", why, ())
    if therapy.assessed_since is None or therapy.days_assessed is None:
        return _without_start("the start of the combination or of its last new agent is not known", therapy)
    policy = guideline.policy
    step = Step(therapy.assessed_since, policy, as_of)
    least, most = therapy.days_assessed
    too_early = most < policy.assess_from_day
    found = criteria(record, gases, step, guideline, too_early)
    begun = f"the combination or its last new agent began on {therapy.assessed_since.text}"
    if too_early:
        why = f"{begun}, day {_span(least, most)}: response is judged from day {policy.assess_from_day:g}"
        signs = worsening(gases, found, step)
        return RefractorinessAssessment("too-early", why, found, signs, therapy.triple)
    if least < policy.assess_from_day or most > policy.assess_until_day:
        why = _outside(begun, least, most, policy)
        return RefractorinessAssessment("not-assessable", why, found, triple=therapy.triple)
    status = status_of(found, policy)
    return RefractorinessAssessment(status, _summary(status, found), found, triple=therapy.triple)


def status_of(found: Sequence[CriterionResult], policy: Policy) -> RefractorinessStatus:
    """What the five criteria add up to (contract §3)."""
    met = frozenset(names(found, Verdict.MET))
    not_met = frozenset(names(found, Verdict.NOT_MET))
    if met == frozenset(CRITERIA):
        return "refractory"
    if len(met) >= policy.probable_criteria and len(met) > len(not_met) and met & LUNG:
        return "probable"
    if met:
        return "possible"
    return "not-refractory" if not_met else "not-assessable"


def _summary(status: RefractorinessStatus, found: Sequence[CriterionResult]) -> str:
    opening = {
        "not-refractory": "no sign of failure in the data at hand",
        "not-assessable": "none of the five criteria is known",
    }.get(status, "signs of failure")
    parts = [
        f"{words}: {', '.join(listed)}"
        for words, verdict in (("met", Verdict.MET), ("not met", Verdict.NOT_MET), ("not known", Verdict.UNKNOWN))
        if (listed := list(names(found, verdict)))
    ]
    return f"{opening} ({'; '.join(parts)})"


def _outside(begun: str, least: int, most: int, policy: Policy) -> str:
    days, until = _span(least, most), policy.assess_until_day
    if least > until:
        return f"{begun}, day {days}: after day {until:g} worsening is a relapse rather than a missing response"
    return (
        f"{begun}: the date is not exact enough (day {days}) to tell whether the response can be judged, "
        f"from day {policy.assess_from_day:g} to day {until:g}"
    )


def _span(least: int, most: int) -> str:
    return f"{least}" if least == most else f"{least} to {most}"


def _without_start(why: str, therapy: Therapy) -> RefractorinessAssessment:
    """Nothing to compare with: all five are unknown, for one reason."""
    unknown = tuple(CriterionResult(name, Verdict.UNKNOWN, why) for name in CRITERIA)
    return RefractorinessAssessment("not-assessable", why, unknown, triple=therapy.triple)
