"""The plan: which topics speak for this patient and how urgently, by named findings. It never opens the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cds_cards.assessment import Assessment
from cds_cards.card import Indicator, Topic
from cds_cards.criteria import Finding, Verdict, any_of
from cds_cards.findings import findings, patient_findings
from cds_cards.guideline import Guideline

Trigger = Literal["patient-view", "order-select", "order-sign"]
"""The hooks of CDS Hooks that ask for a plan."""
URGENCY: tuple[Indicator, ...] = ("critical", "warning", "info")


@dataclass(frozen=True, slots=True)
class Urgency:
    """`indicator` when all of `all_of` and, if any is named, one of `any_of` are met."""

    indicator: Indicator
    all_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Applicability:
    """When a topic speaks: all of `all_of` and one of `any_of` (when any is named), and how urgently.

    The first urgency that holds counts. A topic may have several rules; the first that applies makes its card, and
    `variant` tells the card which one it was.
    """

    topic: Topic
    all_of: tuple[str, ...]
    any_of: tuple[str, ...] = ()
    urgency: tuple[Urgency, ...] = ()
    otherwise: Indicator = "info"
    variant: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The findings it asks for."""
        return (
            *self.all_of,
            *self.any_of,
            *(name for urgency in self.urgency for name in (*urgency.all_of, *urgency.any_of)),
        )


_ACTIVE = ("in-scope", "induction")

PATIENT_VIEW: tuple[Applicability, ...] = (
    Applicability("rec-6", ("in-scope", "life-threatening", "no-ecmo"), otherwise="critical"),
    Applicability(
        "rec-2",
        (*_ACTIVE, "combination-missing", "cni-feasible"),
        urgency=(Urgency("critical", ("life-threatening",)),),
        otherwise="warning",
    ),
    Applicability("rec-2", (*_ACTIVE, "combination-without-cni", "cni-feasible"), variant="without-cni"),
    Applicability("rec-3", (*_ACTIVE, "combination-missing", "cni-not-feasible"), otherwise="warning"),
    Applicability("rec-4", (*_ACTIVE, "failing"), otherwise="warning"),
    Applicability(
        "rec-5",
        (*_ACTIVE, "failing"),
        urgency=(Urgency("warning", any_of=("escalated", "hypoxaemic")),),
    ),
    Applicability("refractoriness", (*_ACTIVE, "early-worsening"), otherwise="warning", variant="early"),
    Applicability("refractoriness", _ACTIVE, ("response-in-doubt", "response-not-assessable")),
    Applicability("refractoriness", ("in-scope", "maintenance", "relapse-signs"), variant="relapse"),
    Applicability("rec-9", ("in-scope", "rec-9-runs"), otherwise="warning"),
    Applicability("rec-10", ("in-scope", "rec-10-runs"), otherwise="warning"),
    Applicability("rec-8", (*_ACTIVE, "rec-8-runs", "rec-8-matters"), otherwise="warning"),
    Applicability(
        "rec-2b",
        (*_ACTIVE, "stage-known"),
        ("level-due", "level-off"),
        urgency=(Urgency("warning", ("level-above",)),),
    ),
    Applicability("rec-2b", ("in-scope", "maintenance", "level-above"), otherwise="warning"),
    Applicability(
        "diagnosis",
        ("in-population", "induction"),
        ("antibody-untested", "lungs-unexamined", "rpild-dates-unsettled"),
        urgency=(Urgency("warning", ("antibody-untested", "rpild")),),
    ),
    Applicability(
        "risk",
        _ACTIVE,
        urgency=(Urgency("warning", ("very-high-risk",), ("no-combination-seen", "ferritin-not-falling")),),
    ),
    Applicability(
        "rec-7",
        ("in-scope-with-any-ild", "transplant-age", "transplant-open"),
        urgency=(Urgency("warning", any_of=("failing", "ecmo-runs")),),
    ),
    Applicability("data-gap", (*_ACTIVE, "deciding-gap")),
)
"""The topics of patient-view in the fixed order they keep among cards of one urgency."""

