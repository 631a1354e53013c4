"""Therapies and moments, the time that the picture shows, and what it says of the rest."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cds_cards.facts import DraftOrder
from tests.unit.build import AS_OF, given, order, proc, rec, res, unread
from tests.unit.service.course.charted import course, everything


def test_therapies_are_the_courses_of_the_assessment_the_ordered_and_the_drafted() -> None:
    told = [(bar.agent, bar.status) for bar in course(everything()).bars]
    assert told == [
        ("mycophenolate-mofetil", "active"),
        ("azathioprine", "past"),
        ("leflunomide", "active"),
        ("cyclophosphamide", "active"),
        ("methylprednisolone", "past"),
        ("prednisone", "active"),
        ("tacrolimus", "active"),
        ("plasmapheresis", "past"),
        ("tofacitinib", "planned"),
        ("basiliximab", "draft"),
    ]


def test_a_bar_has_the_agents_name_and_its_dates() -> None:
    (bar,) = course(rec(order("cyclosporine", "2026-02", "2026-02-20", status="completed", by_text=True))).bars
    assert bar.since is not None
    assert bar.until is not None
    assert (bar.label, bar.since.text, bar.until.text) == ("cyclosporine A", "2026-02", "2026-02-20")
    assert bar.by_text


@pytest.mark.parametrize(
    ("procedure", "found"),
    [
        (proc("plasmapheresis", start=3, end=3), [("past", True)]),
        (proc("pmx-hemoperfusion", start=2, status="in-progress"), [("active", False)]),
        (proc("plasmapheresis", start=3, status="not-done"), []),
        (proc("plasmapheresis", start=None), []),
        (proc("ecmo", start=3), []),
    ],
)
def test_apheresis_is_a_therapy_too(procedure: object, found: list[tuple[str, bool]]) -> None:
    bars = course(rec(procedure)).bars  # type: ignore[arg-type]
    assert [(bar.status, bar.until is not None) for bar in bars] == found


def test_moments_are_the_steps_of_the_assessment_the_day_of_judgement_and_now() -> None:
    found = course(rec(order("prednisone", 20), order("tacrolimus", 20), order("tofacitinib", 9)))
    assert [(each.id, each.label, each.when.text[:10]) for each in found.moments] == [
        ("combination", "combination since", "2026-02-09"),
        ("last-step", "last new agent since", "2026-02-20"),
        ("assess-from", "day 7", "2026-02-27"),
        ("now", "now", "2026-03-01"),
    ]


def test_a_combination_is_one_moment_and_a_partial_date_stays_partial() -> None:
    found = course(rec(order("prednisone", "2026-02"), order("tacrolimus", "2026-02")))
    assert [(each.id, each.when.text) for each in found.moments][:2] == [
        ("combination", "2026-02"),
        ("assess-from", "2026-02-08/2026-03-07"),
    ]


@pytest.mark.parametrize(
    ("facts", "days"),
    [
        ((), 21),
        ((res("ferritin", 700, 3),), 21),
        ((res("ferritin", 700, 200),), 200),
        ((order("prednisone", 14), res("ferritin", 700, 40), res("ferritin", 700, 100)), 40),
        ((order("prednisone", 100),), 100),
        ((order("prednisone", 2000), res("ferritin", 700, 2000)), 365),
        ((order("prednisone", 900, 500, status="completed"), res("ferritin", 700, 50)), 50),
        ((order("prednisone", None), res("ferritin", 700, 50)), 50),
    ],
)
def test_the_window_begins_where_the_present_therapy_or_its_values_do(facts: tuple[object, ...], days: int) -> None:
    begun = AS_OF - course(rec(*facts)).window.start  # type: ignore[arg-type]
    assert begun / timedelta(days=days) == pytest.approx(1.04, rel=0.03)


@pytest.mark.parametrize(
    ("facts", "days"),
    [
        ((), 21 * 0.04),
        ((res("ferritin", 7, AS_OF + timedelta(days=3)),), 3 + 21 * 0.04),
        ((res("ferritin", 7, AS_OF + timedelta(days=300)),), 21 * 0.04),
        ((DraftOrder(order("tacrolimus", None, status="draft"), selected=True),), 21 * 0.1),
        ((order("prednisone", 4), order("tacrolimus", 4)), 3 + 14 / 24 + 21 * 0.04),
    ],
)
def test_the_window_ends_a_little_after_now(facts: tuple[object, ...], days: float) -> None:
    ahead = course(rec(*facts)).window.end - AS_OF  # type: ignore[arg-type]
    assert ahead / timedelta(days=1) == pytest.approx(days, abs=0.05)


def test_what_the_picture_does_not_show_is_said() -> None:
    found = course(
        rec(
            res("kl-6", 900, 700),
            res("kl-6", 1200, 500),
            res("crp", 4, AS_OF + timedelta(days=3000)),
            order("prednisone", 2000),
            order("tacrolimus", 2000),
            order("azathioprine", 900, 700, status="completed"),
            order("tofacitinib", "2027-01-01", authored=1),
            unread("medications", id="m"),
        )
    )
    assert found.notes == (
        "No value on record: Ferritin, A-aDO2, Anti-MDA5.",
        "KL-6: 2 values before this picture, the last 1,200 U/mL on 2024-10-17.",
        "CRP: 1 value after this picture, the first on 2034-05-18.",
        "The therapies may be incomplete: MedicationRequest/m (its value could not be read).",
        "azathioprine: ended 2024-03-31, before this picture.",
        "tofacitinib: planned for 2027-01-01, after this picture.",
        "combination since: 2020-09-08, outside this picture.",
        "day 7: 2020-09-15, outside this picture.",
    )


def test_a_last_value_that_does_not_count_is_not_passed_off_as_one_that_does() -> None:
    record = rec(res("crp", 9, 500), res("crp", 3, 500, id="lower"), order("prednisone", 1))
    assert any(note.endswith("(another value of the same time counts in its place).") for note in course(record).notes)


def test_many_orders_that_cannot_be_read_are_counted() -> None:
    broken = [unread("medications", id=f"m{number}") for number in range(5)]
    (note,) = (note for note in course(rec(*broken)).notes if "incomplete" in note)
    assert "m0" in note
    assert note.endswith("and 2 more.")


def test_therapy_is_called_absent_only_when_all_was_read() -> None:
    assert "No therapy on record." in course(rec()).notes
    assert "No therapy on record." not in course(rec(medications="partial")).notes


def test_a_dose_given_alone_is_a_course() -> None:
    assert [bar.agent for bar in course(rec(given("rituximab", 5))).bars] == ["rituximab"]
