"""Why a card may be overridden: the codes of CDS Hooks as its code system has them, and ours."""

from __future__ import annotations

from typing import get_args

import pytest

from cds_cards.card import Topic
from cds_cards.reasons import override_reasons

SYSTEM = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
# typed from the code system of CDS Hooks 3.0 (hl7.org/fhir, non-adherence-reason-codes)
HL7 = {
    "action-completed": "Recommended action was already completed",
    "action-not-priority": "Recommended action is not relevant or a priority in current state of health",
    "action-unsuccessful": "Recommended action was previously unsuccessful",
    "does-not-align-latest-evidence": "Recommended action does not align with the latest evidence",
    "expert-contradicts": "Advice from expert contradicts the recommended action",
    "inappropriate-recipient": "PC CDS delivered to inappropriate recipient/role",
    "need-more-info": (
        "Could not address recommended action due to need for more information/pending results/pending consult"
    ),
    "patient-contraindication": "Patient has contraindication to recommended action",
    "patient-ineligible": "Patient does not meet eligibility for recommended action",
    "patient-refuses": "Patient refuses/declines (no context given)*",
    "risk-benefit-ratio": "Recipient assessment of risk/benefit ratio",
    "service-not-available": "Treatment or service is not practically available",
    "too-costly-uncovered": "Recommended action is too costly or not covered by insurance",
}
OURS = {"infection-first", "other-cause-of-worsening", "record-not-accurate", "other-indication", "palliative-goals"}


@pytest.mark.parametrize("topic", get_args(Topic))
def test_every_reason_is_one_of_cds_hooks_or_ours(topic: Topic) -> None:
    reasons = override_reasons(topic)
    standard = {reason.code: (reason.display, reason.system) for reason in reasons if reason.system is not None}
    own = {reason.code for reason in reasons if reason.system is None}
    assert standard
    assert standard == {code: (HL7[code], SYSTEM) for code in standard}
    assert "record-not-accurate" in own
    assert own <= OURS
    assert len(reasons) == len(standard) + len(own)


def test_every_reason_is_given_somewhere() -> None:
    given = {reason.code for topic in get_args(Topic) for reason in override_reasons(topic)}
    assert given == HL7.keys() | OURS
