"""One hook call, from the decoded request to the response: collect, read, assess, plan, compose."""

from __future__ import annotations

from cds_cards.assessment import assess
from cds_cards.cards import compose_cards
from cds_cards.plan import make_plan
from service.fhir.fetch import collect
from service.fhir.read import read_record
from service.parts import Parts
from service.wire import HookRequest
from service.wire_cards import response_json


def respond(request: HookRequest, parts: Parts) -> dict[str, object]:
    """The response of one call. Raises a `ServiceError` for what HTTP refuses."""
    bundle = collect(request, parts)
    record = read_record(bundle, request.patient_id, parts.guideline, parts.settings.canonical)
    assessment = assess(record, parts.guideline, request.as_of or parts.clock())
    cards = compose_cards(make_plan(assessment, parts.guideline, request.hook))
    return response_json(cards, assessment, request, bundle, parts)
