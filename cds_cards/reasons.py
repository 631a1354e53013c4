"""Why a clinician may override a card: the CDS Hooks non-adherence codes, and ours where none fits."""

from __future__ import annotations

from cds_cards.card import Reason, Topic

NON_ADHERENCE = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"


def _hl7(code: str, display: str) -> Reason:
    return Reason(code, display, NON_ADHERENCE)


_COMPLETED = _hl7("action-completed", "Recommended action was already completed")
_UNSUCCESSFUL = _hl7("action-unsuccessful", "Recommended action was previously unsuccessful")
_NOT_PRIORITY = _hl7(
    "action-not-priority", "Recommended action is not relevant or a priority in current state of health"
)
_INELIGIBLE = _hl7("patient-ineligible", "Patient does not meet eligibility for recommended action")
_WRONG_ROLE = _hl7("inappropriate-recipient", "PC CDS delivered to inappropriate recipient/role")
_MORE_INFO = _hl7(
    "need-more-info",
    "Could not address recommended action due to need for more information/pending results/pending consult",
)
_NEWER_EVIDENCE = _hl7("does-not-align-latest-evidence", "Recommended action does not align with the latest evidence")
_EXPERT = _hl7("expert-contradicts", "Advice from expert contradicts the recommended action")
_RISK_BENEFIT = _hl7("risk-benefit-ratio", "Recipient assessment of risk/benefit ratio")
_CONTRAINDICATION = _hl7("patient-contraindication", "Patient has contraindication to recommended action")
_REFUSES = _hl7("patient-refuses", "Patient refuses/declines (no context given)*")
_UNAVAILABLE = _hl7("service-not-available", "Treatment or service is not practically available")
_UNCOVERED = _hl7("too-costly-uncovered", "Recommended action is too costly or not covered by insurance")

_INFECTION_FIRST = Reason("infection-first", "Infection is suspected or being treated first")
_OTHER_CAUSE = Reason("other-cause-of-worsening", "The worsening has another cause")
_RECORD_WRONG = Reason("record-not-accurate", "What the card found on record is wrong or out of date")
_OTHER_INDICATION = Reason("other-indication", "The drug is given for another indication")
_PALLIATIVE = Reason("palliative-goals", "Goals of care are palliative")

_DRUGS = (_MORE_INFO, _EXPERT, _RISK_BENEFIT, _CONTRAINDICATION, _REFUSES, _UNAVAILABLE, _UNCOVERED, _NEWER_EVIDENCE)

_REASONS: dict[Topic, tuple[Reason, ...]] = {
    "risk": (_NOT_PRIORITY, _WRONG_ROLE, _RECORD_WRONG),
    "rec-2": (_INFECTION_FIRST, *_DRUGS, _RECORD_WRONG),
    "rec-2b": (_COMPLETED, _NOT_PRIORITY, _WRONG_ROLE, _RECORD_WRONG),
    "rec-3": (_INFECTION_FIRST, *_DRUGS, _RECORD_WRONG),
    "rec-4": (_INFECTION_FIRST, _OTHER_CAUSE, _UNSUCCESSFUL, *_DRUGS, _RECORD_WRONG),
    "rec-5": (_INFECTION_FIRST, _OTHER_CAUSE, _UNSUCCESSFUL, *_DRUGS, _RECORD_WRONG),
    "rec-6": (_COMPLETED, _INELIGIBLE, _CONTRAINDICATION, _REFUSES, _UNAVAILABLE, _PALLIATIVE, _RECORD_WRONG),
    "rec-7": (_COMPLETED, _INELIGIBLE, _CONTRAINDICATION, _REFUSES, _UNAVAILABLE, _PALLIATIVE, _RECORD_WRONG),
    "rec-8": (_OTHER_INDICATION, _EXPERT, _RISK_BENEFIT, _NEWER_EVIDENCE, _WRONG_ROLE, _RECORD_WRONG),
    "rec-9": (_OTHER_INDICATION, _EXPERT, _RISK_BENEFIT, _NEWER_EVIDENCE, _WRONG_ROLE, _RECORD_WRONG),
    "rec-10": (_OTHER_INDICATION, _EXPERT, _RISK_BENEFIT, _NEWER_EVIDENCE, _WRONG_ROLE, _RECORD_WRONG),
    "refractoriness": (_COMPLETED, _OTHER_CAUSE, _NOT_PRIORITY, _WRONG_ROLE, _RECORD_WRONG),
    "diagnosis": (_COMPLETED, _NOT_PRIORITY, _REFUSES, _UNAVAILABLE, _UNCOVERED, _RECORD_WRONG),
    "data-gap": (_COMPLETED, _NOT_PRIORITY, _WRONG_ROLE, _RECORD_WRONG),
    "dose": (_OTHER_INDICATION, _EXPERT, _RISK_BENEFIT, _NEWER_EVIDENCE, _WRONG_ROLE, _RECORD_WRONG),
    "safety-pregnancy": (_COMPLETED, _INELIGIBLE, _EXPERT, _RISK_BENEFIT, _REFUSES, _RECORD_WRONG),
    "safety-allergy": (_INELIGIBLE, _EXPERT, _RISK_BENEFIT, _RECORD_WRONG),
    "safety-interaction": (_OTHER_INDICATION, _EXPERT, _RISK_BENEFIT, _NEWER_EVIDENCE, _RECORD_WRONG),
}


def override_reasons(topic: Topic) -> tuple[Reason, ...]:
    """The reasons offered on a card of this topic."""
    return _REASONS[topic]
