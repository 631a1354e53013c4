"""What the record says of a pregnancy: how sure, how recent, in which words."""

from __future__ import annotations

from typing import Any

import pytest

from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.pregnancy import Pregnancy, pregnancy
from tests.unit.build import AS_OF, dx, person, rec, res

NONE = "no usable pregnancy status or test on record"


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


def said(words: str, when: Any) -> Any:
    return res("pregnancy-status", None, when, words=(words,), recorded=words, id="status")


def test_a_man_is_told_from_his_recorded_sex(guideline: Guideline) -> None:
    assert pregnancy(rec(who=person("male")), guideline, AS_OF) == Pregnancy("no", "recorded sex: male")
    assert pregnancy(rec(who=person(None)), guideline, AS_OF) == Pregnancy("unknown", NONE)


@pytest.mark.parametrize(
    ("verification", "status"),
    [
        ("confirmed", "yes"),
        ("provisional", "yes"),
        (None, "yes"),
        ("unconfirmed", "unknown"),
        ("differential", "unknown"),
    ],
)
def test_a_pregnancy_that_is_only_considered_is_no_pregnancy(
    verification: str | None, status: Any, guideline: Guideline
) -> None:
    record = rec(dx("pregnancy", onset="2026-02-19", verification=verification))
    text = "pregnancy on the problem list, dated 2026-02-19"
    assert pregnancy(record, guideline, AS_OF) == Pregnancy(status, text, ("Condition/pregnancy",))


@pytest.mark.parametrize("verification", ["refuted", "entered-in-error"])
def test_a_refuted_pregnancy_says_nothing(verification: str, guideline: Guideline) -> None:
    record = rec(dx("pregnancy", onset="2026-02-19", verification=verification))
    assert pregnancy(record, guideline, AS_OF) == Pregnancy("unknown", NONE)


@pytest.mark.parametrize(
    ("words", "when", "expected"),
    [
        (
            "not pregnant",
            "2026-02-20",
            Pregnancy("no", "pregnancy status “not pregnant” of 2026-02-20", ("Observation/status",)),
        ),
        (
            "pregnant",
            "2026-02-20",
            Pregnancy("yes", "pregnancy status “pregnant” of 2026-02-20", ("Observation/status",)),
        ),
        (
            "possibly pregnant",
            "2026-02-20",
            Pregnancy("unknown", "pregnancy status “possibly pregnant” of 2026-02-20", ("Observation/status",)),
        ),
        # a *no* must surely be recent, a *yes* of unsettled date is possible
        ("not pregnant", "2025", Pregnancy("unknown", NONE)),
        ("pregnant", "2025", Pregnancy("unknown", "pregnancy status “pregnant” of 2025", ("Observation/status",))),
    ],
)
def test_a_status_in_words_by_its_age(words: str, when: str, expected: Pregnancy, guideline: Guideline) -> None:
    assert pregnancy(rec(said(words, when)), guideline, AS_OF) == expected


def test_a_status_in_words_that_has_aged_out_beside_a_man_leaves_his_sex(guideline: Guideline) -> None:
    record = rec(said("not pregnant", "2025"), who=person("male"))
    assert pregnancy(record, guideline, AS_OF) == Pregnancy("no", "recorded sex: male")
