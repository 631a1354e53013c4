"""rec-4 and rec-5: the combination fails; add, switch, or rescue."""

from __future__ import annotations

from collections.abc import Iterator

from cds_cards.advice.drafting import draft_card
from cds_cards.card import Card
from cds_cards.kinship import CNI
from cds_cards.markdown import Detail, inert
from cds_cards.offers import (
    alone,
    by_mark,
    expert_contact,
    given,
    infection_work_up,
    label,
    marked,
    medication,
    order,
    screening,
    suits,
    switch,
)
from cds_cards.plan import Plan, PlanItem
from cds_cards.proposals import Action, Suggestion
from cds_cards.wording import (
    cautions,
    criteria_count,
    criteria_lines,
    differs_lines,
    disease_lines,
    disease_policy,
    evidence_lines,
    gap_lines,
    imitation_reminders,
    infection_first,
    not_suggested,
    phase_policy,
    regimen_line,
    rule_lines,
    studies_of,
    unread_line,
)

IMMUNOGLOBULIN = "immunoglobulin"
APHERESIS = ("pmx-hemoperfusion", "plasmapheresis")
_NOTHING_LEFT = "Nothing is left to suggest by what is on record (given already, or unsuitable): ask an expert centre"
_EXCHANGED = (("cyclophosphamide", "mycophenolate-mofetil"), ("mycophenolate-mofetil", "cyclophosphamide"))


def rec_4(plan: Plan, item: PlanItem) -> Card:
    """Add one of the five agents that is not running and suits, or switch one immunosuppressant."""
    infected = plan.assessment.infection.status == "present"
    offered = [] if infected else _offers(plan)
    suggestions = infection_work_up(plan) if infected else tuple(suggestion for _, suggestion in offered)
    nothing = (_NOTHING_LEFT,) if not suggestions else ()
    present = given(plan)
    missing = [agent for agent in add_on(plan) if agent not in present]
    detail = Detail(
        lead="Work up the infection on record before immunosuppression is changed"
        if infected
        else "No adequate response: add one of these agents, or switch one immunosuppressant",
        first=(*unread_line(plan), *infection_first(plan), *nothing, *imitation_reminders(plan)),
        found=(_status(plan), *criteria_lines(plan), regimen_line(plan), *disease_lines(plan)),
        cautions=(*cautions(plan, [agent for agent, _ in offered]), *not_suggested(plan, missing)),
        rule=rule_lines(plan, "rec-4"),
        evidence=evidence_lines(plan, studies_of(plan, "rec-4", len(plan.guideline.studies))),
        differs=differs_lines(plan, "rec-4"),
        policy=_policy(plan),
        unknown=_unknown(plan),
    )
    summary = _summary(
        plan, "work up the infection on record first" if infected else "add an agent or switch one", "rec-4"
    )
    if suggestions:
        return draft_card(item, summary, detail, suggestions, "any" if infected else "at-most-one")
    return draft_card(item, summary, detail, (expert_contact(_NOTHING_LEFT),))


def rec_5(plan: Plan, item: PlanItem) -> Card:
    """Rescue: polymyxin B hemoperfusion, plasmapheresis, IV immunoglobulin; what is not already given."""
    suggestions = tuple(_rescue(plan))
    nothing = (_NOTHING_LEFT,) if not suggestions else ()
    hypoxaemia = plan.assessment.hypoxaemic_why
    detail = Detail(
        lead="No adequate response to combined immunosuppression: consider rescue, alone or in sequence",
        first=(*_infection_named(plan), *nothing, *imitation_reminders(plan)),
        found=(
            _status(plan),
            *criteria_lines(plan),
            regimen_line(plan),
            *unread_line(plan),
            *((f"Oxygenation: {inert(hypoxaemia)}",) if hypoxaemia else ()),
            *disease_lines(plan),
        ),
        cautions=(*cautions(plan, _immunoglobulin(plan)), *not_suggested(plan, _immunoglobulin_missing(plan))),
        rule=rule_lines(plan, "rec-5"),
        evidence=evidence_lines(plan, studies_of(plan, "rec-5", len(plan.guideline.studies))),
        differs=differs_lines(plan, "rec-5"),
        policy=(*_policy(plan), "When this card warns: an escalated or rescue regimen, or hypoxaemia within days"),
        unknown=_unknown(plan),
    )
    summary = _summary(plan, "consider rescue (PMX, plasmapheresis, IVIG)", "rec-5")
    return draft_card(item, summary, detail, suggestions or (expert_contact(_NOTHING_LEFT),))


def _infection_named(plan: Plan) -> tuple[str, ...]:
    # rescue holds no immunosuppressant: an infection is named, and stops nothing
    infection = plan.assessment.infection
    return (f"**Infection on record**: {inert(infection.because)}",) if infection.status == "present" else ()


