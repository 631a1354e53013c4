"""What each story is answered is, to the word, what was approved; `make approve` writes it anew."""

from __future__ import annotations

import pytest

import fixtures
from tests.stories.approval import APPROVED, page


@pytest.mark.parametrize("name", fixtures.names())
def test_the_answer_is_as_approved(name: str) -> None:
    assert page(name).splitlines() == (APPROVED / f"{name}.md").read_text(encoding="utf-8").splitlines()


def test_nothing_is_approved_that_no_story_tells() -> None:
    assert {each.stem for each in APPROVED.iterdir()} == set(fixtures.names())
