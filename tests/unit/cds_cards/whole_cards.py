"""Whole cards as text: every line of one is held against what a physician should read. Also who most of them are about.

The sentences of the guideline stand here as they are to be read, not taken from `knowledge/`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from textwrap import dedent
from typing import Any

from cds_cards.assessment import Assessment, assess
from cds_cards.card import Card, Topic
from cds_cards.cards import compose_cards
from cds_cards.gaps import GAP_IDS, DataGap
from cds_cards.knowledge import load_guideline
from cds_cards.plan import make_plan
from cds_cards.record import Dose, DraftOrder, Person
from tests.unit.build import AS_OF, Fact, draft, dx, person, rec, res
from tests.unit.build_assessment import assess_as

GUIDELINE = load_guideline()
WOMAN = person(born="1960-05-04")
"""65 years old: no pregnancy is possible."""
YOUNG = person(born="1990-05-04")
RPILD: tuple[Fact, ...] = (
    dx("dermatomyositis", id="dm"),
    dx("ild", "rpild", onset=5, id="rpild"),
    res("anti-mda5", None, 8, words=("positive",), recorded="positive"),
    res("weight", 60, 1),
    res("height", 165, 100),
    res("egfr", 90, 1),
)
INFERRED: tuple[Fact, ...] = (
    *(fact for fact in RPILD if fact != RPILD[1]),
    dx("ild", onset=20, id="ild"),
    res("pao2", 55, 2),
)
"""The same without a diagnosis of RPILD: the dates of the lung disease and of hypoxaemia tell it."""
TABLETS = Dose(1, 1, 7, daily=True)
BLANK = Dose(unread="no dosage instruction")


def drug(agent: str, **more: Any) -> DraftOrder:
    """A draft of 1 mg a day, unless told otherwise."""
    return draft(agent, **({"dose": TABLETS} | more))


def judged(*facts: Fact, who: Person = WOMAN, chart: tuple[Fact, ...] = RPILD, **answers: Any) -> Assessment:
    """What is made of these facts on the chart."""
    return assess(rec(*chart, *facts, who=who, **answers), GUIDELINE, AS_OF)


def cards(*facts: Fact, hook: str = "order-sign", **more: Any) -> dict[str, Card]:
    """The cards by topic."""
    return {card.topic: card for card in compose_cards(make_plan(judged(*facts, **more), GUIDELINE, hook))}


def patient_card(topic: Topic, **changes: Any) -> Card:
    """The card of this topic in patient-view, for the patient of `assess_as` with these changes."""
    plan = make_plan(assess_as(**changes), GUIDELINE, "patient-view")
    return {card.topic: card for card in compose_cards(plan)}[topic]


def with_every_gap(assessment: Assessment, hook: str) -> dict[str, Card]:
    """The cards by topic as if nothing of the contract's list were known."""
    found = replace(assessment, gaps=tuple(DataGap(name, f"{name} not known") for name in GAP_IDS))
    return {card.topic: card for card in compose_cards(make_plan(found, GUIDELINE, hook))}


def told(card: Card) -> list[str]:
    """Summary, urgency with how many suggestions may be taken, detail and suggestions, line by line."""
    offered = [
        line
        for suggestion in card.suggestions
        for line in (
            f"[{suggestion.label}]",
            *(f"{action.kind}: {action.description}" for action in suggestion.actions),
        )
    ]
    urgency = f"{card.indicator}, {card.selection or 'nothing suggested'}"
    return [card.summary, urgency, *(line for line in card.detail.splitlines() if line), *offered]


def lines(text: str) -> list[str]:
    """The lines of a text in which an indented line continues the one before it."""
    folded = re.sub(r"\n +", " ", dedent(text).strip())
    return [line for line in folded.splitlines() if line]


def section(card: Card, title: str) -> list[str]:
    """The lines of one section, without their dash."""
    inside = card.detail.partition(f"**{title}**\n\n")[2].partition("\n\n")[0]
    return [line.removeprefix("- ") for line in inside.splitlines()]


REC_1 = (
    "- Combination therapy first (rec-1). Treatment starts with a combination of immunosuppressants, not with one "
    "drug alone. Grade: weak evidence (case series), recommended (grade D)."
)
REC_2 = (
    "- Glucocorticoid plus calcineurin inhibitor, with or without IV cyclophosphamide (rec-2). High-dose "
    "glucocorticoid with cyclosporine A or tacrolimus, or the same with IV cyclophosphamide as a third drug; either is "
    "a good start. Where cyclophosphamide is not feasible, mycophenolate may serve; as part of a triple therapy from "
    "the onset it lacks evidence (two cases). IV immunoglobulin is commonly given beside it. Grade: weak evidence "
    "(case series), recommended (grade D)."
)
REC_2A = (
    "- No preference between cyclosporine A and tacrolimus (rec-2a). Neither calcineurin inhibitor is preferred; "
    "safety profile and patient decide. Grade: practice point, panel consensus (grade √)."
)
REC_2B = (
    "- Monitor calcineurin inhibitor levels (rec-2b). Blood levels of the calcineurin inhibitor guide its dose and "
    "keep toxicity low. Grade: practice point, panel consensus (grade √)."
)
REC_3 = (
    "- Without a calcineurin inhibitor: glucocorticoid plus cyclophosphamide and/or mycophenolate (rec-3). Where no "
    "calcineurin inhibitor can be given: glucocorticoid with cyclophosphamide, with mycophenolate or with both; "
    "rituximab may join either; IV immunoglobulin may accompany it. Rituximab on glucocorticoid and cyclophosphamide "
    "without a calcineurin inhibitor asks for caution. Grade: weak evidence (case series), recommended (grade D)."
)
REC_3A = (
    "- Which of these: patient and experience decide (rec-3a). Among the alternatives without a calcineurin inhibitor "
    "none ranks first; patient and experience decide. Grade: practice point, panel consensus (grade √)."
)
REC_4 = (
    "- No response: add an agent, or switch one (rec-4). When the disease does not respond, one more agent is added "
    "(cyclophosphamide, mycophenolate, rituximab, basiliximab or tofacitinib, in no order of preference), or one "
    "immunosuppressant is exchanged for another. Grade: adding: weak evidence (case series), recommended (grade D); "
    "switching: practice point, panel consensus (grade √)."
)
REC_8 = (
    "- Azathioprine, methotrexate, leflunomide: not recommended for induction (rec-8). Azathioprine, methotrexate and "
    "leflunomide are not recommended, above all not for induction. Grade: practice point, panel consensus (grade √)."
)
NO_GRADE = "- This is prescribing safety, not a recommendation of the guideline: it carries no grade."
CAVEAT = (
    "- Small, retrospective, overlapping series and case reports; severity chose the treatment, so these outcomes "
    "compare no treatments and predict nothing for this patient."
)
SEARCHED = (
    "- Evidence level 3 (SIGN: case reports and case series) throughout. Evidence searched to April 2018, with studies "
    "up to July 2019 added by the panel; nothing later is included."
)
