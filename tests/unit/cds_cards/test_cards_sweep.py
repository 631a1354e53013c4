"""What must hold of every card of every patient: limits, sentences that never stand on one, drugs never suggested."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cds_cards.assessment import Assessment
from cds_cards.card import Card
from cds_cards.cards import MedicationProposal, compose_cards
from cds_cards.criteria import Verdict
from cds_cards.disease import Population
from cds_cards.gaps import GAP_IDS
from cds_cards.plan import make_plan
from cds_cards.therapy import Therapy
from cds_cards.trend import Trend
from tests.unit.build import res
from tests.unit.build_assessment import (
    Screens,
    antibody,
    assess_as,
    failure,
    knowledge,
    level,
    lungs,
    response,
    risk,
    size,
    support,
    treatment,
)

AGENTS = tuple(knowledge().agents)
IMMUNOSUPPRESSION = {
    agent.id for agent in knowledge().agents.values() if agent.roles & {"immunosuppressant", "glucocorticoid"}
}
NEVER = {
    "a command to stop": r"stop (azathioprine|methotrexate|leflunomide|infliximab|adalimumab|pirfenidone)",
    "contraindicated": r"contraindicat",
    "not refractory": r"not[ -]refractory",
    "waiting": r"wait (until|for) day",
    "a level by the guideline": r"(very high|high)[^.\n]*(according to|by) the guideline",
    "refractory by the guideline": r"refractory (by|according to) the guideline",
    "below the guideline's dose": r"below (the )?guideline",
    "a mortality as the patient's own": r"mortality (of )?(up to )?80",
    "misprints": r"0\.4 mg/kg|nm/mL|31\.4|\b62 %|\b78 %",
    "a flow rate": r"m[lL]/(h|min)\b(?!/)",
    "two arms": r"\b(v|vs|versus)\b|3/5|0/6",
    "a preference": r"preferred over|is recommended over|rather than (tacrolimus|cyclosporine)",
}
OTHER_ARMS = tuple(study.not_shown for study in knowledge().studies if study.not_shown)


@st.composite
def therapies(draw: st.DrawFn) -> Therapy:
    agents = draw(st.sets(st.sampled_from(AGENTS), max_size=5))
    combined = draw(st.sampled_from((None, None, "escalated", "rescue", "unknown")))
    complete = combined != "unknown" and draw(st.booleans())
    return treatment(
        *sorted(agents),
        stage=combined,
        phase=draw(st.sampled_from(("induction", "induction", "maintenance"))),
        day=draw(st.sampled_from((None, 0, 6, 7, 40, 90, 91))),
        complete=complete,
        by_text=frozenset(draw(st.sets(st.sampled_from(AGENTS), max_size=2))),
        planned=frozenset(draw(st.sets(st.sampled_from(AGENTS), max_size=1))) - agents,
        rescue_given=frozenset(
            draw(st.sets(st.sampled_from(("pmx-hemoperfusion", "plasmapheresis", "immunoglobulin"))))
        ),
        low_glucocorticoid=draw(st.sampled_from(("", "prednisone 10 mg/day, below 0.5 mg/kg/day (site policy)"))),
    )


@st.composite
def screens(draw: st.DrawFn) -> Screens:
    kinds = st.sampled_from(("allergy", "prohibited"))
    return Screens(
        excluded=draw(st.dictionaries(st.sampled_from(AGENTS), kinds, max_size=4)),
        marked=frozenset(draw(st.sets(st.sampled_from(AGENTS), max_size=4))),
        feasible=draw(st.sampled_from((("cyclosporine", "tacrolimus"), ("tacrolimus",), ("cyclosporine",), ()))),
        pregnant=draw(st.booleans()),
        egfr_unknown=draw(st.booleans()),
        unscreened=draw(st.sampled_from(((), ("hbsag", "anti-hbc", "tb-igra")))),
    )


@st.composite
def assessments(draw: st.DrawFn) -> Assessment:
    therapy = draw(therapies())
    status = draw(
        st.sampled_from(("probable", "possible", "refractory", "not-assessable", "too-early", "not-on-combination"))
    )
    verdicts = (
        "mmmmm" if status == "refractory" else "".join(draw(st.lists(st.sampled_from("mnu"), min_size=5, max_size=5)))
    )
    cnis = [name for name in sorted(therapy.running) if name in ("cyclosporine", "tacrolimus")]
    judged = st.sampled_from(("above", "below", "in", "not-judged"))
    age = draw(st.sampled_from((None, (18, 18), (60, 61), (75, 76))))
    trend = Trend(res("ferritin", 1523.0, 2), res("ferritin", 900.0, 30), draw(st.sampled_from((None, True, False))))
    changes: dict[str, Any] = {
        "population": Population("in", "adult", age),
        "anti_mda5": antibody(draw(st.sampled_from(("positive", "positive", "positive", "unknown")))),
        "lung_disease": draw(
            st.sampled_from(
                (lungs(), lungs("rpild", "inferred"), lungs("ild"), lungs("ild", unsettled=True), lungs("unknown"))
            )
        ),
        "refractoriness": response(status, verdicts, ("PaO2/FiO2 fell by 25 %",) if status == "too-early" else ()),
        "respiratory_failure": failure(draw(st.sampled_from(("yes", "no", "unknown")))),
        "transplant": support(draw(st.sampled_from(("met", "not-met", "unknown"))), draw(st.booleans())),
        "risk": risk(draw(st.sampled_from(("very-high", "high", "standard", "indeterminate")))),
        "hypoxaemic": draw(st.sampled_from(Verdict)),
        "ferritin": trend,
        "kl6": draw(st.sampled_from((None, res("kl-6", 1200.0, 4)))),
        "levels": tuple(
            level(name, draw(st.sampled_from(("met", "not-met", "unknown"))), draw(judged), (f"{name} trough: shown",))
            for name in cnis
        ),
        "body_size": size(draw(st.booleans())),
        "relapse_signs": draw(st.sampled_from(((), ("ferritin 800 ng/mL",)))),
        "dermatomyositis": draw(st.booleans()),
    }
    return assess_as(
        therapy,
        found=draw(screens()),
        infected=draw(st.booleans()),
        gap_ids=tuple(draw(st.lists(st.sampled_from(GAP_IDS), unique=True))),
        **changes,
    )


def compose(assessment: Assessment) -> tuple[Card, ...]:
    return compose_cards(make_plan(assessment, knowledge(), "patient-view"))


def said(card: Card) -> str:
    """All text of a card that a clinician reads, the codes of override reasons apart."""
    texts = [card.summary, card.detail]
    for suggestion in card.suggestions:
        texts += [suggestion.label, *(action.description for action in suggestion.actions)]
    return "\n".join(texts)


def starts(card: Card) -> list[tuple[list[str], set[str]]]:
    """Per suggestion: the agents it starts, and those whose orders it stops."""
    found = []
    for suggestion in card.suggestions:
        new = [a.proposal.agent for a in suggestion.actions if isinstance(a.proposal, MedicationProposal)]
        old = {action.target.removeprefix("MedicationRequest/") for action in suggestion.actions if action.change}
        found.append((new, old))
    return found


@settings(max_examples=250, deadline=None, derandomize=True)
@given(assessments())
def test_limits_and_sentences(assessment: Assessment) -> None:
    cards = compose(assessment)
    assert len({card.topic for card in cards}) == len(cards)
    for card in cards:
        text = said(card)
        assert 0 < len(card.summary) < 140
        assert "…" not in card.summary
        assert not re.search(r"<[A-Za-z/!?]", text)
        assert "None" not in text
        assert "April 2018" in card.detail
        assert card.override_reasons
        assert len({suggestion.label for suggestion in card.suggestions}) == len(card.suggestions)
        for name, pattern in NEVER.items():
            assert not re.search(pattern, text, re.IGNORECASE), f"{card.topic}: {name}"
        assert not any(arm in text for arm in OTHER_ARMS)
        assert not ("1,000 ng/mL" in text and "trough" in text)
        assert "KL-6" not in text or "counts for nothing here" in text
        assert "ECMO" not in card.detail or "survived" not in card.detail or "transplantation" in card.detail
        assert "3 of 5 survived" not in text or "cytomegalovirus infection in 100 %" in text
        assert "grade D" not in text or "weak evidence (case series), recommended (grade D)" in text
        if card.topic not in ("diagnosis", "rec-7"):
            assert assessment.population.status == "in"
            assert (assessment.anti_mda5.status, assessment.lung_disease.status) == ("positive", "rpild")
        if assessment.lung_disease.certainty == "inferred":
            assert "inferred from" in card.detail
        if "refractor" in card.summary.lower():
            assert assessment.refractoriness.status == "refractory"


@settings(max_examples=250, deadline=None, derandomize=True)
@given(assessments())
def test_what_is_suggested(assessment: Assessment) -> None:
    known, suitable = knowledge().agents, assessment.safety.agents
    therapy = assessment.therapy
    for card in compose(assessment):
        marks = []
        for new, old in starts(card):
            marks.append(any(suitable[name].marked for name in new))
            for name in new:
                kinds = {exclusion.kind for exclusion in suitable[name].exclusions}
                assert not kinds - ({"second-cni"} if old else set())
                assert name not in therapy.planned
            after = {known[name] for name in (therapy.running - old) | set(new)}
            fresh = {known[name] for name in new}
            assert not any(agent.agent_class == "calcineurin-inhibitor" for agent in fresh) or (
                sum(agent.agent_class == "calcineurin-inhibitor" for agent in after) == 1
            )
            jak = any(agent.agent_class == "jak-inhibitor" for agent in after)
            assert not (
                jak
                and any("biologic" in agent.roles for agent in after)
                and fresh
                & {agent for agent in after if agent.agent_class == "jak-inhibitor" or "biologic" in agent.roles}
            )
            if card.topic in ("rec-2", "rec-3", "rec-4") and assessment.infection.status == "present":
                assert not set(new) & IMMUNOSUPPRESSION
        assert marks == sorted(marks)
        if card.topic in ("risk", "refractoriness", "diagnosis", "data-gap", "rec-2b", "rec-6", "rec-7"):
            assert not any(new for new, _ in starts(card))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(assessments())
def test_a_card_follows_from_its_standing(assessment: Assessment) -> None:
    plan = make_plan(assessment, knowledge(), "patient-view")
    for item in plan.items:
        spoken = {standing.id: standing.status for standing in assessment.recommendations}.get(item.topic)
        by_another_rule = item.variant == "without-cni" or assessment.therapy.phase == "maintenance"
        assert spoken in (None, "applies") or by_another_rule


@settings(max_examples=80, deadline=None, derandomize=True)
@given(assessments())
def test_the_same_assessment_gives_the_same_cards(assessment: Assessment) -> None:
    first, again = compose(assessment), compose(assessment)
    assert [card.digest_parts for card in first] == [card.digest_parts for card in again]
