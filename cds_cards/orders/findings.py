"""The findings that only drafted orders make: none of them is met without a draft that causes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_cards.assessment import Assessment
from cds_cards.criteria import Finding, Verdict
from cds_cards.guideline import Guideline
from cds_cards.orders.causes import (
    NOT_RECOMMENDED,
    allergic_drafts,
    cautioned_rituximab,
    fertility_drafts,
    interactions,
    not_recommended_drafts,
    overdosed_drafts,
    treatment_drafts,
    unmonitored_drafts,
)
from cds_cards.orders.entry import Drafted
from cds_cards.standing import given


def order_findings(assessment: Assessment, guideline: Guideline) -> Iterator[Finding]:
    """One finding for each way in which a draft causes a card."""
    for name in NOT_RECOMMENDED:
        yield _caused(f"{name}-drafted", not_recommended_drafts(name, assessment, guideline), guideline)
    yield _caused("treatment-drafted", treatment_drafts(assessment, guideline), guideline)
    yield _caused("rituximab-drafted-without-cni", cautioned_rituximab(assessment, guideline), guideline)
    yield _caused("level-not-ordered", unmonitored_drafts(assessment, guideline), guideline)
    yield _caused("dose-above", overdosed_drafts(assessment), guideline)
    yield _caused("fertility-drug-drafted", fertility_drafts(assessment, guideline), guideline)
    allergic = allergic_drafts(assessment)
    yield _caused("allergy-drafted", allergic, guideline, _allergies(allergic))
    critical = [draft for draft in allergic if any(item.critical for item in draft.allergies)]
    yield _caused("allergy-critical", critical, guideline, _allergies(critical))
    together = interactions(assessment, guideline)
    agents = frozenset(agent for item in together for agent in item.agents)
    text = "; ".join(item.text for item in together)
    yield Finding("interaction-drafted", Verdict.of(bool(together)), text, given(assessment.therapy, agents))
    safety = assessment.safety
    pregnant = Verdict.of(safety.pregnant == "yes")
    yield Finding("pregnant", pregnant, safety.pregnant_why, safety.pregnant_evidence)
    # of a pregnancy there is a record; else it rests on sex and age, and on nothing that ends it
    known = safety.pregnant_evidence if pregnant is Verdict.MET else ()
    yield Finding("childbearing", Verdict.of(safety.childbearing), safety.childbearing_why, known)


def _caused(criterion: str, drafts: Iterable[Drafted], guideline: Guideline, also: tuple[str, ...] = ()) -> Finding:
    drafts = tuple(drafts)
    names = dict.fromkeys(guideline.agents[draft.agent].name for draft in drafts)
    because = f"drafted: {', '.join(names)}" if drafts else "no such draft"
    return Finding(criterion, Verdict.of(bool(drafts)), because, (*(draft.source for draft in drafts), *also))


def _allergies(drafts: Iterable[Drafted]) -> tuple[str, ...]:
    """The references of the allergies that speak against the drafts."""
    return tuple(dict.fromkeys(item.evidence for draft in drafts for item in draft.allergies))