def add_on(plan: Plan) -> list[str]:
    """The agents of rec-4."""
    # without a regimen of Table 2 (mycophenolic acid) an agent is another form of one that has it
    return [agent.id for agent in plan.guideline.agents.values() if "add-on" in agent.roles and agent.regimens]


def _offers(plan: Plan) -> list[tuple[str, Suggestion]]:
    """Additions and switches with the agent each starts: without a mark first, additions first among equals."""
    why = f"The response to the running combination is inadequate ({plan.assessment.refractoriness.status}; rec-4)"
    added = [
        (agent, Suggestion(f"Add {label(plan, agent)}{_caution(plan, agent)}", _added(plan, agent, why)))
        for agent in by_mark(plan, add_on(plan))
    ]
    return sorted([*added, *_switches(plan, why)], key=lambda offer: marked(plan, offer[0]))


def _added(plan: Plan, agent: str, why: str) -> tuple[Action, ...]:
    return (medication(plan, agent, why), *screening(plan, (agent,)))


def _caution(plan: Plan, agent: str) -> str:
    return " (caution, see text)" if marked(plan, agent) else ""


def _switches(plan: Plan, why: str) -> Iterator[tuple[str, Suggestion]]:
    running = plan.assessment.therapy.running
    pairs = [(old, new) for old, new in _EXCHANGED if old in running and by_mark(plan, (new,))]
    for old, new in [*_cni_switch(plan), *pairs]:
        exchange = switch(plan, old, new, why)
        if exchange is not None:
            yield new, exchange


def _cni_switch(plan: Plan) -> list[tuple[str, str]]:
    """The running calcineurin inhibitor for the other, when nothing but the first one stands against the other."""
    agents, safety = plan.guideline.agents, plan.assessment.safety
    present = [name for name in given(plan) if agents[name].agent_class == CNI]
    if len(present) != 1 or present[0] not in plan.assessment.therapy.running:
        return []
    others = [name for name in sorted(safety.cni_feasible) if name not in present]
    return [
        (present[0], name)
        for name in others
        if all(exclusion.kind == "second-cni" for exclusion in safety.agents[name].exclusions)
    ]


def _rescue(plan: Plan) -> Iterator[Suggestion]:
    why = "The response to combined immunosuppression is inadequate (rec-5)"
    had = plan.assessment.therapy.rescue_given
    for procedure in APHERESIS:
        if procedure not in had:
            yield alone(order(plan, "procedure", procedure, why))
    for agent in _immunoglobulin(plan):
        yield Suggestion(f"{label(plan, agent).capitalize()} (adjuvant)", (medication(plan, agent, why),))


def _immunoglobulin(plan: Plan) -> tuple[str, ...]:
    return tuple(agent for agent in _immunoglobulin_missing(plan) if suits(plan, agent))


def _immunoglobulin_missing(plan: Plan) -> tuple[str, ...]:
    had = IMMUNOGLOBULIN in plan.assessment.therapy.rescue_given or IMMUNOGLOBULIN in given(plan)
    return () if had else (IMMUNOGLOBULIN,)


def _status(plan: Plan) -> str:
    response, days = plan.assessment.refractoriness, plan.assessment.therapy.days_assessed
    count = criteria_count(plan)
    since = f" on day {days[0]} of the last step of therapy" if days and days[0] == days[1] else ""
    if response.status == "refractory":
        beyond = "" if response.triple else "; applying them outside triple therapy is site policy"
        return f"All five criteria of a cited study (Kurasawa 2018) are met{since}{beyond}"
    return f"Probable lack of response by site policy{since}: {count}; the cited definition asks for all five"


def _summary(plan: Plan, advice: str, recommendation: str) -> str:
    sure = plan.assessment.refractoriness.status == "refractory"
    finding = (
        f"All {len(plan.assessment.refractoriness.criteria)} refractoriness criteria met"
        if sure
        else f"Probable lack of response ({criteria_count(plan)})"
    )
    return f"{finding}: {advice} ({recommendation})"


def _policy(plan: Plan) -> tuple[str, ...]:
    policy = plan.guideline.policy
    return (
        f"Response is judged from day {policy.assess_from_day} to day {policy.assess_until_day} of the last step of "
        "therapy",
        f"What counts as worse: ferritin +{policy.ferritin_rise_percent:g} % and above "
        f"{policy.ferritin_rise_floor:g} ng/mL; A-aDO2 +{policy.gradient_rise:g} mmHg, or PaO2/FiO2 "
        f"−{policy.pf_fall_percent:g} % where the oxygen differed or no gradient is known",
        "The status by fewer than five criteria, and its use outside triple therapy",
        phase_policy(plan),
        *disease_policy(plan),
    )


def _unknown(plan: Plan) -> tuple[str, ...]:
    ids = ("medications", "allergies", "calcineurin-level", "weight", "height", "age", "observations", "procedures")
    return gap_lines(plan, *ids, "respiratory-symptoms", "a-a-gradient", "imaging", "ferritin", "clinician-impression")
