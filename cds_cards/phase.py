"""Induction or maintenance (contract §3, `phase`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from cds_cards.conditions import counts
from cds_cards.criteria import Verdict
from cds_cards.gas import Gases
from cds_cards.guideline import Policy
from cds_cards.record import Diagnosis, PatientRecord
from cds_cards.timeline import aged_at_most

Phase = Literal["induction", "maintenance"]

# FHIR condition-clinical of a disease that came back
_CAME_BACK = frozenset({"recurrence", "relapse"})

_Reason = tuple[str, tuple[str, ...]]
"""A sentence and the references it rests on."""


@dataclass(frozen=True, slots=True)
class CombinationAge:
    """How old the combination is whose age decides, in calendar days (least, most); `days` None: start not known.

    `kind`: `running` (by its last new agent), `past` (by its start), `none` on record, or `unread`: which one runs is
    not known, because not every order could be read. `since` for a sentence; `evidence` references of its orders.
    """

    kind: Literal["running", "past", "none", "unread"]
    days: tuple[int, int] | None = None
    since: str = ""
    evidence: tuple[str, ...] = ()


def phase(
    age: CombinationAge, record: PatientRecord, gases: Gases, policy: Policy, as_of: datetime
) -> tuple[Phase, str, tuple[str, ...]]:
    """The phase, why, and the references behind it. What is not known counts towards induction: all cards may speak."""
    reasons = [*_of_combination(age, policy), *_of_relapse(record, policy, as_of), *_of_oxygen(gases, policy, as_of)]
    if reasons:
        evidence = tuple(dict.fromkeys(source for _, sources in reasons for source in sources))
        return "induction", "; ".join(said for said, _ in reasons), evidence
    kind = "the combination or its last new agent" if age.kind == "running" else "the last combination on record"
    why = (
        f"{kind} began on {age.since}, more than {policy.induction_days:g} days ago; neither a relapse of the lung "
        f"disease within {policy.relapse_days:g} days nor hypoxaemia within {policy.hypoxaemia_induction_days:g} days "
        "on record"
    )
    return "maintenance", why, age.evidence


def _of_combination(age: CombinationAge, policy: Policy) -> Iterator[_Reason]:
    if age.kind == "none":
        yield "no combination on record, running or past", ()
    elif age.kind == "unread":
        yield "not every medication order could be read, so that a combination may be running", ()
    elif age.days is None:
        yield "the start of the combination is not known", age.evidence
    elif age.days[0] <= policy.induction_days:
        what = "the combination or its last new agent" if age.kind == "running" else "the last combination"
        possibly = "" if age.days[1] <= policy.induction_days else "possibly "
        yield f"{what} began on {age.since}, {possibly}within {policy.induction_days:g} days", age.evidence


def _of_relapse(record: PatientRecord, policy: Policy, as_of: datetime) -> Iterator[_Reason]:
    zone, limit = ZoneInfo(policy.zone), timedelta(days=policy.relapse_days)
    for item in sorted(record.diagnoses, key=lambda item: item.source):
        if "ild" not in item.concepts or item.clinical not in _CAME_BACK or not counts(item):
            continue
        if _recent(item, as_of, limit):
            dates = [when.day(zone) for when in (item.onset, item.recorded) if when is not None]
            said = f"{item.clinical} of the lung disease recorded ({', '.join(dates) or 'without a date'})"
            yield said, (item.source,)


def _recent(item: Diagnosis, as_of: datetime, limit: timedelta) -> bool:
    """Whether onset or record may lie within the limit; a relapse without any date may."""
    dates = [when for when in (item.onset, item.recorded) if when is not None]
    return not dates or any(aged_at_most(when, as_of, limit) is not Verdict.NOT_MET for when in dates)


def _of_oxygen(gases: Gases, policy: Policy, as_of: datetime) -> Iterator[_Reason]:
    limit = timedelta(days=policy.hypoxaemia_induction_days)
    recent = [event for event in gases.hypoxaemia if aged_at_most(event.when, as_of, limit) is not Verdict.NOT_MET]
    if recent:
        newest = max(recent, key=lambda event: (event.when.start, event.when.end, event.because))
        yield f"hypoxaemia: {newest.because}", newest.sources


def age_in_days(since: tuple[date, date], today: date) -> tuple[int, int]:
    """Calendar days (least, most) from a start to today."""
    return (today - since[1]).days, (today - since[0]).days
