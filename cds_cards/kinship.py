"""Which agents of the guideline are one drug, may replace, or exclude one another: worked out once for a guideline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from cds_cards.guideline import REMEMBERED, Agent, Guideline

GLUCOCORTICOID = "glucocorticoid"
CNI = "calcineurin-inhibitor"
IMMUNOGLOBULIN = "immunoglobulin"
JAK = "jak-inhibitor"
BIOLOGIC = "biologic"

Rivalry = Literal["second-cni", "jak-with-biologic", "second-jak"]


@dataclass(frozen=True, slots=True)
class Kin:
    """One agent among the others, by agent id.

    `own`: itself and what is the same drug; `rivals`: beside which it is not suggested, by rule; `watched`: both
    together; `siblings`: the other drugs of its class.
    """

    own: frozenset[str]
    rivals: Mapping[Rivalry, frozenset[str]]
    watched: frozenset[str]
    siblings: frozenset[str]


@dataclass(frozen=True, slots=True)
class Families:
    """Which agents stand for each other, by agent id.

    `substance`: one name for agents that are the same drug (both mycophenolates). `lineage`: within it one drug may
    replace another: the class of CNI and glucocorticoids, else the substance.
    """

    substance: Mapping[str, str]
    lineage: Mapping[str, str]


@lru_cache(REMEMBERED)
def kinship(guideline: Guideline) -> Mapping[str, Kin]:
    """Of all agents of the guideline."""
    return {agent.id: _kin(agent, guideline) for agent in guideline.agents.values()}


@lru_cache(REMEMBERED)
def families(guideline: Guideline) -> Families:
    """Of all agents of the guideline."""
    substance = {name: min(kin.own) for name, kin in kinship(guideline).items()}
    of_class = {
        agent.id: agent.agent_class for agent in guideline.agents.values() if agent.agent_class in (GLUCOCORTICOID, CNI)
    }
    return Families(substance, {**substance, **of_class})


@lru_cache(REMEMBERED)
def calcineurin_inhibitors(guideline: Guideline) -> tuple[str, ...]:
    """The ids of the class, sorted."""
    return tuple(sorted(_ids(guideline, lambda agent: agent.agent_class == CNI)))


@lru_cache(REMEMBERED)
def immunoglobulins(guideline: Guideline) -> frozenset[str]:
    """The ids of the class."""
    return _ids(guideline, lambda agent: agent.agent_class == IMMUNOGLOBULIN)


def same_substance(agent: Agent, guideline: Guideline) -> frozenset[str]:
    """The agent and those that share its ATC code: mycophenolate mofetil and mycophenolic acid are one substance."""
    return kinship(guideline)[agent.id].own


def _kin(agent: Agent, guideline: Guideline) -> Kin:
    code = agent.atc.code if agent.atc is not None else None
    alike = _ids(guideline, lambda other: other.atc is not None and other.atc.code == code)
    own = alike | {agent.id}
    rivals = _rivals(agent, own, guideline)
    siblings = _ids(guideline, lambda other: other.agent_class == agent.agent_class) - own
    return Kin(own, rivals, own.union(*rivals.values()), siblings)


def _rivals(agent: Agent, own: frozenset[str], guideline: Guideline) -> Mapping[Rivalry, frozenset[str]]:
    jaks = _ids(guideline, lambda other: other.agent_class == JAK)
    if agent.agent_class == CNI:
        return {"second-cni": _ids(guideline, lambda other: other.agent_class == CNI) - own}
    if agent.agent_class == JAK:
        return {"jak-with-biologic": _ids(guideline, lambda other: BIOLOGIC in other.roles), "second-jak": jaks - own}
    return {"jak-with-biologic": jaks} if BIOLOGIC in agent.roles else {}


def _ids(guideline: Guideline, wanted: Callable[[Agent], bool]) -> frozenset[str]:
    return frozenset(agent.id for agent in guideline.agents.values() if wanted(agent))
