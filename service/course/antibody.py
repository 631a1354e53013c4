"""Anti-MDA5 against time: one panel for each assay, as numbers of two assays cannot be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from cds_cards.antibody import CONCEPT
from cds_cards.criteria import Verdict
from cds_cards.facts import Result
from cds_cards.presence import positivity
from cds_cards.series import countable
from service.course.basis import LATE, Basis, by_date, counted
from service.course.markers import SUPERSEDED
from service.course.model import Panel, Role, Value
from service.course.thresholds import laboratory_limits
from service.course.words import plain, quantity, unit_words

MOST_ASSAYS = 2
"""Assays with a panel of their own, those measured last; the results of others are named in the first panel."""
_TITLE = "Anti-MDA5"
_TOLD = {Verdict.MET: "positive", Verdict.NOT_MET: "negative", Verdict.UNKNOWN: "neither positive nor negative"}

Assay = tuple[str, str]
"""Code and unit."""


def antibody_panels(basis: Basis) -> tuple[Panel, ...]:
    """The panels of the antibody, that of the assay measured last first; one without values when there is nothing."""
    known, late = basis.results(CONCEPT)
    current = timedelta(days=basis.guideline.policy.lab_current_days)
    final = set(countable(known, basis.assessment.as_of, current))
    values = {result: _known(result, result in final, basis) for result in known}
    values |= {result: _value(result, used=False, why=LATE) for result in late}
    drawn = _drawn([*known, *late])
    apart = [_as_words(value) for result, value in values.items() if _assay(result) not in drawn]
    panels = []
    for place, assay in enumerate(drawn or [None]):
        results = [result for result in values if _assay(result) == assay and assay is not None]
        more = [*apart, *basis.unreadable(CONCEPT)] if place == 0 else []
        panels.append(_panel(place, assay, drawn, results, [*(values[result] for result in results), *more]))
    return tuple(panels)


def _panel(
    place: int, assay: Assay | None, drawn: Sequence[Assay], results: Sequence[Result], values: Sequence[Value]
) -> Panel:
    name = CONCEPT if place == 0 else f"{CONCEPT}-{place + 1}"
    if assay is None:
        return Panel(name, _TITLE, "", by_date(values))
    code, unit = assay
    alone = len({other for other in drawn if other[1] == unit}) == 1
    title = _TITLE if alone or not code else f"{_TITLE} {plain(code.rpartition('|')[2], 16)}"
    return Panel(name, title, unit_words(unit), by_date(values), laboratory_limits(results))


def _assay(result: Result) -> Assay | None:
    """None for a result without a number."""
    return None if result.value is None else (result.code, result.unit or "")


def _drawn(results: Sequence[Result]) -> list[Assay]:
    last: dict[Assay, float] = {}
    for result in results:
        if (assay := _assay(result)) is not None:
            last[assay] = max(last.get(assay, float("-inf")), result.when.start.timestamp())
    return sorted(last, key=lambda assay: (-last[assay], assay))[:MOST_ASSAYS]


def _known(result: Result, final: bool, basis: Basis) -> Value:
    roles = tuple(_roles(result, basis))
    if not final:
        return _value(result, used=False, why=SUPERSEDED)
    return _value(result, used=True, why=counted(roles, _TOLD[positivity(result)]), roles=roles)


def _roles(result: Result, basis: Basis) -> Iterator[Role]:
    titre = basis.assessment.anti_mda5.titre
    if titre is not None and result == titre.newest:
        yield "newest"
    if titre is not None and result == titre.earlier:
        yield "before"


def _value(result: Result, *, used: bool, why: str, roles: tuple[Role, ...] = ()) -> Value:
    return Value(
        when=result.when,
        said=_said(result),
        recorded=result.recorded,
        kind="measured",
        used=used,
        why=why,
        sources=(result.source,),
        number=result.value,
        comparator=result.comparator if result.value is not None else None,
        roles=roles,
    )


def _said(result: Result) -> str:
    if result.value is not None:
        return plain(quantity(result.value, unit_words(result.unit), result.comparator), 40)
    told = _TOLD[positivity(result)]
    recorded = plain(result.recorded, 40)
    return told if recorded.casefold() == told else f"{told} ({recorded})"


def _as_words(value: Value) -> Value:
    """A number of an assay without a panel: said, not placed on another assay's scale."""
    return Value(
        when=value.when,
        said=value.said,
        recorded=value.recorded,
        kind=value.kind,
        used=value.used,
        why=value.why,
        sources=value.sources,
        roles=value.roles,
    )
