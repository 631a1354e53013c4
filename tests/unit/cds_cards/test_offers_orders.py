"""The draft orders that a card suggests, each whole: medications, tests, services and consultations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_cards.guideline import Code, Guideline
from cds_cards.offers import (
    alone,
    expert_contact,
    infection_work_up,
    medication,
    order,
    screening,
)
from cds_cards.plan import Plan, make_plan
from cds_cards.proposals import Action, MedicationProposal, ServiceProposal, Stop, Suggestion
from tests.unit.build_assessment import MARK, Screens, assess_as, knowledge, screens, size, treatment

PRESCRIBER = "The dose is the prescriber's decision."
IMITATES = "Infection imitates a failing treatment: it raises ferritin and CRP and worsens gas exchange"


def plan(*given: Any, guideline: Guideline | None = None, **changes: Any) -> Plan:
    return make_plan(assess_as(*given, **changes), guideline or knowledge(), "patient-view")


def labels(found: tuple[Suggestion, ...]) -> list[str]:
    return [suggestion.label for suggestion in found]


@pytest.mark.parametrize(
    ("agent", "known", "codes", "route", "text", "opening"),
    [
        (
            "rituximab",
            True,
            ("121191", "L01FA01"),
            "iv",
            "575–610 mg for this patient (1.63 m², Mosteller); reported: 350–375 mg/m² IV, once a week, 2–4 times; "
            "or 1 g IV, twice, two weeks apart",
            "Rituximab",
        ),
        (
            "cyclophosphamide",
            True,
            ("3002", "L01AA01"),
            "iv",
            "820–1630 mg for this patient (1.63 m², Mosteller); reported: 0.5–1 g/m² IV, every 2–4 weeks",
            "IV cyclophosphamide",
        ),
        (
            "tacrolimus",
            True,
            ("42316", "L04AD02"),
            "oral",
            "3.6–4.5 mg/day for this patient (60 kg); reported: 0.06–0.075 mg/kg/day by mouth",
            "Tacrolimus",
        ),
        (
            "tacrolimus",
            False,
            ("42316", "L04AD02"),
            "oral",
            "0.06–0.075 mg/kg/day by mouth (not computed for this patient: weight not known)",
            "Tacrolimus",
        ),
    ],
)
def test_a_draft_order_whole(
    agent: str, known: bool, codes: tuple[str, ...], route: str, text: str, opening: str
) -> None:
    action = medication(plan(body_size=size(known)), agent, "Why")
    assert action.description == f"{opening}: reported {text}. Why. {PRESCRIBER}"
    assert (action.kind, action.target, action.change) == ("create", "", None)
    proposal = action.proposal
    assert isinstance(proposal, MedicationProposal)
    assert tuple(code.code for code in proposal.codes) == codes
    regimens = knowledge().agents[agent].regimens
    assert (proposal.agent, proposal.name, proposal.regimen) == (agent, agent, regimens[0].id)
    assert (proposal.route, proposal.dose_text, proposal.reason) == (route, text, "Why")
    assert (proposal.dose.regimen, bool(proposal.dose.missing)) == (regimens[0].id, not known)


def test_a_mark_stands_in_the_order_before_the_prescriber_s_word() -> None:
    found = medication(plan(found=Screens(marked=frozenset({"tacrolimus"}))), "tacrolimus", "Why").description
    caution = "Caution: Avoid in young women or men who want children (fertility) (Table 1, row 2)."
    assert found.endswith(f"by mouth. Why. {caution} {PRESCRIBER}")


def test_a_mark_ends_with_one_full_stop() -> None:
    safety = screens(treatment(), Screens())
    mark = replace(MARK, text="Not in deficiency of factor X.")
    agents = {**safety.agents, "tacrolimus": replace(safety.agents["tacrolimus"], marks=(mark,))}
    found = medication(plan(safety=replace(safety, agents=agents)), "tacrolimus", "Why").description
    assert "Caution: Not in deficiency of factor X (Table 1, row 2)." in found


def test_each_test_once_before_all_the_agents_that_ask_for_it() -> None:
    found = screening(plan(found=Screens(unscreened=("hbsag", "tb-igra"))), ("rituximab", "tacrolimus", "tofacitinib"))
    assert [action.description for action in found] == [
        "HBsAg. Not on record; before rituximab and tofacitinib (site policy).",
        "Interferon-gamma release assay. Not on record; before rituximab and tofacitinib (site policy).",
    ]


@pytest.mark.parametrize(
    ("concept", "text", "code"),
    [
        ("pao2", "Arterial blood gas with the inspired oxygen fraction noted (PaO2, PaCO2, FiO2)", "2703-7"),
        ("tacrolimus-level", "Tacrolimus whole-blood level, trough", "77348-1"),
        ("cyclosporine-level", "Cyclosporine blood level, 2 hours after the dose", "32997-9"),
        ("hcg", "Pregnancy test (hCG)", "2118-8"),
        ("egfr", "eGFR (creatinine)", "98979-8"),
        ("ferritin", "Ferritin", "2276-4"),
        ("crp", "C-reactive protein", "1988-5"),
    ],
)
def test_which_test_is_ordered(concept: str, text: str, code: str) -> None:
    action = order(plan(), "test", concept, "Why")
    assert (action.kind, action.description) == ("create", f"{text}. Why.")
    assert isinstance(action.proposal, ServiceProposal)
    assert (action.proposal.concept, action.proposal.text, action.proposal.reason) == (concept, text, "Why")
    assert [one.code for one in action.proposal.codes] == [code]


def test_the_code_without_a_variant_is_ordered_else_the_first() -> None:
    ours = knowledge()
    ferritin = ours.observations["ferritin"]
    point, plain = Code("http://loinc.org", "1-8", "point of care", "point"), ferritin.codes[0]
    for codes, expected in (((point, plain), plain), ((point,), point)):
        site = replace(ours, observations={**ours.observations, "ferritin": replace(ferritin, codes=codes)})
        proposal = order(plan(guideline=site), "test", "ferritin", "Why").proposal
        assert proposal is not None
        assert proposal.codes == (expected,)


@pytest.mark.parametrize(("kind", "concept"), [("service", "transplant-referral"), ("procedure", "plasmapheresis")])
def test_a_service_or_a_procedure_is_ordered_by_its_first_code(kind: Any, concept: str) -> None:
    known = (knowledge().services if kind == "service" else knowledge().procedures)[concept]
    text = known.label[0].upper() + known.label[1:]
    assert order(plan(), kind, concept, "Why") == Action(
        "create", f"{text}. Why.", ServiceProposal(concept, text, known.codes[:1], "Why")
    )


def test_a_suggestion_of_one_action_bears_its_text() -> None:
    stop = Action("update", "Stop it.", target="MedicationRequest/a", change=Stop("MedicationRequest/a"))
    assert alone(stop) == Suggestion("Stop it.", (stop,))
    request = order(plan(), "test", "ferritin", "Why")
    assert alone(request) == Suggestion("Ferritin", (request,))


def test_the_infection_work_up_whole() -> None:
    found = infection_work_up(plan())
    texts = [
        ("cmv-dna", "CMV DNA", "29604-6"),
        ("beta-d-glucan", "Beta-D-glucan", "42176-8"),
        ("infection-work-up", "Infection work-up with cultures, Pneumocystis and viral tests", None),
        ("infectious-diseases-consultation", "Infectious diseases consultation", None),
    ]
    assert labels(found) == [text for _, text, _ in texts]
    for suggestion, (concept, text, code) in zip(found, texts, strict=True):
        (action,) = suggestion.actions
        assert (action.kind, action.description) == ("create", f"{text}. {IMITATES}.")
        proposal = action.proposal
        assert isinstance(proposal, ServiceProposal)
        assert (proposal.concept, proposal.text, proposal.reason) == (concept, text, IMITATES)
        assert [one.code for one in proposal.codes] == ([code] if code else [])


def test_the_expert_centre_whole() -> None:
    text = "Consultation with a centre experienced in anti-MDA5 disease"
    request = Action("create", f"{text}. Why.", ServiceProposal("expert-consultation", text, (), "Why"))
    assert expert_contact("Why") == Suggestion(text, (request,))
