"""Childbearing potential and its reason, sentence by sentence."""

from __future__ import annotations

from typing import Any

import pytest

from cds_cards.disease import Population
from cds_cards.fertility import childbearing, years
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.pregnancy import Pregnancy
from tests.unit.build import AS_OF, dx, person, proc, rec

OPEN = Pregnancy("unknown", "no usable pregnancy status or test on record")
AGE = (40, 40)
NOT_ENDED = "40 years; no sterilisation or menopause on record"
BY_TEXT = "post-menopausal on record (recognised by its text)"


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


@pytest.mark.parametrize(
    ("sex", "age", "facts", "expected"),
    [
        ("female", AGE, [], (True, f"woman, {NOT_ENDED}")),
        ("female", (40, 41), [], (True, "woman, 40 to 41 years; no sterilisation or menopause on record")),
        ("female", None, [], (True, "woman, age unknown; no sterilisation or menopause on record")),
        (None, AGE, [], (True, f"recorded sex: none; childbearing potential is not excluded, {NOT_ENDED}")),
        ("other", AGE, [], (True, f"recorded sex: other; childbearing potential is not excluded, {NOT_ENDED}")),
        ("male", AGE, [], (False, "recorded sex: male")),
        ("female", (51, 52), [], (False, "51 to 52 years, outside 12 to 50 years (site policy)")),
        ("female", (50, 51), [], (True, "woman, 50 to 51 years; no sterilisation or menopause on record")),
        ("female", AGE, [proc("sterilised")], (False, "sterilised on record")),
        ("female", AGE, [dx("sterilised", verification="confirmed")], (False, "sterilised on record")),
        ("female", AGE, [dx("postmenopausal", verification="confirmed", by_text=True)], (False, BY_TEXT)),
    ],
)
def test_childbearing_potential_and_why(
    sex: str | None, age: tuple[int, int] | None, facts: list[Any], expected: tuple[bool, str], guideline: Guideline
) -> None:
    record = rec(*facts, who=person(sex))
    assert childbearing(record, Population("in", "", age), OPEN, guideline.policy, AS_OF) == expected


@pytest.mark.parametrize(
    ("clinical", "abated", "potential"),
    [
        ("active", None, False),
        (None, None, False),
        # a menopause that is recorded as over takes no warning away
        (None, 1, True),
        (None, AS_OF, True),
        (None, -1, False),
        ("resolved", None, True),
    ],
)
def test_only_what_lasts_ends_childbearing_potential(
    clinical: str | None, abated: Any, potential: bool, guideline: Guideline
) -> None:
    more = {} if abated is None else {"abated": abated}
    fact = dx("postmenopausal", verification="confirmed", clinical=clinical, **more)
    found = childbearing(rec(fact), Population("in", "", AGE), OPEN, guideline.policy, AS_OF)
    assert found == ((True, f"woman, {NOT_ENDED}") if potential else (False, "post-menopausal on record"))


def test_a_pregnancy_shows_it_at_any_age(guideline: Guideline) -> None:
    found = childbearing(rec(), Population("in", "", (60, 60)), Pregnancy("yes", "a test"), guideline.policy, AS_OF)
    assert found == (True, "a test")


@pytest.mark.parametrize(("age", "text"), [(None, "age unknown"), ((40, 40), "40 years"), ((40, 41), "40 to 41 years")])
def test_an_age_in_words(age: tuple[int, int] | None, text: str) -> None:
    assert years(age) == text
