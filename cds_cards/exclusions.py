"""Why an agent is not suggested at all (contract, *what may be suggested*)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from cds_cards.feasibility import Barrier
from cds_cards.guideline import Agent, Guideline
from cds_cards.kinship import Kin, Rivalry
from cds_cards.on_record import allergies_in_force, allergy_text, speaks_of
from cds_cards.pregnancy import Pregnancy
from cds_cards.record import Allergy, MedicationOrder, PatientRecord
from cds_cards.therapy import Course, Therapy

Kind = Literal["allergy", "prohibited", "running", "drafted", "pregnancy", "cni-not-feasible"] | Rivalry
# FHIR medicationrequest-status of orders that never were, or are not yet; every other one forbids.
_NO_PROHIBITION = frozenset({"entered-in-error", "cancelled", "draft", "unknown"})


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Why an agent is not suggested at all. `kind` names the rule."""

    kind: Kind
    why: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grounds:
    """What of the patient excludes agents, looked up once for all of them.

    `allergies` in force and `prohibitions` by source; `running` and `drafted` (and not running) agents; `given`: of
    each of them a sentence and its references; `pregnancy`: the exclusion, and the agents that it is about.
    `concerned`: all agents that these name, allergies and prohibitions apart.
    """

    allergies: tuple[Allergy, ...]
    prohibitions: tuple[MedicationOrder, ...]
    running: frozenset[str]
    drafted: frozenset[str]
    given: Mapping[str, tuple[str, tuple[str, ...]]]
    pregnancy: Exclusion
    not_in_pregnancy: frozenset[str]
    concerned: frozenset[str]
    zone: ZoneInfo


def grounds(
    record: PatientRecord, therapy: Therapy, pregnant: Pregnancy, guideline: Guideline, as_of: datetime
) -> Grounds:
    """What is on record, runs or is drafted, and the pregnancy where there is one."""
    policy = guideline.policy
    zone = ZoneInfo(policy.zone)
    unsafe = frozenset(policy.pregnancy_not_suggested if pregnant.status == "yes" else ())
    given = therapy.running | therapy.drafted
    return Grounds(
        allergies=allergies_in_force(record),
        prohibitions=_prohibitions(record, as_of),
        running=therapy.running,
        drafted=therapy.drafted - therapy.running,
        given={name: _given(name, therapy, guideline, zone) for name in given},
        pregnancy=Exclusion("pregnancy", f"pregnancy (site policy): {pregnant.why}", pregnant.evidence),
        not_in_pregnancy=unsafe,
        concerned=given | unsafe,
        zone=zone,
    )


def exclusions(agent: Agent, kin: Kin, barriers: tuple[Barrier, ...], on: Grounds) -> tuple[Exclusion, ...]:
    """All reasons, in a fixed order. `barriers` are those of a calcineurin inhibitor."""
    own = kin.own
    if not (barriers or on.allergies or on.prohibitions) and kin.watched.isdisjoint(on.concerned):
        return ()
    found = [
        Exclusion("allergy", allergy_text(item, agent, on.zone), (item.source,))
        for item in on.allergies
        if speaks_of(item, agent, own)
    ]
    found += [Exclusion("cni-not-feasible", item.why, item.evidence) for item in barriers if not item.allergy]
    found += [
        Exclusion("prohibited", _prohibition(order, agent, on.zone), (order.source,))
        for order in on.prohibitions
        if order.agent in own
    ]
    found += _beside("running", own & on.running, on)
    found += _beside("drafted", own & on.drafted, on)
    if own & on.not_in_pregnancy:
        found.append(on.pregnancy)
    for kind, others in kin.rivals.items():
        found += _beside(kind, others & on.given.keys(), on)
    return tuple(found)


def _beside(kind: Kind, names: frozenset[str], on: Grounds) -> Iterator[Exclusion]:
    return (Exclusion(kind, *on.given[name]) for name in sorted(names))


def _given(name: str, therapy: Therapy, guideline: Guideline, zone: ZoneInfo) -> tuple[str, tuple[str, ...]]:
    courses = sorted(
        (course for course in therapy.courses if course.agent == name and course.status != "past"),
        key=lambda course: course.evidence,
    )
    evidence = tuple(dict.fromkeys(source for course in courses for source in course.evidence))
    return _course_text(guideline.agents[name].name, name in therapy.running, courses, zone), evidence


def _course_text(name: str, running: bool, courses: list[Course], zone: ZoneInfo) -> str:
    if not running:
        return f"{name} is drafted"
    starts = [course.since for course in courses if course.status == "active" and course.since is not None]
    since = f" since {min(starts, key=lambda start: start.start).day(zone)}" if starts else ""
    by_text = " (recognised by its text)" if any(course.by_text for course in courses) else ""
    return f"{name} runs{since}{by_text}"


def _prohibitions(record: PatientRecord, as_of: datetime) -> tuple[MedicationOrder, ...]:
    """The doNotPerform orders in force; one whose stated end has passed forbids no longer."""
    drafted = [draft.order for draft in record.drafts if draft.order.status not in ("entered-in-error", "cancelled")]
    standing = [order for order in record.orders if order.prohibited and order.status not in _NO_PROHIBITION]
    found = [
        order
        for order in (*standing, *drafted)
        if order.prohibited and not (order.end is not None and order.end.end < as_of)
    ]
    return tuple(sorted(found, key=lambda order: order.source))


def _prohibition(order: MedicationOrder, agent: Agent, zone: ZoneInfo) -> str:
    dated = f" of {order.authored.day(zone)}" if order.authored is not None else ""
    return f"an order{dated} says not to give {agent.name}"
