"""Cautions that apply to this patient: the marks of Table 1, and ours. They rank an agent behind what carries none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cds_cards.exclusions import BIOLOGIC, rivals
from cds_cards.feasibility import CNI
from cds_cards.guideline import Agent, Caution, Guideline
from cds_cards.on_record import in_force, same_substance
from cds_cards.record import Key, PatientRecord
from cds_cards.therapy import Therapy

# The cautions of `knowledge/agents.toml` that depend on the patient; any other is shown with its agent, without rank.
FERTILITY = "fertility"  # Table 1, rows 2 and 3: cyclophosphamide, women or men willing to have children
EMBRYOPATHY = "embryopathy"  # Table 1, row 3: mycophenolate and rituximab, women who may become pregnant
BIOLOGIC_COMBINATION = "biologic-combination"  # Table 1, row 4: tofacitinib beside a biologic
WITHOUT_CNI = "without-cni"  # rec-3: rituximab on glucocorticoid and cyclophosphamide without a CNI


_ORDERS: tuple[Key, ...] = ("medications", "administrations", "drafts")


@dataclass(frozen=True, slots=True)
class Mark:
    """A caution that applies to this patient (a Table 1 mark, or ours). `why` says what in the patient makes it apply.

    One that `ranks` puts its agent after what carries none; the others are only shown with it.
    """

    id: str
    text: str
    source: str
    why: str = ""
    ranks: bool = True


@dataclass(frozen=True, slots=True)
class Fertility:
    """Sentences on what the marks ask about; empty where it does not apply."""

    childbearing: str
    man: str


def marks(
    agent: Agent, record: PatientRecord, therapy: Therapy, fertility: Fertility, guideline: Guideline
) -> tuple[Mark, ...]:
    """What applies to the agent in this patient: its cautions, a sibling's allergy, entries that could not be read."""
    given = tuple(guideline.agents[name] for name in sorted(therapy.running | therapy.drafted))
    found = [mark for caution in agent.cautions if (mark := _mark(caution, fertility, given)) is not None]
    found += _sibling_allergy(agent, record, guideline)
    found += _unread(agent, record, guideline)
    return tuple(found)


def _mark(caution: Caution, fertility: Fertility, given: tuple[Agent, ...]) -> Mark | None:
    if caution.id in (FERTILITY, EMBRYOPATHY):
        why = fertility.childbearing or (fertility.man if caution.id == FERTILITY else "")
        return Mark(caution.id, caution.text, caution.source, why) if why else None
    if caution.id == BIOLOGIC_COMBINATION and not any(BIOLOGIC in agent.roles for agent in given):
        return None
    if caution.id == WITHOUT_CNI and any(agent.agent_class == CNI for agent in given):
        return None
    return Mark(caution.id, caution.text, caution.source, ranks=False)


def _sibling_allergy(agent: Agent, record: PatientRecord, guideline: Guideline) -> Iterator[Mark]:
    """Glucocorticoids may cross-react; of the CNIs an allergy to one leaves the other (site policy)."""
    if agent.agent_class != "glucocorticoid":
        return
    others = {other.id for other in guideline.agents.values() if other.agent_class == agent.agent_class}
    siblings = others - same_substance(agent, guideline)
    found = {name for allergy in record.allergies if in_force(allergy) for name in allergy.agents & siblings}
    if found:
        text = f"An allergy to {_names(found, guideline)} is on record; glucocorticoids may cross-react."
        yield Mark("allergy-in-class", text, "site policy")


def _unread(agent: Agent, record: PatientRecord, guideline: Guideline) -> Iterator[Mark]:
    """What could not be read but names this agent, or one that excludes it: to be checked first."""
    own = same_substance(agent, guideline)
    if any(item.concepts & own for item in record.unread_of("allergies")):
        text = f"An allergy entry that names {agent.name} could not be read: check it first."
        yield Mark("allergy-unread", text, "record")
    watched = own.union(*rivals(agent, guideline).values())
    unread = tuple(item for key in _ORDERS for item in record.unread_of(key))
    found = {name for item in unread for name in item.concepts & watched}
    if found:
        text = f"An order or administration of {_names(found, guideline)} could not be read: check it first."
        yield Mark("order-unread", text, "record")


def _names(agents: set[str], guideline: Guideline) -> str:
    return " and ".join(sorted(guideline.agents[agent].name for agent in agents))
