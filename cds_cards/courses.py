"""From orders and doses given to runs of days, and from runs to courses.

Days are calendar days in the site's zone. A partial date stands for an interval, so everything is read twice: the
*widest* reading begins as early and ends as late as the dates allow, the *narrowest* the other way round. What both
say is sure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from cds_cards.guideline import Guideline, Policy
from cds_cards.kinship import Families
from cds_cards.record import MedicationOrder
from cds_cards.timeline import When

PULSE = "pulse"

# FHIR medicationrequest-status and -intent of orders that are no therapy (contract, *Status*).
_NO_THERAPY = frozenset({"draft", "cancelled", "entered-in-error", "unknown"})
_NO_ORDER = frozenset({"proposal", "plan"})


@dataclass(frozen=True, slots=True)
class Course:
    """An unbroken course of one agent, renewals joined. `since` None: start not known.

    `end` None: running with no end stated. `by_text`: an order was recognised by its words alone (low confidence).
    `in_force`: those of `evidence` that are active orders, which stopping the course means to stop.
    """

    agent: str
    agent_class: str
    since: When | None
    end: When | None
    status: Literal["active", "draft", "past"]
    evidence: tuple[str, ...]
    by_text: bool = False
    in_force: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Clock:
    """`as_of`, `today` (its calendar day in the site's zone), and the reading of partial dates.

    What begins after `latest` has not begun: `as_of` with the clock skew that is granted.
    """

    as_of: datetime
    latest: datetime
    today: date
    policy: Policy
    zone: ZoneInfo
    widest: bool

    @classmethod
    def at(cls, as_of: datetime, policy: Policy, widest: bool) -> Clock:
        """The clock of `as_of` (zone-aware)."""
        zone = ZoneInfo(policy.zone)
        return cls(as_of, as_of + policy.skew, as_of.astimezone(zone).date(), policy, zone, widest)

    def early(self, when: When) -> date:
        """The day of the earlier bound."""
        return when.start.astimezone(self.zone).date()

    def late(self, when: When) -> date:
        """The day of the later bound."""
        return when.end.astimezone(self.zone).date()

    def begin(self, when: When) -> date | None:
        """The first day by this reading; None when it has not begun at `as_of` (a clock skew is granted)."""
        if when.start > self.latest:
            return None
        early = self.early(when)
        first = early if self.widest or when.exact else self.late(when)
        if first > self.today and first > early:
            return None
        return min(first, self.today)

    def one_day(self, when: When) -> bool:
        """Whether it is surely a day up to today: then both readings of it are the same."""
        if when.exact:
            return when.start <= self.as_of
        return self.early(when) == self.late(when) <= self.today


@dataclass(frozen=True, slots=True)
class Run:
    """The days on which an agent ran by one order or dose; a renewal up to `reach` continues the course."""

    agent: str
    first: date
    last: date
    reach: date
    running: bool
    source: str
    start: When | None
    end: When | None = None
    by_text: bool = False
    in_force: bool = False


@dataclass(frozen=True, slots=True)
class Stretch:
    """Runs that continue each other."""

    first: date
    last: date
    running: bool
    runs: tuple[Run, ...]


def is_therapy(order: MedicationOrder) -> bool:
    """Whether an order on record is, was or will be therapy: no prohibition, draft, cancelled, proposal or plan."""
    return not order.prohibited and order.status not in _NO_THERAPY and order.intent not in _NO_ORDER


def is_pulse(order: MedicationOrder, guideline: Guideline) -> bool:
    """Whether the policy's interval decides how long it runs; an order with a daily timing is no pulse."""
    return PULSE in guideline.agents[order.agent].roles and order.dose.daily is not True


@dataclass(frozen=True, slots=True)
class Begun:
    """An order, and the day on which it began by one reading: None when undated or not yet begun."""

    order: MedicationOrder
    first: date | None


def begun(orders: Iterable[MedicationOrder], clock: Clock) -> tuple[Begun, ...]:
    """The orders (therapy only) by the reading of the clock."""
    return tuple(Begun(order, _first_day(order, clock)) for order in orders)


def ordered_runs(orders: Sequence[Begun], guideline: Guideline, kin: Families, clock: Clock) -> Iterator[Run]:
    """The runs of all orders but pulses; one that has not begun yields nothing."""
    found: dict[str, set[date]] = {}
    for item in orders:
        if item.first is not None:
            found.setdefault(kin.lineage[item.order.agent], set()).add(item.first)
    starts = {name: sorted(days) for name, days in found.items()}
    for item in orders:
        if not is_pulse(item.order, guideline):
            run = _run(item, starts.get(kin.lineage[item.order.agent], []), clock)
            if run is not None:
                yield run


def _first_day(order: MedicationOrder, clock: Clock) -> date | None:
    if order.start is None:
        return None
    # an order on record was written before now: only bounds and validity periods can reach into the future
    return clock.begin(order.start.until(clock.as_of) if order.start == order.authored else order.start)


def _run(item: Begun, starts: Sequence[date], clock: Clock) -> Run | None:
    order, first = item.order, item.first
    active = order.status == "active"
    if order.start is None and (active or clock.widest):
        first = date.min if clock.widest else clock.today
    if first is None:
        return None
    if order.end is not None:
        last, over = _stated_end(order.end, first, clock)
    elif active:
        last, over = clock.today, False
    else:
        last, over = _assumed_end(first, starts, clock), True
    if last < first:
        return None
    last = min(last, clock.today)
    reach = last + timedelta(days=clock.policy.course_gap_days)
    runs = active and not over
    return Run(order.agent, first, last, reach, runs, order.source, order.start, order.end, order.by_text, runs)


def _stated_end(end: When, first: date, clock: Clock) -> tuple[date, bool]:
    """The last day and whether it is over."""
    last = clock.late(end) if clock.widest else clock.early(end)
    if clock.widest and last < first:
        # an end before the start cannot be trusted: by this reading the order still runs, by the narrowest it never did
        return clock.today, False
    return last, last < clock.today or end.end < clock.as_of


def _assumed_end(first: date, starts: Sequence[date], clock: Clock) -> date:
    """A past order that states no end ran until the next one of its lineage, for the policy's days at most."""
    if first == date.min:
        return clock.today
    longest = first + timedelta(days=clock.policy.open_end_days)
    following = bisect_right(starts, first)
    return min(longest, clock.today, *starts[following : following + 1])


def stretches(runs: Iterable[Run]) -> tuple[Stretch, ...]:
    """The runs joined into unbroken stretches, oldest first."""
    ordered = sorted(runs, key=_by_days)
    if len(ordered) == 1:
        return (Stretch(ordered[0].first, ordered[0].last, ordered[0].running, tuple(ordered)),)
    groups: list[list[Run]] = []
    reach = date.min
    for run in ordered:
        if groups and run.first <= reach:
            groups[-1].append(run)
            reach = max(reach, run.reach)
        else:
            groups.append([run])
            reach = run.reach
    return tuple(
        [
            Stretch(group[0].first, max([run.last for run in group]), any(run.running for run in group), tuple(group))
            for group in groups
        ]
    )


def _by_days(run: Run) -> tuple[date, date, str]:
    return run.first, run.last, run.source


def courses(runs: Iterable[Run], guideline: Guideline, clock: Clock) -> tuple[Course, ...]:
    """The courses of each agent, past and running, by agent and start."""
    by_agent: dict[str, list[Run]] = {}
    for run in runs:
        by_agent.setdefault(run.agent, []).append(run)
    return tuple(
        _course(agent, stretch, guideline, clock)
        for agent in sorted(by_agent)
        for stretch in stretches(by_agent[agent])
    )


def _course(agent: str, stretch: Stretch, guideline: Guideline, clock: Clock) -> Course:
    earliest = [run.start for run in stretch.runs if run.first == stretch.first]
    dated = [start for start in earliest if start is not None]
    since = min(dated, key=lambda when: (when.start, when.end)) if len(dated) == len(earliest) else None
    ends = [run.end for run in stretch.runs if (run.running if stretch.running else run.last == stretch.last)]
    stated = [end for end in ends if end is not None]
    end = max(stated, key=lambda when: (when.end, when.start)) if stated and len(stated) == len(ends) else None
    return Course(
        agent=agent,
        agent_class=guideline.agents[agent].agent_class,
        since=since,
        end=end if stretch.running or end is not None else day(stretch.last, clock.zone),
        status="active" if stretch.running else "past",
        evidence=tuple(sorted({run.source for run in stretch.runs})),
        by_text=any(run.by_text for run in stretch.runs),
        in_force=tuple(sorted({run.source for run in stretch.runs if run.in_force})),
    )


def day(of: date, zone: ZoneInfo) -> When:
    """A whole calendar day in the site's zone."""
    first = datetime.combine(of, time.min, zone)
    return When(first, datetime.combine(of, time.max, zone), of.isoformat())
