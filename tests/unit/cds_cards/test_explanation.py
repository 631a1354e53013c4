"""The explanation: the very findings that decided, each with a label, and what would settle what is unknown."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

import fixtures
from cds_cards.card import Topic
from cds_cards.criteria import Verdict
from cds_cards.explanation import BEARS_ON, LABELS, Explanation, Missing, explain
from cds_cards.gaps import GAP_IDS, DataGap
from cds_cards.plan import ORDER_ENTRY, PATIENT_VIEW, TRIGGERS, Plan, make_plan
from service.discovery import SERVICE_OF_HOOK
from service.parts import Parts, load_parts
from service.respond import examine
from service.settings import Settings
from service.wire import decode_request
from tests.conftest import NOW
from tests.unit.build_assessment import antibody, assess_as, failure, knowledge, lungs, response, treatment

DECIDED = {"applies": Verdict.MET, "does-not-apply": Verdict.NOT_MET, "unknown": Verdict.UNKNOWN}


@pytest.fixture(scope="module")
def parts() -> Parts:
    return load_parts(Settings(), lambda: NOW)


def plan_of(name: str, parts: Parts) -> Plan:
    story = fixtures.story(name)
    return examine(decode_request(story.render(NOW), SERVICE_OF_HOOK[story.hook], parts.settings), parts).plan


def explained(trigger: str = "patient-view", /, *given: object, **changes: object) -> Explanation:
    return explain(make_plan(assess_as(*given, **changes), knowledge(), trigger))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", fixtures.names())
def test_the_findings_are_those_that_decided(name: str, parts: Parts) -> None:
    plan = plan_of(name, parts)
    found = explain(plan)
    assert [item.id for item in found.recommendations] == list(plan.guideline.recommendations)
    for item in found.recommendations:
        verdicts = {finding.verdict for finding in item.findings}
        assert (item.status == "applies") == (verdicts == {Verdict.MET})
        assert DECIDED[item.status] in verdicts
        # the reason that the response gives is that of findings which stand here
        assert any(f.because and f.because in item.why for f in item.findings if f.verdict is DECIDED[item.status])
    assert {topic.topic: topic.indicator for topic in found.topics if topic.speaks} == {
        item.topic: item.indicator for item in plan.items
    }
    for item in plan.items:
        shown = next(topic for topic in found.topics if topic.topic == item.topic)
        assert [finding for finding in shown.findings if finding.met] == list(item.because)


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_every_topic_of_the_hook_once_and_in_order(trigger: str) -> None:
    topics = [topic.topic for topic in explained(trigger).topics]
    assert topics == list(dict.fromkeys(rule.topic for rule in TRIGGERS[trigger]))


def test_every_finding_has_a_label_and_no_label_is_left_over() -> None:
    rules = {name for rule in (*PATIENT_VIEW, *ORDER_ENTRY) for name in rule.names}
    cases = (
        assess_as(),
        assess_as(treatment(stage="unknown", complete=False)),
        assess_as(treatment("prednisone", "tacrolimus", phase="maintenance")),
    )
    asked = {f.criterion for case in cases for item in case.recommendations for f in item.findings}
    assert set(LABELS) == rules | asked
    assert all(label[0].isupper() and not label.endswith(".") for label in LABELS.values())


def test_every_gap_bears_on_topics() -> None:
    assert tuple(BEARS_ON) == GAP_IDS
    assert {topic for topics in BEARS_ON.values() for topic in topics} <= set(get_args(Topic))
    assert all(BEARS_ON.values())


def test_a_silent_topic_shows_what_all_its_rules_ask() -> None:
    silent = next(topic for topic in explained(respiratory_failure=failure("no")).topics if topic.topic == "rec-6")
    assert (silent.speaks, silent.indicator) == (False, None)
    assert [finding.criterion for finding in silent.findings] == ["in-scope", "life-threatening", "no-ecmo"]


def test_a_speaking_topic_shows_the_rule_that_speaks() -> None:
    late = treatment("prednisone", "tacrolimus", phase="maintenance")
    found = explained("patient-view", late, relapse_signs=("ferritin 900 ng/mL",))
    spoken = next(topic for topic in found.topics if topic.topic == "refractoriness")
    assert spoken.indicator == "info"
    assert [finding.criterion for finding in spoken.findings] == ["in-scope", "maintenance", "relapse-signs"]


@pytest.mark.parametrize(
    ("gap", "changes", "settles"),
    [
        ("respiratory-failure", {"respiratory_failure": failure("unknown")}, ("rec-6",)),
        ("respiratory-failure", {"respiratory_failure": failure("no")}, ()),
        ("imaging", {"refractoriness": response("not-assessable", "uuuuu")}, ("rec-4", "rec-5")),
        ("imaging", {"refractoriness": response("possible", "muuuu")}, ()),
        ("weight", {}, ()),
        ("weight", {"respiratory_failure": failure("unknown")}, ()),
        # unknown, and yet the lungs alone settle all but the early referral
        ("anti-mda5", {"anti_mda5": antibody("unknown"), "lung_disease": lungs("ild")}, ("rec-7",)),
    ],
)
def test_what_a_gap_would_settle(gap: str, changes: dict[str, object], settles: tuple[str, ...]) -> None:
    assessment = assess_as(treatment("prednisone", "tacrolimus"), **changes)
    assessment = replace(assessment, gaps=(DataGap(gap, "not on record"),))
    (missing,) = explain(make_plan(assessment, knowledge(), "patient-view")).missing
    assert missing == Missing(gap, "not on record", settles, BEARS_ON[gap])


def test_orders_that_could_not_be_read_would_settle_what_they_leave_open() -> None:
    unread = treatment(stage="unknown", complete=False)
    assessment = replace(assess_as(unread), gaps=(DataGap("medications", "not all could be read"),))
    (missing,) = explain(make_plan(assessment, knowledge(), "patient-view")).missing
    recommendations = {item.id for item in assessment.recommendations if item.status == "unknown"}
    assert set(missing.settles) == recommendations >= {"rec-1", "rec-2", "rec-3", "rec-4", "rec-5", "rec-8"}


def test_a_reason_is_not_said_of_what_is_not_so() -> None:
    found = explained("patient-view", treatment("prednisone", "tacrolimus"))
    (rec_2,) = (topic for topic in found.topics if topic.topic == "rec-2")
    (without,) = (finding for finding in rec_2.findings if finding.criterion == "combination-without-cni")
    assert (without.verdict, without.because) == (Verdict.NOT_MET, "")
    met = explained("patient-view", treatment("prednisone", "cyclophosphamide"))
    (spoken,) = (topic for topic in met.topics if topic.topic == "rec-2")
    assert "the combination on record holds no calcineurin inhibitor" in [f.because for f in spoken.findings]


def test_a_hook_without_rules_has_no_topics() -> None:
    found = explained("order-dispatch")
    assert (found.topics, len(found.recommendations)) == ((), 13)
