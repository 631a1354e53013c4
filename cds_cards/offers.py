"""What a card may suggest: alternatives that suit the patient, what carries a mark after what does not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from cds_cards.dosing import DoseRange, dose_range
from cds_cards.guideline import Agent, Code, ObservationConcept, Regimen
from cds_cards.kinship import CNI, GLUCOCORTICOID
from cds_cards.plan import Plan
from cds_cards.proposals import Action, MedicationProposal, ServiceProposal, Stop, Suggestion

Kind = Literal["test", "service", "procedure"]
_ROUTES = {"iv": "IV "}
# Of an observation's codes, the one to order: the site, time or specimen that the rules can use.
_ORDERED_VARIANT = {"pao2": "arterial", "tacrolimus-level": "trough", "cyclosporine-level": "peak"}
_TEST_TEXT = {
    "hcg": "Pregnancy test (hCG)",
    "pao2": "Arterial blood gas with the inspired oxygen fraction noted (PaO2, PaCO2, FiO2)",
    "egfr": "eGFR (creatinine)",
    "cyclosporine-level": "Cyclosporine blood level, 2 hours after the dose",
    "tacrolimus-level": "Tacrolimus whole-blood level, trough",
}


@dataclass(frozen=True, slots=True)
class Alternative:
    """Agents that one suggestion starts together. `beside` are those of the same regimen that already run."""

    start: tuple[str, ...]
    beside: tuple[str, ...]
    marked: bool


def given(plan: Plan) -> frozenset[str]:
    """The agents that run, are drafted, or are ordered to begin later."""
    therapy = plan.assessment.therapy
    return therapy.running | therapy.drafted | therapy.planned


def suits(plan: Plan, agent: str) -> bool:
    """Whether a card may suggest it: neither given, allergic, prohibited, nor excluded for another reason."""
    return plan.assessment.safety.agents[agent].suggestible


def marked(plan: Plan, agent: str) -> bool:
    """Whether the agent carries a mark for this patient."""
    return plan.assessment.safety.agents[agent].marked


def by_mark(plan: Plan, agents: Iterable[str]) -> tuple[str, ...]:
    """Those that suit: first what carries no mark, then by name; the order ranks nothing else."""
    present = given(plan)
    usable = [agent for agent in agents if agent not in present and suits(plan, agent)]
    return tuple(sorted(usable, key=lambda agent: (marked(plan, agent), plan.guideline.agents[agent].name)))


def glucocorticoid(plan: Plan) -> tuple[str, ...]:
    """The glucocorticoids that are given, else the first of Table 2 that suits; empty when none does."""
    every = [agent for agent in plan.guideline.agents.values() if agent.agent_class == GLUCOCORTICOID]
    running = tuple(sorted(agent.id for agent in every if agent.id in given(plan)))
    if running:
        return running
    reported = [agent.id for agent in every if agent.regimens and suits(plan, agent.id)]
    daily = [name for name in reported if plan.guideline.agents[name].regimens[0].schedule == "daily"]
    # prednisone and prednisolone first: their regimen starts at once and by mouth; then without a mark
    ordered = sorted(reported, key=lambda name: (marked(plan, name), name not in daily, reported.index(name)))
    return tuple(ordered[:1])


def calcineurin_inhibitors(plan: Plan) -> tuple[str, ...]:
    """Those that are given, else the feasible ones; by name, without preference."""
    agents = plan.guideline.agents
    running = sorted(name for name in given(plan) if agents[name].agent_class == CNI)
    feasible = sorted(plan.assessment.safety.cni_feasible, key=lambda name: agents[name].name)
    return tuple(running or feasible)


def alternatives(plan: Plan, regimens: Iterable[tuple[str, ...]]) -> tuple[Alternative, ...]:
    """The part of each regimen (agent ids) that does not run yet, for those whose missing part suits as a whole.

    A regimen that adds nothing, or the same as an earlier one, is left out; what carries a mark comes last.
    """
    found: dict[tuple[str, ...], Alternative] = {}
    running = given(plan)
    for regimen in regimens:
        start = tuple(agent for agent in regimen if not _same_given(plan, agent, running))
        if start and all(suits(plan, agent) for agent in start):
            beside = tuple(name for agent in regimen for name in _same_given(plan, agent, running)[:1])
            found.setdefault(start, Alternative(start, beside, any(marked(plan, agent) for agent in start)))
    return tuple(sorted(found.values(), key=lambda item: item.marked))


def _same_given(plan: Plan, agent: str, running: frozenset[str]) -> tuple[str, ...]:
    """The agent where it is given, else what is given of the same substance."""
    own = plan.guideline.agents[agent]
    # the ester and the acid of mycophenolate share one ATC code: the same treatment
    same = {name for name in running if name == agent or _atc(plan.guideline.agents[name]) == _atc(own)}
    return tuple(sorted(same, key=lambda name: (name != agent, name)))


def _atc(agent: Agent) -> str:
    return agent.atc.code if agent.atc else agent.id


def start(plan: Plan, item: Alternative, why: str) -> Suggestion:
    """One suggestion: the missing agents together, with the screening that comes before them."""
    names = [f"{label(plan, agent)} ({_state(plan, agent)})" for agent in item.beside]
    names += [label(plan, agent) for agent in item.start]
    caution = " (caution, see text)" if item.marked else ""
    actions = [medication(plan, agent, why) for agent in item.start]
    return Suggestion(_capital(" + ".join(names)) + caution, (*actions, *screening(plan, item.start)))


def _state(plan: Plan, agent: str) -> str:
    therapy = plan.assessment.therapy
    return "running" if agent in therapy.running else "drafted" if agent in therapy.drafted else "ordered"


def switch(plan: Plan, old: str, new: str, why: str) -> Suggestion | None:
    """Stop the running order and start another agent, as one suggestion; None without an order to stop."""
    targets = sorted(
        {
            source
            for course in plan.assessment.therapy.courses
            if course.agent == old and course.status == "active"
            for source in course.in_force
        }
    )
    if not targets:
        return None
    name = label(plan, old)
    stops = [
        Action(
            "update",
            f"Stop {name} ({target}): replaced by {label(plan, new)}. {why}.",
            target=target,
            change=Stop(target),
        )
        for target in targets
    ]
    caution = " (caution, see text)" if marked(plan, new) else ""
    actions = (medication(plan, new, why), *stops, *screening(plan, (new,)))
    return Suggestion(f"Switch {name} to {label(plan, new)}{caution}", actions)


def label(plan: Plan, agent: str) -> str:
    """The agent's name for a label; cyclophosphamide is meant IV."""
    known = plan.guideline.agents[agent]
    only_iv = known.id == "cyclophosphamide" and agent not in given(plan)
    return f"{_ROUTES['iv'] if only_iv else ''}{known.name}"


