"""Which conditions and allergies on record count, and which agents they speak of."""

from __future__ import annotations

from datetime import datetime, tzinfo

from cds_cards.conditions import active, counts
from cds_cards.guideline import Agent, Guideline
from cds_cards.record import Allergy, Diagnosis, PatientRecord

# FHIR allergyintolerance-verification: an allergy that is only unconfirmed counts.
_NOT_AN_ALLERGY = frozenset({"refuted", "entered-in-error"})


def diagnoses_of(record: PatientRecord, concept: str) -> tuple[Diagnosis, ...]:
    """The conditions of `concept` that are or were the patient's (past ones too), in a fixed order."""
    found = (item for item in record.diagnoses if concept in item.concepts and counts(item))
    return tuple(sorted(found, key=lambda item: item.source))


def lasting(diagnosis: Diagnosis, as_of: datetime) -> bool:
    """Whether it is active at `as_of`; without a clinical status it is, unless its end is on record."""
    if diagnosis.clinical is None:
        return diagnosis.abated is None or diagnosis.abated.start > as_of
    return active(diagnosis)


def allergies_to(agent: Agent, record: PatientRecord, guideline: Guideline) -> tuple[Allergy, ...]:
    """The allergies and intolerances in force to the agent, to the same substance, or to its whole class."""
    substances = same_substance(agent, guideline)
    found = (
        allergy
        for allergy in record.allergies
        if in_force(allergy) and (allergy.agents & substances or agent.agent_class in allergy.classes)
    )
    return tuple(sorted(found, key=lambda item: item.source))


def in_force(allergy: Allergy) -> bool:
    """Active (or without a clinical status) and neither refuted nor entered in error."""
    return allergy.clinical in (None, "active") and allergy.verification not in _NOT_AN_ALLERGY


def allergy_text(allergy: Allergy, agent: Agent, zone: tzinfo) -> str:
    """A sentence on an allergy: to the drug or its class, since when, how sure."""
    by_class = f" by its class ({agent.agent_class})" if agent.agent_class in allergy.classes else ""
    kind = "intolerance" if allergy.kind == "intolerance" else "allergy"
    dated = f", recorded {allergy.when.day(zone)}" if allergy.when is not None else ""
    unsure = f", {allergy.verification}" if allergy.verification not in (None, "confirmed") else ""
    by_text = ", recognised by its text" if allergy.by_text else ""
    return f"{kind} to {agent.name}{by_class} on record{dated}{unsure}{by_text}"


def same_substance(agent: Agent, guideline: Guideline) -> frozenset[str]:
    """The agent and those that share its ATC code: mycophenolate mofetil and mycophenolic acid are one substance."""
    if agent.atc is None:
        return frozenset({agent.id})
    code = agent.atc.code
    return frozenset(
        other.id for other in guideline.agents.values() if other.atc is not None and other.atc.code == code
    )
