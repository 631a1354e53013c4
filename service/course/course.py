"""The course of the disease from the record and what was decided on it. Nothing is judged anew here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cds_cards.assessment import Assessment
from cds_cards.guideline import Guideline
from cds_cards.record import PatientRecord
from service.course.antibody import antibody_panels
from service.course.basis import Basis
from service.course.gradient import compared_otherwise, gradient_panel
from service.course.markers import marker_panel
from service.course.model import Bar, Course, Moment, Panel, Window
from service.course.therapies import bars, moments
from service.course.window import window_of
from service.course.words import day, plain

_NAMED = 3
"""Orders that a note names one by one."""


def course_of(record: PatientRecord, assessment: Assessment, guideline: Guideline) -> Course:
    """The course as of `assessment.as_of`. `record` is the whole one, with what is dated after the call.

    Panels without any value are left out and named in the notes. Resources of another patient are in no record.
    """
    basis = Basis.of(record, assessment, guideline)
    panels = (
        marker_panel("ferritin", basis),
        gradient_panel(basis),
        marker_panel("kl-6", basis),
        marker_panel("crp", basis),
        *antibody_panels(basis),
    )
    filled = tuple(panel for panel in panels if panel.values)
    courses, days = bars(basis), moments(basis)
    window = window_of(filled, courses, days, assessment.as_of)
    notes = (*_empty(panels, basis), *_outside(filled, window, basis), *_therapies(courses, days, window, basis))
    compared = compared_otherwise(basis)
    return Course(
        assessment.as_of,
        basis.zone,
        filled,
        courses,
        days,
        window,
        (*notes, *([plain(f"A-aDO2 as a criterion: {compared}", 240)] if compared else [])),
    )


def _empty(panels: Sequence[Panel], basis: Basis) -> Iterator[str]:
    """The markers without any value. Nothing is called absent that was not looked up in full."""
    titles = [panel.title for panel in panels if not panel.values]
    if not titles:
        return
    if basis.record.answers.get("observations") == "complete":
        yield f"No value on record: {', '.join(titles)}."
    else:
        yield f"No value among those obtained (not all observations could be fetched): {', '.join(titles)}."


def _outside(panels: Sequence[Panel], window: Window, basis: Basis) -> Iterator[str]:
    """What a panel holds and the picture does not show."""
    for panel in panels:
        dated = [value for value in panel.values if value.when is not None]
        before = [value for value in dated if value.when and value.when.end < window.start]
        after = [value for value in dated if value.when and value.when.start > window.end]
        undated = [value for value in panel.values if value.when is None]
        if before and before[-1].when:
            last = before[-1]
            counts = "" if last.used else f" ({last.why})"
            yield (
                f"{panel.title}: {_number(before)} before this picture, "
                f"the last {plain(last.said, 60)} on {day(before[-1].when, basis.zone)}{counts}."
            )
        if after and after[0].when:
            yield f"{panel.title}: {_number(after)} after this picture, the first on {day(after[0].when, basis.zone)}."
        if undated:
            yield f"{panel.title}: {_number(undated)} without a date: {plain(undated[0].why, 120)}."


def _therapies(courses: Sequence[Bar], days: Sequence[Moment], window: Window, basis: Basis) -> Iterator[str]:
    unread = basis.assessment.therapy.unread
    if unread:
        more = f" and {len(unread) - _NAMED} more" if len(unread) > _NAMED else ""
        yield plain(f"The therapies may be incomplete: {'; '.join(unread[:_NAMED])}{more}.", 240)
    elif not courses:
        yield "No therapy on record."
    for bar in courses:
        if bar.until is not None and bar.until.end < window.start:
            yield f"{bar.label}: ended {day(bar.until, basis.zone)}, before this picture."
        elif bar.since is not None and bar.since.start > window.end:
            yield f"{bar.label}: {bar.status} for {day(bar.since, basis.zone)}, after this picture."
    for each in days:
        if not window.holds(each.when):
            yield f"{each.label}: {day(each.when, basis.zone)}, outside this picture."


def _number(values: Sequence[object]) -> str:
    return f"{len(values):,} value{'s' if len(values) != 1 else ''}"
