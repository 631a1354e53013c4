"""Which screening tests are missing before rituximab or tofacitinib, and whether they may be on record all the same."""

from __future__ import annotations

from typing import Any

import pytest

from cds_cards.screening import screening_missing, screening_unknown
from tests.unit.build import Fact, dx, rec, res, unread

ALL = ("hbsag", "anti-hbc", "tb-igra")
DOUBT = "the results are not known in full: screening for hepatitis B or tuberculosis may be on record elsewhere"


@pytest.mark.parametrize(
    ("facts", "missing", "doubt"),
    [
        ([], ALL, ""),
        ([unread("observations", "ferritin")], ALL, ""),
        ([unread("observations", "tb-igra")], ALL, DOUBT),
        ([unread("observations")], ALL, DOUBT),
        ([dx("hepatitis-b"), unread("observations", "hbsag")], ("tb-igra",), ""),
        ([dx("hepatitis-b"), dx("latent-tb"), unread("observations")], (), ""),
    ],
)
def test_a_test_that_could_not_be_read_may_be_the_missing_one(
    facts: list[Fact], missing: tuple[str, ...], doubt: str
) -> None:
    record = rec(*facts)
    assert screening_missing(record) == missing
    assert screening_unknown(record, missing) == doubt


@pytest.mark.parametrize(("answer", "doubt"), [("complete", ""), ("partial", DOUBT), ("missing", DOUBT)])
def test_results_that_were_not_fetched_in_full_may_hold_the_missing_one(answer: Any, doubt: str) -> None:
    assert screening_unknown(rec(observations=answer), ALL) == doubt
    assert screening_unknown(rec(observations=answer), ()) == ""


@pytest.mark.parametrize(
    ("result", "tells"),
    [
        ({"value": 0.0}, True),
        ({"titre_steps": 0.0}, True),
        ({"flag": False}, True),
        ({"words": ("negative",)}, True),
        ({"answers": ("http://loinc.org|LA6577-6",)}, True),
        ({"interpretation": ("NEG",)}, True),
        ({"recorded": "see report"}, False),
    ],
)
def test_any_result_that_says_something_is_a_screening(result: dict[str, Any], tells: bool) -> None:
    found = screening_missing(rec(res("tb-igra", when=9, **result)))
    assert ("tb-igra" not in found) is tells
