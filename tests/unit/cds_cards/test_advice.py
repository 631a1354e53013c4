"""How a card opens, what it owns not to know, and why it suggests what it does: topic by topic."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from cds_cards.card import Card, Topic
from cds_cards.cards import compose_cards
from cds_cards.disease import Population, Titre
from cds_cards.gaps import GAP_IDS
from cds_cards.plan import make_plan
from cds_cards.proposals import MedicationProposal
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
    support,
    treatment,
)

PAIR = treatment("prednisone", "tacrolimus")
NO_CNI: dict[str, Any] = {"found": Screens(feasible=())}
PROBABLE: dict[str, Any] = {"therapy": PAIR, "refractoriness": response("probable", "mmnuu")}
REFRACTORY: dict[str, Any] = {"therapy": PAIR, "refractoriness": response("refractory", "mmmmm")}
POSSIBLE: dict[str, Any] = {"therapy": PAIR, "refractoriness": response("possible", "mnnuu")}
EARLY: dict[str, Any] = {
    "therapy": treatment("prednisone", "tacrolimus", day=3),
    "refractoriness": response("too-early", "uuuuu", ("PaO2/FiO2 fell",)),
}
LIFE_THREATENING: dict[str, Any] = {"respiratory_failure": failure("yes")}
COUNT = "2 of 5 criteria met, 1 not met, 2 not known"


def levels(**judged: str) -> dict[str, Any]:
    """Levels of calcineurin inhibitors: `due`, or how they lie."""
    found = [
        level(agent, "met", "unknown") if said == "due" else level(agent, "not-met", said)
        for agent, said in judged.items()
    ]
    return {"therapy": PAIR, "levels": tuple(found)}


def one(topic: Topic, changes: dict[str, Any]) -> Card:
    plan = make_plan(assess_as(**changes), knowledge(), "patient-view")
    return {card.topic: card for card in compose_cards(plan)}[topic]


@pytest.mark.parametrize(
    ("topic", "changes", "summary", "lead"),
    [
        (
            "rec-2",
            {},
            "No combination therapy runs: glucocorticoid + calcineurin inhibitor is the first option",
            "Complete the first-option combination: high-dose glucocorticoid + calcineurin inhibitor, "
            "± IV cyclophosphamide",
        ),
        (
            "rec-2",
            {"infected": True},
            "Infection on record: work it up before combination therapy is completed (rec-2)",
            "Work up the infection on record before the combination is completed",
        ),
        (
            "rec-2",
            LIFE_THREATENING | {"infected": True},
            "Life-threatening respiratory failure. Infection on record: work it up before combination therapy is "
            "completed (rec-2)",
            "Work up the infection on record before the combination is completed",
        ),
        (
            "rec-2",
            {"therapy": treatment("prednisone", "mycophenolate-mofetil")},
            "The running combination holds no calcineurin inhibitor, though one is feasible (rec-2)",
            "Consider a calcineurin inhibitor: the running combination has none, and one is feasible",
        ),
        (
            "rec-3",
            NO_CNI,
            "No combination runs and no calcineurin inhibitor is feasible: alternatives of rec-3",
            "No calcineurin inhibitor is feasible: glucocorticoid with cyclophosphamide and/or mycophenolate",
        ),
        (
            "rec-3",
            NO_CNI | {"infected": True},
            "Infection on record: work it up before combination therapy; no calcineurin inhibitor is feasible (rec-3)",
            "Work up the infection on record before the combination is started",
        ),
        (
            "rec-4",
            PROBABLE,
            f"Probable lack of response ({COUNT}): add an agent or switch one (rec-4)",
            "No adequate response: add one of these agents, or switch one immunosuppressant",
        ),
        (
            "rec-4",
            REFRACTORY,
            "All 5 refractoriness criteria met: add an agent or switch one (rec-4)",
            "No adequate response: add one of these agents, or switch one immunosuppressant",
        ),
        (
            "rec-4",
            PROBABLE | {"infected": True},
            f"Probable lack of response ({COUNT}): work up the infection on record first (rec-4)",
            "Work up the infection on record before immunosuppression is changed",
        ),
        (
            "rec-5",
            PROBABLE,
            f"Probable lack of response ({COUNT}): consider rescue (PMX, plasmapheresis, IVIG) (rec-5)",
            "No adequate response to combined immunosuppression: consider rescue, alone or in sequence",
        ),
        (
            "rec-2b",
            levels(tacrolimus="due"),
            "Tacrolimus: a blood level is due (rec-2b)",
            "Tacrolimus: a blood level is due",
        ),
        (
            "rec-2b",
            levels(tacrolimus="below"),
            "Tacrolimus: level below the range; check intake and dose (rec-2b)",
            "Tacrolimus: level below the range; check intake and dose",
        ),
        (
            "rec-2b",
            levels(tacrolimus="above", cyclosporine="due"),
            "Tacrolimus: level above the range; check dose, interactions and kidney function (rec-2b)",
            "Tacrolimus: level above the range; check dose, interactions and kidney function",
        ),
        (
            "rec-6",
            LIFE_THREATENING,
            "Life-threatening respiratory failure: contact an ECMO and transplant centre now",
            "Contact an ECMO and lung transplant centre now",
        ),
        (
            "rec-7",
            REFRACTORY | {"transplant": support("not-met")},
            "Anti-MDA5-positive ILD without a transplant referral on record: refer early (rec-7)",
            "Refer for lung transplant evaluation: early, not as a last step",
        ),
        (
            "rec-8",
            {"therapy": treatment("prednisone", "azathioprine")},
            "Azathioprine: not recommended for induction in anti-MDA5 RPILD; review with its prescriber",
            "Azathioprine: review with its prescriber",
        ),
        (
            "rec-9",
            {"therapy": treatment("prednisone", "infliximab")},
            "Infliximab: not recommended in anti-MDA5 RPILD; review with its prescriber",
            "Infliximab: review with its prescriber",
        ),
        (
            "refractoriness",
            POSSIBLE,
            "Response in doubt (1 of 5 criteria met, 2 not met, 2 not known): reassess now",
            "The response is in doubt by site policy (1 of 5 criteria met, 2 not met, 2 not known): "
            "complete the picture",
        ),
        (
            "refractoriness",
            EARLY,
            "Worsening before day 7; the guideline does not say to wait",
            "Worsening before day 7 of the last step of therapy: the guideline does not say to wait; "
            "look for the cause now",
        ),
        (
            "risk",
            {"risk": risk("very-high")},
            "Risk markers, level by site policy: very high (ferritin over 1,000 ng/mL)",
            "Prognosis markers: ferritin over 1,000 ng/mL, ferritin over 500 ng/mL; "
            "risk level by site policy: very high",
        ),
        (
            "risk",
            {"risk": risk("indeterminate", ("crp-over-1",))},
            "Risk markers, level by site policy: indeterminate",
            "Prognosis markers: none present; risk level by site policy: indeterminate",
        ),
        (
            "diagnosis",
            {"anti_mda5": antibody("unknown")},
            "Dermatomyositis with rapidly progressive ILD and no anti-MDA5 result: order the antibody now",
            "Dermatomyositis with rapidly progressive ILD and no anti-MDA5 result: order the antibody now",
        ),
    ],
)
def test_how_a_card_opens(topic: Topic, changes: dict[str, Any], summary: str, lead: str) -> None:
    card = one(topic, changes)
    assert card.summary == summary
    assert card.detail.partition("\n")[0] == f"**{lead}**"


DOSE = {"weight", "height", "age"}
RESPONSE = {"respiratory-symptoms", "a-a-gradient", "imaging", "ferritin", "clinician-impression"}
START = DOSE | {"medications", "egfr", "allergies", "respiratory-failure", "observations"}
FAILING = DOSE | RESPONSE | {"medications", "allergies", "calcineurin-level", "observations", "procedures"}
NAMED: list[tuple[Topic, dict[str, Any], set[str]]] = [
    ("rec-2", {}, START),
    ("rec-3", NO_CNI, START),
    ("rec-4", PROBABLE, FAILING),
    ("rec-5", PROBABLE, FAILING),
    ("rec-2b", levels(tacrolimus="due"), {"medications", "calcineurin-level", "observations"}),
    ("rec-6", LIFE_THREATENING, {"medications", "observations", "procedures"}),
    ("rec-7", REFRACTORY | {"transplant": support("not-met")}, {"age", "procedures", "referrals"}),
    ("rec-8", {"therapy": treatment("prednisone", "azathioprine")}, {"medications"}),
    ("rec-9", {"therapy": treatment("prednisone", "infliximab")}, {"medications"}),
    ("rec-10", {"therapy": treatment("prednisone", "pirfenidone")}, {"medications"}),
    ("refractoriness", POSSIBLE, set(GAP_IDS)),
    ("risk", {}, {"crp", "age", "observations"}),
    ("diagnosis", {"anti_mda5": antibody("unknown")}, {"anti-mda5", "lung-disease", "observations"}),
    ("data-gap", {}, set(GAP_IDS)),
]


@pytest.mark.parametrize(("topic", "changes", "named"), NAMED)
def test_which_gaps_a_card_owns(topic: Topic, changes: dict[str, Any], named: set[str]) -> None:
    unknown = one(topic, changes | {"gap_ids": GAP_IDS}).detail.partition("**Not known**")[2]
    told = [gap.lower() for gap in re.findall(r"^- .*?([\w-]+) not known\.$", unknown, re.MULTILINE)]
    assert sorted(told) == sorted(named)


@pytest.mark.parametrize(("topic", "changes", "named"), [row for row in NAMED if row[0] != "data-gap"])
def test_without_a_gap_nothing_is_called_unknown(topic: Topic, changes: dict[str, Any], named: set[str]) -> None:
    assert named
    assert "**Not known**" not in one(topic, changes).detail


@pytest.mark.parametrize(
    ("topic", "changes", "why"),
    [
        ("rec-2", {}, "First-option combination in anti-MDA5 RPILD (rec-2, weak evidence from case series)"),
        (
            "rec-3",
            NO_CNI,
            "Combination where no calcineurin inhibitor is feasible (rec-3, weak evidence from case series)",
        ),
        ("rec-4", PROBABLE, "The response to the running combination is inadequate (probable; rec-4)"),
        ("rec-4", REFRACTORY, "The response to the running combination is inadequate (refractory; rec-4)"),
        ("rec-5", PROBABLE, "The response to combined immunosuppression is inadequate (rec-5)"),
        ("rec-2b", levels(tacrolimus="due"), "Blood levels guide the dose and limit toxicity (rec-2b)"),
        (
            "rec-7",
            REFRACTORY | {"transplant": support("not-met")},
            "Anti-MDA5-positive ILD: early referral, at the time the lung disease is diagnosed (rec-7)",
        ),
        ("diagnosis", {"anti_mda5": antibody("unknown")}, "Dermatomyositis whose anti-MDA5 status is not known"),
    ],
)
def test_every_suggestion_says_why(topic: Topic, changes: dict[str, Any], why: str) -> None:
    for suggestion in one(topic, changes).suggestions:
        created = [action for action in suggestion.actions if action.kind == "create"]
        assert created
        if topic not in ("rec-2", "rec-3", "rec-4"):  # beside a drug its screening has a reason of its own
            assert all(f"{why}." in action.description for action in created)
        assert f"{why}." in created[0].description


def test_the_low_dose_of_a_glucocorticoid_is_told() -> None:
    low = treatment("prednisone", low_glucocorticoid="prednisone 10 mg/day is no high dose")
    for changes in ({"therapy": low}, {"therapy": low, **NO_CNI}):
        topic: Topic = "rec-3" if "found" in changes else "rec-2"
        assert "- Prednisone 10 mg/day is no high dose." in one(topic, changes).detail.splitlines()


def test_how_response_was_judged_is_told() -> None:
    probable = one("rec-4", PROBABLE).detail
    assert (
        f"- Probable lack of response by site policy on day 20 of the last step of therapy: {COUNT}; "
        "the cited definition asks for all five." in probable.splitlines()
    )
    beyond = "All five criteria of a cited study (Kurasawa 2018) are met on day 20 of the last step of therapy"
    assert (
        f"- {beyond}; applying them outside triple therapy is site policy."
        in one("rec-4", REFRACTORY).detail.splitlines()
    )
    assert "- Oxygenation: SpO2 96 % on 2026-02-28." in one("rec-5", PROBABLE).detail.splitlines()


def test_rescue_names_an_infection_and_goes_on() -> None:
    card = one("rec-5", PROBABLE | {"infected": True})
    assert card.detail.splitlines()[2] == "- **Infection on record**: pneumonia since 2026-02-20."
    assert [suggestion.label for suggestion in card.suggestions] == [
        "Polymyxin B hemoperfusion",
        "Plasmapheresis",
        "Intravenous immunoglobulin (adjuvant)",
    ]


def test_a_life_threat_opens_the_card_of_the_combination() -> None:
    threat = "- Life-threatening respiratory failure: PaO2/FiO2 88 mmHg on 2026-02-28."
    for topic, changes in (("rec-2", {}), ("rec-3", NO_CNI)):
        assert threat in one(topic, LIFE_THREATENING | changes).detail.partition("**Found**")[0]  # type: ignore[arg-type]
        assert threat not in one(topic, changes).detail  # type: ignore[arg-type]


def test_the_feasible_calcineurin_inhibitors_are_named() -> None:
    assert "- Feasible calcineurin inhibitors: cyclosporine A and tacrolimus." in one("rec-2", {}).detail
    single = one("rec-2", {"found": Screens(feasible=("tacrolimus",))}).detail
    assert "- Feasible calcineurin inhibitor: tacrolimus." in single
    assert "- Cyclosporine A is not feasible: eGFR 22 on 2026-02-25 (cyclosporine)." in single


def test_what_the_levels_are_is_told() -> None:
    found = one("rec-2b", levels(tacrolimus="above", cyclosporine="due")).detail.partition("**Guideline**")[0]
    assert "- Tacrolimus: 12 ng/mL." in found
    assert "- Cyclosporine A: day 20; no level." in found
    assert "Tacrolimus: day 20; no level" not in found
    policy = one("rec-2b", levels(tacrolimus="due")).detail.partition("**Site policy")[2]
    assert "Tacrolimus, whole blood" in policy
    assert "Cyclosporine is judged" not in policy


LATE = treatment("prednisone", "tacrolimus", day=200, phase="maintenance")
UNSETTLED: dict[str, Any] = {"lung_disease": lungs("ild", unsettled=True)}


@pytest.mark.parametrize(
    ("topic", "changes", "summary", "lead"),
    [
        (
            "refractoriness",
            {"therapy": LATE, "relapse_signs": ("ferritin 800 ng/mL",)},
            "Possible relapse in maintenance: an activity marker is raised",
            "Possible relapse: look at the lungs, and for other causes of the raised marker",
        ),
        (
            "refractoriness",
            {"therapy": PAIR, "refractoriness": response("not-assessable", "uuuuu")},
            "The response to the combination cannot be assessed: what decides is not known",
            "Whether the combination works cannot be told from the data at hand: obtain what is missing",
        ),
        (
            "refractoriness",
            {
                "therapy": treatment("prednisone", "tacrolimus", day=91),
                "refractoriness": response("not-assessable", "uuuuu"),
            },
            "Past day 90 of the last step of therapy: worsening now would be a relapse; reassess",
            "After day 90 a missing response is no longer judged; worsening now would be a relapse",
        ),
        (
            "refractoriness",
            {
                "therapy": treatment("prednisone", "tacrolimus", day=90),
                "refractoriness": response("not-assessable", "uuuuu"),
            },
            "The response to the combination cannot be assessed: what decides is not known",
            "Whether the combination works cannot be told from the data at hand: obtain what is missing",
        ),
        (
            "diagnosis",
            {"anti_mda5": antibody("unknown"), "lung_disease": lungs("ild", None)},
            *("Dermatomyositis without a conclusive anti-MDA5 result: order the antibody",) * 2,
        ),
        (
            "diagnosis",
            UNSETTLED,
            *("ILD with hypoxaemia whose dates do not settle whether its course is rapid: settle them",) * 2,
        ),
        (
            "diagnosis",
            {"lung_disease": lungs("none", None)},
            *("Anti-MDA5 positive, and the lungs are not settled: order HRCT and lung function",) * 2,
        ),
        (
            "rec-7",
            REFRACTORY | {"transplant": support("unknown")},
            "Anti-MDA5-positive ILD; whether a transplant referral exists is not known: refer early (rec-7)",
            "Refer for lung transplant evaluation: early, not as a last step",
        ),
    ],
)
def test_how_the_other_variants_open(topic: Topic, changes: dict[str, Any], summary: str, lead: str) -> None:
    test_how_a_card_opens(topic, changes, summary, lead)


def section(card: Card, title: str) -> list[str]:
    """The lines of a section, without their dash."""
    inside = card.detail.partition(f"**{title}**\n\n")[2].partition("\n\n")[0]
    return [line.removeprefix("- ") for line in inside.splitlines()]


def test_what_decides_a_relapse_and_an_early_worsening_is_told() -> None:
    relapse = one("refractoriness", {"therapy": LATE, "relapse_signs": ("ferritin 800 ng/mL",)})
    assert section(relapse, "Found")[:2] == ["Ferritin 800 ng/mL.", "Response: status not-on-combination."]
    assert section(relapse, "Guideline") == [
        "Ferritin runs in parallel with activity, and a rising anti-MDA5 titre is a marker of relapse; the guideline "
        "gives no cut-off and no grade for this."
    ]
    early = one("refractoriness", EARLY)
    assert section(early, "Found")[:2] == ["PaO2/FiO2 fell.", "Response: status too-early."]
    assert section(early, "Guideline")[0].startswith("There is no single definition; one cited study")
    assert "PaO2/FiO2 fell." not in section(one("refractoriness", POSSIBLE), "Found")
    clock = "The clock: from day 7 to day 90 of the last step of therapy; later worsening is called relapse."
    assert section(early, "Site policy, not the guideline")[:2] == [
        clock,
        "A fall of PaO2/FiO2 of 20 %, new hypoxaemia or a clinical criterion counts as worsening before that.",
    ]
    assert section(one("refractoriness", POSSIBLE), "Site policy, not the guideline")[0] == clock
    assert section(relapse, "Site policy, not the guideline")[0] == (
        "Signs of a relapse: current ferritin over 500 ng/mL, or the titre times 2 within one assay."
    )


def test_why_each_look_at_a_response_in_doubt() -> None:
    suggestions = one("refractoriness", POSSIBLE).suggestions
    assert [action.description.rpartition(". ")[2] for item in suggestions for action in item.actions] == [
        "To judge the response to the combination.",
        "To judge the response to the combination.",
        "To judge the response to the combination.",
        "Infection imitates a failing treatment.",
        "To judge the response to the combination.",
    ]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"infected": True}, "Infection raises ferritin and CRP, and one is on record: pneumonia since 2026-02-20."),
        ({}, "Infection raises ferritin and CRP as well; that none is on record does not exclude one."),
        (
            {"ferritin": Trend(res("ferritin", 1523, 2), res("ferritin", 900, 20), True)},
            "Ferritin 1523 ng/mL on 2026-02-27, below its baseline (900 ng/mL on 2026-02-09).",
        ),
        (
            {"ferritin": Trend(res("ferritin", 1523, 2, assumption="445 kDa"), res("ferritin", 900, 20), None)},
            "Ferritin 1523 ng/mL on 2026-02-27 (445 kDa), against its baseline not known (900 ng/mL on 2026-02-09).",
        ),
        (
            {"ferritin": Trend(res("ferritin", 1523, 2), None, None)},
            "Ferritin 1523 ng/mL on 2026-02-27; no baseline to compare it with.",
        ),
        (
            {"kl6": res("kl-6", 1200, 4)},
            "Apart: KL-6 1200 U/mL on 2026-02-25, a marker of ILD; in anti-MDA5 disease it does not go with activity, "
            "effect of treatment or mortality, and counts for nothing here.",
        ),
        (
            {"anti_mda5": replace(antibody(), titre=Titre(res("anti-mda5", 80, 2, recorded="80 U/mL")))},
            "Anti-MDA5 titre 80 U/mL on 2026-02-27. There is no cut-off across assays.",
        ),
        (
            {
                "anti_mda5": replace(
                    antibody(),
                    titre=Titre(
                        res("anti-mda5", 80, 2, recorded="80 U/mL"), res("anti-mda5", 50, 60, recorded="50 U/mL")
                    ),
                )
            },
            "Anti-MDA5 titre 80 U/mL on 2026-02-27; earlier in the same assay 50 U/mL on 2025-12-31. "
            "There is no cut-off across assays.",
        ),
    ],
)
def test_markers_beside_the_risk(changes: dict[str, Any], line: str) -> None:
    assert line in section(one("risk", changes), "Found")
    kinds = ("Infection raises", "Apart: KL-6", "Anti-MDA5 titre", "Ferritin 1523")
    told = [item for item in section(one("risk", changes), "Found") if item.startswith(kinds)]
    assert told.count(line) == 1
    assert len(told) == (1 if line.startswith("Infection") else 2)


def test_each_factor_of_the_risk_is_told() -> None:
    found = section(one("risk", {"risk": risk("high", ("age-over-60",))}), "Found")
    assert [line.partition("**. ")[0] for line in found[:4]] == [
        "Ferritin over 1,000 ng/mL: **absent",
        "Ferritin over 500 ng/mL: **absent",
        "C-reactive protein over 10 mg/L (1 mg/dL): **present",
        "Age over 60 years: **unknown",
    ]
    card = one("risk", {"risk": risk("high", ("age-over-60",))})
    assert section(card, "Not known") == ["Age over 60 years: not known."]
    plain = risk("high")
    assumed = replace(plain, factors=(replace(plain.factors[0], assumption="445 kDa"), *plain.factors[1:]))
    assert "Rests on an assumption: 445 kDa." in section(one("risk", {"risk": assumed}), "Found")


def test_the_place_of_an_agent_that_is_not_recommended() -> None:
    place = "It stands in place of a combination."
    alone = one("rec-8", {"therapy": treatment("prednisone", "azathioprine")})
    assert section(alone, "Found")[1] == place
    beside = one("rec-8", {"therapy": treatment("prednisone", "tacrolimus", "azathioprine", day=9)})
    assert place not in section(beside, "Found")
    assert "Its start is not known, so it may be recent." not in section(beside, "Found")
    undated = treatment("prednisone", "tacrolimus", "azathioprine")
    undated = replace(
        undated,
        courses=tuple(replace(item, since=None) if item.agent == "azathioprine" else item for item in undated.courses),
    )
    assert section(one("rec-8", {"therapy": undated}), "Found")[1] == "Its start is not known, so it may be recent."
    recent = "Shown when it stands in place of a combination or began at most 90 days ago."
    assert recent in section(alone, "Site policy, not the guideline")
    other = one("rec-9", {"therapy": treatment("prednisone", "infliximab")})
    assert place not in section(other, "Found")
    assert "**Site policy" not in other.detail


def test_what_a_diagnosis_card_asks_for_and_why() -> None:
    unsettled = one("diagnosis", UNSETTLED)
    dates = "- Record when symptoms and lung disease began: the dates decide whether the course is rapid."
    assert dates in unsettled.detail
    assert dates not in one("diagnosis", {"lung_disease": lungs("none", None)}).detail
    why = "Anti-MDA5 disease goes with ILD; what the lungs show decides the treatment."
    assert all(why in action.description for item in unsettled.suggestions for action in item.actions)
    assert "Dermatomyositis on record: yes." in section(unsettled, "Found")
    known = one("diagnosis", UNSETTLED | {"dermatomyositis": False})
    assert "Dermatomyositis on record: no." in section(known, "Found")


def test_rec_7_says_how_old_and_how_urgent() -> None:
    changes: dict[str, Any] = REFRACTORY | {"transplant": support("not-met")}
    assert section(one("rec-7", changes), "Found")[-3:] == [
        "Age 52 years.",
        "Referral: referral not-met.",
        "Why urgent: status refractory.",
    ]
    between = one("rec-7", changes | {"population": Population("in", "adult", (51, 52))})
    assert "Age 51 to 52 years." in section(between, "Found")
    unknown = one("rec-7", changes | {"population": Population("in", "adult")})
    assert "Age not known." in section(unknown, "Found")
    bridged = one("rec-7", {"transplant": support("not-met", running=True)})
    assert section(bridged, "Found")[-1] == "Why urgent: ECMO since 2026-02-27."
    calm = one("rec-7", {"therapy": PAIR, "transplant": support("not-met")})
    assert section(calm, "Found")[-1] == "Referral: referral not-met."
    unseen = one("rec-7", REFRACTORY | {"transplant": support("unknown")})
    assert section(unseen, "Not known") == ["Whether a referral or an evaluation exists already is not known in full."]


def test_rec_6_says_what_it_rests_on() -> None:
    card = one("rec-6", LIFE_THREATENING | {"infected": True})
    assert card.detail.splitlines()[2] == "- **Infection on record**: pneumonia since 2026-02-20."
    assert section(card, "Found")[:2] == [
        "Respiratory failure: PaO2/FiO2 88 mmHg on 2026-02-28.",
        "ECMO: ECMO since 2026-02-27.",
    ]
    (action,) = card.suggestions[0].actions
    assert "veno-venous ECMO is a bridge, to response or to transplantation (rec-6)." in action.description


@pytest.mark.parametrize(
    ("ids", "summary"),
    [
        ((), None),
        (("weight",), None),
        (("crp",), "Not known: CRP"),
        (("allergies", "weight"), "Not known: allergies"),
        (("medications", "allergies", "egfr", "referrals"), "Not known: medication orders, allergies, eGFR, referrals"),
    ],
)
def test_the_gaps_that_decide_are_counted(ids: tuple[str, ...], summary: str | None) -> None:
    plan = make_plan(assess_as(gap_ids=ids), knowledge(), "patient-view")
    found = {card.topic: card.summary for card in compose_cards(plan)}
    assert found.get("data-gap") == summary


def test_what_a_gap_is_ordered_for() -> None:
    card = one("data-gap", {"gap_ids": ("respiratory-failure", "a-a-gradient", "allergies")})
    (action,) = card.suggestions[0].actions
    assert action.description.endswith("Not known and needed: current oxygenation, course of gas exchange.")
    assert section(card, "Guideline") == [
        "What is not known is never taken for absent; advice that hangs on it is held back or says so."
    ]


PHASE = "Phase induction: no combination of known start runs."
PHASE_RUNNING = "Phase induction: the combination is 20 days old."
UNFEASIBLE = (
    "A calcineurin inhibitor counts as not feasible with allergy or intolerance to it, toxicity of it or current eGFR "
    "below 30; an eGFR that is not known leaves it feasible."
)
MARKS = "Which drugs are not suggested in pregnancy, and when a safety mark applies."
JUDGED = (
    "Response is judged from day 7 to day 90 of the last step of therapy.",
    "What counts as worse: ferritin +30 % and above 200 ng/mL; A-aDO2 +15 mmHg, or PaO2/FiO2 −20 % where the oxygen "
    "differed or no gradient is known.",
    "The status by fewer than five criteria, and its use outside triple therapy.",
    PHASE_RUNNING,
)
CITED: dict[Topic, tuple[tuple[str, ...], int, tuple[str, ...]]] = {
    "rec-2": (("rec-1", "rec-2", "rec-2a"), 3, (UNFEASIBLE, MARKS, PHASE)),
    "rec-3": (("rec-1", "rec-3", "rec-3a"), 3, (UNFEASIBLE, MARKS, PHASE)),
    "rec-4": (("rec-4",), 6, JUDGED),
    "rec-5": (
        ("rec-5",),
        4,
        (*JUDGED, "When this card warns: an escalated or rescue regimen, or hypoxaemia within days."),
    ),
    "rec-2b": (
        ("rec-2b",),
        0,
        (
            "Due: one older than 7 days in the first 28 days of the drug, then 35; none before its day 7.",
            "Tacrolimus, whole blood, trough or untimed: above 15 ng/mL always, below 10 in induction only.",
        ),
    ),
    "rec-6": (
        ("rec-6",),
        1,
        (
            "Life-threatening: the newest arterial PaO2/FiO2, at most 72 hours old, below 100 mmHg, or invasive "
            "ventilation. This asks for contact earlier than the guideline, which speaks of refractory failure.",
        ),
    ),
    "rec-7": (
        ("rec-7",),
        1,
        ("Silent above 75 years, and once a referral, an evaluation or a refusal is on record.",),
    ),
    "rec-8": (
        ("rec-8",),
        3,
        ("Shown when it stands in place of a combination or began at most 90 days ago.", PHASE),
    ),
    "rec-9": (("rec-9",), 1, ()),
    "rec-10": (("rec-10",), 1, ()),
    "refractoriness": (
        ("rec-4",),
        0,
        (
            "The clock: from day 7 to day 90 of the last step of therapy; later worsening is called relapse.",
            "The statuses by fewer than five criteria, and their use outside triple therapy.",
            PHASE_RUNNING,
        ),
    ),
    "risk": (
        (),
        0,
        (
            "The levels and their order are not the guideline's: very high, ferritin over 1,000 ng/mL; high, any other "
            "marker; standard, all known and none present; else indeterminate.",
            "A laboratory value counts as current for 30 days.",
            "This card warns when the level is very high and no combination runs, or ferritin is not known to have "
            "fallen below its baseline.",
            PHASE,
        ),
    ),
    "diagnosis": (
        (),
        0,
        (
            "Once positive, the antibody stays positive; weak, borderline and indeterminate results tell nothing.",
            "Imaging and lung function are not asked for again within 90 days.",
            "RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia that is at most 90 days "
            "old.",
        ),
    ),
}
SITUATIONS = [(topic, changes) for topic, changes, _ in NAMED if topic in CITED]


@pytest.mark.parametrize(("topic", "changes"), SITUATIONS)
def test_what_a_card_rests_on(topic: Topic, changes: dict[str, Any]) -> None:
    rules, studies, policy = CITED[topic]
    card = one(topic, changes)
    cited = [found[1] for line in section(card, "Guideline") if (found := re.search(r"\((rec-\w+)\)\. ", line))]
    assert tuple(cited) == rules
    assert len(section(card, "Evidence")) == (studies + 2 if studies else 1)
    assert tuple(section(card, "Site policy, not the guideline")) == policy


@pytest.mark.parametrize(("topic", "changes"), SITUATIONS)
def test_where_the_two_texts_differ_on_a_rule_its_card_says_so(topic: Topic, changes: dict[str, Any]) -> None:
    known = knowledge()
    differ = {name: replace(rule, differs=f"texts differ on {name}") for name, rule in known.recommendations.items()}
    plan = make_plan(assess_as(**changes), replace(known, recommendations=differ), "patient-view")
    card = {card.topic: card for card in compose_cards(plan)}[topic]
    told = section(card, "Where the guideline's two texts differ")
    if topic.startswith("rec-") and topic != "rec-2b":
        assert told == [f"{topic.capitalize()}: texts differ on {topic}."]


def test_the_sentence_on_prognosis_and_the_diagnostic_path_are_the_guidelines() -> None:
    assert section(one("risk", {}), "Guideline") == [
        "Ferritin, CRP and age over these limits seem to go with a worse outcome; the guideline names no levels. "
        "Ferritin runs in parallel with activity.",
        "Combination therapy is recommended especially when one of age, ferritin or CRP is over its limit.",
    ]
    assert section(one("diagnosis", {"anti_mda5": antibody("unknown")}), "Guideline") == [
        "From features of dermatomyositis to the anti-MDA5 antibody, to HRCT and lung function, to RPILD or not "
        "(our reading of the guideline's diagnostic figure; it carries no grade)."
    ]


@pytest.mark.parametrize(
    ("topic", "changes", "selection"),
    [
        ("rec-2", {}, "at-most-one"),
        ("rec-3", NO_CNI, "at-most-one"),
        ("rec-3", NO_CNI | {"infected": True}, "any"),
        ("rec-4", PROBABLE, "at-most-one"),
        ("rec-4", PROBABLE | {"infected": True}, "any"),
        ("rec-5", PROBABLE, "any"),
        ("rec-2b", levels(tacrolimus="due"), "any"),
        ("rec-6", LIFE_THREATENING, "any"),
        ("rec-8", {"therapy": treatment("prednisone", "azathioprine")}, None),
    ],
)
def test_alternatives_exclude_each_other_and_work_up_does_not(
    topic: Topic, changes: dict[str, Any], selection: str | None
) -> None:
    assert one(topic, changes).selection == selection


def test_beside_the_pair_a_third_drug_is_named() -> None:
    adjuvant = "IV immunoglobulin is usually part of the initial approach, as an adjuvant."
    pulses = "High-dose glucocorticoid was also given as methylprednisolone pulses "
    cautions = section(one("rec-2", {}), "Cautions")
    assert cautions[0].startswith(pulses)
    assert cautions[1:] == [adjuvant]
    instead = "Where cyclophosphamide is not feasible, mycophenolate may be a good option in its place."
    barred = one("rec-2", {"found": Screens(excluded={"cyclophosphamide": "allergy"})})
    assert section(barred, "Cautions")[1:] == [instead, adjuvant]
    beside = section(one("rec-2", {"therapy": treatment("prednisone", "mycophenolate-mofetil")}), "Cautions")
    assert beside == [
        "Mycophenolate already runs, so no cyclophosphamide is suggested beside it; glucocorticoid, calcineurin "
        "inhibitor and mycophenolate together from the onset lack evidence.",
        adjuvant,
    ]
    no_adjuvant = one("rec-2", {"found": Screens(excluded={"immunoglobulin": "allergy"})})
    assert adjuvant not in section(no_adjuvant, "Cautions")


def test_two_levels_are_named_together() -> None:
    both = one("rec-2b", levels(cyclosporine="due", tacrolimus="due"))
    assert both.summary == "Cyclosporine A and tacrolimus: a blood level is due (rec-2b)"


def test_a_switch_says_what_carries_a_caution() -> None:
    marked = one("rec-4", PROBABLE | {"found": Screens(marked=frozenset({"cyclosporine"}))})
    assert marked.suggestions[-1].label == "Switch tacrolimus to cyclosporine A (caution, see text)"


def test_what_is_beside_a_suggestion_is_said_to_run_or_to_be_drafted() -> None:
    drafted = treatment("mycophenolate-mofetil", drafted=frozenset({"prednisone"}), stage="combination")
    labels = [item.label for item in one("rec-2", {"therapy": drafted}).suggestions]
    assert labels == ["Prednisone (drafted) + cyclosporine A", "Prednisone (drafted) + tacrolimus"]


@pytest.mark.parametrize(
    ("therapy", "line"),
    [
        (treatment(), "Treatment: no systemic immunosuppression on record."),
        (
            PAIR,
            "Treatment: a combination: prednisone since 2026-02-09, tacrolimus since 2026-02-09; combination since "
            "2026-02-09.",
        ),
        (
            treatment("prednisone", drafted=frozenset({"rituximab"})),
            "Treatment with the drafts: a glucocorticoid and nothing else: prednisone since 2026-02-09; drafted: "
            "rituximab.",
        ),
        (
            treatment("prednisone", planned=frozenset({"rituximab"})),
            "Treatment: a glucocorticoid and nothing else: prednisone since 2026-02-09; ordered to begin later: "
            "rituximab.",
        ),
        (
            treatment("prednisone", "tacrolimus", day=None),
            "Treatment: a combination: prednisone (start not known), tacrolimus (start not known).",
        ),
    ],
)
def test_the_treatment_in_words(therapy: Therapy, line: str) -> None:
    (told,) = [item for item in section(one("risk", {"therapy": therapy}), "Found") if item.startswith("Treatment")]
    assert told == line


def test_why_what_is_not_given_is_not_suggested() -> None:
    barred = one(
        "rec-2", {"found": Screens(excluded={"cyclophosphamide": "allergy", "mycophenolate-mofetil": "allergy"})}
    )
    assert section(barred, "Found")[-2:] == [
        "Cyclophosphamide is not suggested: allergy of cyclophosphamide.",
        "Mycophenolate mofetil is not suggested: allergy of mycophenolate-mofetil.",
    ]
    assert not any("not suggested" in line for line in section(one("rec-2", {}), "Found"))
    running = one("rec-2", {"therapy": treatment("cyclophosphamide")})
    assert not any("not suggested" in line for line in section(running, "Found"))
    third = one("rec-3", NO_CNI | {"found": Screens(feasible=(), excluded={"rituximab": "allergy"})})
    assert "Rituximab is not suggested: allergy of rituximab." in section(third, "Found")


def test_a_proposal_has_the_route_and_the_dose_of_the_table() -> None:
    routes = {
        action.proposal.agent: (action.proposal.route, action.proposal.regimen, action.proposal.dose_text)
        for suggestion in one("rec-2", {}).suggestions
        for action in suggestion.actions
        if isinstance(action.proposal, MedicationProposal)
    }
    assert {agent: route for agent, (route, _, _) in routes.items()} == {
        "prednisone": "oral",
        "cyclosporine": "oral",
        "tacrolimus": "oral",
        "cyclophosphamide": "iv",
    }
    assert routes["cyclophosphamide"][2].endswith("0.5–1 g/m² IV, every 2–4 weeks")
    regimens = {name: knowledge().agents[name].regimens[0].id for name in routes}
    assert {agent: regimen for agent, (_, regimen, _) in routes.items()} == regimens


def test_a_pregnancy_test_that_is_due_stands_beside_what_carries_a_mark() -> None:
    due = "A pregnancy test is due before it."
    marked = Screens(marked=frozenset({"cyclophosphamide"}))
    parts = assess_as(found=marked)
    for test_due, screen in ((True, parts.safety), (False, parts.safety), (True, assess_as().safety)):
        card = one("rec-2", {"safety": replace(screen, test_due=test_due)})
        told = due in section(card, "Cautions")
        assert told is (test_due and screen is parts.safety)
    cautions = section(one("rec-2", {"found": marked}), "Cautions")
    assert any(
        line == "Cyclophosphamide: Avoid in young women or men who want children (fertility) (Table 1, row 2): "
        "woman, 30 years."
        for line in cautions
    )
