"""Which conditions and allergies on record count, and which agents they speak of."""

from __future__ import annotations

from datetime import datetime, tzinfo

from cds_cards.conditions import active, counts
from cds_cards.guideline import Agent, Guideline
from cds_cards.kinship import same_substance
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
    own = same_substance(agent, guideline)
    return tuple(item for item in allergies_in_force(record) if speaks_of(item, agent, own))


def allergies_in_force(record: PatientRecord) -> tuple[Allergy, ...]:
    """The allergies and intolerances in force, in a fixed order."""
    return tuple(sorted(filter(in_force, record.allergies), key=lambda item: item.source))


def speaks_of(allergy: Allergy, agent: Agent, own: frozenset[str]) -> bool:
    """Whether it is one to the agent, to the same substance (`own`: its ids), or to its whole class."""
    return not own.isdisjoint(allergy.agents) or agent.agent_class in allergy.classes


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
