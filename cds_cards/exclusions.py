"""Why an agent is not suggested at all (contract, *what may be suggested*)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from cds_cards.feasibility import CNI, Barrier
from cds_cards.guideline import Agent, Guideline
from cds_cards.on_record import allergies_to, allergy_text, same_substance
from cds_cards.pregnancy import Pregnancy
from cds_cards.record import MedicationOrder, PatientRecord
from cds_cards.therapy import Course, Therapy

Kind = Literal[
    "allergy",
    "prohibited",
    "running",
    "drafted",
    "pregnancy",
    "second-cni",
    "jak-with-biologic",
    "second-jak",
    "cni-not-feasible",
]
JAK = "jak-inhibitor"
BIOLOGIC = "biologic"
# FHIR medicationrequest-status of orders that never were, or are not yet; every other one forbids.
_NO_PROHIBITION = frozenset({"entered-in-error", "cancelled", "draft", "unknown"})


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Why an agent is not suggested at all. `kind` names the rule."""

    kind: Kind
    why: str
    evidence: tuple[str, ...] = ()


def exclusions(
    agent: Agent,
    record: PatientRecord,
    therapy: Therapy,
    pregnant: Pregnancy,
    barriers: tuple[Barrier, ...],
    guideline: Guideline,
    as_of: datetime,
) -> tuple[Exclusion, ...]:
    """All reasons, in a fixed order. `barriers` are those of a calcineurin inhibitor."""
    zone = ZoneInfo(guideline.policy.zone)
    own = same_substance(agent, guideline)
    found = [
        Exclusion("allergy", allergy_text(item, agent, zone), (item.source,))
        for item in allergies_to(agent, record, guideline)
    ]
    found += [Exclusion("cni-not-feasible", item.why, item.evidence) for item in barriers if not item.allergy]
    found += [
        Exclusion("prohibited", _prohibition(order, agent, zone), (order.source,))
        for order in _prohibitions(record, own, as_of)
    ]
    found += _given("running", own, therapy.running, therapy, guideline)
    found += _given("drafted", own, therapy.drafted - therapy.running, therapy, guideline)
    if pregnant.status == "yes" and own & set(guideline.policy.pregnancy_not_suggested):
        found.append(Exclusion("pregnancy", f"pregnancy (site policy): {pregnant.why}", pregnant.evidence))
    for kind, others in rivals(agent, guideline).items():
        found += _given(kind, others, therapy.running | therapy.drafted, therapy, guideline)
    return tuple(found)


def rivals(agent: Agent, guideline: Guideline) -> Mapping[Kind, frozenset[str]]:
    """The agents beside which this one is not suggested, by rule."""
    own = same_substance(agent, guideline)
    jaks = _ids(guideline, lambda other: other.agent_class == JAK)
    if agent.agent_class == CNI:
        return {"second-cni": _ids(guideline, lambda other: other.agent_class == CNI) - own}
    if agent.agent_class == JAK:
        return {"jak-with-biologic": _ids(guideline, lambda other: BIOLOGIC in other.roles), "second-jak": jaks - own}
    return {"jak-with-biologic": jaks} if BIOLOGIC in agent.roles else {}


def _given(
    kind: Kind, others: frozenset[str], given: frozenset[str], therapy: Therapy, guideline: Guideline
) -> Iterator[Exclusion]:
    zone = ZoneInfo(guideline.policy.zone)
    for name in sorted(others & given):
        courses = sorted(
            (course for course in therapy.courses if course.agent == name and course.status != "past"),
            key=lambda course: course.evidence,
        )
        evidence = tuple(dict.fromkeys(source for course in courses for source in course.evidence))
        yield Exclusion(
            kind, _course_text(guideline.agents[name].name, name in therapy.running, courses, zone), evidence
        )


def _course_text(name: str, running: bool, courses: list[Course], zone: ZoneInfo) -> str:
    if not running:
        return f"{name} is drafted"
    starts = [course.since for course in courses if course.status == "active" and course.since is not None]
    since = f" since {min(starts, key=lambda start: start.start).day(zone)}" if starts else ""
    by_text = " (recognised by its text)" if any(course.by_text for course in courses) else ""
    return f"{name} runs{since}{by_text}"


def _prohibitions(record: PatientRecord, own: frozenset[str], as_of: datetime) -> list[MedicationOrder]:
    """The doNotPerform orders in force; one whose stated end has passed forbids no longer."""
    drafted = [draft.order for draft in record.drafts if draft.order.status not in ("entered-in-error", "cancelled")]
    standing = [order for order in record.orders if order.status not in _NO_PROHIBITION]
    found = [
        order
        for order in (*standing, *drafted)
        if order.prohibited and order.agent in own and not (order.end is not None and order.end.end < as_of)
    ]
    return sorted(found, key=lambda order: order.source)


def _prohibition(order: MedicationOrder, agent: Agent, zone: ZoneInfo) -> str:
    dated = f" of {order.authored.day(zone)}" if order.authored is not None else ""
    return f"an order{dated} says not to give {agent.name}"


def _ids(guideline: Guideline, wanted: Callable[[Agent], bool]) -> frozenset[str]:
    return frozenset(agent.id for agent in guideline.agents.values() if wanted(agent))
