"""What on record counts: whether a condition lasts, and an allergy in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cds_cards.knowledge import load_guideline
from cds_cards.on_record import allergies_to, allergy_text, diagnoses_of, lasting
from tests.unit.build import AS_OF, Date, allergy, dx, rec

GUIDELINE = load_guideline()


@pytest.mark.parametrize(
    ("clinical", "abated", "expected"),
    [
        (None, None, True),
        (None, "2026-03-01T10:00:00Z", False),  # ended this very minute
        (None, "2026-03-01T10:00:01Z", True),
        (None, "2026-03-01T09:59:59Z", False),
        (None, 0, False),
        (None, -1, True),
        ("active", 9, True),
        ("recurrence", None, True),
        ("relapse", None, True),
        ("inactive", None, False),
        ("remission", -1, False),
        ("resolved", None, False),
    ],
)
def test_a_condition_lasts_by_its_status_else_until_its_end(
    clinical: str | None, abated: Date | None, expected: bool
) -> None:
    assert lasting(dx("pregnancy", clinical=clinical, abated=abated), AS_OF) is expected


def test_conditions_are_told_in_a_fixed_order_without_those_that_do_not_count() -> None:
    facts = [dx("infection", id=name) for name in ("b", "a")]
    others = [dx("infection", id="c", verification="refuted"), dx("pregnancy", id="d")]
    assert diagnoses_of(rec(*facts, *others), "infection") == (facts[1], facts[0])


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "allergy to tacrolimus on record"),
        ({"kind": "intolerance"}, "intolerance to tacrolimus on record"),
        ({"kind": "allergy"}, "allergy to tacrolimus on record"),
        ({"when": "2026-02-20T03:00:00Z"}, "allergy to tacrolimus on record, recorded 2026-02-19"),
        ({"when": "2026-02"}, "allergy to tacrolimus on record, recorded 2026-02"),
        ({"verification": "unconfirmed"}, "allergy to tacrolimus on record, unconfirmed"),
        ({"verification": None}, "allergy to tacrolimus on record"),
        ({"by_text": True}, "allergy to tacrolimus on record, recognised by its text"),
        (
            {
                "classes": ("calcineurin-inhibitor",),
                "kind": "intolerance",
                "when": "2026-02-20T06:00:00Z",
                "verification": "presumed",
                "by_text": True,
            },
            "intolerance to tacrolimus by its class (calcineurin-inhibitor) on record, recorded 2026-02-20, presumed, "
            "recognised by its text",
        ),
    ],
)
def test_an_allergy_in_words(fields: dict[str, Any], text: str) -> None:
    """On days of the site: at three in the morning, UTC, it is the evening of the day before in New York."""
    found = allergy("tacrolimus", **fields)
    assert allergy_text(found, GUIDELINE.agents["tacrolimus"], ZoneInfo("America/New_York")) == text


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({}, True),
        ({"clinical": None}, True),
        ({"clinical": "inactive"}, False),
        ({"clinical": "resolved"}, False),
        ({"verification": None}, True),
        ({"verification": "unconfirmed"}, True),
        ({"verification": "presumed"}, True),
        ({"verification": "refuted"}, False),
        ({"verification": "entered-in-error"}, False),
    ],
)
def test_which_allergies_are_in_force(fields: dict[str, Any], counts: bool) -> None:
    tacrolimus = GUIDELINE.agents["tacrolimus"]
    for found in (
        allergy("tacrolimus", **fields),
        allergy(classes=(tacrolimus.agent_class,), **fields),
        allergy("rituximab", "tacrolimus", **fields),
    ):
        assert allergies_to(tacrolimus, rec(found), GUIDELINE) == ((found,) if counts else ())
    others = [allergy("rituximab", **fields), allergy(classes=("anti-cd20",), id="c", **fields)]
    assert allergies_to(tacrolimus, rec(*others), GUIDELINE) == ()


def test_allergies_are_told_in_a_fixed_order_and_of_the_same_substance_too() -> None:
    mycophenolate = GUIDELINE.agents["mycophenolate-mofetil"]
    facts = [allergy("mycophenolic-acid", id="b"), allergy("mycophenolate-mofetil", id="a")]
    assert allergies_to(mycophenolate, rec(*facts), GUIDELINE) == (facts[1], replace(facts[0]))