def medication(plan: Plan, agent: str, why: str) -> Action:
    """A draft order of one agent: name, reported range, marks and reason."""
    known, size = plan.guideline.agents[agent], plan.assessment.body_size
    ranges = [(regimen, dose_range(regimen, size)) for regimen in known.regimens]
    regimen, dose = ranges[0]
    text = "; or ".join(_dose_text(one, computed) for one, computed in ranges)
    proposal = MedicationProposal(
        agent=agent,
        name=known.name,
        codes=tuple(code for code in (known.ingredient, known.atc) if code is not None),
        regimen=regimen.id,
        route=regimen.route[0] if regimen.route else None,
        dose=dose,
        dose_text=text,
        reason=why,
    )
    cautions = [
        f"Caution: {mark.text.rstrip('.')} ({mark.source})." for mark in plan.assessment.safety.agents[agent].marks
    ]
    description = [f"{_capital(label(plan, agent))}: reported {text}.", f"{why}.", *cautions]
    return Action("create", " ".join([*description, "The dose is the prescriber's decision."]), proposal)


def _dose_text(regimen: Regimen, dose: DoseRange) -> str:
    cycle = f", {regimen.cycle}" if regimen.cycle else ""
    missing = f" (not computed for this patient: {dose.missing} not known)" if dose.missing else ""
    return f"{dose.text}{cycle}{missing}"


def screening(plan: Plan, agents: Iterable[str]) -> tuple[Action, ...]:
    """Orders for the tests that come before these agents and are not on record."""
    safety, names = plan.assessment.safety, plan.guideline.agents
    tests: dict[str, list[str]] = {}
    for agent in agents:
        for test in safety.agents[agent].screening:
            tests.setdefault(test, []).append(names[agent].name)
    return tuple(
        order(plan, "test", test, f"Not on record; before {' and '.join(given_to)} (site policy)")
        for test, given_to in tests.items()
    )


def order(plan: Plan, kind: Kind, concept: str, why: str) -> Action:
    """A draft request for a test, a service or a procedure of `knowledge/`."""
    guideline = plan.guideline
    if kind == "test":
        known = guideline.observations[concept]
        text, codes = _TEST_TEXT.get(concept, _capital(known.label)), _order_code(known)
    else:
        item = (guideline.services if kind == "service" else guideline.procedures)[concept]
        text, codes = _capital(item.label), item.codes[:1]
    return Action("create", f"{text}. {why}.", ServiceProposal(concept, text, codes, why))


def ask(concept: str, text: str, why: str) -> Action:
    """A draft request that no code system names (a consultation, a call): its text says what is asked."""
    return Action("create", f"{text}. {why}.", ServiceProposal(concept, text, (), why))


def alone(action: Action) -> Suggestion:
    """A suggestion of one service action, under the action's own text."""
    text = action.proposal.text if isinstance(action.proposal, ServiceProposal) else action.description
    return Suggestion(text, (action,))


def _order_code(known: ObservationConcept) -> tuple[Code, ...]:
    wanted = _ORDERED_VARIANT.get(known.id, "")
    fitting = [code for code in known.codes if code.variant == wanted] or list(known.codes)
    return tuple(fitting[:1])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def infection_work_up(plan: Plan) -> tuple[Suggestion, ...]:
    """Tests and a consultation that look for infection; no drug."""
    why = "Infection imitates a failing treatment: it raises ferritin and CRP and worsens gas exchange"
    return (
        alone(order(plan, "test", "cmv-dna", why)),
        alone(order(plan, "test", "beta-d-glucan", why)),
        alone(ask("infection-work-up", "Infection work-up with cultures, Pneumocystis and viral tests", why)),
        alone(ask("infectious-diseases-consultation", "Infectious diseases consultation", why)),
    )


def expert_contact(why: str) -> Suggestion:
    """A consultation with a centre that knows the disease."""
    text = "Consultation with a centre experienced in anti-MDA5 disease"
    return alone(ask("expert-consultation", text, why))
