"""What all cards about a draft have in common: the gaps they own, where the texts differ, one short line on top."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from cds_cards.advice.drafting import shortened
from cds_cards.card import Topic
from cds_cards.cards import compose_cards
from cds_cards.plan import make_plan
from cds_cards.record import Dose
from tests.unit.build import Fact, allergy, order, person, res
from tests.unit.cds_cards.whole_cards import GUIDELINE, YOUNG, drug, judged, section, with_every_gap

GC = order("prednisone", 20)
TACROLIMUS = order("tacrolimus", 20)

START = {"medications", "egfr", "allergies", "respiratory-failure", "weight", "height", "age", "observations"}
LOW_EGFR = res("egfr", 20)


@pytest.mark.parametrize(
    ("topic", "facts", "more", "named"),
    [
        ("rec-8", (drug("azathioprine"),), {}, {"medications", "allergies"}),
        ("rec-9", (drug("infliximab"),), {}, {"medications", "allergies"}),
        ("rec-10", (drug("pirfenidone"),), {}, {"medications", "allergies"}),
        ("rec-2", (drug("prednisone"),), {}, START),
        ("rec-3", (drug("prednisone"), LOW_EGFR), {}, START),
        ("rec-3", (drug("rituximab"), GC, order("cyclophosphamide", 10)), {}, {"medications"}),
        ("rec-2b", (drug("tacrolimus"), GC), {}, {"egfr", "medications"}),
        ("dose", (drug("tacrolimus", dose=Dose(5, 10, 70, daily=True)), GC), {}, {"weight", "height", "egfr"}),
        ("safety-pregnancy", (drug("rituximab"), GC, TACROLIMUS), {"who": YOUNG}, {"age", "observations"}),
        (
            "safety-pregnancy",
            (drug("cyclophosphamide"), GC),
            {"who": person("male", "1990-05-04")},
            {"age", "observations"},
        ),
        ("safety-allergy", (drug("tacrolimus"), GC, allergy("tacrolimus")), {}, {"allergies"}),
        ("safety-interaction", (drug("tacrolimus"), GC, order("cyclosporine", 9)), {}, {"medications"}),
    ],
)
def test_which_gaps_a_card_about_a_draft_owns(
    topic: str, facts: tuple[Fact, ...], more: dict[str, Any], named: set[str]
) -> None:
    card = with_every_gap(judged(*facts, **more), "order-sign")[topic]
    owned = [
        found[1].lower() for line in section(card, "Not known") if (found := re.search(r"([\w-]+) not known\.$", line))
    ]
    assert sorted(owned) == sorted(named)


@pytest.mark.parametrize(
    ("summary", "shown"),
    [
        ("a" * 60 + " " + "b" * 78, "a" * 60 + " " + "b" * 78),
        ("a" * 60 + " " + "b" * 79, "a" * 60 + "…"),
        # what stands is a whole word, 137 characters with those before it at most
        ("a" * 60 + " " + "b" * 76 + " ccc", "a" * 60 + " " + "b" * 76 + "…"),
        ("a" * 60 + " " + "b" * 77 + " ccc", "a" * 60 + "…"),
        ("a" * 60 + " " + "b" * 40 + " " + "c" * 40, "a" * 60 + " " + "b" * 40 + "…"),
        ("a" * 60 + "; " + "b" * 80, "a" * 60 + "…"),
        ("a" * 60 + " (PMX, " + "b" * 80, "a" * 60 + " (PMX…"),
        (",a" + "a" * 60 + ", " + "b" * 80, ",a" + "a" * 60 + "…"),
        ("two\nlines  and\tblanks", "two lines and blanks"),
    ],
)
def test_a_summary_is_one_line_cut_at_a_word(summary: str, shown: str) -> None:
    assert shortened(summary) == shown


@pytest.mark.parametrize(
    ("topic", "facts"),
    [
        ("rec-8", (drug("azathioprine"),)),
        ("rec-9", (drug("infliximab"),)),
        ("rec-10", (drug("pirfenidone"),)),
        ("rec-2", (drug("prednisone"),)),
        ("rec-3", (drug("prednisone"), LOW_EGFR)),
        ("rec-3", (drug("rituximab"), GC, order("cyclophosphamide", 10))),
    ],
)
def test_where_the_two_texts_differ_on_its_rule_a_card_about_a_draft_says_so(
    topic: Topic, facts: tuple[Fact, ...]
) -> None:
    known = GUIDELINE.recommendations
    differ = {name: replace(rule, differs=f"texts differ on {name}") for name, rule in known.items()}
    plan = make_plan(judged(*facts), replace(GUIDELINE, recommendations=differ), "order-sign")
    card = {card.topic: card for card in compose_cards(plan)}[topic]
    assert section(card, "Where the guideline's two texts differ") == [
        f"{topic.capitalize()}: texts differ on {topic}."
    ]
