"""The record as it stood at an instant: what came later is set aside by name."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.build import AS_OF, at, rec, res, unread

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
