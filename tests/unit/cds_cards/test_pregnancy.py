"""What the record says of a pregnancy: how sure, how recent, in which words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.pregnancy import Pregnancy, pregnancy
from tests.unit.build import AS_OF, dx, person, rec, res, unread

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


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("Pregnant", "yes"),
        ("pregnancy", "yes"),
        ("embarazada", "yes"),
        ("embarazo", "yes"),
        ("gestante", "yes"),
        ("gravid", "yes"),
        ("no pregnancy", "no"),
        ("not pregnant", "no"),
        ("non gravid", "no"),
        ("without pregnancy", "no"),
        ("sin embarazo", "no"),
        ("non-pregnant", "no"),
        ("The patient is not currently pregnant", "no"),
        ("Not pregnant at this time", "no"),
        ("Pregnancy: no", "no"),
        ("Pregnant: No", "no"),
        ("Is the patient pregnant? No", "no"),
        ("Pregnancy: none", "no"),
        ("Embarazo: no", "no"),
        ("pregnancy negative", "no"),
        # what follows the word denies something else
        ("pregnant, no complication", "yes"),
        ("Pregnant, 12 weeks", "yes"),
        ("Pregnancy: yes", "yes"),
        # what is denied is not the pregnancy, or not it alone: a negation is no *no* by itself
        ("not sure if pregnant", "unknown"),
        ("not sure about pregnancy", "unknown"),
        ("not known to be pregnant", "unknown"),
        ("no test done, may be pregnant", "unknown"),
        ("no complications of pregnancy", "unknown"),
        ("no evidence of pregnancy", "unknown"),
        ("not pregnant, not menopausal", "unknown"),
        ("not pregnant, LMP two weeks ago", "unknown"),
        ("without contraception, not pregnant", "unknown"),
        ("not not pregnant", "unknown"),
        ("no se descarta embarazo", "unknown"),
        ("cannot exclude pregnancy", "unknown"),
        ("pregnancy not excluded", "unknown"),
        ("pregnancy not confirmed", "unknown"),
        ("pregnancy test negative", "unknown"),
        ("pregnancy, no complication", "unknown"),
        ("maybe pregnant", "unknown"),
        ("denies pregnancy", "unknown"),
        ("niega embarazo", "unknown"),
        ("history of pregnancy", "unknown"),
        ("pregnancy test pending", "unknown"),
        ("possible pregnancy", "unknown"),
        ("possibly pregnant", "unknown"),
        ("pregnancy probable", "unknown"),
        ("suspected pregnancy", "unknown"),
        ("pregnancy unknown", "unknown"),
        ("unsure whether pregnant", "unknown"),
        ("not pregnant yet", "unknown"),
        ("posible embarazo", "unknown"),
        ("sospecha de embarazo", "unknown"),
        # without a word for it, as any result in words
        ("positive", "yes"),
        ("negative", "no"),
        ("borderline", "unknown"),
        ("see chart", "unknown"),
    ],
)
def test_a_status_in_words(words: str, status: str, guideline: Guideline) -> None:
    """An older denial shows whether the words leave the question open or say nothing."""
    denied = res("pregnancy-status", None, "2026-01-10", words=("not pregnant",), recorded="denied", id="old")
    found = pregnancy(rec(said(words, "2026-02-20"), denied), guideline, AS_OF)
    assert found.status == ("no" if words == "see chart" else status)
    assert found.evidence == (("Observation/old",) if words == "see chart" else ("Observation/status",))


def test_the_days_are_those_of_the_hospitals_zone(guideline: Guideline) -> None:
    """Three in the morning (UTC) belongs to the day before in Los Angeles."""
    pacific = replace(guideline, policy=replace(guideline.policy, zone="America/Los_Angeles"))
    night = "2026-02-25T03:00:00Z"
    ended = dx("pregnancy", onset="2025-06-01", clinical="resolved", abated=night)
    for fact, why in (
        (said("pregnant", night), "pregnancy status “pregnant” of 2026-02-24"),
        (dx("pregnancy", onset=night), "pregnancy on the problem list, dated 2026-02-24"),
        (ended, "pregnancy recorded as ended 2026-02-24"),
    ):
        assert pregnancy(rec(fact), pacific, AS_OF).why == why


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (
            [res("hcg", None, "2026-02-25", interpretation=("NEG",), recorded="NEG", id="t")],
            Pregnancy("no", "pregnancy test “NEG” of 2026-02-25", ("Observation/t",), tested=True),
        ),
        (
            [
                res("hcg", None, "2026-02-25", interpretation=("NEG",), recorded="NEG", id="t"),
                said("not pregnant", "2026-02-27"),
            ],
            Pregnancy("no", "pregnancy status “not pregnant” of 2026-02-27", ("Observation/status",), tested=True),
        ),
        (
            [
                res("hcg", None, "2026-02-25", interpretation=("POS",), recorded="POS", id="t"),
                said("pregnant", "2026-02-25"),
            ],
            Pregnancy(
                "yes",
                "pregnancy status “pregnant” of 2026-02-25; pregnancy test “POS” of 2026-02-25",
                ("Observation/status", "Observation/t"),
            ),
        ),
        (
            [unread("observations", "hcg", when="2026-02-25", id="t")],
            Pregnancy(
                "unknown", "a pregnancy entry could not be read (its value could not be read)", ("Observation/t",)
            ),
        ),
    ],
)
def test_the_whole_answer(facts: list[Any], expected: Pregnancy, guideline: Guideline) -> None:
    for order in (facts, facts[::-1]):
        assert pregnancy(rec(*order), guideline, AS_OF) == expected
