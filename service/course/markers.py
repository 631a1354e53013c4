"""Ferritin, KL-6 and CRP against time: which values count, and what they stood for in the assessment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from cds_cards.facts import Result
from cds_cards.series import countable, one_per_date
from service.course.basis import LATE, Basis, by_date, counted, points_of
from service.course.model import Panel, Role, Value
from service.course.thresholds import marker_limits
from service.course.words import quantity, unit_words

SUPERSEDED = "preliminary, and a final value counts in its place"
SAME_TIME = "another value of the same time counts in its place"
_TITLES = {"ferritin": "Ferritin", "kl-6": "KL-6", "crp": "CRP"}


def marker_panel(concept: str, basis: Basis) -> Panel:
    """The panel of `ferritin`, `kl-6` or `crp`; its values may be none."""
    unit = basis.guideline.observations[concept].canonical
    known, late = basis.results(concept)
    usable = [result for result in known if result.value is not None]
    current = timedelta(days=basis.guideline.policy.lab_current_days)
    final = set(countable(usable, basis.assessment.as_of, current))
    chosen = set(one_per_date(final))
    values = [
        *(_known(result, result in chosen, result in final, basis) for result in known),
        *(_value(result, used=False, why=LATE) for result in late),
        *basis.unreadable(concept),
    ]
    limits = marker_limits(concept, unit, basis.guideline)
    return Panel(concept, _TITLES[concept], unit_words(unit), by_date(values), limits)


def _known(result: Result, chosen: bool, final: bool, basis: Basis) -> Value:
    roles = tuple(dict.fromkeys(_roles(result, basis)))
    if chosen or roles:
        return _value(result, used=True, why=counted(roles, result.assumption), roles=roles)
    return _value(result, used=False, why=SUPERSEDED if result.preliminary and not final else SAME_TIME)


def _value(result: Result, *, used: bool, why: str, roles: tuple[Role, ...] = ()) -> Value:
    number, unit = result.value, unit_words(result.unit)
    said = result.recorded if number is None else quantity(number, unit, result.comparator)
    return Value(
        when=result.when,
        said=said,
        recorded=result.recorded,
        kind="measured",
        used=used,
        why=why,
        sources=(result.source,),
        number=number,
        comparator=result.comparator,
        roles=roles,
    )


def _roles(result: Result, basis: Basis) -> Iterator[Role]:
    """What the assessment took it for."""
    assessment = basis.assessment
    judged = tuple(points_of(basis.criterion(result.concept)))
    for role, point in judged:
        if (point.source, point.when, point.value) == (result.source, result.when, result.value):
            yield role
    if result.concept == "ferritin" and result == assessment.ferritin.newest:
        yield "newest"
    if result.concept == "ferritin" and result == assessment.ferritin.baseline and not judged:
        yield "before" if assessment.therapy.assessed_since is None else "baseline"
    if result == assessment.kl6 or _decides_risk(result, basis):
        yield "newest"


def _decides_risk(result: Result, basis: Basis) -> bool:
    rules = basis.guideline.risk_factors
    shown = result.when.day(basis.zone)
    return any(
        rules[factor.id].concept == result.concept and result.source in factor.evidence and factor.date in (None, shown)
        for factor in basis.assessment.risk.factors
    )
