"""Which of the drafted orders cause a topic to speak. Only selected drafts do; all of them count for the regimen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cds_cards.assessment import Assessment
from cds_cards.guideline import Agent, Guideline
from cds_cards.kinship import CNI
from cds_cards.marks import BIOLOGIC_COMBINATION, EMBRYOPATHY, FERTILITY
from cds_cards.orders.entry import Drafted

NOT_RECOMMENDED = ("rec-8", "rec-9", "rec-10")
_GLUCOCORTICOID = "glucocorticoid"
_BIOLOGIC = "biologic"
_RITUXIMAB, _CYCLOPHOSPHAMIDE = "rituximab", "cyclophosphamide"


@dataclass(frozen=True, slots=True)
class Interaction:
    """Two agents that are given together, at least one of them by a selected draft."""

    agents: tuple[str, str]
    text: str


def not_recommended_drafts(topic: str, assessment: Assessment, guideline: Guideline) -> tuple[Drafted, ...]:
    """Drafts of the agents of rec-8, rec-9 or rec-10."""
    return _selected(assessment, guideline, lambda agent: topic in agent.roles)


def treatment_drafts(assessment: Assessment, guideline: Guideline) -> tuple[Drafted, ...]:
    """Drafts of a glucocorticoid or an immunosuppressant, those of rec-8 to rec-10 left out."""

    def treats(agent: Agent) -> bool:
        known = agent.agent_class == _GLUCOCORTICOID or "immunosuppressant" in agent.roles
        return known and not agent.roles & set(NOT_RECOMMENDED)

    return _selected(assessment, guideline, treats)


def unmonitored_drafts(assessment: Assessment, guideline: Guideline) -> tuple[Drafted, ...]:
    """Drafts of a calcineurin inhibitor whose level is neither ordered nor planned."""
    ordered = assessment.entry.levels_ordered
    return _selected(assessment, guideline, lambda agent: agent.agent_class == CNI and agent.id not in ordered)


def cautioned_rituximab(assessment: Assessment, guideline: Guideline) -> tuple[Drafted, ...]:
    """Drafts of rituximab on glucocorticoid and cyclophosphamide where no calcineurin inhibitor is given."""
    agents = [guideline.agents[name] for name in given_agents(assessment)]
    classes = {agent.agent_class for agent in agents}
    on_both = _GLUCOCORTICOID in classes and _CYCLOPHOSPHAMIDE in {agent.id for agent in agents}
    if not on_both or CNI in classes:
        return ()
    return _selected(assessment, guideline, lambda agent: agent.id == _RITUXIMAB)


def overdosed_drafts(assessment: Assessment) -> tuple[Drafted, ...]:
    """Drafts whose dose lies above the reported bound."""
    return tuple(draft for draft in assessment.entry.selected if draft.dose.status == "above")


def allergic_drafts(assessment: Assessment) -> tuple[Drafted, ...]:
    """Drafts of an agent to which an allergy or intolerance is in force."""
    return tuple(draft for draft in assessment.entry.selected if draft.allergies)


def fertility_drafts(assessment: Assessment, guideline: Guideline) -> tuple[Drafted, ...]:
    """Drafts of what may harm an unborn child or fertility, as far as that concerns this patient."""
    safety = assessment.safety
    if safety.pregnant == "yes" or safety.childbearing:
        marks = {EMBRYOPATHY, FERTILITY}
    else:
        marks = {FERTILITY} if safety.fertile_man else set()
    return _selected(assessment, guideline, lambda agent: any(caution.id in marks for caution in agent.cautions))


def interactions(assessment: Assessment, guideline: Guideline) -> tuple[Interaction, ...]:
    """Tofacitinib with a biologic, and two calcineurin inhibitors, that a selected draft brings together."""
    drafted = {draft.agent for draft in assessment.entry.selected}
    pairs = (
        (one, other)
        for one in sorted(given_agents(assessment))
        for other in sorted(given_agents(assessment))
        if one < other and {one, other} & drafted
    )
    return tuple(item for pair in pairs for item in _interaction(pair, assessment, guideline))


def given_agents(assessment: Assessment) -> frozenset[str]:
    """The agents that run (as the drafts leave them) or are drafted."""
    return assessment.therapy.running | assessment.therapy.drafted


def _interaction(pair: tuple[str, str], assessment: Assessment, guideline: Guideline) -> Iterator[Interaction]:
    agents = tuple(guideline.agents[name] for name in pair)
    states = [f"{agent.name} ({_state(agent.id, assessment)})" for agent in agents]
    if all(agent.agent_class == CNI for agent in agents):
        yield Interaction(pair, f"two calcineurin inhibitors together: {' and '.join(states)}")
    watched = [any(caution.id == BIOLOGIC_COMBINATION for caution in agent.cautions) for agent in agents]
    if any(watched[place] and _BIOLOGIC in agents[1 - place].roles for place in (0, 1)):
        yield Interaction(pair, f"a JAK inhibitor beside a biologic: {' and '.join(states)}")


def _state(agent: str, assessment: Assessment) -> str:
    return "drafted" if agent in assessment.therapy.drafted else "runs"


def _selected(assessment: Assessment, guideline: Guideline, wanted: Callable[[Agent], bool]) -> tuple[Drafted, ...]:
    return tuple(draft for draft in assessment.entry.selected if wanted(guideline.agents[draft.agent]))
