"""What a card leaves out, and what it asks for only sometimes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_cards.card import Card, Topic
from cds_cards.cards import compose_cards
from cds_cards.plan import make_plan
from cds_cards.proposals import ServiceProposal
from cds_cards.trend import Trend
from tests.unit.build import at, res
from tests.unit.build_assessment import (
    Screens,
    assess_as,
    failure,
    knowledge,
    level,
    lungs,
    response,
    support,
    treatment,
)
from tests.unit.cds_cards.whole_cards import cards, drug, patient_card, section

PAIR = treatment("prednisone", "tacrolimus")


def asked_for(card: Card) -> list[str]:
    """The tests, services and consultations that the card suggests."""
    proposals = [action.proposal for suggestion in card.suggestions for action in suggestion.actions]
    return [proposal.concept for proposal in proposals if isinstance(proposal, ServiceProposal)]


@pytest.mark.parametrize(
    ("running", "other"),
    [("cyclophosphamide", "mycophenolate-mofetil"), ("mycophenolate-mofetil", "cyclophosphamide")],
)
def test_no_switch_to_what_the_patient_is_allergic_to(running: str, other: str) -> None:
    failing: dict[str, Any] = {
        "therapy": treatment("prednisone", running),
        "refractoriness": response("probable", "mmnuu"),
    }
    labels = [
        [item.label for item in patient_card("rec-4", **failing, found=found).suggestions]
        for found in (Screens(), Screens(excluded={other: "allergy"}))
    ]
    assert [[label for label in each if label.startswith("Switch ")] != [] for each in labels] == [True, False]


def test_mycophenolate_is_spoken_of_only_where_it_would_stand_for_cyclophosphamide() -> None:
    card = patient_card("rec-2", found=Screens(excluded={"mycophenolate-mofetil": "allergy"}))
    assert not any("not suggested" in line for line in section(card, "Found"))


def test_on_opening_the_record_no_draft_is_named() -> None:
    opened = section(cards(drug("prednisone"), hook="patient-view")["rec-2"], "Found")
    signed = section(cards(drug("prednisone"))["rec-2"], "Found")
    line = "Drafted: prednisone (MedicationRequest/draft-prednisone)."
    assert (line in opened, line in signed) == (False, True)


def test_a_value_has_the_day_of_the_site() -> None:
    """Nine in the evening in Los Angeles is the next day in Europe and Asia."""
    site = replace(knowledge(), policy=replace(knowledge().policy, zone="America/Los_Angeles"))
    evening = at("2026-02-27T05:00:00Z")
    changes: dict[str, Any] = {
        "ferritin": Trend(res("ferritin", 1523, evening), None, None),
        "kl6": res("kl-6", 1200, evening),
    }
    plan = make_plan(assess_as(**changes), site, "patient-view")
    card = {card.topic: card for card in compose_cards(plan)}["risk"]
    found = section(card, "Found")
    assert "Ferritin 1523 ng/mL on 2026-02-26; no baseline to compare it with." in found
    assert any(line.startswith("Apart: KL-6 1200 U/mL on 2026-02-26, ") for line in found)


@pytest.mark.parametrize(
    ("topic", "changes", "wanted"),
    [
        (
            "refractoriness",
            {"therapy": PAIR, "refractoriness": response("possible", "mnnuu")},
            ["pao2", "ferritin", "hrct", "infection-work-up", "expert-consultation"],
        ),
        ("rec-6", {"respiratory_failure": failure("yes")}, ["ecmo-transplant-centre"]),
        ("diagnosis", {"lung_disease": lungs("none", None)}, ["hrct", "pft"]),
        ("diagnosis", {"lung_disease": lungs("ild", unsettled=True)}, ["hrct", "pft"]),
        ("rec-7", {"transplant": support("not-met")}, ["transplant-referral"]),
        (
            "rec-5",
            {"therapy": PAIR, "refractoriness": response("probable", "mmnuu")},
            ["pmx-hemoperfusion", "plasmapheresis"],
        ),
    ],
)
def test_what_a_card_asks_for(topic: Topic, changes: dict[str, Any], wanted: list[str]) -> None:
    assert asked_for(patient_card(topic, **changes)) == wanted


@pytest.mark.parametrize(
    ("status", "urgent"),
    [("refractory", True), ("probable", True), ("possible", False), ("responding", False), ("not-assessable", False)],
)
def test_a_referral_is_urgent_where_the_combination_fails(status: str, urgent: bool) -> None:
    card = patient_card("rec-7", therapy=PAIR, refractoriness=response(status, "mmnuu"), transplant=support("not-met"))
    assert (f"Why urgent: status {status}." in section(card, "Found")) is urgent


@pytest.mark.parametrize(("due", "asked"), [("met", False), ("unknown", False), ("not-met", True)])
def test_a_level_that_has_a_card_of_its_own_is_not_ordered_twice(due: str, asked: bool) -> None:
    card = patient_card(
        "data-gap", therapy=PAIR, levels=(level("tacrolimus", due),), gap_ids=("calcineurin-level", "crp")
    )
    assert ("tacrolimus-level" in asked_for(card)) is asked
