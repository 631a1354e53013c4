"""The evidence behind each recommendation, what is kept beside it and never shown, and where the two texts differ."""

from __future__ import annotations

from collections.abc import Iterator

from cds_cards.guideline import Guideline, Study
from docs.generate.markdown import joined, paragraph, table
from docs.generate.words import Words


def section(guideline: Guideline, words: Words) -> str:
    """Studies by recommendation."""
    return joined(
        "## The evidence",
        paragraph(f"{guideline.citation}; [doi:{guideline.doi}]({guideline.url}). {guideline.search_limit}"),
        words.paragraph("evidence"),
        *_by_recommendation(guideline),
        "### Kept beside, and never on a card",
        words.paragraph("beside"),
        table(
            ("study", "also reported", "the superseded draft"),
            ((item.name, item.not_shown, item.differs) for item in guideline.studies if item.not_shown or item.differs),
        ),
        "### Where the two texts differ",
        words.paragraph("differs"),
        table(("about", "difference"), _differences(guideline)),
    )


def _by_recommendation(guideline: Guideline) -> Iterator[str]:
    for item in guideline.recommendations.values():
        studies = [study for study in guideline.studies if item.id in study.recommendations]
        yield f"### Evidence for {item.id}"
        yield _studies(studies) if studies else "None of its own: consensus of the panel."
    yield "### Evidence that supports no recommendation"
    yield _studies([study for study in guideline.studies if not study.recommendations])


def _studies(studies: list[Study]) -> str:
    return table(
        ("study", "patients", "outcome", "standing"),
        ((item.name, item.patients, item.outcome, "indirect" if item.indirect else "") for item in studies),
    )


def _differences(guideline: Guideline) -> Iterator[tuple[str, str]]:
    for item in guideline.recommendations.values():
        if item.differs:
            yield item.id, item.differs
    for agent in guideline.agents.values():
        for regimen in agent.regimens:
            if regimen.differs:
                yield f"regimen of {agent.name}", regimen.differs
