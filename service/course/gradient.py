"""A-aDO2 against time, measured and derived apart, and the gases of which no gradient was made."""

from __future__ import annotations

from collections.abc import Iterator

from cds_cards.blood_gas import GasValue, same_gas
from cds_cards.facts import Result
from cds_cards.gas import ARTERIAL
from cds_cards.series import figure
from cds_cards.timeline import When
from service.course.basis import LATE, Basis, by_date, counted, points_of
from service.course.markers import SAME_TIME, SUPERSEDED
from service.course.model import Panel, Role, Value
from service.course.thresholds import gradient_limits
from service.course.words import quantity

CONCEPT = "a-a-gradient"
_GASES = (CONCEPT, "pao2", "paco2", "fio2")
UNIT = "mmHg"


def gradient_panel(basis: Basis) -> Panel:
    """The panel of the gradient; its values may be none."""
    values = [
        *(_counted(gas, basis) for gas in basis.assessment.gases.gradients),
        *_reported_apart(basis),
        *_gases_apart(basis),
        *basis.unreadable(*_GASES),
    ]
    limits = gradient_limits(basis.assessment, basis.guideline)
    return Panel(CONCEPT, "A-aDO2", UNIT, by_date(values), limits)


def compared_otherwise(basis: Basis) -> str:
    """The criterion's sentence where it compared PaO2/FiO2, whose values this panel does not hold; else empty."""
    criterion = basis.criterion(CONCEPT)
    judged = [point for _, point in points_of(criterion)]
    if criterion is None or not judged:
        return ""
    drawn = {(gas.sources, gas.value) for gas in basis.assessment.gases.gradients}
    return "" if all((point.sources, point.value) in drawn for point in judged) else criterion.why


def _counted(gas: GasValue, basis: Basis) -> Value:
    roles: tuple[Role, ...] = tuple(
        role
        for role, point in points_of(basis.criterion(CONCEPT))
        if (point.sources, point.when, point.value) == (gas.sources, gas.when, gas.value)
    )
    oxygen = f"FiO2 {figure(gas.fio2, None)}" if gas.fio2 is not None else None
    return Value(
        when=gas.when,
        said=quantity(gas.value, UNIT, gas.comparator),
        recorded=gas.recorded,
        kind="derived" if gas.derived else "measured",
        used=True,
        why=counted(roles, oxygen),
        sources=gas.sources,
        number=gas.value,
        comparator=gas.comparator,
        roles=roles,
        fio2=gas.fio2,
    )


def _reported_apart(basis: Basis) -> Iterator[Value]:
    """Reported gradients that do not count."""
    counting = {(gas.sources[0], gas.when, gas.value) for gas in basis.assessment.gases.gradients if not gas.derived}
    known, late = basis.results(CONCEPT)
    for result in known:
        if result.value is not None and (result.source, result.when, result.value) not in counting:
            yield _apart(result, SUPERSEDED if result.preliminary else SAME_TIME, result.value)
    for result in late:
        yield _apart(result, LATE, result.value)


def _gases_apart(basis: Basis) -> Iterator[Value]:
    """PaO2 of which no gradient was derived: a date and the reason, at the foot of the panel."""
    known, late = basis.results("pao2")
    stated = sorted((r for r in basis.known.results_of(CONCEPT) if r.value is not None), key=lambda r: r.when.start)
    made = {(source, gas.when) for gas in basis.assessment.gases.gradients for source in gas.sources}
    for result in known:
        if (result.source, result.when) in made or same_gas(result, stated, basis.guideline.policy):
            continue
        yield _apart(result, _why_none(result, made))
    for result in late:
        yield _apart(result, LATE)


def _why_none(result: Result, made: set[tuple[str, When]]) -> str:
    if result.variant != ARTERIAL:
        return f"PaO2 from {result.variant or 'unspecified'} blood, not arterial: no A-aDO2 derived"
    if any(when == result.when for _, when in made):
        return f"PaO2: {SAME_TIME}"
    if result.preliminary:
        return f"PaO2: {SUPERSEDED}, or no PaCO2 and FiO2 of the same gas"
    return "no usable PaCO2 and FiO2 of the same gas: no A-aDO2 derived"


def _apart(result: Result, why: str, number: float | None = None) -> Value:
    label = "" if result.concept == CONCEPT else "PaO2 "
    shown = result.recorded if result.value is None else quantity(result.value, UNIT, result.comparator)
    return Value(
        when=result.when,
        said=f"{label}{shown}",
        recorded=f"{label}{result.recorded}",
        kind="measured",
        used=False,
        why=why,
        sources=(result.source,),
        number=number,
        comparator=result.comparator if number is not None else None,
    )
