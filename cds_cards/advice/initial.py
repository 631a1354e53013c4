"""rec-2 and rec-3: the first combination, with a calcineurin inhibitor or without."""

from __future__ import annotations

from cds_cards.advice.drafting import draft_card
from cds_cards.advice.drafts import draft_lines, unchecked_lines, unread_drafts
from cds_cards.card import Card
from cds_cards.markdown import Detail, inert
from cds_cards.offers import (
    Alternative,
    alternatives,
    calcineurin_inhibitors,
    expert_contact,
    given,
    glucocorticoid,
    infection_work_up,
    start,
    suits,
)
from cds_cards.orders.causes import treatment_drafts
from cds_cards.orders.entry import Drafted
from cds_cards.plan import Plan, PlanItem
from cds_cards.wording import (
    cautions,
    differs_lines,
    disease_lines,
    disease_policy,
    evidence_lines,
    gap_lines,
    infection_first,
    not_suggested,
    phase_policy,
    regimen_line,
    rule_lines,
    studies_of,
    unread_line,
)

CYCLOPHOSPHAMIDE = "cyclophosphamide"
MYCOPHENOLATE = "mycophenolate-mofetil"
RITUXIMAB = "rituximab"
IMMUNOGLOBULIN = "immunoglobulin"
FIRST_OPTION = "First-option combination in anti-MDA5 RPILD (rec-2, weak evidence from case series)"
WITHOUT_CNI = "Combination where no calcineurin inhibitor is feasible (rec-3, weak evidence from case series)"
"""Why the alternatives of `with_cni` and `without_cni` are suggested."""
_STUDIES_SHOWN = 3
_NOTHING_LEFT = "Nothing is left to suggest by what is on record (unsuitable, or ordered already): ask an expert centre"


def rec_2(plan: Plan, item: PlanItem) -> Card:
    """Complete the regimen to glucocorticoid + calcineurin inhibitor, with or without IV cyclophosphamide."""
    infected = plan.assessment.infection.status == "present"
    choices, drafts = with_cni(plan), _causing(plan, item)
    suggestions = (
        infection_work_up(plan) if infected else tuple(start(plan, choice, FIRST_OPTION) for choice in choices)
    )
    agents = [agent for choice in choices for agent in choice.start]
    nothing = (_NOTHING_LEFT,) if not (suggestions or infected) else ()
    detail = Detail(
        lead=_lead(item, infected),
        first=(*infection_first(plan), *nothing, *_urgent(plan), *unread_line(plan), *unread_drafts(plan)),
        found=(
            *draft_lines(plan, drafts),
            *disease_lines(plan),
            regimen_line(plan),
            *_feasibility(plan),
            *_low_dose(plan),
        ),
        cautions=() if infected else (*cautions(plan, agents), *_third_drug(plan)),
        rule=rule_lines(plan, "rec-1", "rec-2", "rec-2a"),
        evidence=evidence_lines(plan, studies_of(plan, "rec-2", _STUDIES_SHOWN)),
        differs=differs_lines(plan, "rec-2"),
        policy=_policy(plan),
        unknown=(*unchecked_lines(plan, drafts), *_unknown(plan)),
    )
    if suggestions or infected:
        return draft_card(item, _summary_2(item, infected), detail, suggestions, "any" if infected else "at-most-one")
    return draft_card(item, _summary_2(item, infected), detail, (expert_contact(_NOTHING_LEFT),))


