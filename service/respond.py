"""One hook call, from the decoded request to the response: collect, read, assess, plan, compose."""

from __future__ import annotations

from dataclasses import dataclass

from cds_cards.assessment import assess
from cds_cards.cards import compose_cards
from cds_cards.plan import Plan, make_plan
from cds_cards.record import PatientRecord
from service.fhir.fetch import collect
from service.fhir.gather import PatientBundle
from service.fhir.memory import ClientMemory
from service.fhir.read import read_record
from service.parts import Parts
from service.wire import HookRequest
from service.wire_cards import response_json


@dataclass(frozen=True, slots=True)
class Examination:
    """What one call amounts to before its cards are written: what came, what was read in it, and the plan.

    `record` is the whole one, with what is dated after the call; `plan.assessment` judged it as of the call.
    """

    bundle: PatientBundle
    record: PatientRecord
    plan: Plan


def respond(request: HookRequest, parts: Parts) -> dict[str, object]:
    """The response of one call. Raises a `ServiceError` for what HTTP refuses."""
    seen = examine(request, parts)
    return response_json(compose_cards(seen.plan), seen.plan.assessment, request, seen.bundle, parts)


def examine(request: HookRequest, parts: Parts) -> Examination:
    """The line up to the plan. Raises a `ServiceError` for what HTTP refuses."""
    bundle = collect(request, parts)
    memory = ClientMemory(parts.facts, request.client) if parts.facts is not None else None
    record = read_record(bundle, request.patient_id, parts.guideline, parts.settings.canonical, memory)
    assessment = assess(record, parts.guideline, request.as_of or parts.clock())
    return Examination(bundle, record, make_plan(assessment, parts.guideline, request.hook))
