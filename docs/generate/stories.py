"""docs/stories.md: every story as the service evaluates it, and what the stories cover."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from cds_cards.criteria import Verdict
from cds_cards.plan import ORDER_ENTRY, PATIENT_VIEW, URGENCY, Applicability
from cds_cards.standing import NEEDS_COMBINATION
from docs.generate.evaluated import AS_OF, Evaluated, Evaluation, grouped
from docs.generate.markdown import bullets, joined, numbered, paragraph, table
from docs.generate.recommendations import STATUSES
from docs.generate.states import possible, said
from docs.generate.topics import counts
from docs.generate.words import Words

_TABLES = (
    ("Cards of `patient-view`", PATIENT_VIEW, ("patient-view",)),
    ("Cards of `order-select` and `order-sign`", ORDER_ENTRY, ("order-select", "order-sign")),
)


def stories(evaluation: Evaluation, words: Words, note: str) -> str:
    """The whole page."""
    sorted_in = grouped((branch_of(story), story.name) for story in evaluation.stories)
    return joined(
        "# The stories",
        note,
        words.paragraph("stories"),
        paragraph(f"All dates are those of a call on {AS_OF:%Y-%m-%d} at {AS_OF:%H:%M} UTC."),
        words.paragraph("branches"),
        *(_branch(name, sorted_in.get(name, ()), evaluation, words) for name in words.tables["branches"]),
        "## What the stories cover",
        words.paragraph("coverage"),
        "### Recommendations",
        table(("recommendation", "applies", "unknown", "does not apply"), _recommendations(evaluation)),
        *_topics(evaluation, words),
        "### What no story shows",
        words.paragraph("not-shown"),
        bullets(_not_shown(evaluation)),
    )


def branch_of(story: Evaluated) -> str:
    """The branch of the guideline that the patient stands in; a key of `[branches]`."""
    found = story.assessment
    therapy, response = found.therapy, found.refractoriness.status
    branches: Mapping[str, bool] = {
        "outside": found.population.status == "out",
        "not-this-disease": found.anti_mda5.status != "positive" or found.lung_disease.status in ("none", "unknown"),
        "slow-ild": found.lung_disease.status == "ild",
        "regimen-unknown": therapy.stage == "unknown",
        "maintenance": therapy.phase == "maintenance",
        "start-without-cni": therapy.stage in NEEDS_COMBINATION and not found.safety.cni_feasible,
        "start-with-cni": therapy.stage in NEEDS_COMBINATION,
        "failing": response in ("refractory", "probable"),
        "in-doubt": response in ("possible", "not-assessable"),
        "responding": response == "not-refractory",
        # the drafts alone make the combination: there is nothing to judge yet
        "too-early": response in ("too-early", "not-on-combination"),
    }
    return next(name for name, holds in branches.items() if holds)


def coverage(evaluation: Evaluation) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """For each recommendation the stories by its status."""
    return {
        item: {
            status: tuple(story.name for story in evaluation.stories if item in story.recommended(status))
            for status in STATUSES
        }
        for item in evaluation.guideline.recommendations
    }


def _branch(name: str, members: tuple[str, ...], evaluation: Evaluation, words: Words) -> str:
    found = [evaluation.story(member) for member in members]
    return joined(
        f"## {words.tables['branches'][name]['title']}",
        paragraph(words.tables["branches"][name]["text"]),
        table(("story", "antibody", "lungs", "risk", "regimen", "response", "cards"), (_row(story) for story in found)),
        *(_story(story) for story in found),
    )


def _row(story: Evaluated) -> tuple[str, ...]:
    found = story.assessment
    lungs = found.lung_disease
    return (
        f"`{story.name}`",
        found.anti_mda5.status,
        f"{lungs.status}, {lungs.certainty}" if lungs.certainty == "inferred" else lungs.status,
        found.risk.level,
        found.therapy.stage,
        found.refractoriness.status,
        ", ".join(f"{card.topic} ({card.indicator})" for card in story.cards),
    )


def _story(story: Evaluated) -> str:
    applies, unknown = story.recommended("applies"), story.recommended("unknown")
    told = f"Applies: {', '.join(applies) or 'none'}."
    told += f" Unknown: {', '.join(unknown)}." if unknown else ""
    shown = (
        numbered(f"**{card.indicator}** `{card.topic}` {card.summary}" for card in story.cards)
        if story.cards
        else "No card."
    )
    return joined(
        f"### {story.story.title} (`{story.name}`)",
        paragraph(f"*{story.story.hook}.* {story.story.story} {told}"),
        shown,
    )


def _recommendations(evaluation: Evaluation) -> Iterator[tuple[str, ...]]:
    for name, told in coverage(evaluation).items():
        shown = [", ".join(told[status]) for status in ("applies", "unknown")]
        yield name, *shown, f"{len(told['does-not-apply'])} stories"


def _topics(evaluation: Evaluation, words: Words) -> Iterator[str]:
    for title, rules, hooks in _TABLES:
        asked = [story for story in evaluation.stories if story.story.hook in hooks]
        yield f"### {title}"
        yield table(
            ("topic", "speaks in", "silent in"),
            (_topic(topic, asked, words) for topic in dict.fromkeys(rule.topic for rule in rules)),
        )


def _not_shown(evaluation: Evaluation) -> Iterator[str]:
    told = {pair for story in evaluation.stories for pair in said(story).items()}
    unsaid = [(part, value) for part in said(evaluation.stories[0]) for value in possible()[part]]
    yield f"Said of no patient: {_listed(f'{part} `{value}`' for part, value in unsaid if (part, value) not in told)}."
    unmet = (name for name, verdicts in counts(evaluation).items() if not verdicts[Verdict.MET])
    yield f"Findings that are never met: {_listed(f'`{name}`' for name in unmet)}."
    for title, rules, hooks in _TABLES:
        shown = {
            (item.topic, item.variant, item.indicator)
            for story in evaluation.stories
            if story.story.hook in hooks
            for item in story.plan.items
        }
        silent = (card for rule in rules for card in _urgencies(rule) if card not in shown)
        names = (" ".join(filter(None, (f"`{topic}`", variant, indicator))) for topic, variant, indicator in silent)
        yield f"{title}, with this urgency: {_listed(names)}."


def _urgencies(rule: Applicability) -> Iterator[tuple[str, str, str]]:
    """Every card that a rule can make."""
    for indicator in dict.fromkeys((*(urgency.indicator for urgency in rule.urgency), rule.otherwise)):
        yield rule.topic, rule.variant, indicator


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _topic(topic: str, asked: list[Evaluated], words: Words) -> tuple[str, str, str]:
    speaks = grouped((card.indicator, story.name) for story in asked for card in story.cards if card.topic == topic)
    shown = "; ".join(f"**{urgency}**: {', '.join(speaks[urgency])}" for urgency in URGENCY if urgency in speaks)
    silent = len(asked) - sum(len(names) for names in speaks.values())
    return f"`{topic}` {words.of('topics', topic)}", shown, f"{silent} stories"