ORDER_ENTRY: tuple[Applicability, ...] = (
    Applicability(
        "safety-allergy",
        ("in-scope", "allergy-drafted"),
        urgency=(Urgency("critical", ("allergy-critical",)),),
        otherwise="warning",
    ),
    Applicability(
        "safety-pregnancy",
        ("in-scope", "fertility-drug-drafted"),
        urgency=(Urgency("critical", ("pregnant",)), Urgency("warning", ("childbearing",))),
    ),
    Applicability("safety-interaction", ("in-scope", "interaction-drafted"), otherwise="warning"),
    Applicability("dose", ("in-scope", "dose-above"), otherwise="warning"),
    Applicability("rec-9", ("in-scope", "rec-9-drafted"), otherwise="warning"),
    Applicability("rec-10", ("in-scope", "rec-10-drafted"), otherwise="warning"),
    Applicability("rec-8", ("in-scope", "rec-8-drafted"), urgency=(Urgency("warning", ("induction",)),)),
    Applicability(
        "rec-2",
        (*_ACTIVE, "treatment-drafted", "combination-missing", "cni-feasible"),
        otherwise="warning",
        variant="drafted",
    ),
    Applicability(
        "rec-3",
        (*_ACTIVE, "treatment-drafted", "combination-missing", "cni-not-feasible"),
        otherwise="warning",
        variant="drafted",
    ),
    Applicability("rec-3", ("in-scope", "rituximab-drafted-without-cni"), variant="caution"),
    Applicability("rec-2b", ("in-scope", "level-not-ordered")),
)
"""The topics of order-select and order-sign: each needs a draft that causes it (contract §4)."""

TRIGGERS: Mapping[str, tuple[Applicability, ...]] = {
    "patient-view": PATIENT_VIEW,
    "order-select": ORDER_ENTRY,
    "order-sign": ORDER_ENTRY,
}


@dataclass(frozen=True, slots=True)
class PlanItem:
    """A topic that speaks, how urgently, and the findings that make it speak."""

    topic: Topic
    indicator: Indicator
    variant: str
    because: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What applies to this patient, most urgent first, with the assessment and the guideline it rests on."""

    trigger: str
    assessment: Assessment
    guideline: Guideline
    items: tuple[PlanItem, ...]

    def speaks(self, topic: Topic) -> bool:
        """Whether a topic has a card of its own."""
        return any(item.topic == topic for item in self.items)


def make_plan(assessment: Assessment, guideline: Guideline, trigger: str) -> Plan:
    """The plan for one hook (`Trigger`). A hook without rules has an empty plan."""
    # without a draft none of the findings that only drafts make is asked for
    found = (patient_findings if trigger == "patient-view" else findings)(assessment, guideline)
    items: dict[Topic, PlanItem] = {}
    for rule in TRIGGERS.get(trigger, ()):
        if rule.topic not in items and _applies(rule.all_of, rule.any_of, found):
            items[rule.topic] = _item(rule, found)
    ordered = sorted(items.values(), key=lambda item: URGENCY.index(item.indicator))
    return Plan(trigger, assessment, guideline, tuple(ordered))


def _item(rule: Applicability, found: Mapping[str, Finding]) -> PlanItem:
    indicator = next(
        (urgency.indicator for urgency in rule.urgency if _applies(urgency.all_of, urgency.any_of, found)),
        rule.otherwise,
    )
    because = tuple(found[name] for name in dict.fromkeys(rule.names) if found[name].met)
    return PlanItem(rule.topic, indicator, rule.variant, because)


def _applies(every: tuple[str, ...], some: tuple[str, ...], found: Mapping[str, Finding]) -> bool:
    """Three-valued, and only *met* lets a card speak; what is unknown and must be said is a finding of its own."""
    for name in every:
        if found[name].verdict is not Verdict.MET:
            return False
    return not some or any_of([found[name].verdict for name in some]) is Verdict.MET
