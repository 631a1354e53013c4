"""CDS Hooks JSON → HookRequest: required fields, tolerated deviations, the four answers of a prefetch key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from service.discovery import SERVICE_OF_HOOK
from service.errors import InvalidField, MissingField, NotAPatient
from service.prefetch import KEYS
from service.settings import Settings
from service.wire import HookRequest, PrefetchAnswer, decode_request

PATIENT = {"resourceType": "Patient", "id": "p1"}


def body(hook: str = "patient-view", **changes: Any) -> dict[str, Any]:
    """A complete call of `hook`."""
    call: dict[str, Any] = {
        "hook": hook,
        "hookInstance": "any text",
        "context": {"patientId": "p1", "userId": "Practitioner/1", "encounterId": "e1"},
        "prefetch": {"patient": PATIENT},
    }
    return call | changes


def decode(call: dict[str, Any], settings: Settings | None = None, hook: str = "patient-view") -> HookRequest:
    return decode_request(call, SERVICE_OF_HOOK[hook], settings or Settings())


def test_a_complete_call_is_read() -> None:
    request = decode(body(fhirServer="https://ehr.example.org/fhir", fhirAuthorization={"access_token": "secret-1"}))
    assert request.hook == "patient-view"
    assert request.hook_instance == "any text"
    assert request.patient_id == "p1"
    assert request.user_id == "Practitioner/1"
    assert request.encounter_id == "e1"
    assert request.fhir_server == "https://ehr.example.org/fhir"
    assert request.access_token == "secret-1"
    assert request.as_of is None
    assert "secret-1" not in repr(request)


@pytest.mark.parametrize("field", ["hook", "hookInstance", "context"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_field_is_named(field: str, value: object) -> None:
    with pytest.raises((MissingField, InvalidField), match=field):
        decode(body() | {field: value})
    call = body()
    del call[field]
    with pytest.raises(MissingField, match=f"^{field} is required$"):
        decode(call)


@pytest.mark.parametrize("field", ["hook", "hookInstance", "context", "prefetch", "fhirServer", "fhirAuthorization"])
@pytest.mark.parametrize("value", [7, True, ["x"]])
def test_a_mistyped_field_is_named(field: str, value: object) -> None:
    with pytest.raises(InvalidField, match=field):
        decode(body() | {field: value})


@pytest.mark.parametrize("hook", SERVICE_OF_HOOK)
@pytest.mark.parametrize("field", ["patientId", "userId"])
@pytest.mark.parametrize("value", [None, "", "  ", 5, {"reference": "Patient/1"}])
def test_the_context_of_every_hook_names_patient_and_user(hook: str, field: str, value: object) -> None:
    call = body(hook)
    call["context"][field] = value
    with pytest.raises((MissingField, InvalidField), match=rf"context\.{field}"):
        decode(call, hook=hook)


def test_the_hook_has_to_be_the_services() -> None:
    with pytest.raises(InvalidField, match="this service answers order-sign only") as caught:
        decode(body("patient-view"), hook="order-sign")
    assert "patient-view" not in caught.value.diagnostics


@pytest.mark.parametrize("authorization", [{}, {"access_token": "t"}])
def test_authorization_without_a_server_is_refused(authorization: dict[str, str]) -> None:
    with pytest.raises(InvalidField, match="fhirAuthorization is given without fhirServer"):
        decode(body(fhirAuthorization=authorization))


@pytest.mark.parametrize(
    "authorization",
    [
        {"expires_in": "soon"},
        {"access_token": None},
        {"access_token": ""},
        {"access_token": 7},
        {"access_token": "two words"},
        {"access_token": "line\r\nX-Other: 1"},
        {"access_token": "tök"},
        {"access_token": "t", "token_type": "mac"},
        {"access_token": "t", "token_type": ["Bearer"]},
    ],
)
def test_a_token_that_cannot_be_sent_is_none(authorization: dict[str, Any]) -> None:
    request = decode(body(fhirServer="https://ehr.example.org", fhirAuthorization=authorization))
    assert request.access_token is None


@pytest.mark.parametrize("kind", ["Bearer", "bearer"])
def test_a_bearer_token_is_kept_for_the_call(kind: str) -> None:
    authorization = {"access_token": "a.b-c_d", "token_type": kind}
    assert decode(body(fhirServer="https://ehr.example.org", fhirAuthorization=authorization)).access_token == "a.b-c_d"


def test_null_and_empty_optional_fields_are_absent() -> None:
    call = body(fhirServer="", fhirAuthorization=None, prefetch=None, extension=None)
    call["context"]["encounterId"] = None
    request = decode(call)
    assert (request.fhir_server, request.access_token, request.encounter_id) == (None, None, None)
    assert {answer.status for answer in request.prefetch.values()} == {"missing"}


def test_unknown_extensions_and_fields_are_let_be() -> None:
    request = decode(body(extension={"com.epic.trigger": {"code": "1"}}, unknown=[None]))
    assert request.extension == {"com.epic.trigger": {"code": "1"}}


def test_an_extension_that_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidField, match="extension must be an object"):
        decode(body(extension=[{"url": "x"}]))


def test_the_four_answers_of_a_prefetch_key() -> None:
    bundle = {"resourceType": "Bundle", "type": "searchset"}
    prefetch: dict[str, object] = {
        "patient": PATIENT,
        "observations": bundle,
        "medications": None,
        "conditions": {"resourceType": "OperationOutcome", "issue": []},
        "allergies": [],
        "unknown": 7,
    }
    answers = decode(body(prefetch=prefetch)).prefetch
    assert set(answers) == set(KEYS)
    assert answers["patient"] == PrefetchAnswer("given", PATIENT)
    assert answers["observations"] == PrefetchAnswer("given", bundle)
    assert answers["medications"] == PrefetchAnswer("empty")
    assert answers["conditions"].status == "failed"
    assert answers["conditions"].value is None
    assert answers["allergies"].status == "failed"
    assert answers["referrals"] == PrefetchAnswer("missing")


@pytest.mark.parametrize("value", ["Patient/p1", 7, True, [PATIENT]])
def test_a_patient_that_is_no_object_is_no_patient(value: object) -> None:
    with pytest.raises(NotAPatient, match=r"prefetch\.patient"):
        decode(body(prefetch={"patient": value}))


def test_fields_are_judged_before_the_patient() -> None:
    with pytest.raises(MissingField, match="hookInstance"):
        decode(body(hookInstance=None, prefetch={"patient": 7}))


@pytest.mark.parametrize(
    "context", [{}, {"draftOrders": None, "selections": None}, {"draftOrders": {}, "selections": []}]
)
@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_an_order_hook_may_lack_its_orders(hook: str, context: dict[str, object]) -> None:
    call = body(hook)
    call["context"] |= context
    assert decode(call, hook=hook).hook == hook


@pytest.mark.parametrize(
    ("field", "value"),
    [("draftOrders", "x"), ("draftOrders", []), ("selections", "x"), ("selections", [1]), ("selections", {})],
)
def test_orders_of_the_wrong_type_are_refused(field: str, value: object) -> None:
    call = body("order-select")
    call["context"][field] = value
    with pytest.raises(InvalidField, match=rf"context\.{field}"):
        decode(call, hook="order-select")


def as_of(value: object, allow: bool = True) -> datetime | None:
    """The instant that a call carries in the extension `mda5-cds.as-of`."""
    return decode(body(extension={"mda5-cds.as-of": value}), Settings(allow_as_of=allow)).as_of


def test_as_of_counts_only_where_it_is_allowed() -> None:
    assert as_of("2026-03-01T10:00:00Z") == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert as_of("2026-03-01T10:00:00.5+01:00") == datetime(
        2026, 3, 1, 10, 0, 0, 500_000, tzinfo=timezone(timedelta(hours=1))
    )
    assert as_of(None) is None
    assert as_of("2026-03-01T10:00:00Z", allow=False) is None
    assert as_of("nonsense", allow=False) is None


@pytest.mark.parametrize(
    "value",
    [
        *("", "now", "2026-03-01", "2026-03-01T10:00:00", 1772359200, {}, "2026-13-01T10:00:00Z"),
        "0999-12-31T00:00:00Z",
        "9000-01-01T00:00:00Z",
    ],
)
def test_as_of_has_to_be_an_instant_with_its_zone(value: object) -> None:
    with pytest.raises(InvalidField, match=r"mda5-cds\.as-of must be an ISO 8601 instant"):
        as_of(value)
