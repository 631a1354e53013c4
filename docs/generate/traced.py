"""One card from the record to the sentence: the findings that made it speak, and the card itself."""

from __future__ import annotations

from cds_cards.refractoriness import CriterionResult
from docs.generate.evaluated import AS_OF, Evaluated, Evaluation
from docs.generate.markdown import joined, paragraph, quoted, table
from docs.generate.words import Words

STORY, TOPIC = "refractory", "rec-4"


def section(evaluation: Evaluation, words: Words) -> str:
    """The card of `TOPIC` in the story `STORY`."""
    story = evaluation.story(STORY)
    place = next(place for place, item in enumerate(story.plan.items) if item.topic == TOPIC)
    item, card = story.plan.items[place], story.cards[place]
    text = (
        f"The story `{STORY}`, evaluated as of {AS_OF:%Y-%m-%d}: {story.story.story} The card `{TOPIC}` speaks, with "
        f"urgency **{item.indicator}**, because these findings are met."
    )
    return joined(
        "## One card, traced",
        paragraph(text),
        table(
            ("finding", "because", "evidence"),
            (
                (f"{words.label(each.criterion)} (`{each.criterion}`)", each.because, ", ".join(each.evidence))
                for each in item.because
            ),
        ),
        paragraph("The third rests on the five criteria, each with the resources it was read from."),
        table(
            ("criterion", "verdict", "because", "evidence"),
            ((each.id, each.verdict.value, each.why, _sources(each)) for each in _criteria(story)),
        ),
        paragraph("The card: its summary, then its detail, in which every value stands with its date."),
        quoted(f"**{card.summary}**\n\n{card.detail}"),
    )


def _criteria(story: Evaluated) -> tuple[CriterionResult, ...]:
    return story.assessment.refractoriness.criteria


def _sources(criterion: CriterionResult) -> str:
    points = [point for point in (criterion.baseline, criterion.follow_up) if point is not None]
    return ", ".join(dict.fromkeys(source for point in points for source in (point.sources or (point.source,))))
