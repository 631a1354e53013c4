"""The agents: what each counts as, its reported regimens, its safety marks, and by what it is recognised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cds_cards.guideline import ATC, RXNORM, SNOMED, Agent, Guideline, Regimen
from cds_cards.knowledge.names import ROLES
from cds_cards.proposals import MedicationProposal
from docs.generate.evaluated import Evaluation
from docs.generate.markdown import bullets, joined, named, table
from docs.generate.words import Words, figure, unit_words


def section(evaluation: Evaluation, words: Words) -> str:
    """The agents in four tables."""
    guideline = evaluation.guideline
    return joined(
        "## Agents",
        words.paragraph("agents"),
        table(("agent", "class", "counts as", "offered by"), _what(evaluation, words)),
        "### Reported regimens (Table 2)",
        words.paragraph("regimens"),
        table(("agent", "regimen", "bounds", "repeated", "source"), _regimens(guideline, words)),
        "### Safety marks",
        table(("agent", "mark", "source"), _cautions(guideline)),
        "### Glucocorticoids as prednisone",
        table(("agent", "1 mg stands for", "why", "source"), _equivalents(guideline)),
        "### How an agent is recognised",
        words.paragraph("recognition"),
        table(("agent", "RxNorm ingredient", "RxNorm products", "ATC", "SNOMED CT"), _codes(guideline)),
        "In the text:",
        bullets(f"**{agent.name}**: {', '.join(agent.words)}" for agent in guideline.agents.values()),
    )


def _what(evaluation: Evaluation, words: Words) -> Iterator[tuple[str, ...]]:
    offered = {
        (action.proposal.agent, card.topic)
        for story in evaluation.stories
        for card in story.cards
        for suggestion in card.suggestions
        for action in suggestion.actions
        if isinstance(action.proposal, MedicationProposal)
    }
    for agent in evaluation.guideline.agents.values():
        roles = [words.of("roles", role) for role in sorted(ROLES) if role in agent.roles]
        cards = named(sorted(topic for name, topic in offered if name == agent.id))
        yield agent.name, words.of("classes", agent.agent_class), ", ".join(roles), cards


def _regimens(guideline: Guideline, words: Words) -> Iterator[tuple[str, ...]]:
    for agent in guideline.agents.values():
        for item in agent.regimens:
            routes = " or ".join(words.of("routes", route) for route in item.route)
            repeated = f"{item.cycle}{_course(item)}" if item.cycle else "daily"
            yield agent.name, item.text, f"{_bounds(item)}, {routes}", repeated, item.source


def _bounds(item: Regimen) -> str:
    low = f"{figure(item.low)}–" if 0 < item.low < item.high else "" if item.low else "up to "
    return f"{low}{figure(item.high)} {unit_words(item.unit)}"


def _course(item: Regimen) -> str:
    parts = [f"at most {figure(item.course)} a course"] if item.course else []
    parts += [f"at least {figure(item.days_apart)} days apart"] if item.days_apart and item.days_apart > 1 else []
    return f" ({', '.join(parts)})" if parts else ""


def _cautions(guideline: Guideline) -> Iterator[tuple[str, ...]]:
    for agent in guideline.agents.values():
        for caution in agent.cautions:
            yield agent.name, caution.text, caution.source


def _equivalents(guideline: Guideline) -> Iterator[tuple[str, ...]]:
    for agent in guideline.agents.values():
        if agent.prednisone_equivalent is not None:
            number = agent.prednisone_equivalent
            yield agent.name, f"{figure(number.value)} mg of prednisone", number.why, number.source


def _codes(guideline: Guideline) -> Iterator[tuple[str, ...]]:
    products = Counter(product.agent for product in guideline.products.values())
    for agent in guideline.agents.values():
        codes = (_of_system(agent, system) for system in (RXNORM, ATC, SNOMED))
        ingredient, atc, snomed = codes
        yield agent.name, ingredient, str(products[agent.id] or ""), atc, snomed


def _of_system(agent: Agent, system: str) -> str:
    codes = [code for code in agent.codes if code.system == system]
    stated = [agent.atc] if system == ATC and agent.atc is not None and agent.atc not in codes else []
    return ", ".join(f"({code.code})" if code.variant else code.code for code in (*stated, *codes))
