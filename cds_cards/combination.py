"""The combination that the running courses make, since when, and the steps taken on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from cds_cards.courses import Begun, Clock, Run, begun, ordered_runs, stretches
from cds_cards.guideline import Guideline
from cds_cards.kinship import CNI, GLUCOCORTICOID, Families, families
from cds_cards.pulses import pulse_runs
from cds_cards.record import Administration, MedicationOrder

COMPLETING = "completing"
ADD_ON = "add-on"
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reading:
    """What ran, by one reading of the dates.

    `since`: first day of the combination that runs (None: none runs); `past`: first day of the last one that ran
    before. `steps`: the first day of the unbroken course of each running agent. `orders`: those that were read.
    """

    orders: tuple[Begun, ...]
    runs: tuple[Run, ...]
    running: frozenset[str]
    since: date | None
    past: date | None
    steps: Mapping[str, date]

    def assessed(self, guideline: Guideline) -> date | None:
        """First day of the combination or of the last new CNI or rec-4 agent that runs, whichever is later."""
        if self.since is None:
            return None
        restarts = (
            first
            for agent, first in self.steps.items()
            if guideline.agents[agent].agent_class == CNI or ADD_ON in guideline.agents[agent].roles
        )
        return max((self.since, *restarts))


@dataclass(frozen=True, slots=True)
class Readings:
    """The two readings: what the narrowest says is sure, what only the widest says is possible."""

    widest: Reading
    narrowest: Reading

    @property
    def unsettled(self) -> frozenset[str]:
        """Agents of which the dates leave open whether they run."""
        return self.widest.running - self.narrowest.running


def read(
    orders: Sequence[MedicationOrder],
    administrations: Sequence[Administration],
    guideline: Guideline,
    clocks: tuple[Clock, Clock],
) -> Readings:
    """Read orders (therapy only) and doses given by both clocks: (widest, narrowest)."""
    kin = families(guideline)
    widest = _read(orders, administrations, guideline, kin, clocks[0])
    if _settled(orders, administrations, clocks[0]):
        return Readings(widest, widest)
    return Readings(widest, _read(orders, administrations, guideline, kin, clocks[1]))


def _settled(orders: Sequence[MedicationOrder], administrations: Sequence[Administration], clock: Clock) -> bool:
    """Whether the dates leave nothing open: each start and end is of one day, and no end lies before its start."""
    return all(clock.one_day(item.when) for item in administrations) and all(
        order.start is not None
        and clock.one_day(order.start)
        and (order.end is None or (clock.early(order.start) <= clock.early(order.end) == clock.late(order.end)))
        for order in orders
    )


def _read(
    orders: Sequence[MedicationOrder],
    administrations: Sequence[Administration],
    guideline: Guideline,
    kin: Families,
    clock: Clock,
) -> Reading:
    read = begun(orders, clock)
    daily = tuple(ordered_runs(read, guideline, kin, clock))
    runs = (*daily, *pulse_runs(read, administrations, daily, guideline, clock))
    spans = list(_spans(runs, guideline, kin))
    glucocorticoid = [span for name, span in spans if name == GLUCOCORTICOID]
    completing = [span for name, span in spans if name != GLUCOCORTICOID]
    both = list(_together(glucocorticoid, _unbroken(completing)))
    return Reading(
        orders=read,
        runs=runs,
        running=frozenset(run.agent for run in runs if run.running),
        since=max((first for first, running in both if running), default=None),
        past=max((first for first, running in both if not running), default=None),
        steps=_steps(runs, kin),
    )


Span = tuple[date, date, bool]
"""First and last day, and whether it runs."""


def _spans(runs: Sequence[Run], guideline: Guideline, kin: Families) -> Iterator[tuple[str, Span]]:
    """The unbroken courses of glucocorticoids and of completing agents; within a lineage one drug replaces another."""
    by_lineage: dict[str, list[Run]] = {}
    for run in runs:
        name = kin.lineage[run.agent]
        if name == GLUCOCORTICOID or COMPLETING in guideline.agents[run.agent].roles:
            by_lineage.setdefault(name, []).append(run)
    for name, group in by_lineage.items():
        for stretch in stretches(group):
            yield name, (stretch.first, stretch.last, stretch.running)


def _together(one: Sequence[Span], other: Sequence[Span]) -> Iterator[tuple[date, bool]]:
    """Where spans of both overlap: since which day, and whether both run. Each oldest first and without overlaps."""
    here, there = 0, 0
    while here < len(one) and there < len(other):
        (first, last, runs), (begins, ends, also) = one[here], other[there]
        if max(first, begins) <= min(last, ends):
            yield max(first, begins), runs and also
        if last < ends:
            here += 1
        else:
            there += 1


def _unbroken(spans: Iterable[Span]) -> list[Span]:
    """Days on which at least one of them ran: spans that overlap or follow one another from day to day are one."""
    joined: list[Span] = []
    for first, last, running in sorted(spans):
        if joined and first <= joined[-1][1] + ONE_DAY:
            begin, end, ran = joined.pop()
            joined.append((begin, max(end, last), ran or running))
        else:
            joined.append((first, last, running))
    return joined


def _steps(runs: Sequence[Run], kin: Families) -> Mapping[str, date]:
    by_substance: dict[str, list[Run]] = {}
    for run in runs:
        by_substance.setdefault(kin.substance[run.agent], []).append(run)
    return {
        run.agent: stretch.first
        for group in by_substance.values()
        for stretch in stretches(group)
        if stretch.running
        for run in stretch.runs
        if run.running
    }
