"""The drafted orders as the plan sees them: each whole, with its allergies, and which levels are ordered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_cards.assessment import assess
from cds_cards.dose_check import DoseCheck
from cds_cards.guideline import Guideline
from cds_cards.orders.entry import AllergyEntry, Drafted, OrderEntry, dose_gaps, unchecked
from cds_cards.record import Dose
from tests.unit.build import AS_OF, Fact, allergy, draft, order, rec, res, svc, unread
from tests.unit.build_assessment import knowledge

FEW = Dose(per_administration=1, per_day=2, per_week=14, daily=True)
SIZE = (res("weight", 60, 1), res("height", 165, 100))
TACROLIMUS = draft("tacrolimus", dose=FEW, id="t")


def entry(*facts: Fact, guideline: Guideline | None = None, **answers: Any) -> OrderEntry:
    return assess(rec(*SIZE, *facts, **answers), guideline or knowledge(), AS_OF).entry


def allergies(*facts: Fact, guideline: Guideline | None = None) -> tuple[AllergyEntry, ...]:
    (drafted,) = entry(TACROLIMUS, *facts, guideline=guideline).drafts
    return drafted.allergies


def test_a_draft_whole() -> None:
    check = DoseCheck("within", "2 mg a day drafted, reported up to 4.5 mg a day", ("0.06–0.075 mg/kg/day by mouth",))
    (drafted,) = entry(TACROLIMUS).drafts
    assert replace(drafted, dose=check) == Drafted("MedicationRequest/t", "tacrolimus", True, check, (), False, 1)
    assert (drafted.dose.status, drafted.target) == ("within", "MedicationRequest/t")
    (unsure,) = entry(draft("tacrolimus", id="t", selected=False, by_text=True)).drafts
    assert (unsure.selected, unsure.by_text, unsure.once, unsure.dose.status) == (False, True, None, "not-checked")


def test_drafts_stand_by_agent_and_source_and_what_gives_nothing_is_none() -> None:
    found = entry(
        TACROLIMUS,
        draft("prednisone", id="p2"),
        draft("prednisone", id="p1"),
        draft("rituximab", id="r", status="cancelled"),
        draft("cyclosporine", id="c", prohibited=True),
        draft("cyclophosphamide", id="not-selected", selected=False),
    )
    assert [draft.source for draft in found.drafts] == [
        "MedicationRequest/not-selected",
        "MedicationRequest/p1",
        "MedicationRequest/p2",
        "MedicationRequest/t",
    ]
    assert found.selected == found.drafts[1:]


@pytest.mark.parametrize(
    ("more", "text", "critical"),
    [
        ({}, "allergy to tacrolimus on record (type not stated)", False),
        ({"kind": "allergy"}, "allergy to tacrolimus on record (type allergy)", True),
        ({"kind": "intolerance"}, "intolerance to tacrolimus on record (type intolerance)", False),
        ({"criticality": "high"}, "allergy to tacrolimus on record (type not stated, criticality high)", True),
        (
            {"kind": "intolerance", "criticality": "low"},
            "intolerance to tacrolimus on record (type intolerance, criticality low)",
            False,
        ),
        (
            {"kind": "intolerance", "criticality": "low", "severe": True},
            "intolerance to tacrolimus on record (type intolerance, criticality low, a severe reaction)",
            True,
        ),
    ],
)
def test_how_bad_an_allergy_is(more: dict[str, Any], text: str, critical: bool) -> None:
    item = allergy("tacrolimus", id="al", **more)
    assert allergies(item) == (AllergyEntry(text, critical, "AllergyIntolerance/al"),)


def test_an_allergy_to_another_drug_is_none_of_its_own() -> None:
    assert allergies(allergy("cyclosporine"), allergy("tacrolimus", verification="refuted")) == ()


def test_an_allergy_is_dated_in_the_site_s_zone() -> None:
    late = allergy("tacrolimus", when="2026-02-10T16:00:00Z")
    ours = knowledge()
    tokyo = replace(ours, policy=replace(ours.policy, zone="Asia/Tokyo"))
    for guideline, day in ((ours, "2026-02-10"), (tokyo, "2026-02-11")):
        (found,) = allergies(late, guideline=guideline)
        assert found.text == f"allergy to tacrolimus on record, recorded {day} (type not stated)"


@pytest.mark.parametrize(
    ("services", "expected"),
    [
        ((), set()),
        ((svc("tacrolimus-level"),), {"tacrolimus"}),
        ((svc("tacrolimus-level", status="draft"),), {"tacrolimus"}),
        ((svc("tacrolimus-level", status="completed"),), set()),
        ((svc("tacrolimus-level", status="revoked"),), set()),
        ((svc("tacrolimus-level", refused=True),), set()),
        ((svc("cyclosporine-level"), svc("tacrolimus-level")), {"cyclosporine", "tacrolimus"}),
        ((svc("hrct"),), set()),
    ],
)
def test_which_levels_are_ordered(services: tuple[Fact, ...], expected: set[str]) -> None:
    assert entry(TACROLIMUS, *services).levels_ordered == expected
    record = replace(rec(*SIZE, TACROLIMUS), draft_services=rec(*services).services)
    assert assess(record, knowledge(), AS_OF).entry.levels_ordered == expected


def test_referrals_that_were_not_read_in_full_are_not_known() -> None:
    assert entry(TACROLIMUS).services_known is True
    assert entry(TACROLIMUS, referrals="partial").services_known is False
    assert entry(TACROLIMUS, unread("referrals")).services_known is False
    assert entry(TACROLIMUS, conditions="partial").services_known is True


def test_drafts_that_could_not_be_read_are_named_once_with_their_reason() -> None:
    lost = (unread("drafts", id="b"), unread("drafts", id="a", why="no drug"), unread("drafts", id="b"))
    found = entry(TACROLIMUS, *lost, unread("observations", id="c"))
    assert found.unread == (f"{lost[1].source} (no drug)", f"{lost[0].source} (its value could not be read)")


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ((), "above"),
        ((res("tacrolimus-level", 8, 3),), "not-checked"),
        ((res("tacrolimus-level", None, 3, recorded="clotted"),), "above"),
        ((res("cyclosporine-level", 300, 3),), "above"),
    ],
)
def test_a_level_on_record_guides_the_dose(facts: tuple[Fact, ...], status: str) -> None:
    (found,) = entry(draft("tacrolimus", dose=Dose(10, 20, 140, daily=True)), *facts).drafts
    assert found.dose.status == status


def test_a_dose_on_a_late_day_of_the_combination_is_not_checked() -> None:
    running = (order("prednisone", 200), order("tacrolimus", 200))
    high = draft("prednisone", dose=Dose(200, 200, 1400, daily=True))
    assert [draft.dose.status for draft in entry(high).drafts] == ["above"]
    assert [draft.dose.status for draft in entry(high, *running).drafts] == ["not-checked"]


@pytest.mark.parametrize(
    ("status", "selected", "told"), [("not-checked", True, 1), ("not-checked", False, 0), ("above", True, 0)]
)
def test_a_dose_that_was_not_checked_is_a_gap(status: Any, selected: bool, told: int) -> None:
    drafted = Drafted("MedicationRequest/c", "cyclosporine", selected, DoseCheck(status, "no amount"))
    sentence = "cyclosporine A (MedicationRequest/c): dose not checked: no amount"
    assert unchecked(drafted, knowledge()) == sentence
    assert list(dose_gaps(OrderEntry((drafted,)), knowledge())) == [("dose", sentence)] * told


def test_two_strengths_of_one_drug_are_judged_together() -> None:
    def twice(milligrams: float) -> Dose:
        return Dose(milligrams, 2 * milligrams, 14 * milligrams, daily=True)

    # 60 kg: at most 4.5 mg a day is reported
    strengths = (draft("tacrolimus", dose=twice(1), id="a"), draft("tacrolimus", dose=twice(2), id="b"))
    assert [drafted.dose.status for drafted in entry(strengths[0]).drafts] == ["within"]
    together = entry(*strengths).drafts
    assert [drafted.dose.status for drafted in together] == ["above", "above"]
    assert all(drafted.dose.why.startswith("2 drafts of it together: 6 mg a day drafted") for drafted in together)
