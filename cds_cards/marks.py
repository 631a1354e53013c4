"""Cautions that apply to this patient: the marks of Table 1, and ours. They rank an agent behind what carries none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cds_cards.guideline import Agent, Caution, Guideline
from cds_cards.kinship import BIOLOGIC, CNI, GLUCOCORTICOID, Kin
from cds_cards.on_record import allergies_in_force
from cds_cards.record import Key, PatientRecord, Unread
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


@dataclass(frozen=True, slots=True)
class Doubts:
    """What of the patient the marks depend on, looked up once for all agents.

    `biologic` and `cni`: whether one runs or is drafted. The others are agent ids: `allergies` in force, and what could
    not be read and names agents: allergies, and orders or administrations.
    """

    fertility: Fertility
    biologic: bool
    cni: bool
    allergies: frozenset[str]
    unread_allergies: frozenset[str]
    unread_orders: frozenset[str]

    @property
    def named(self) -> bool:
        """Whether any agent is named."""
        return bool(self.allergies or self.unread_allergies or self.unread_orders)


def doubts(record: PatientRecord, therapy: Therapy, fertility: Fertility, guideline: Guideline) -> Doubts:
    """Of the record and of what runs or is drafted."""
    given = [guideline.agents[name] for name in therapy.running | therapy.drafted]
    return Doubts(
        fertility=fertility,
        biologic=any(BIOLOGIC in agent.roles for agent in given),
        cni=any(agent.agent_class == CNI for agent in given),
        allergies=frozenset(name for allergy in allergies_in_force(record) for name in allergy.agents),
        unread_allergies=_concepts(record.unread_of("allergies")),
        unread_orders=_concepts(item for key in _ORDERS for item in record.unread_of(key)),
    )


def marks(agent: Agent, kin: Kin, about: Doubts, guideline: Guideline) -> tuple[Mark, ...]:
    """What applies to the agent in this patient: its cautions, a sibling's allergy, entries that could not be read."""
    if not (agent.cautions or about.named):
        return ()
    found = [mark for caution in agent.cautions if (mark := _mark(caution, about)) is not None]
    if about.named:
        found += _sibling_allergy(agent, kin, about, guideline)
        found += _unread(agent, kin, about, guideline)
    return tuple(found)


def _concepts(unread: Iterable[Unread]) -> frozenset[str]:
    return frozenset(name for item in unread for name in item.concepts)


def _mark(caution: Caution, about: Doubts) -> Mark | None:
    if caution.id in (FERTILITY, EMBRYOPATHY):
        why = about.fertility.childbearing or (about.fertility.man if caution.id == FERTILITY else "")
        return Mark(caution.id, caution.text, caution.source, why) if why else None
    if caution.id == BIOLOGIC_COMBINATION and not about.biologic:
        return None
    if caution.id == WITHOUT_CNI and about.cni:
        return None
    return Mark(caution.id, caution.text, caution.source, ranks=False)


def _sibling_allergy(agent: Agent, kin: Kin, about: Doubts, guideline: Guideline) -> Iterator[Mark]:
    """Glucocorticoids may cross-react; of the CNIs an allergy to one leaves the other (site policy)."""
    if agent.agent_class == GLUCOCORTICOID and (found := about.allergies & kin.siblings):
        text = f"An allergy to {_names(found, guideline)} is on record; glucocorticoids may cross-react."
        yield Mark("allergy-in-class", text, "site policy")


def _unread(agent: Agent, kin: Kin, about: Doubts, guideline: Guideline) -> Iterator[Mark]:
    """What could not be read but names this agent, or one that excludes it: to be checked first."""
    if about.unread_allergies & kin.own:
        text = f"An allergy entry that names {agent.name} could not be read: check it first."
        yield Mark("allergy-unread", text, "record")
    if found := about.unread_orders & kin.watched:
        text = f"An order or administration of {_names(found, guideline)} could not be read: check it first."
        yield Mark("order-unread", text, "record")


def _names(agents: frozenset[str], guideline: Guideline) -> str:
    return " and ".join(sorted(guideline.agents[agent].name for agent in agents))
