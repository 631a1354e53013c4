"""What the audit keeps of a call: what was answered, and nothing by which a person could be known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.audit import audit_row, silenced
from service.discovery import SERVICES
from service.parts import Parts, load_parts
from service.respond import respond
from service.security.caller import Caller
from service.settings import Settings
from service.store import AuditRow, KeyedHash, ShownCard
from service.wire import HookRequest, decode_request
from tests.acceptance.fhir import FERRITIN, NOW, call, obs, positive, rpild

SERVICE = SERVICES["mda5-rpild-patient-view"]
SITE = Caller("https://ehr.example.org", "north")
KEY = KeyedHash(b"k" * 32)


@pytest.fixture(scope="module")
def parts() -> Parts:
    """The parts of a service whose clock stands still."""
    return load_parts(Settings(), lambda: NOW)


@pytest.fixture
def request_(parts: Parts) -> HookRequest:
    """A call for an untreated patient."""
    return decode_request(call(positive(), rpild(), obs(FERRITIN, 1500, "ng/mL")), SERVICE, parts.settings, SITE.client)


@pytest.fixture
def response(request_: HookRequest, parts: Parts) -> dict[str, Any]:
    """The answer to it, with cards."""
    answer = respond(request_, parts)
    assert answer["cards"]
    return answer


def audit(
    response: dict[str, Any], request: HookRequest, parts: Parts, hashes: KeyedHash = KEY, caller: Caller = SITE
) -> AuditRow:
    return audit_row(response, request, SERVICE, caller, parts, hashes, started=5.0, finished=5.0424)


def test_the_row_says_what_was_answered(response: dict[str, Any], request_: HookRequest, parts: Parts) -> None:
    row = audit(response, request_, parts)
    assert (row.service, row.hook, row.client) == (SERVICE.id, "patient-view", "https://ehr.example.org|north")
    assert (row.mode, row.milliseconds, row.answered_at) == ("live", 42, NOW)
    assert row.knowledge_version == parts.guideline.knowledge_version
    assert list(row.cards) == [
        ShownCard(card["uuid"], card["source"]["topic"]["code"], card["indicator"]) for card in response["cards"]
    ]


def test_each_call_has_a_row_of_its_own(response: dict[str, Any], request_: HookRequest, parts: Parts) -> None:
    assert audit(response, request_, parts).id != audit(response, request_, parts).id


def test_people_stand_there_as_keyed_hashes(response: dict[str, Any], request_: HookRequest, parts: Parts) -> None:
    row = audit(response, request_, parts)
    hashes = {row.patient_hash, row.user_hash, row.instance_hash}
    assert len(hashes) == 3
    assert all(len(text or "") == 64 for text in hashes)
    for secret in (request_.patient_id, request_.user_id, request_.hook_instance):
        assert f"'{secret}'" not in repr(row)
    assert audit(response, request_, parts).patient_hash == row.patient_hash


def test_without_a_key_nothing_of_a_person_is_kept(
    response: dict[str, Any], request_: HookRequest, parts: Parts
) -> None:
    row = audit(response, request_, parts, KeyedHash.from_file(None))
    assert (row.patient_hash, row.user_hash, row.instance_hash) == (None, None, None)


def test_hashes_differ_by_key_client_and_kind(response: dict[str, Any], request_: HookRequest, parts: Parts) -> None:
    row = audit(response, replace(request_, user_id=request_.patient_id), parts)
    others = {
        audit(response, request_, parts, KeyedHash(b"l" * 32)).patient_hash,
        audit(response, request_, parts, caller=Caller("https://ehr.example.org", "south")).patient_hash,
        audit(response, replace(request_, patient_id="p2"), parts).patient_hash,
        row.user_hash,
    }
    assert len(others) == 4
    assert row.patient_hash not in others


def test_a_clock_that_went_backwards_is_no_negative_time(
    response: dict[str, Any], request_: HookRequest, parts: Parts
) -> None:
    assert audit_row(response, request_, SERVICE, SITE, parts, KEY, started=5.0, finished=4.0).milliseconds == 0


def test_a_silent_service_keeps_the_assessment_and_shows_no_card(
    response: dict[str, Any], request_: HookRequest, parts: Parts
) -> None:
    silent = replace(parts, settings=replace(parts.settings, mode="silent"))
    row = audit(response, request_, silent)
    assert silenced(response) == {"cards": [], "extension": response["extension"]}
    assert response["cards"]
    assert row.mode == "silent"
    assert len(row.cards) == len(response["cards"])


def test_an_answer_without_cards_is_audited_too(response: dict[str, Any], request_: HookRequest, parts: Parts) -> None:
    assert audit({"cards": []}, request_, parts).cards == ()


def test_the_key_comes_from_a_file(
    tmp_path: Path, response: dict[str, Any], request_: HookRequest, parts: Parts
) -> None:
    (tmp_path / "key").write_bytes(KEY.key or b"")
    read = KeyedHash.from_file(tmp_path / "key")
    assert audit(response, request_, parts, read).patient_hash == audit(response, request_, parts).patient_hash
