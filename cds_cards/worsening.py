"""Worsening before a response can be judged: the guideline does not say to wait."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_cards.criteria import Verdict, unanimous
from cds_cards.failure import CLINICAL, MMHG, CriterionResult, fallen
from cds_cards.follow_up import Step, Value, first, last, of_gases
from cds_cards.gas import Gases
from cds_cards.series import figure
from cds_cards.timeline import calendar_days

DAY_BEFORE = -1
"""The last calendar day before the step."""


def worsening(gases: Gases, criteria: Iterable[CriterionResult], step: Step) -> tuple[str, ...]:
    """Sentences: PaO2/FiO2 down by the policy's smallest fall, new hypoxaemia, or a clinical criterion met."""
    return (*_ratio(gases, step), *_hypoxaemia(gases, step), *_clinical(criteria))


def _ratio(gases: Gases, step: Step) -> Iterator[str]:
    """Against the last value of the days before the step, else the first after it."""
    values = of_gases(gases.ratios, MMHG, step.zone, higher_is_worse=False)
    since = last(values, lambda value: step.from_day(value.days, 0))
    before = last(values, lambda value: step.within(value.days, -step.policy.worsening_before_days, DAY_BEFORE))
    baseline = before if before.values else first(values, lambda value: step.from_day(value.days, 0))
    pairs = [(base, value) for base in baseline.values for value in since.values if base != value]
    if not pairs or not (baseline.sure and since.sure):
        return
    if unanimous(fallen(*pair, step) for pair in pairs) is Verdict.MET:
        base, newest = pairs[-1]
        yield (
            f"PaO2/FiO2 fell from {_named(base, step)} to {_named(newest, step)}, by at least "
            f"{step.policy.pf_fall_percent:g} %"
        )


def _hypoxaemia(gases: Gases, step: Step) -> Iterator[str]:
    """New: none in the days before the step."""
    days = step.policy.worsening_before_days
    dated = [(event, calendar_days(event.when, step.zone)) for event in gases.hypoxaemia]
    before = [event for event, on in dated if step.within(on, -days, DAY_BEFORE) is Verdict.MET]
    since = [event for event, on in dated if step.from_day(on, 0) is Verdict.MET]
    if since and not before:
        newest = max(since, key=lambda event: (event.when.start, event.when.end, event.because))
        yield f"new hypoxaemia (none in the {days:g} days before the step of therapy): {newest.because}"


def _clinical(criteria: Iterable[CriterionResult]) -> Iterator[str]:
    for item in criteria:
        if item.id in CLINICAL and item.verdict is Verdict.MET:
            yield item.why


def _named(value: Value, step: Step) -> str:
    return f"{figure(value.value, value.unit, value.comparator)} on {value.when.day(step.zone)}"
