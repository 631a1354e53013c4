"""docs/decisions.md: how a decision is made."""

from __future__ import annotations

from cds_cards.guideline import Guideline
from docs.generate import agents, codes, evidence, numbers, recommendations, states, topics, traced
from docs.generate.evaluated import Evaluation
from docs.generate.markdown import bullets, joined, paragraph, table
from docs.generate.words import Words

_VERDICTS = (
    ("met", "The record says so."),
    (
        "not met",
        "The record says the opposite, or it was looked for, everything found could be read, and it is not there.",
    ),
    (
        "unknown",
        "Missing, out of date, unreadable, not asked for, or its date or unit leaves it open. Never taken for *no*.",
    ),
)
_LOGIC = (
    "*All of*: one *not met* decides; else one *unknown* leaves it unknown.",
    "*One of*: one *met* decides; else one *unknown* leaves it unknown.",
    "A recommendation *applies*, *does not apply*, or is *unknown*: then what would settle it is named.",
    "A date is the interval it stands for (a day, a month, a year). One that straddles a limit leaves the answer open.",
    "What is dated after the moment of the call never counts.",
)


def decisions(evaluation: Evaluation, words: Words, note: str) -> str:
    """The whole page."""
    guideline = evaluation.guideline
    return joined(
        "# How a decision is made",
        note,
        words.paragraph("decisions"),
        _standing(guideline),
        "## How to read this page",
        words.paragraph("line"),
        table(("verdict", "what it means"), _VERDICTS),
        bullets(_LOGIC),
        recommendations.section(evaluation, words),
        states.section(evaluation, words),
        topics.section(evaluation, words),
        traced.section(evaluation, words),
        numbers.section(guideline, words),
        agents.section(evaluation, words),
        evidence.section(guideline, words),
        codes.section(guideline, words),
    )


def _standing(guideline: Guideline) -> str:
    return paragraph(
        f"**Basis:** {guideline.title}. {guideline.citation}; [doi:{guideline.doi}]({guideline.url}). "
        f"{guideline.search_limit} **Knowledge version:** {guideline.knowledge_version}; clinical review: see the "
        "[safety case](safety.md#what-it-is-not)."
    )
