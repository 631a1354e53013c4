"""Treatment: courses, the regimen they make, since when, and the phase of the disease."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from cds_cards.combination import Readings, read
from cds_cards.courses import Clock, Course, Run, courses, day
from cds_cards.drafted import Orders, orders
from cds_cards.gas import Gases
from cds_cards.glucocorticoid import low_glucocorticoid
from cds_cards.guideline import Guideline
from cds_cards.kinship import CNI
from cds_cards.phase import CombinationAge, age_in_days, phase
from cds_cards.record import MedicationOrder, PatientRecord
from cds_cards.stage import Days, Stage, combined_since, rescue_given, rescued, stage
from cds_cards.timeline import When

__all__ = ["Course", "Stage", "Therapy", "therapy"]

CYCLOPHOSPHAMIDE = "cyclophosphamide"
# roles of which a start that is not known leaves the start of the combination or of its last new agent open
_TREATING = frozenset({"glucocorticoid", "completing", "add-on"})


@dataclass(frozen=True, slots=True)
class Therapy:
    """The regimen at `as_of`.

    `stage` counts drafts as if signed; `running_stage` does not, and `combination_since`, `assessed_since`, `phase` and
    `triple` (glucocorticoid, CNI and cyclophosphamide) are those of the running orders too. `complete` False when an
    order could not be read or settled, or a page is missing; `unread` names those. `running`/`drafted`/`planned` are
    agent ids: `running` also holds an agent whose dates leave open whether it runs, and not one that a draft stops;
    `planned` are ordered to begin later. `days_on_combination`/`days_assessed` are calendar days (least, most) since
    the starts. `rescue_given`: of pmx-hemoperfusion, plasmapheresis, immunoglobulin those given since the combination
    was complete, or running. `low_glucocorticoid`: a sentence when the starting dose is below the policy's and no pulse
    was given, else "". `phase_evidence`: the references behind the phase, none where it rests on nothing found.
    """

    stage: Stage
    phase: Literal["induction", "maintenance"]
    phase_why: str
    complete: bool
    courses: tuple[Course, ...]
    running: frozenset[str]
    drafted: frozenset[str] = frozenset()
    combination_since: When | None = None
    days_on_combination: tuple[int, int] | None = None
    assessed_since: When | None = None
    days_assessed: tuple[int, int] | None = None
    start_unknown: bool = False
    unread: tuple[str, ...] = ()
    rescue_given: frozenset[str] = frozenset()
    low_glucocorticoid: str = ""
    running_stage: Stage = "unknown"
    triple: bool = False
    planned: frozenset[str] = frozenset()
    phase_evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _View:
    """The orders and what ran by them: `now` on record, `kept` without what drafts replace, `signed` as if signed."""

    record: PatientRecord
    guideline: Guideline
    clock: Clock
    orders: Orders
    now: Readings
    kept: Readings
    signed: Readings

    def stage(self, readings: Readings) -> Stage:
        """The stage by these readings."""
        rescue = rescued(self.record, readings, self.guideline, self.clock)
        return stage(readings, rescue, self.record.read_in_full("medications"), self.guideline)


@dataclass(frozen=True, slots=True)
class _Starts:
    """When the running combination was complete, and when its last new agent began; None where not known."""

    since: Days | None = None
    assessed: Days | None = None
    unknown: bool = False


def therapy(record: PatientRecord, gases: Gases, guideline: Guideline, as_of: datetime) -> Therapy:
    """Judge the orders on record, and the drafts as if signed, as of `as_of`.

    Orders (MedicationRequest) are the source of courses. Doses given count for pulses and immunoglobulin only.
    """
    view = _view(record, guideline, as_of)
    clock, starts = view.clock, _starts(view)
    running_stage = view.stage(view.now)
    unread = _unread(view)
    phase_, phase_why, phase_evidence = phase(_age(view, starts), record, gases, guideline.policy, as_of)
    return Therapy(
        stage=running_stage if view.signed is view.now else view.stage(view.signed),
        running_stage=running_stage,
        phase=phase_,
        phase_why=phase_why,
        complete=not unread,
        courses=_courses(view),
        running=view.kept.widest.running,
        drafted=frozenset(order.agent for order in view.orders.drafts),
        combination_since=_when(starts.since, view),
        days_on_combination=age_in_days(starts.since, clock.today) if starts.since else None,
        assessed_since=_when(starts.assessed, view),
        days_assessed=age_in_days(starts.assessed, clock.today) if starts.assessed else None,
        start_unknown=starts.unknown,
        unread=unread,
        rescue_given=rescue_given(record, view.now, view.kept.widest.running, guideline, clock),
        low_glucocorticoid=_low_glucocorticoid(view, starts),
        triple=_triple(view.now, guideline),
        planned=_planned(view),
        phase_evidence=phase_evidence,
    )


def _view(record: PatientRecord, guideline: Guideline, as_of: datetime) -> _View:
    clocks = (Clock.at(as_of, guideline.policy, widest=True), Clock.at(as_of, guideline.policy, widest=False))
    written = orders(record, as_of)
    given = record.administrations
    now = read(written.on_record, given, guideline, clocks)
    if not record.drafts:
        return _View(record, guideline, clocks[0], written, now, now, now)
    kept = now if written.kept == written.on_record else read(written.kept, given, guideline, clocks)
    signed = read(written.as_if_signed, given, guideline, clocks)
    return _View(record, guideline, clocks[0], written, now, kept, signed)


def _starts(view: _View) -> _Starts:
    since = combined_since(view.now)
    if since is None:
        return _Starts()
    undated = any(
        order.start is None and view.guideline.agents[order.agent].roles & _TREATING for order in view.orders.on_record
    )
    if undated and since[0] != since[1]:
        return _Starts(unknown=True)
    steps = (view.now.widest.assessed(view.guideline), view.now.narrowest.assessed(view.guideline))
    assessed = (steps[0] or since[0], steps[1] or since[1])
    if undated and assessed[0] != assessed[1]:
        return _Starts(since, unknown=True)
    return _Starts(since, assessed)


def _age(view: _View, starts: _Starts) -> CombinationAge:
    """The combination whose age decides the phase: the running one, else the last past one."""
    widest, narrowest = view.now.widest, view.now.narrowest
    if narrowest.since is not None:
        days = age_in_days(starts.assessed, view.clock.today) if starts.assessed else None
        since = _when(starts.assessed, view)
        running = _treating(view, lambda run: run.running)
        return CombinationAge("running", days, since.text if since else "", running)
    if widest.since is not None or not view.record.read_in_full("medications"):
        return CombinationAge("unread")
    if widest.past is None:
        return CombinationAge("none")
    began = widest.past
    evidence = _treating(view, lambda run: run.first <= began <= run.last)
    if narrowest.past is None or widest.past == date.min:
        return CombinationAge("past", evidence=evidence)
    past = (min(widest.past, narrowest.past), max(widest.past, narrowest.past))
    since = _when(past, view)
    return CombinationAge("past", age_in_days(past, view.clock.today), since.text if since else "", evidence)


def _treating(view: _View, wanted: Callable[[Run], bool]) -> tuple[str, ...]:
    """The references of what makes a combination or adds to it."""
    agents, runs = view.guideline.agents, view.now.widest.runs
    return tuple(sorted({run.source for run in runs if agents[run.agent].roles & _TREATING and wanted(run)}))


def _when(days: Days | None, view: _View) -> When | None:
    """The interval of two days; with the text of the partial date that it comes from, where it does."""
    if days is None:
        return None
    first, last = (day(of, view.clock.zone) for of in days)
    text = first.text if days[0] == days[1] else _text(days, view) or f"{first.text}/{last.text}"
    return When(first.start, last.end, text)


def _text(days: Days, view: _View) -> str:
    """The partial date, as it was recorded, of an order that began on one of these days; "" when there is none."""
    clock = view.clock
    texts = (
        order.start.text
        for order in view.orders.on_record
        if order.start is not None and (clock.early(order.start), min(clock.late(order.start), clock.today)) == days
    )
    return min(texts, default="")


def _unread(view: _View) -> tuple[str, ...]:
    """Sentences on orders that could not be read or settled, and on pages that are missing."""
    answer = view.record.answers.get("medications", "missing")
    pages = {
        "partial": ["not all pages of the medication orders could be fetched"],
        "missing": ["the medication orders could not be fetched"],
    }.get(answer, [])
    broken = sorted({f"{item.source} ({item.why})" for item in view.record.unread_of("medications")})
    names = sorted(view.guideline.agents[agent].name for agent in view.now.unsettled | view.signed.unsettled)
    open_ = [f"{name}: the dates leave open whether it runs" for name in names]
    return (*pages, *broken, *open_)


def _courses(view: _View) -> tuple[Course, ...]:
    """The courses on record, then one for each draft; a draft stands in the place of the running order it replaces."""
    drafted = {order.agent for order in view.orders.drafts}
    on_record = tuple(
        course
        for course in courses(view.now.widest.runs, view.guideline, view.clock)
        if not (course.status == "active" and course.agent in drafted - view.kept.widest.running)
    )
    drafts = sorted(view.orders.drafts, key=lambda order: (order.agent, order.source))
    return (*on_record, *(_drafted(order, view.guideline) for order in drafts))


def _drafted(order: MedicationOrder, guideline: Guideline) -> Course:
    agent_class = guideline.agents[order.agent].agent_class
    return Course(order.agent, agent_class, order.start, order.end, "draft", (order.source,), order.by_text)


def _low_glucocorticoid(view: _View, starts: _Starts) -> str:
    if starts.since is None or starts.since[0] != starts.since[1]:
        return ""
    runs = view.now.narrowest.runs
    return low_glucocorticoid(view.record, view.orders.on_record, runs, starts.since[0], view.guideline, view.clock)


def _triple(now: Readings, guideline: Guideline) -> bool:
    """Glucocorticoid, calcineurin inhibitor and cyclophosphamide together: the therapy of the cited definition."""
    sure = now.narrowest
    cni = any(guideline.agents[agent].agent_class == CNI for agent in sure.running)
    return sure.since is not None and cni and CYCLOPHOSPHAMIDE in sure.running


def _planned(view: _View) -> frozenset[str]:
    """Agents of active orders that begin later."""
    later = {
        item.order.agent
        for item in view.kept.widest.orders
        if item.order.status == "active" and item.order.start is not None and item.first is None
    }
    return frozenset(later - view.kept.widest.running)
