"""Data gaps: what decides and is not known, by the contract's ids."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_cards.criteria import Verdict
from cds_cards.disease import Population
from cds_cards.dose_check import DoseCheck
from cds_cards.gaps import GAP_IDS, gaps
from cds_cards.orders.entry import NO_DRAFTS, Drafted, OrderEntry
from cds_cards.record import Answer, PatientRecord
from tests.unit.build import rec, unread
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
    screens,
    size,
    treatment,
)

ADULT = Population("in", "adult", (52, 52))


def found(record: PatientRecord | None = None, entry: OrderEntry = NO_DRAFTS, **changes: Any) -> dict[str, str]:
    assessment = assess_as(**changes)
    result = gaps(
        record or rec(),
        assessment.population,
        assessment.anti_mda5,
        assessment.lung_disease,
        assessment.risk,
        assessment.therapy,
        assessment.refractoriness,
        assessment.respiratory_failure,
        assessment.safety,
        assessment.levels,
        assessment.body_size,
        knowledge(),
        entry,
    )
    assert all(gap.why for gap in result)
    ids = [gap.id for gap in result]
    assert ids == sorted(set(ids), key=GAP_IDS.index)
    return {gap.id: gap.why for gap in result}


def test_nothing_is_missing() -> None:
    assert found() == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"anti_mda5": antibody("unknown")}, {"anti-mda5"}),
        ({"anti_mda5": antibody("negative")}, set()),
        ({"lung_disease": lungs("unknown")}, {"lung-disease"}),
        ({"lung_disease": lungs("ild", unsettled=True)}, {"lung-disease"}),
        ({"lung_disease": lungs("ild")}, set()),
        ({"risk": risk("indeterminate", ("ferritin-over-1000", "ferritin-over-500"))}, {"ferritin"}),
        ({"risk": risk("high", ("ferritin-over-1000",))}, {"ferritin"}),
        ({"risk": risk("indeterminate", ("crp-over-1", "age-over-60"))}, {"crp", "age"}),
        ({"population": Population("in", "age not known", None)}, {"age"}),
        ({"therapy": treatment(stage="unknown", complete=False)}, {"medications"}),
        ({"therapy": treatment("prednisone", "tacrolimus", complete=False)}, {"medications"}),
        ({"therapy": treatment("prednisone", "tacrolimus", day=None)}, {"combination-start"}),
        ({"respiratory_failure": failure("unknown")}, {"respiratory-failure"}),
        ({"found": Screens(egfr_unknown=True)}, {"egfr"}),
        ({"body_size": size(known=False)}, {"weight", "height"}),
        ({"levels": (level("tacrolimus", "met"),)}, {"calcineurin-level"}),
        ({"levels": (level("tacrolimus", "unknown"),)}, {"calcineurin-level"}),
        ({"levels": (level("tacrolimus", "not-met"),)}, set()),
    ],
)
def test_what_is_not_known(changes: dict[str, Any], expected: set[str]) -> None:
    assert set(found(**changes)) == expected


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (6, set()),
        (7, {"a-a-gradient", "imaging", "ferritin"}),
        (90, {"a-a-gradient", "imaging", "ferritin"}),
        (91, set()),
    ],
)
def test_unknown_criteria_in_the_days_in_which_they_decide(day: int, expected: set[str]) -> None:
    changes = {
        "therapy": treatment("prednisone", "tacrolimus", day=day),
        "refractoriness": response("possible", "muuun"),
    }
    assert set(found(**changes)) == expected


@pytest.mark.parametrize("answer", ["partial", "missing"])
@pytest.mark.parametrize("key", ["allergies", "procedures", "referrals"])
def test_an_optional_search_without_a_full_answer(key: str, answer: Answer) -> None:
    answers: dict[str, Any] = {key: answer}
    why = found(rec(**answers))
    assert set(why) == {key}
    assert key in why[key]


@pytest.mark.parametrize(
    ("key", "gap"),
    [("observations", "observations"), ("conditions", "lung-disease"), ("medications", "medications")],
)
def test_pages_that_were_not_fetched_are_named(key: str, gap: str) -> None:
    answers: dict[str, Any] = {key: "partial"}
    why = found(rec(**answers))
    assert set(why) == {gap}
    assert f"`{key}`" in why[gap]


def test_missing_administrations_make_nothing_unknown() -> None:
    assert found(rec(administrations="missing")) == {}
    assert set(found(rec(administrations="partial"))) == {"medications"}


def test_what_could_not_be_read_is_named() -> None:
    assert "AllergyIntolerance/x" in found(rec(unread("allergies", id="AllergyIntolerance/x")))["allergies"]
    assert found(rec(unread("observations", "kl-6"))) == {}
    assert set(found(rec(unread("observations")))) == {"observations"}


def test_none_outside_the_population() -> None:
    assert found(rec(allergies="missing"), population=Population("out", "deceased", (60, 60))) == {}


def test_one_gap_for_two_reasons() -> None:
    therapy = treatment("prednisone", "tacrolimus")
    why = found(
        therapy=therapy,
        risk=risk("indeterminate", ("ferritin-over-500",)),
        refractoriness=response("possible", "mnnun"),
    )
    assert set(why) == {"ferritin"}
    assert "over 500" in why["ferritin"]
    assert "ferritin from" in why["ferritin"]
    assert Verdict.UNKNOWN in {criterion.verdict for criterion in response("possible", "mnnun").criteria}


@pytest.mark.parametrize(
    ("changes", "gap", "why"),
    [
        ({"population": Population("in", "no birth date")}, "age", "the age is not known"),
        ({"anti_mda5": antibody("unknown")}, "anti-mda5", "anti-MDA5 unknown on 2026-01-10"),
        (
            {"therapy": treatment("prednisone", complete=False)},
            "medications",
            "not all medication orders could be read: MedicationRequest/unread: no drug is named",
        ),
        (
            {"therapy": treatment("prednisone", complete=False, unread=())},
            "medications",
            "not all medication orders could be read: the medication search was not answered in full",
        ),
        (
            {"therapy": treatment("prednisone", "tacrolimus", day=None)},
            "combination-start",
            "the day on which the combination was complete is not known",
        ),
        (
            {"therapy": treatment("prednisone", complete=False, unread=("MedicationRequest/a", "MedicationRequest/b"))},
            "medications",
            "not all medication orders could be read: MedicationRequest/a; MedicationRequest/b",
        ),
        ({"found": Screens(egfr_unknown=True)}, "egfr", "no eGFR within 30 days"),
        (
            {"safety": replace(screens(treatment(), Screens(egfr_unknown=True)), egfr_why="")},
            "egfr",
            "no current eGFR",
        ),
        (
            {"levels": (level("tacrolimus", "unknown"),)},
            "calcineurin-level",
            "tacrolimus: day 20; no level",
        ),
    ],
)
def test_why_it_is_not_known(changes: dict[str, Any], gap: str, why: str) -> None:
    assert found(**changes)[gap] == why


def test_searches_in_words() -> None:
    assert found(rec(observations="partial"))["observations"] == (
        "not all pages of `observations` could be fetched; what they hold is not known"
    )
    assert found(rec(allergies="missing"))["allergies"] == (
        "`allergies` was not given; nothing is called absent on that ground"
    )
    lost = (unread("allergies", id="b"), unread("allergies", id="a"))
    assert found(rec(*lost))["allergies"] == f"could not be read: {lost[1].source}, {lost[0].source}"
    anything = (unread("observations", id="b"), unread("observations", id="a"), unread("observations", "crp", id="c"))
    assert found(rec(*anything))["observations"] == (
        f"could not be read, and may have told anything: {anything[1].source}, {anything[0].source}"
    )


def test_reasons_for_one_gap_stand_together_and_once() -> None:
    twice = (level("cyclosporine", "met"), level("tacrolimus", "met"), level("tacrolimus", "met"))
    assert found(levels=twice)["calcineurin-level"] == "cyclosporine A: day 20; no level; tacrolimus: day 20; no level"


@pytest.mark.parametrize(
    ("days", "asked"), [((6, 6), False), ((6, 7), True), ((90, 91), True), ((90, 90), True), ((91, 91), False)]
)
def test_criteria_are_asked_for_while_the_days_may_be_those_of_the_judgement(
    days: tuple[int, int], asked: bool
) -> None:
    therapy = replace(treatment("prednisone", "tacrolimus"), days_assessed=days)
    gap = found(therapy=therapy, refractoriness=response("not-assessable", "nnunn")).keys()
    assert ("imaging" in gap) is asked


def test_a_search_of_which_nothing_is_said_was_not_given() -> None:
    assert found(replace(rec(), answers={})) == {
        key: f"`{key}` was not given; nothing is called absent on that ground"
        for key in ("allergies", "procedures", "referrals")
    }


@pytest.mark.parametrize(
    ("status", "selected", "asked"),
    [("not-checked", True, True), ("not-checked", False, False), ("within", True, False), ("above", True, False)],
)
def test_a_draft_whose_dose_could_not_be_checked(status: Any, selected: bool, asked: bool) -> None:
    check = DoseCheck(status, "no amount is stated")
    draft = Drafted("MedicationRequest/draft", "cyclosporine", selected, check)
    sentence = "cyclosporine A (MedicationRequest/draft): dose not checked: no amount is stated"
    assert found(entry=OrderEntry((draft,))) == ({"dose": sentence} if asked else {})
