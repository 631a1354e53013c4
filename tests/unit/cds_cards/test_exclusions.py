"""Exclusions, marks and unknowns as whole values: the reason, the references, the rank."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_cards.disease import Population
from cds_cards.exclusions import Exclusion
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.marks import Mark
from cds_cards.record import PatientRecord
from cds_cards.safety import Safety, Suitability, safety
from cds_cards.therapy import Course, Therapy
from tests.unit.build import AS_OF, allergy, at, dx, order, person, rec, res, unread

UNTREATED = Therapy("untreated", "induction", "", True, (), frozenset())


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


def screen(record: PatientRecord, guideline: Guideline, therapy: Therapy = UNTREATED) -> Safety:
    return safety(record, Population("in", "", (40, 40)), therapy, guideline, AS_OF)


def course(name: str, status: Any, since: str) -> Course:
    return Course(name, "", at(since), None, status, (f"MedicationRequest/{status}",))


def test_what_runs_is_named_since_its_day_in_the_hospitals_zone_and_by_what_still_runs(guideline: Guideline) -> None:
    pacific = replace(guideline, policy=replace(guideline.policy, zone="America/Los_Angeles"))
    courses = (
        course("tacrolimus", "past", "2025-01-01"),
        course("tacrolimus", "active", "2026-02-20T03:00:00Z"),
    )
    runs = replace(UNTREATED, courses=courses, running=frozenset({"tacrolimus"}))
    found = screen(rec(), pacific, runs)
    why, evidence = "tacrolimus runs since 2026-02-19", ("MedicationRequest/active",)
    assert found.agents["tacrolimus"].exclusions == (Exclusion("running", why, evidence),)
    assert found.agents["cyclosporine"].exclusions == (Exclusion("second-cni", why, evidence),)


def test_the_days_of_an_allergy_and_a_prohibition_are_those_of_the_hospitals_zone(guideline: Guideline) -> None:
    """Three in the morning (UTC) belongs to the day before in Los Angeles."""
    pacific = replace(guideline, policy=replace(guideline.policy, zone="America/Los_Angeles"))
    night = "2026-02-20T03:00:00Z"
    against = order("rituximab", night, prohibited=True, id="no")
    found = screen(rec(allergy("tacrolimus", when=night), against), pacific)
    why, evidence = "allergy to tacrolimus on record, recorded 2026-02-19", ("AllergyIntolerance/tacrolimus",)
    assert found.agents["tacrolimus"].exclusions == (Exclusion("allergy", why, evidence),)
    assert found.cni_reasons == {"tacrolimus": why}
    why, evidence = "an order of 2026-02-19 says not to give rituximab", ("MedicationRequest/no",)
    assert found.agents["rituximab"].exclusions == (Exclusion("prohibited", why, evidence),)


def test_marks_about_fertility_rank_and_the_others_are_only_shown(guideline: Guideline) -> None:
    why = "woman, 40 years; no sterilisation or menopause on record"
    found = screen(rec(), guideline).agents
    for name in ("rituximab", "cyclophosphamide", "mycophenolate-mofetil"):
        expected = [
            Mark(item.id, item.text, item.source, why)
            if item.id in ("fertility", "embryopathy")
            else Mark(item.id, item.text, item.source, "", ranks=False)
            for item in guideline.agents[name].cautions
        ]
        assert list(found[name].marks) == expected
        assert found[name].marked
    assert "without-cni" in [mark.id for mark in found["rituximab"].marks]


def test_every_agent_is_answered_under_its_own_name(guideline: Guideline) -> None:
    found = screen(rec(), guideline).agents
    assert {name: item.agent for name, item in found.items()} == {name: name for name in guideline.agents}
    assert found["azathioprine"] == Suitability("azathioprine", (), found["azathioprine"].marks)


@pytest.mark.parametrize(
    ("record", "cause"),
    [
        (replace(rec(), answers={}), "were not available"),
        (rec(allergies="missing"), "were not available"),
        (rec(allergies="partial"), "were not fetched in full"),
        (rec(unread("allergies", "tacrolimus")), "could not all be read"),
        (rec(), None),
    ],
)
def test_allergies_that_are_not_known(record: PatientRecord, cause: str | None, guideline: Guideline) -> None:
    text = f"allergies {cause}: an allergy to what is suggested is not excluded"
    assert dict(screen(record, guideline).unknowns).get("allergies") == (text if cause else None)


def test_a_menopause_that_ended_is_weighed_at_the_moment_of_the_assessment(guideline: Guideline) -> None:
    fact = dx("postmenopausal", verification="confirmed", clinical=None, abated=-1)
    assert not screen(rec(fact), guideline).childbearing
    over = dx("postmenopausal", verification="confirmed", clinical=None, abated=1)
    assert screen(rec(over), guideline).childbearing


def test_the_whole_answer_of_a_man_with_a_known_kidney(guideline: Guideline) -> None:
    found = screen(rec(res("egfr", 60, "2026-02-20"), who=person("male")), guideline)
    assert (found.pregnant, found.pregnant_why, found.pregnant_evidence) == ("no", "recorded sex: male", ())
    assert (found.childbearing, found.childbearing_why, found.test_due) == (False, "recorded sex: male", False)
    assert found.fertile_man
    assert (found.egfr_unknown, found.cni_reasons) == (False, {})
    assert found.egfr_why == "eGFR 60 mL/min/1.73 m² on 2026-02-20, not below 30 (site policy)"
