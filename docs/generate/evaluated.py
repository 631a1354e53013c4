"""Every story as the service evaluates it, at one fixed moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import fixtures
from cds_cards.assessment import Assessment
from cds_cards.card import Card
from cds_cards.cards import compose_cards
from cds_cards.criteria import Finding
from cds_cards.findings import findings
from cds_cards.guideline import Guideline
from cds_cards.plan import Plan
from service.discovery import SERVICE_OF_HOOK
from service.parts import load_parts
from service.respond import examine
from service.settings import Settings
from service.wire import decode_request

AS_OF = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Evaluated:
    """A story with its plan, its cards and the findings the plan rests on."""

    story: fixtures.Story
    plan: Plan
    cards: tuple[Card, ...]
    findings: Mapping[str, Finding]

    @property
    def name(self) -> str:
        """The story's name."""
        return self.story.name

    @property
    def assessment(self) -> Assessment:
        """What was found."""
        return self.plan.assessment

    def recommended(self, status: str) -> tuple[str, ...]:
        """The recommendations of that status, in the guideline's order."""
        return tuple(item.id for item in self.assessment.recommendations if item.status == status)


@dataclass(frozen=True)
class Evaluation:
    """All stories, in the order of their names, under the guideline without a site's policy."""

    guideline: Guideline
    stories: tuple[Evaluated, ...]

    def story(self, name: str) -> Evaluated:
        """One story; KeyError when there is none."""
        return {item.name: item for item in self.stories}[name]


def evaluate_stories() -> Evaluation:
    """Renders, reads, assesses and plans each story as `mda5-cds evaluate --as-of` does."""
    parts = load_parts(Settings(), clock=lambda: AS_OF)
    found = []
    for name in fixtures.names():
        story = fixtures.story(name)
        request = decode_request(story.render(AS_OF), SERVICE_OF_HOOK[story.hook], parts.settings)
        plan = examine(request, parts).plan
        found.append(Evaluated(story, plan, compose_cards(plan), findings(plan.assessment, parts.guideline)))
    return Evaluation(parts.guideline, tuple(found))


def grouped(pairs: Iterable[tuple[str, str]]) -> Mapping[str, tuple[str, ...]]:
    """The second members by the first, in their order."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return {key: tuple(values) for key, values in found.items()}
