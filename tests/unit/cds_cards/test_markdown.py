"""Card text: limits of the specification, and text from the record that stays text."""

from __future__ import annotations

from typing import Any

import pytest
from markdown_it import MarkdownIt

from cds_cards.advice.drafting import shortened
from cds_cards.card import Card, Link, Reason
from cds_cards.markdown import Detail, capital, inert, sentence
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
        "see http://evil.example",
        "see www.evil.example",
        "see WWW.evil.example",
        "write to a@evil.example",
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
    ("typed", "written"),
    [
        ("tea & <b>", "tea &amp; &lt;b>"),
        ("see http://a.example", r"see http:\//a.example"),
        ("see www.a.example", r"see www\.a.example"),
        ("12. of  March\n", r"12\. of March"),
        ("ferritin 1,523 ng/mL (2026-02-01)", "ferritin 1,523 ng/mL (2026-02-01)"),
    ],
)
def test_what_is_no_plain_text_is_written_so(typed: str, written: str) -> None:
    assert inert(typed) == written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "A"),
        ("abc", "Abc"),
        ("zoster", "Zoster"),
        ("z", "Z"),
        ("pH 7.3", "pH 7.3"),
        ("eA", "eA"),
        ("eZ", "eZ"),
        ("eZx", "eZx"),
        ("Á", "Á"),
        ("ñandú", "ñandú"),
        ("", ""),
    ],
)
def test_a_capital_letter_where_the_word_has_none_of_its_own(text: str, expected: str) -> None:
    assert capital(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("grade X", "Grade X."),
        ("as follows:", "As follows:"),
        ("Stop!", "Stop!"),
        ("egg", "Egg."),
        ("eGFR 22", "eGFR 22."),
        ("Is it?", "Is it?"),
        ("done.", "Done."),
        ("", ""),
        ("10 mg", "10 mg."),
    ],
)
def test_sentence(text: str, expected: str) -> None:
    assert sentence(text) == expected


def test_detail_leaves_out_what_is_empty_and_says_nothing_twice() -> None:
    text = Detail("Do it", found=("a", "a", ""), evidence=("b",)).markdown()
    assert text == "**Do it**\n\n**Found**\n\n- A.\n\n**Evidence**\n\n- B."


def test_a_detail_whole_part_by_part() -> None:
    detail = Detail(
        "Do it",
        first=("first", "second"),
        found=("found",),
        cautions=("caution",),
        rule=("rule",),
        evidence=("study",),
        differs=("differs",),
        policy=("policy",),
        unknown=("not known", "  ", ""),
    )
    assert detail.markdown() == (
        "**Do it**\n\n"
        "- First.\n- Second.\n\n"
        "**Found**\n\n- Found.\n\n"
        "**Cautions**\n\n- Caution.\n\n"
        "**Guideline**\n\n- Rule.\n\n"
        "**Evidence**\n\n- Study.\n\n"
        "**Where the guideline's two texts differ**\n\n- Differs.\n\n"
        "**Site policy, not the guideline**\n\n- Policy.\n\n"
        "**Not known**\n\n- Not known."
    )


def test_a_part_of_blank_lines_is_left_out_with_its_title() -> None:
    assert Detail("Do it", found=("", "  "), rule=(" \n",)).markdown() == "**Do it**"


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


WHOLE = "create carries a proposal, and nothing else does"
TARGETED = "update and delete name their target, and create has none"
CHANGED = "update says what changes, and nothing else does"
LABELLED = "a suggestion needs a label and at least one action"


@pytest.mark.parametrize(
    ("build", "why"),
    [
        (lambda: Action("create", "", TEST), "an action needs a description"),
        (lambda: Action("create", "x"), WHOLE),
        (lambda: Action("delete", "x", TEST, target="MedicationRequest/a"), WHOLE),
        (lambda: Action("create", "x", TEST, target="MedicationRequest/a"), TARGETED),
        (lambda: Action("update", "x", change=Stop("MedicationRequest/a")), TARGETED),
        (lambda: Action("delete", "x"), TARGETED),
        (lambda: Action("update", "x", target="MedicationRequest/a"), CHANGED),
        (
            lambda: Action("delete", "x", target="MedicationRequest/a", change=Stop("MedicationRequest/a")),
            CHANGED,
        ),
        (lambda: Suggestion("", (Action("create", "x", TEST),)), LABELLED),
        (lambda: Suggestion("x", ()), LABELLED),
    ],
)
def test_actions_and_suggestions_are_whole(build: Any, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why}$"):
        build()


def test_a_summary_may_be_of_one_letter() -> None:
    assert card(summary="x").summary == "x"


def test_what_identifies_the_content_of_a_card() -> None:
    suggestion = Suggestion("Order", (Action("create", "Ferritin", TEST),))
    link = Link("Guideline", "https://example.org/g")
    local, standard = Reason("seen", "Seen already"), Reason("done", "Done", "urn:codes")
    bare = card()
    assert bare.digest_parts == ("risk", "s", "info", "d", "")
    full = card(
        selection="any",
        suggestions=(suggestion,),
        override_reasons=(local, standard),
        links=(link,),
    )
    assert full.digest_parts == (
        "risk",
        "s",
        "info",
        "d",
        "any",
        repr(suggestion),
        "Reason(code='seen', display='Seen already', system=None)",
        "Reason(code='done', display='Done', system='urn:codes')",
        "Link(label='Guideline', url='https://example.org/g')",
    )