def rec_3(plan: Plan, item: PlanItem) -> Card:
    """Without a feasible calcineurin inhibitor: glucocorticoid + cyclophosphamide or mycophenolate, rituximab added."""
    infected = plan.assessment.infection.status == "present"
    choices, drafts = without_cni(plan), _causing(plan, item)
    suggestions = infection_work_up(plan) if infected else tuple(start(plan, choice, WITHOUT_CNI) for choice in choices)
    nothing = (_NOTHING_LEFT,) if not (suggestions or infected) else ()
    reasons = plan.assessment.safety.cni_reasons
    names = plan.guideline.agents
    detail = Detail(
        lead="Work up the infection on record before the combination is started"
        if infected
        else "No calcineurin inhibitor is feasible: glucocorticoid with cyclophosphamide and/or mycophenolate",
        first=(*infection_first(plan), *nothing, *_urgent(plan), *unread_line(plan), *unread_drafts(plan)),
        found=(
            *draft_lines(plan, drafts),
            *disease_lines(plan),
            regimen_line(plan),
            *(f"{names[name].name} is not feasible: {inert(reasons[name])}" for name in sorted(reasons)),
            *not_suggested(plan, _not_given(plan, (CYCLOPHOSPHAMIDE, MYCOPHENOLATE, RITUXIMAB))),
            *_low_dose(plan),
        ),
        cautions=() if infected else cautions(plan, [agent for choice in choices for agent in choice.start]),
        rule=rule_lines(plan, "rec-1", "rec-3", "rec-3a"),
        evidence=evidence_lines(plan, studies_of(plan, "rec-3", _STUDIES_SHOWN)),
        differs=differs_lines(plan, "rec-3"),
        policy=_policy(plan),
        unknown=(*unchecked_lines(plan, drafts), *_unknown(plan)),
    )
    summary = (
        "Infection on record: work it up before combination therapy; no calcineurin inhibitor is feasible (rec-3)"
        if infected
        else f"{_lacking(item)} and no calcineurin inhibitor is feasible: alternatives of rec-3"
    )
    if suggestions or infected:
        return draft_card(item, summary, detail, suggestions, "any" if infected else "at-most-one")
    return draft_card(item, summary, detail, (expert_contact(_NOTHING_LEFT),))


def without_cni(plan: Plan) -> tuple[Alternative, ...]:
    """What of the regimens of rec-3 is not given yet and suits."""
    steroid = glucocorticoid(plan)
    partners = ((CYCLOPHOSPHAMIDE,), (MYCOPHENOLATE,), (CYCLOPHOSPHAMIDE, RITUXIMAB), (MYCOPHENOLATE, RITUXIMAB))
    return alternatives(plan, [(*steroid, *partner) for partner in partners] if steroid else ())


def _causing(plan: Plan, item: PlanItem) -> tuple[Drafted, ...]:
    """The drafts that make the card speak at order entry."""
    return treatment_drafts(plan.assessment, plan.guideline) if item.variant == "drafted" else ()


def with_cni(plan: Plan) -> tuple[Alternative, ...]:
    """What of the regimens of rec-2 is not given yet and suits."""
    steroid = glucocorticoid(plan)
    if not steroid:
        return ()
    pairs = [(*steroid, name) for name in calcineurin_inhibitors(plan)]
    # mycophenolate already stands where cyclophosphamide would be the third drug
    triples = [] if _mycophenolate_given(plan) else [(*pair, CYCLOPHOSPHAMIDE) for pair in pairs]
    return alternatives(plan, [*pairs, *triples])


def _pulse(plan: Plan) -> tuple[str, ...]:
    agent = plan.guideline.agents["methylprednisolone"]
    running = {plan.guideline.agents[name].agent_class for name in given(plan)}
    if agent.agent_class in running or not suits(plan, agent.id):
        return ()
    reported = " or ".join(f"{regimen.text} {regimen.cycle}".rstrip() for regimen in agent.regimens)
    return (f"High-dose glucocorticoid was also given as {agent.name} pulses ({reported})",)


def _mycophenolate_given(plan: Plan) -> bool:
    return any(name in given(plan) for name in (MYCOPHENOLATE, "mycophenolic-acid"))


