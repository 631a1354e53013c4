"""Cards → CDS Hooks JSON: ids that a retried call gives again, sources, suggestions with their FHIR resources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5
from zoneinfo import ZoneInfo

from cds_cards.assessment import Assessment
from cds_cards.card import Card, Reason
from cds_cards.guideline import Guideline
from cds_cards.proposals import Action, Reduce, Suggestion
from service.fhir.gather import PatientBundle
from service.fhir.read.unreadable import Unreadable
from service.fhir.write import draft_resource, reduced_resource, stopped_resource
from service.parts import Parts
from service.wire import HookRequest
from service.wire_assessment import assessment_json

Json = dict[str, Any]
ASSESSMENT_EXTENSION = "mda5-cds.assessment"
_SEPARATOR = "\x1f"


def response_json(
    cards: Sequence[Card], assessment: Assessment, request: HookRequest, bundle: PatientBundle, parts: Parts
) -> Json:
    """The body of a 200: the cards of the topics that are not switched off, and the assessment."""
    encoder = _Encoder(request, bundle, assessment, parts)
    body: Json = {"cards": [encoder.card(card) for card in cards if card.topic not in parts.settings.topics_off]}
    if parts.settings.response_extension:
        body["extension"] = {ASSESSMENT_EXTENSION: assessment_json(assessment, parts.guideline)}
    return body


class _Encoder:
    """Encodes the cards of one call."""

    def __init__(self, request: HookRequest, bundle: PatientBundle, assessment: Assessment, parts: Parts) -> None:
        self._request = request
        self._bundle = bundle
        self._assessment = assessment
        self._zone = ZoneInfo(parts.guideline.policy.zone)
        self._canonical = parts.settings.canonical
        self._own_reasons = f"{self._canonical}/CodeSystem/override-reason"
        self._guideline = parts.guideline

    def card(self, card: Card) -> Json:
        """One card."""
        identity = self._card_uuid(card)
        body: Json = {
            "uuid": str(identity),
            "summary": card.summary,
            "indicator": card.indicator,
            "detail": card.detail,
            "source": _source(card, self._guideline, self._canonical),
            "overrideReasons": [self._reason(reason) for reason in card.override_reasons],
        }
        if card.suggestions:
            suggestions = [
                encoded
                for number, suggestion in enumerate(card.suggestions)
                if (encoded := self._suggestion(suggestion, identity, number)) is not None
            ]
            if suggestions:
                body |= {"selectionBehavior": card.selection, "suggestions": suggestions}
        if card.links:
            body["links"] = [{"label": link.label, "url": link.url, "type": "absolute"} for link in card.links]
        return body

    def _card_uuid(self, card: Card) -> UUID:
        """uuid5 over client, service, hookInstance, patient, topic and the card's content."""
        request = self._request
        identity = (
            *(request.client, request.hook, request.hook_instance, request.patient_id),
            *card.digest_parts,
        )
        return uuid5(_namespace(self._canonical), _SEPARATOR.join(identity))

    def _suggestion(self, suggestion: Suggestion, card: UUID, number: int) -> Json | None:
        """One suggestion; None when it would change an order that cannot be written as valid FHIR: by hand, then."""
        try:
            actions = [self._action(action) for action in suggestion.actions]
        except Unreadable:
            return None
        identity = uuid5(card, f"{number}{_SEPARATOR}{suggestion.label}")
        return {"label": suggestion.label, "uuid": str(identity), "actions": actions}

    def _action(self, action: Action) -> Json:
        body: Json = {"type": action.kind, "description": action.description}
        if action.proposal is not None:
            body["resource"] = draft_resource(action.proposal, self._request.patient_id, self._request.encounter_id)
        elif action.kind == "delete":
            body["resourceId"] = action.target
        elif isinstance(action.change, Reduce):
            body["resource"] = reduced_resource(self._bundle, action.change, self._once(action.target), self._zone)
        else:
            body["resource"] = stopped_resource(self._bundle, action.target, self._zone)
        return body

    def _once(self, target: str) -> float:
        """What one administration of a draft brings as it was drafted. Unreadable when that is not known."""
        for draft in self._assessment.entry.drafts:
            if draft.target == target and draft.once:
                return draft.once
        raise Unreadable("the drafted amount is not known")

    def _reason(self, reason: Reason) -> Mapping[str, str]:
        return {"system": reason.system or self._own_reasons, "code": reason.code, "display": reason.display}


@cache
def _namespace(canonical: str) -> UUID:
    return uuid5(NAMESPACE_URL, canonical)


def _source(card: Card, guideline: Guideline, canonical: str) -> Json:
    topic = {"system": f"{canonical}/CodeSystem/card-topic", "code": card.topic}
    return {"label": guideline.title, "url": guideline.url, "topic": topic}
