"""The limits that the picture draws: the guideline's, the policy's, the laboratory's own; never one of its own."""

from __future__ import annotations

from collections.abc import Iterable

from cds_cards.assessment import Assessment
from cds_cards.guideline import Guideline
from cds_cards.hypoxaemia import gradient_limit
from cds_cards.record import Result
from service.course.model import Threshold
from service.course.words import plain, quantity, unit_words


def marker_limits(concept: str, unit: str, guideline: Guideline) -> tuple[Threshold, ...]:
    """The guideline's thresholds of a marker of risk, lowest first."""
    rules = [rule for rule in guideline.risk_factors.values() if rule.concept == concept and rule.unit == unit]
    return tuple(
        Threshold(rule.threshold, rule.label, rule.source, f"over {quantity(rule.threshold, unit_words(rule.unit))}")
        for rule in sorted(rules, key=lambda rule: rule.threshold)
    )


def gradient_limits(assessment: Assessment, guideline: Guideline) -> tuple[Threshold, ...]:
    """The policy's limit of the gradient by age (the higher one where the age is not exact); it holds on room air."""
    ages, policy = assessment.population.age, guideline.policy
    if ages is None:
        return ()
    limit = gradient_limit(ages[-1], policy)
    shown = quantity(limit, "mmHg")
    source = policy.entries["gradient_age_offset"].source
    label = f"upper limit on room air at age {ages[-1]}: {shown}"
    return (Threshold(limit, label, source, f"room air {shown}"),)


def laboratory_limits(results: Iterable[Result]) -> tuple[Threshold, ...]:
    """The upper limit that the laboratory states, where all results state the same one."""
    highs = {result.limits[1] for result in results}
    (high, *others) = highs or {None}
    if high is None or others or abs(high) == float("inf"):
        return ()
    unit = unit_words(next(iter({result.unit for result in results}), None))
    shown = plain(quantity(high, unit), 24)
    return (
        Threshold(high, f"upper limit of the laboratory: {shown}", "stated with the results", f"laboratory {shown}"),
    )