def _third_drug(plan: Plan) -> tuple[str, ...]:
    """Beside the pair: mycophenolate where cyclophosphamide does not suit, immunoglobulin as an adjuvant."""
    lines = list(_pulse(plan))
    unsuited = CYCLOPHOSPHAMIDE not in given(plan) and not suits(plan, CYCLOPHOSPHAMIDE)
    if unsuited and suits(plan, MYCOPHENOLATE) and not _mycophenolate_given(plan):
        lines.append("Where cyclophosphamide is not feasible, mycophenolate may be a good option in its place")
    if _mycophenolate_given(plan):
        lines.append(
            "Mycophenolate already runs, so no cyclophosphamide is suggested beside it; glucocorticoid, calcineurin "
            "inhibitor and mycophenolate together from the onset lack evidence"
        )
    if suits(plan, IMMUNOGLOBULIN):
        lines.append("IV immunoglobulin is usually part of the initial approach, as an adjuvant")
    return tuple(lines)


def _feasibility(plan: Plan) -> tuple[str, ...]:
    safety, agents = plan.assessment.safety, plan.guideline.agents
    names = " and ".join(agents[name].name for name in sorted(safety.cni_feasible))
    reasons = [
        f"{agents[name].name} is not feasible: {inert(safety.cni_reasons[name])}" for name in sorted(safety.cni_reasons)
    ]
    # where the third drug does not suit, the rule names mycophenolate in its place
    asked = (CYCLOPHOSPHAMIDE,) if suits(plan, CYCLOPHOSPHAMIDE) else (CYCLOPHOSPHAMIDE, MYCOPHENOLATE)
    third = not_suggested(plan, _not_given(plan, asked))
    several = "s" if len(safety.cni_feasible) > 1 else ""
    return (f"Feasible calcineurin inhibitor{several}: {names}", *reasons, *third)


def _not_given(plan: Plan, agents: tuple[str, ...]) -> list[str]:
    return [agent for agent in agents if agent not in given(plan)]


def _low_dose(plan: Plan) -> tuple[str, ...]:
    low = plan.assessment.therapy.low_glucocorticoid
    return (inert(low),) if low else ()


def _urgent(plan: Plan) -> tuple[str, ...]:
    failure = plan.assessment.respiratory_failure
    return (
        (f"Life-threatening respiratory failure: {inert(failure.because)}",)
        if failure.life_threatening == "yes"
        else ()
    )


def _lacking(item: PlanItem) -> str:
    drafted = item.variant == "drafted"
    return "With the drafted orders no combination is complete" if drafted else "No combination runs"


def _lead(item: PlanItem, infected: bool) -> str:
    if infected:
        return "Work up the infection on record before the combination is completed"
    if item.variant == "without-cni":
        return "Consider a calcineurin inhibitor: the running combination has none, and one is feasible"
    return (
        "Complete the first-option combination: high-dose glucocorticoid + calcineurin inhibitor, ± IV cyclophosphamide"
    )


def _summary_2(item: PlanItem, infected: bool) -> str:
    critical = "Life-threatening respiratory failure. " if item.indicator == "critical" else ""
    if infected:
        return f"{critical}Infection on record: work it up before combination therapy is completed (rec-2)"
    if item.variant == "without-cni":
        return "The running combination holds no calcineurin inhibitor, though one is feasible (rec-2)"
    if item.variant == "drafted":
        return f"{_lacking(item)}: glucocorticoid + calcineurin inhibitor is the first option (rec-2)"
    return f"{critical}No combination therapy runs: glucocorticoid + calcineurin inhibitor is the first option"


def _policy(plan: Plan) -> tuple[str, ...]:
    policy = plan.guideline.policy
    unfeasible = f"current eGFR below {policy.cni_egfr_min:g}"
    return (
        "A calcineurin inhibitor counts as not feasible with allergy or intolerance to it, toxicity of it or "
        f"{unfeasible}; an eGFR that is not known leaves it feasible",
        "Which drugs are not suggested in pregnancy, and when a safety mark applies",
        phase_policy(plan),
        *disease_policy(plan),
    )


def _unknown(plan: Plan) -> tuple[str, ...]:
    return gap_lines(
        plan, "medications", "egfr", "allergies", "respiratory-failure", "weight", "height", "age", "observations"
    )
