"""When an order's course begins and ends, as far as the order states it."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final

from cds_cards.timeline import When
from service.fhir.read.codes import members
from service.fhir.read.context import Context
from service.fhir.read.dates import shifted
from service.fhir.read.numbers import quantity
from service.fhir.read.shapes import Raw
from service.fhir.read.unreadable import Unreadable

_UNITS: Final = {
    # UCUM code, or the text that stands for it → (days, months) of one
    **dict.fromkeys(("h", "hour", "hours"), (1 / 24, 0)),
    **dict.fromkeys(("d", "day", "days", "dia", "dias", "día", "días"), (1.0, 0)),
    **dict.fromkeys(("wk", "week", "weeks", "semana", "semanas"), (7.0, 0)),
    **dict.fromkeys(("mo", "month", "months", "mes", "meses"), (0.0, 1)),
    **dict.fromkeys(("a", "year", "years", "año", "años"), (0.0, 12)),
}

Span = tuple[float, int]
"""Days and calendar months."""


def course(order: Raw, authored: When | None, context: Context) -> tuple[When | None, When | None]:
    """(start, end): of the dosage's bounds, else from the dispense validity period, else from when it was written.

    Only bounds state an end, and only when every instruction has one; the latest counts.
    """
    instructions = tuple(members(order.get("dosageInstruction", [])))
    periods = [
        context.period(repeat["boundsPeriod"], "boundsPeriod")
        for repeat in map(_repeat, instructions)
        if "boundsPeriod" in repeat
    ]
    starts = [start for start, _ in periods if start is not None]
    start = min(starts, key=lambda each: (each.start, each.end)) if starts else _valid_from(order, context) or authored
    spanned = [each for each in instructions if _is_spanned(each)]
    ends = [end for _, end in periods if end is not None]
    if spanned and start is not None:
        ends.append(_end_of(spanned, start))
    stated = len(ends) == len(periods) + bool(spanned) and len(periods) + len(spanned) == len(instructions)
    end = max(ends, key=lambda each: (each.end, each.start)) if stated and ends else None
    if start is not None and end is not None and end.end < start.start:
        raise Unreadable("its course ends before it starts")
    return start, end


def _repeat(instruction: Raw) -> Raw:
    timing = instruction.get("timing")
    repeat = timing.get("repeat") if isinstance(timing, dict) else None
    return repeat if isinstance(repeat, dict) else {}


def _valid_from(order: Raw, context: Context) -> When | None:
    dispense = order.get("dispenseRequest")
    start, _ = context.period(dispense.get("validityPeriod") if isinstance(dispense, dict) else None, "validityPeriod")
    return start


def _is_spanned(instruction: Raw) -> bool:
    repeat = _repeat(instruction)
    return "boundsDuration" in repeat or "boundsRange" in repeat


def _end_of(instructions: Sequence[Raw], start: When) -> When:
    """The last day when the instructions follow one another (different `sequence`), else that of the longest."""
    spans = [_span(each) for each in instructions]
    steps = {str(each.get("sequence")) for each in instructions if "sequence" in each}
    if len(steps) == len(instructions) and len(steps) > 1:
        spans = [(sum(days for days, _ in spans), sum(months for _, months in spans))]
    try:
        # the day on which a span begins is its first
        ends = [shifted(start, ceil(days) - 1, months) for days, months in spans]
    except ValueError:
        raise Unreadable("its duration goes beyond the calendar") from None
    return max(ends, key=lambda each: each.end)


def _span(instruction: Raw) -> Span:
    repeat = _repeat(instruction)
    stated = repeat.get("boundsDuration")
    if not isinstance(stated, dict):
        bounds = repeat.get("boundsRange")
        stated = bounds.get("high") if isinstance(bounds, dict) else None
    read = quantity(stated) if isinstance(stated, dict) else None
    unit = _UNITS.get((read.code or read.unit or "").casefold()) if read is not None else None
    if read is None or unit is None or read.comparator is not None or read.number <= 0:
        raise Unreadable("its duration cannot be read")
    months = float(read.number) * unit[1]
    if months != int(months):
        raise Unreadable("its duration cannot be read")
    return float(read.number) * unit[0], int(months)
