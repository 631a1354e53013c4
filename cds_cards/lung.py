"""Lung disease: rapidly progressive ILD as recorded or inferred, other ILD, none, or not known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from cds_cards.conditions import active, confirmed, counts
from cds_cards.criteria import Verdict, all_of, any_of, none_of
from cds_cards.gas import Gases, HypoxaemiaEvent
from cds_cards.guideline import Policy
from cds_cards.record import Diagnosis, PatientRecord
from cds_cards.timeline import When, aged_at_most, days_at_least, days_at_most, days_between

ILD = "ild"
RPILD = "rpild"
HOME_OXYGEN = "home-oxygen"
_STANDING_ORDERS = frozenset({"active", "on-hold", "completed"})
_EVER = datetime(1, 1, 2, tzinfo=UTC)
"""Where an unknown date may begin (a day after the calendar's first, so that every zone can hold it)."""


@dataclass(frozen=True, slots=True)
class LungDisease:
    """`certainty` only for rpild. `dates_unsettled`: an ILD and recent hypoxaemia whose dates do not settle RPILD."""

    status: Literal["rpild", "ild", "none", "unknown"]
    because: str
    certainty: Literal["recorded", "inferred"] | None = None
    evidence: tuple[str, ...] = ()
    earliest: When | None = None
    dates_unsettled: bool = False


def lung_disease(record: PatientRecord, gases: Gases, policy: Policy, as_of: datetime) -> LungDisease:
    """RPILD as recorded, or inferred from the dates of ILD and hypoxaemia (site policy); else ILD, none or unknown."""
    found = tuple(sorted((d for d in record.diagnoses if d.concepts & {ILD, RPILD} and counts(d)), key=_order))
    if not found:
        return _without(record)
    earliest = _earliest(found, record, as_of)
    shown = earliest if earliest.start > _EVER else None
    recorded = [d for d in found if RPILD in d.concepts and active(d) and confirmed(d)]
    if recorded:
        because = f"recorded as rapidly progressive ILD: {_named(recorded[0], policy)}"
        return LungDisease("rpild", because, "recorded", tuple(d.source for d in recorded), shown)
    sources = tuple(d.source for d in found)
    if not any(active(d) for d in found):
        because = f"the recorded ILD is inactive, in remission or resolved: {_named(found[0], policy)}"
        return LungDisease("ild", because, evidence=sources, earliest=shown)
    return _judged(record, gases, earliest, sources, policy, as_of)


def _without(record: PatientRecord) -> LungDisease:
    if record.read_in_full("conditions", ILD, RPILD):
        return LungDisease("none", "no interstitial lung disease among the conditions on record")
    if record.unread_of("conditions", ILD, RPILD):
        return LungDisease("unknown", "a condition that may be an interstitial lung disease could not be read")
    return LungDisease("unknown", "the conditions were not answered in full, and no ILD is among those at hand")


def _earliest(found: tuple[Diagnosis, ...], record: PatientRecord, as_of: datetime) -> When:
    """The interval of the earliest ILD date, over all ILD conditions that count and those that could not be read."""
    undated = When(_EVER, as_of, "without a date")
    dates = [d.began or undated for d in found]
    # of one that could not be read, the date is the latest at which it can have begun
    unread = (item.when or undated for item in record.unread_of("conditions", ILD, RPILD) if item.concepts)
    dates += [When(_EVER, date.end, date.text) for date in unread]
    known = [date.until(as_of) for date in dates]
    start, end = min(date.start for date in known), min(date.end for date in known)
    return When(start, end, min(known, key=lambda date: (date.start, date.end, date.text)).text)


def _judged(
    record: PatientRecord, gases: Gases, earliest: When, sources: tuple[str, ...], policy: Policy, as_of: datetime
) -> LungDisease:
    """Whether the dates make an active ILD rapid."""
    zone = ZoneInfo(policy.zone)
    since = f"ILD since {earliest.day(zone)}" if earliest.start > _EVER else "ILD without a certain first date"
    shown = earliest if earliest.start > _EVER else None
    judged = [(event, _fits(event, earliest, policy, as_of)) for event in gases.hypoxaemia]
    prior = [(said, _long_before(when, earliest, policy)) for said, when in _earlier_signs(record, gases, zone)]
    verdict = all_of((any_of(v for _, v in judged), none_of(v for _, v in prior)))
    event = next((e for e, v in reversed(judged) if v is not Verdict.NOT_MET), None)
    if event is None or verdict is Verdict.NOT_MET:
        long_ago = [said for said, v in prior if v is Verdict.MET] if event else []
        because = _why_not(since, gases, long_ago, policy, as_of)
        return LungDisease("ild", because, evidence=sources, earliest=shown)
    evidence = (*sources, *event.sources)
    if verdict is Verdict.UNKNOWN:
        because = f"{since}, and hypoxaemia ({event.because}): the dates do not settle whether the course is rapid"
        return LungDisease("ild", because, evidence=evidence, earliest=shown, dates_unsettled=True)
    because = f"inferred from {since} and hypoxaemia {_apart(earliest, event, zone)} ({event.because})"
    if not record.read_in_full("observations", "pao2", "pf-ratio", "spo2", "a-a-gradient"):
        because += "; not all results could be read, so earlier hypoxaemia is not excluded"
    return LungDisease("rpild", because, "inferred", evidence, shown)


def _fits(event: HypoxaemiaEvent, earliest: When, policy: Policy, as_of: datetime) -> Verdict:
    """Whether hypoxaemia is recent and near the earliest ILD date, before or after."""
    zone = ZoneInfo(policy.zone)
    return all_of(
        (
            aged_at_most(event.when, as_of, timedelta(days=policy.hypoxaemia_recent_days)),
            days_at_most(earliest, event.when, policy.rpild_days, zone),
            days_at_most(event.when, earliest, policy.rpild_days, zone),
        )
    )


def _earlier_signs(record: PatientRecord, gases: Gases, zone: ZoneInfo) -> Iterator[tuple[str, When | None]]:
    """What on record may show that the lungs were ill before: hypoxaemia, home oxygen."""
    for event in gases.hypoxaemia:
        yield f"hypoxaemia ({event.because})", event.when
    oxygen = [d.began for d in record.diagnoses if HOME_OXYGEN in d.concepts and counts(d)]
    oxygen += [
        order.when
        for order in record.services
        if HOME_OXYGEN in order.concepts
        and order.status in _STANDING_ORDERS
        and order.intent not in ("proposal", "plan")
        and not order.refused
    ]
    for when in oxygen:
        yield f"home oxygen ({when.day(zone) if when else 'without a date'})", when


def _long_before(when: When | None, earliest: When, policy: Policy) -> Verdict:
    if when is None:
        return Verdict.UNKNOWN
    return days_at_least(when, earliest, policy.prior_hypoxaemia_days + 1, ZoneInfo(policy.zone))


def _why_not(since: str, gases: Gases, prior: list[str], policy: Policy, as_of: datetime) -> str:
    days = f"{policy.hypoxaemia_recent_days:g} days"
    if prior:
        return f"{since}, but {min(prior)} more than {policy.prior_hypoxaemia_days} days before it: not called rapid"
    limit = timedelta(days=policy.hypoxaemia_recent_days)
    if all(aged_at_most(event.when, as_of, limit) is Verdict.NOT_MET for event in gases.hypoxaemia):
        return f"{since}; no hypoxaemia on record within {days}"
    return f"{since}; hypoxaemia of the last {days} lies more than {policy.rpild_days} days from it: not called rapid"


def _apart(earliest: When, event: HypoxaemiaEvent, zone: ZoneInfo) -> str:
    least, most = days_between(earliest, event.when, zone)
    if least == most:
        return "the same day" if least == 0 else f"{abs(least)} days {'later' if least > 0 else 'earlier'}"
    return f"about {max(abs(least), abs(most))} days apart at most"


def _named(diagnosis: Diagnosis, policy: Policy) -> str:
    when = f", {diagnosis.began.day(ZoneInfo(policy.zone))}" if diagnosis.began else ", without a date"
    return f"{diagnosis.label or 'condition on record'}{when}"


def _order(diagnosis: Diagnosis) -> tuple[bool, float, str]:
    began = diagnosis.began
    return began is None, began.start.timestamp() if began else 0.0, diagnosis.source
