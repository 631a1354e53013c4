"""The thirteen recommendations: what each says, what it asks of the record and in which order, which cards show it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cds_cards.criteria import Finding, Verdict, all_of
from cds_cards.guideline import Recommendation
from docs.generate.evaluated import Evaluation
from docs.generate.markdown import joined, named, paragraph, table
from docs.generate.words import Words

SCOPE = ("population", "anti-mda5", "lung-disease")
"""Asked first, and together."""
STATUSES = ("applies", "does-not-apply", "unknown")
_STATUS_OF = {Verdict.MET: "applies", Verdict.NOT_MET: "does-not-apply", Verdict.UNKNOWN: "unknown"}
_EXAMPLES = 3


def section(evaluation: Evaluation, words: Words) -> str:
    """All thirteen, in the guideline's order."""
    shown, asked = cards_that_state(evaluation), asked_of(evaluation)
    return joined(
        "## The thirteen recommendations",
        words.paragraph("recommendations"),
        *(
            _recommendation(item, asked[item.id], shown[item.id], evaluation, words)
            for item in evaluation.guideline.recommendations.values()
        ),
    )


def status_read(findings: tuple[Finding, ...]) -> str:
    """The status by the reading that the page explains; a test holds it against the service's own, story by story."""
    scope = all_of(item.verdict for item in findings if item.criterion in SCOPE)
    steps = (scope, *(item.verdict for item in findings if item.criterion not in SCOPE))
    return _STATUS_OF[next((step for step in steps if step is not Verdict.MET), Verdict.MET)]


def asked_of(evaluation: Evaluation) -> Mapping[str, tuple[str, ...]]:
    """The findings that each recommendation asks, by name, as its standing keeps them.

    Where the regimen is not known less is asked, so the longest list counts.
    """
    lists: dict[str, tuple[str, ...]] = {}
    for story in evaluation.stories:
        for item in story.assessment.recommendations:
            names = tuple(finding.criterion for finding in item.findings)
            lists[item.id] = max(lists.get(item.id, ()), names, key=len)
    return lists


def cards_that_state(evaluation: Evaluation) -> Mapping[str, tuple[str, ...]]:
    """The topics of the cards that state a recommendation with its grade, as the stories show them."""
    cards = [card for story in evaluation.stories for card in story.cards]
    return {
        item.id: tuple(
            sorted({card.topic for card in cards if f"{item.title} ({item.id}). " in card.detail}, key=_place)
        )
        for item in evaluation.guideline.recommendations.values()
    }


def _place(topic: str) -> tuple[bool, int, str]:
    number = topic.removeprefix("rec-").rstrip("ab")
    return not number.isdigit(), int(number) if number.isdigit() else 0, topic


def _recommendation(
    item: Recommendation, asked: tuple[str, ...], shown: tuple[str, ...], evaluation: Evaluation, words: Words
) -> str:
    return joined(
        f"### {item.id} · {item.title}",
        paragraph(item.advice),
        paragraph(f"**Grade:** {_grade(item, evaluation, words)}. **Source:** {item.section}; the words are ours."),
        paragraph(f"**Where the texts differ:** {item.differs}") if item.differs else "",
        table(("step", "asked of the record", "finding"), _steps(asked, words)),
        paragraph(f"**Stated on the cards** {named(shown)}. {_in_stories(item.id, evaluation)}"),
    )


def _grade(item: Recommendation, evaluation: Evaluation, words: Words) -> str:
    """The grade in words; where parts are graded apart, which part has which."""
    text = evaluation.guideline.grade_words(item.id)
    parts = "; ".join(f"{words.of('parts', part)}: {letter}" for part, letter in item.parts)
    return f"{text}. By part: {parts}" if parts else text


def _steps(asked: tuple[str, ...], words: Words) -> Iterator[tuple[str, str, str]]:
    steps = (SCOPE, *((name,) for name in asked if name not in SCOPE))
    for place, names in enumerate(steps, 1):
        yield str(place), " *and* ".join(words.label(name) for name in names), named(names)


def _in_stories(recommendation: str, evaluation: Evaluation) -> str:
    told = []
    for status, said in zip(STATUSES, ("applies", "does not apply", "is unknown"), strict=True):
        names = [story.name for story in evaluation.stories if recommendation in story.recommended(status)]
        examples = f" ({named(names[:_EXAMPLES])}{' …' if len(names) > _EXAMPLES else ''})"
        told.append(f"{said} in {len(names)}{'' if status == 'does-not-apply' else examples if names else ''}")
    return f"In the [stories](stories.md) it {', '.join(told)}."
