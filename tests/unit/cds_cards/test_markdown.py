"""Card text: limits of the specification, and text from the record that stays text."""

from __future__ import annotations

from typing import Any

import pytest
from markdown_it import MarkdownIt

from cds_cards.advice.drafting import shortened
from cds_cards.card import Card
from cds_cards.markdown import Detail, inert, sentence
from cds_cards.proposals import Action, ServiceProposal, Stop, Suggestion

GFM = MarkdownIt("gfm-like")
TEST = ServiceProposal("ferritin", "Ferritin", (), "due")


@pytest.mark.parametrize(
    "typed",
    [
        "<script>alert(1)</script>",
        "<b>bold</b> & <!-- hidden -->",
        "[click](http://evil.example) ![x](http://evil.example/x.png)",
        "see http://evil.example or www.evil.example or a@evil.example",
        "**not bold** _not_ `not code` ~~not struck~~",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "# heading",
        "> quoted",
        "- item\n- item",
        "1. item",
        "```\ncode\n```",
        "&lt;b&gt; stays as typed",
        "\\*",
        "PaO2/FiO2 <100 mmHg, ferritin >1000 ng/mL",
    ],
)
def test_what_was_typed_is_shown_and_nothing_else(typed: str) -> None:
    tokens = GFM.parse(f"- {inert(typed)}\n")
    assert [token.type for token in tokens] == [
        "bullet_list_open",
        "list_item_open",
        "paragraph_open",
        "inline",
        "paragraph_close",
        "list_item_close",
        "bullet_list_close",
    ]
    children = tokens[3].children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    assert "".join(child.content for child in children) == " ".join(typed.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [("egg", "Egg."), ("eGFR 22", "eGFR 22."), ("Is it?", "Is it?"), ("done.", "Done."), ("", ""), ("10 mg", "10 mg.")],
)
def test_sentence(text: str, expected: str) -> None:
    assert sentence(text) == expected


def test_detail_leaves_out_what_is_empty_and_says_nothing_twice() -> None:
    text = Detail("Do it", found=("a", "a", ""), evidence=("b",)).markdown()
    assert text == "**Do it**\n\n**Found**\n\n- A.\n\n**Evidence**\n\n- B."


@pytest.mark.parametrize("length", [1, 138, 139, 140, 400])
def test_summaries_are_cut_at_a_word(length: int) -> None:
    summary = ("word " * 100)[:length].strip()
    short = shortened(summary)
    assert 0 < len(short) < 140
    assert (short == summary) is (len(summary) < 140)


def card(**changes: Any) -> Card:
    values: dict[str, Any] = {
        "topic": "risk",
        "summary": "s",
        "indicator": "info",
        "detail": "d",
        "selection": None,
        "suggestions": (),
        "override_reasons": (),
    }
    return Card(**(values | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"summary": ""},
        {"summary": "x" * 140},
        {"summary": "two\nlines"},
        {"detail": ""},
        {"detail": "a <b>"},
        {"selection": "any"},
        {"suggestions": (Suggestion("Order", (Action("create", "Ferritin", TEST),)),)},
    ],
)
def test_a_card_keeps_the_limits_of_the_specification(changes: dict[str, Any]) -> None:
    assert card(summary="x" * 139).summary
    with pytest.raises(ValueError, match="risk: "):
        card(**changes)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Action("create", "", TEST),
        lambda: Action("create", "x"),
        lambda: Action("create", "x", TEST, target="MedicationRequest/a"),
        lambda: Action("update", "x", target="MedicationRequest/a"),
        lambda: Action("update", "x", change=Stop("MedicationRequest/a")),
        lambda: Action("delete", "x"),
        lambda: Action("delete", "x", TEST, target="MedicationRequest/a"),
        lambda: Suggestion("", (Action("create", "x", TEST),)),
        lambda: Suggestion("x", ()),
    ],
)
def test_actions_and_suggestions_are_whole(build: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        build()
