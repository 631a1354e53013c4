"""The record as it stood at an instant: what came later is set aside by name."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.build import AS_OF, allergy, at, dx, given, order, person, proc, rec, res, svc, unread

SKEW = timedelta(minutes=5)


@pytest.mark.parametrize(
    ("minutes", "kept"), [(-1, True), (0, True), (5, True), (6, False)], ids=["before", "now", "skew", "later"]
)
def test_what_came_later_is_set_aside(minutes: int, kept: bool) -> None:
    when = AS_OF + timedelta(minutes=minutes)
    result, lost = res("ferritin", 900, when, id="f"), unread("observations", "ferritin", when=at(when))
    undated = unread("observations", "crp", id="undated")
    found = rec(result, lost, undated).until(AS_OF, SKEW)
    assert found.results == ((result,) if kept else ())
    assert found.unread == ((lost, undated) if kept else (undated,))
    aside = {item.source: item.why for item in found.set_aside}
    later = f"dated {at(when).text}, after the time of this call"
    assert aside == ({} if kept else {result.source: later, lost.source: f"{lost.why}; {later}"})


def test_what_lies_not_later_is_the_same_record() -> None:
    record = rec(res("ferritin", 900, 1), unread("observations", "crp"))
    assert record.until(AS_OF, SKEW) is record


@pytest.mark.parametrize(
    ("facts", "answer", "in_full"),
    [
        ([], "complete", True),
        ([], "partial", False),
        ([], "missing", False),
        ([unread("observations", "ferritin")], "complete", False),
        ([unread("observations")], "complete", False),
        ([unread("observations", "crp")], "complete", True),
        ([unread("conditions")], "complete", True),
    ],
)
def test_the_ground_for_saying_no(facts: list, answer: str, in_full: bool) -> None:
    assert rec(*facts, observations=answer).read_in_full("observations", "ferritin", "kl-6") is in_full  # type: ignore[arg-type]


def test_each_kind_of_fact_is_set_aside_when_it_came_later() -> None:
    before, later = at(3), at(-3)
    kept = rec(proc("ecmo", start=before, id="p"), svc("hrct", when=before, id="s"), given("rituximab", before, id="g"))
    lost = rec(
        *(*kept.procedures, *kept.services, *kept.administrations),
        proc("ecmo", start=later, id="p2"),
        svc("hrct", when=later, id="s2"),
        given("rituximab", later, id="g2"),
        order("tacrolimus", later, id="o2"),
        dx("ild", onset=later, id="d2"),
        dx("ild", onset=None, recorded=later, id="d3"),
    )
    found = lost.until(AS_OF, SKEW)
    assert (found.procedures, found.services) == (kept.procedures, kept.services)
    assert found.administrations == kept.administrations
    assert (found.orders, found.diagnoses) == ((), ())
    assert len(found.set_aside) == 6
    assert rec(proc("ecmo", start=None), res("ferritin", 1, later)).until(AS_OF, SKEW).procedures


def test_who_dies_later_lives_at_the_time_of_the_call() -> None:
    later = rec(who=person(deceased=True, died=at(AS_OF + timedelta(days=2))))
    assert not later.until(AS_OF, SKEW).person.deceased
    assert later.until(AS_OF, SKEW).person.died is None
    dead = rec(res("ferritin", 1, at(-3)), who=person(deceased=True, died=at(3)))
    assert dead.until(AS_OF, SKEW).person.deceased
    undated = rec(res("ferritin", 1, at(-3)), who=person(deceased=True))
    assert undated.until(AS_OF, SKEW).person.deceased


@pytest.mark.parametrize(("minutes", "kept"), [(-1, True), (5, True), (6, False)], ids=["before", "skew", "later"])
def test_an_allergy_that_was_recorded_later_is_set_aside(minutes: int, kept: bool) -> None:
    when = at(AS_OF + timedelta(minutes=minutes))
    undated, dated = allergy("rituximab"), allergy("tacrolimus", when=when)
    # another fact of the future: the record is cut in any case
    found = rec(undated, dated, res("ferritin", 1, at(-3), id="f")).until(AS_OF, SKEW)
    assert found.allergies == ((undated, dated) if kept else (undated,))
    assert {item.source for item in found.set_aside} == {"Observation/f", *(() if kept else (dated.source,))}


def test_what_lies_within_the_skew_stays_beside_what_came_later() -> None:
    latest = at(AS_OF + SKEW)
    kept, lost = res("ferritin", 900, latest, id="f"), unread("observations", "crp", when=latest)
    assert (record := rec(kept, lost)).until(AS_OF, SKEW) is record
    later = res("ferritin", 1, at(AS_OF + SKEW + timedelta(seconds=1)), id="late")
    found = rec(kept, lost, later).until(AS_OF, SKEW)
    assert (found.results, found.unread) == ((kept,), (lost,))
    assert [item.source for item in found.set_aside] == ["Observation/late"]


def test_of_one_resource_only_what_came_later_is_set_aside() -> None:
    before, later = res("ferritin", 900, at(1), id="both"), res("crp", 9, at(-3), id="both")
    assert rec(before, later).until(AS_OF, SKEW).results == (before,)


def test_who_dies_later_is_known_to_be_alive() -> None:
    later = rec(who=person(deceased=True, died=at(AS_OF + timedelta(days=2))))
    assert later.until(AS_OF, SKEW).person.deceased is False
