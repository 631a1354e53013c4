"""The kidney before a calcineurin inhibitor, and what bars one; days in a zone in which they differ from UTC's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_cards.criteria import Verdict
from cds_cards.disease import Population
from cds_cards.exclusions import Exclusion
from cds_cards.feasibility import Barrier, Kidney, cni_barriers, kidney
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.safety import safety
from cds_cards.therapy import Therapy
from tests.unit.build import AS_OF, allergy, at, dx, rec, res, unread

GOOD = Kidney(Verdict.NOT_MET, "")


@pytest.fixture(scope="module")
def pacific() -> Guideline:
    """The guideline in Los Angeles, where three in the morning (UTC) belongs to the day before."""
    guideline = load_guideline()
    return replace(guideline, policy=replace(guideline.policy, zone="America/Los_Angeles"))


@pytest.mark.parametrize(
    ("facts", "low", "why"),
    [
        (
            [res("egfr", 30, "2026-02-20T03:00:00Z")],
            Verdict.NOT_MET,
            "eGFR 30 mL/min/1.73 m² on 2026-02-19, not below 30 (site policy)",
        ),
        (
            [res("egfr", 29.9, "2026-02-20T03:00:00Z")],
            Verdict.MET,
            "eGFR 29.9 mL/min/1.73 m² on 2026-02-19, below 30 (site policy)",
        ),
        # of two results of one moment the lower one counts, whichever stands first
        (
            [res("egfr", 29, "2026-02-20T03:00:00Z"), res("egfr", 50, "2026-02-20T03:00:00Z")],
            Verdict.MET,
            "eGFR 29 mL/min/1.73 m² on 2026-02-19, below 30 (site policy)",
        ),
        (
            [res("egfr", 50, "2026-01-01T03:00:00Z")],
            Verdict.UNKNOWN,
            "eGFR unknown: the latest, eGFR 50 mL/min/1.73 m² of 2025-12-31, is older than 30 days",
        ),
        (
            [res("egfr", 50, "2026-02-20T03:00:00Z"), unread("observations", "egfr", when=AS_OF)],
            Verdict.UNKNOWN,
            "eGFR unknown: after eGFR 50 mL/min/1.73 m² on 2026-02-19 a result could not be read",
        ),
        # what could not be read of another result says nothing of the kidney
        (
            [res("egfr", 50, "2026-02-20T03:00:00Z"), unread("observations", "ferritin", when=AS_OF)],
            Verdict.NOT_MET,
            "eGFR 50 mL/min/1.73 m² on 2026-02-19, not below 30 (site policy)",
        ),
        ([unread("observations", "ferritin")], Verdict.UNKNOWN, "eGFR unknown: no usable result on record"),
        ([unread("observations", "egfr")], Verdict.UNKNOWN, "eGFR unknown: the result on record could not be read"),
    ],
)
def test_the_kidney_by_its_current_result(facts: list[Any], low: Verdict, why: str, pacific: Guideline) -> None:
    for order in (facts, facts[::-1]):
        found = kidney(rec(*order), pacific, AS_OF)
        assert (found.low, found.why) == (low, why)


def test_a_calcineurin_inhibitors_harm_bars_it_from_the_day_it_began_on(pacific: Guideline) -> None:
    tma = dx("cni-toxicity", onset="2026-02-20T03:00:00Z", id="tma", by_text=True)
    undated = dx("cni-toxicity", onset=None, id="undated")
    label = pacific.conditions["cni-toxicity"].label
    assert cni_barriers(pacific.agents["tacrolimus"], rec(tma, undated), pacific, GOOD) == (
        Barrier(f"{label} on record, 2026-02-19, recognised by its text (site policy)", ("Condition/tma",)),
        Barrier(f"{label} on record (site policy)", ("Condition/undated",)),
    )


def test_a_low_kidney_function_bars_with_its_own_words_and_references(pacific: Guideline) -> None:
    low = kidney(rec(res("egfr", 20, at("2026-02-20"), id="low")), pacific, AS_OF)
    expected = (Barrier(low.why, ("Observation/low",)),)
    assert cni_barriers(pacific.agents["cyclosporine"], rec(), pacific, low) == expected
    assert cni_barriers(pacific.agents["cyclosporine"], rec(), pacific, GOOD) == ()


def test_every_barrier_names_its_resource(pacific: Guideline) -> None:
    agent = pacific.agents["tacrolimus"]
    low = Kidney(Verdict.MET, "eGFR 20", ("Observation/egfr",))
    facts = rec(allergy("tacrolimus", when="2026-02-20", id="a"), dx("cni-toxicity", id="t"))
    found = cni_barriers(agent, facts, pacific, low)
    assert [(item.evidence, item.allergy) for item in found] == [
        (("AllergyIntolerance/a",), True),
        (("Condition/t",), False),
        (("Observation/egfr",), False),
    ]


def test_the_kidney_bars_a_calcineurin_inhibitor_with_its_value_as_the_reason(pacific: Guideline) -> None:
    untreated = Therapy("untreated", "induction", "", True, (), frozenset())
    found = safety(rec(res("egfr", 20, 1, id="e")), Population("in", "", (40, 40)), untreated, pacific, AS_OF)
    why = "eGFR 20 mL/min/1.73 m² on 2026-02-28, below 30 (site policy)"
    assert found.agents["tacrolimus"].exclusions == (Exclusion("cni-not-feasible", why, ("Observation/e",)),)


def test_several_barriers_are_told_together(pacific: Guideline) -> None:
    untreated = Therapy("untreated", "induction", "", True, (), frozenset())
    facts = (res("egfr", 20, 1), dx("cni-toxicity", onset="2026-02-01", id="t"))
    found = safety(rec(*facts), Population("in", "", (40, 40)), untreated, pacific, AS_OF)
    toxicity = pacific.conditions["cni-toxicity"].label
    assert found.cni_reasons["cyclosporine"] == (
        f"{toxicity} on record, 2026-02-01 (site policy); eGFR 20 mL/min/1.73 m² on 2026-02-28, below 30 (site policy)"
    )


def test_a_pregnancy_comes_with_its_references(pacific: Guideline) -> None:
    untreated = Therapy("untreated", "induction", "", True, (), frozenset())
    facts = rec(res("pregnancy-status", None, 3, words=("pregnant",), id="p"))
    found = safety(facts, Population("in", "", (30, 30)), untreated, pacific, AS_OF)
    assert (found.pregnant, found.pregnant_evidence) == ("yes", ("Observation/p",))
