"""Contract, section 2: what a request may carry for a key, and every refusal, in its order of precedence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.settings import Settings
from tests.acceptance.fhir import (
    CRP,
    FERRITIN,
    ILD,
    NOW,
    PREDNISONE,
    SERVICE,
    Json,
    answer,
    assess,
    bundle,
    call,
    condition,
    gap_ids,
    ignored,
    obs,
    order,
    patient,
    positive,
    post,
    ref,
    rpild,
)

VIEW = f"{SERVICE}patient-view"
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
NEXT = {"link": [{"relation": "next", "url": "https://ehr.example.org/page2"}]}


def _refused(response: Any, status: int, *named: str) -> None:
    """An OperationOutcome of this status that names the keys and tells nothing of the patient or the inside."""
    assert response.status_code == status, response.text
    assert response.mimetype in ("application/fhir+json", "application/json")
    body = response.get_json()
    assert body["resourceType"] == "OperationOutcome"
    assert body["issue"][0]["severity"] in ("error", "fatal")
    assert body["issue"][0]["code"]
    for word in named:
        assert word in response.text
    for secret in ("Traceback", "SECRET", "p1", "1970-05-04"):
        assert secret not in response.text


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'"x"', b'{"a": NaN}', b'{"a": 1,}', b"\xff\xfe{}"])
def test_malformed_json_is_400(client: FlaskClient, raw: bytes) -> None:
    _refused(client.post(VIEW, data=raw, content_type="application/json"), 400)


def test_nesting_beyond_64_is_400_and_64_is_not(client: FlaskClient) -> None:
    def nested(levels: int) -> str:
        inner = "[" * (levels - 2) + "]" * (levels - 2)
        return json.dumps(call(SECRET="x"))[:-1] + f', "extension": {{"x": {inner}}}}}'

    assert client.post(VIEW, data=nested(64), content_type="application/json").status_code == 200
    _refused(client.post(VIEW, data=nested(65), content_type="application/json"), 400)


@pytest.mark.parametrize("field", ["hook", "hookInstance", "context", "context.patientId", "context.userId"])
@pytest.mark.parametrize("value", [..., None, ""])
def test_a_required_field_missing_or_empty_is_400_by_name(client: FlaskClient, field: str, value: Any) -> None:
    body = call()
    holder = body["context"] if "." in field else body
    holder[field.split(".")[-1]] = value
    if value is ...:
        del holder[field.split(".")[-1]]
    _refused(client.post(VIEW, json=body), 400, field)


@pytest.mark.parametrize("hook", ["order-sign", "order-select", "patient-view "])
def test_another_hook_is_400(client: FlaskClient, hook: str) -> None:
    _refused(client.post(VIEW, json={**call(), "hook": hook}), 400)


def test_any_text_is_a_hook_instance(client: FlaskClient) -> None:
    assert post(client, {**call(), "hookInstance": "not a uuid"}).status_code == 200


def test_authorization_without_a_server_is_400(client: FlaskClient) -> None:
    authorization = {"access_token": "SECRET", "token_type": "Bearer", "expires_in": 300, "scope": "s", "subject": "c"}
    body = {**call(), "fhirAuthorization": authorization}
    _refused(post(client, body), 400)
    # a server that need not be called is ignored, wherever it is
    assert post(client, {**body, "fhirServer": "https://evil.example.org/SECRET"}).status_code == 200


def test_another_patient_is_400(client: FlaskClient) -> None:
    _refused(post(client, call(who=patient(id="SECRET"))), 400)
    _refused(post(client, call(who=patient(id=...))), 400)


@pytest.mark.parametrize("path", ["/cds-services/unknown", "/nowhere", f"{SERVICE}patient-vieww"])
def test_unknown_is_404(client: FlaskClient, path: str) -> None:
    _refused(client.post(path, json=call()), 404)


def test_wrong_method_is_405(client: FlaskClient) -> None:
    for response in (client.get(VIEW), client.put(VIEW, json=call()), client.post("/cds-services", json={})):
        _refused(response, 405)
        assert response.headers["Allow"]


@pytest.mark.parametrize("mime", ["text/plain", "application/x-www-form-urlencoded", "application/xml", None])
def test_not_json_is_415(client: FlaskClient, mime: str | None) -> None:
    _refused(client.post(VIEW, data=json.dumps(call()), content_type=mime), 415)


@pytest.mark.parametrize("mime", ["application/json", "application/json; charset=utf-8", "application/fhir+json"])
def test_json_by_any_name(client: FlaskClient, mime: str) -> None:
    assert client.post(VIEW, data=json.dumps(call()), content_type=mime).status_code == 200


def test_a_body_over_the_limit_is_413() -> None:
    small = create_app(Settings(max_body_bytes=3000), clock=lambda: NOW).test_client()
    body = json.dumps(call()).encode()
    assert small.post(VIEW, data=body.ljust(3000), content_type="application/json").status_code == 200
    _refused(small.post(VIEW, data=body.ljust(3001), content_type="application/json"), 413)
    assert Settings().max_body_bytes == 16 * 1024 * 1024
    assert Settings().max_nesting == 64


@pytest.mark.parametrize("key", ["patient", "observations", "medications", "conditions"])
@pytest.mark.parametrize("value", [..., OUTCOME])
def test_a_required_key_that_did_not_come_is_412_by_name(client: FlaskClient, key: str, value: Any) -> None:
    _refused(post(client, call(**{key: value})), 412, key)


def test_no_prefetch_at_all_is_412_with_every_required_key(client: FlaskClient) -> None:
    for body in ({**call(), "prefetch": None}, {**call(), "prefetch": {}}):
        _refused(post(client, body), 412, "patient", "observations", "medications", "conditions")
    body = call()
    del body["prefetch"]
    _refused(post(client, body), 412)


def test_a_null_patient_is_412(client: FlaskClient) -> None:
    _refused(post(client, call(patient=None)), 412, "patient")


@pytest.mark.parametrize("who", [{}, {"resourceType": "Observation", "id": "p1"}, "p1", ["p1"], 7, patient(id=7)])
def test_a_patient_that_is_none_is_422(client: FlaskClient, who: Any) -> None:
    _refused(post(client, call(patient=who)), 422)


@pytest.mark.parametrize("key", ["allergies", "procedures", "referrals", "administrations"])
@pytest.mark.parametrize("value", [..., OUTCOME])
def test_an_optional_key_that_did_not_come_is_unknown(client: FlaskClient, key: str, value: Any) -> None:
    found = assess(client, positive(), rpild(), **{key: value})
    assert (key in gap_ids(found)) == (key != "administrations")
    assert key not in gap_ids(assess(client, positive(), rpild()))


def test_null_is_known_to_be_empty(client: FlaskClient) -> None:
    found = assess(client)
    assert found["lungDisease"]["status"] == "none"
    assert found["therapy"]["stage"] == "untreated"
    assert found["therapy"]["complete"] is True


def _wrong(**changes: Any) -> Json:
    return {**call(), **changes}


PRECEDENCE: list[tuple[int, str, str, Any]] = [
    # each is wrong in its own way and in all the later ones
    (415, "/cds-services/unknown", "text/plain", b" " * 4000),
    (413, "/cds-services/unknown", "application/json", b" " * 4000),
    (400, "/cds-services/unknown", "application/json", b"{"),
    (404, "/cds-services/unknown", "application/json", _wrong(hookInstance="", prefetch={})),
    (400, VIEW, "application/json", _wrong(hookInstance="", prefetch={})),
    (412, VIEW, "application/json", _wrong(prefetch={"patient": None})),
    (412, VIEW, "application/json", _wrong(prefetch={"observations": None})),
    (422, VIEW, "application/json", _wrong(prefetch={"patient": {"resourceType": "Observation", "id": "x"}})),
    (400, VIEW, "application/json", _wrong(prefetch={"patient": patient(id="x")})),
    (412, VIEW, "application/json", _wrong(prefetch={"patient": patient()})),
]


def test_the_first_error_wins() -> None:
    small = create_app(Settings(max_body_bytes=3000), clock=lambda: NOW).test_client()
    for status, path, mime, body in PRECEDENCE:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        _refused(small.post(path, data=data, content_type=mime), status)


# -- what a key may hold --


def test_a_lone_resource_is_used(client: FlaskClient) -> None:
    assert assess(client, observations=positive())["antiMda5"]["status"] == "positive"


def test_an_outcome_entry_that_warns_means_nothing_found(client: FlaskClient) -> None:
    def outcome(severity: str) -> Json:
        entry = {"resource": {**OUTCOME, "issue": [{"severity": severity, "code": "not-found"}]}}
        return bundle(total=0, entry=[{**entry, "search": {"mode": "outcome"}}])

    for severity in ("warning", "information"):
        found = assess(client, medications=outcome(severity), conditions=outcome(severity))
        assert (found["therapy"]["stage"], found["lungDisease"]["status"]) == ("untreated", "none")
    found = assess(client, medications=outcome("error"), conditions=outcome("fatal"))
    assert (found["therapy"]["stage"], found["lungDisease"]["status"]) == ("unknown", "unknown")
    assert {"medications", "lung-disease"} <= gap_ids(found)


PAGES = {
    "observations": (obs(FERRITIN, 100, "ng/mL"), "observations"),
    "conditions": (condition("44054006"), "lung-disease"),
    "medications": (order("1191"), "medications"),
    "allergies": ({"resourceType": "AllergyIntolerance", "id": "x"}, "allergies"),
    "procedures": ({"resourceType": "Procedure", "id": "x"}, "procedures"),
    "referrals": ({"resourceType": "ServiceRequest", "id": "x"}, "referrals"),
}


@pytest.mark.parametrize("more", [NEXT, {"total": 2}])
@pytest.mark.parametrize("key", PAGES)
def test_an_announced_page_that_cannot_be_fetched_is_a_gap(client: FlaskClient, key: str, more: Json) -> None:
    resource, gap = PAGES[key]
    assert gap in gap_ids(assess(client, positive(), rpild(), **{key: bundle(resource, **more)}))


def test_a_page_brought_along_is_no_match(client: FlaskClient) -> None:
    entries = bundle(order("1191"), total=2)
    entries["entry"].append({"resource": {"resourceType": "Medication", "id": "m"}, "search": {"mode": "include"}})
    assert "medications" in gap_ids(assess(client, positive(), rpild(), medications=entries))


def test_nothing_is_absent_on_the_ground_of_a_page(client: FlaskClient) -> None:
    low = [obs(FERRITIN, 100, "ng/mL"), obs(CRP, 1, "mg/L"), obs("82424-3", "negative")]
    found = assess(client, observations=bundle(*low, **NEXT), conditions=bundle(**NEXT), medications=bundle(**NEXT))
    assert found["antiMda5"]["status"] == found["lungDisease"]["status"] == "unknown"
    assert found["therapy"]["stage"] == "unknown"
    assert {f["id"]: f["status"] for f in found["risk"]["factors"]} == {
        "ferritin-over-1000": "unknown",
        "ferritin-over-500": "unknown",
        "crp-over-1": "unknown",
        "age-over-60": "absent",
    }
    # what is there counts
    high = bundle(obs(FERRITIN, 1500, "ng/mL"), positive(), **NEXT)
    assert assess(client, observations=high)["risk"]["level"] == "very-high"


# -- what stands in a Bundle --

BROKEN: list[tuple[str, Any]] = [
    ("observations", obs(FERRITIN, 1500, "ng/mL", subject=...)),
    ("observations", obs(FERRITIN, 1500, "ng/mL", status="finished")),
    ("observations", obs(FERRITIN, 1500, "ng/mL", effectiveDateTime="yesterday")),
    ("observations", obs(FERRITIN, 1500, "furlong")),
]


@pytest.mark.parametrize(("key", "broken"), BROKEN)
def test_a_broken_resource_is_named_and_unknown(client: FlaskClient, key: str, broken: Json) -> None:
    found = assess(client, positive(), rpild(), obs(FERRITIN, 100, "ng/mL", effectiveDateTime="2026-02-25"), broken)
    assert ref(broken) in ignored(found)
    assert found["risk"]["factors"][0]["status"] == "unknown"
    assert "ferritin" in gap_ids(found)


@pytest.mark.parametrize("junk", [7, "text", None, [], {}, {"resourceType": "Nonsense"}, {"id": "x"}])
@pytest.mark.parametrize("key", ["observations", "medications", "conditions", "allergies", "procedures"])
def test_what_is_no_resource_fails_nothing(client: FlaskClient, key: str, junk: Any) -> None:
    found = assess(client, **{key: bundle(junk)})
    assert found["population"]["status"] == "in"


@pytest.mark.parametrize(
    "subject",
    [{"reference": "Patient/other"}, {"reference": "https://ehr.example.org/fhir/Patient/other"}],
)
def test_another_patients_resource_is_named_and_makes_nothing_unknown(client: FlaskClient, subject: Json) -> None:
    own = [obs(FERRITIN, 100, "ng/mL"), obs(CRP, 2, "mg/L")]
    strange = [
        obs(FERRITIN, 5000, "ng/mL", subject=subject, effectiveDateTime="2026-03-01T09:00:00Z"),
        order(PREDNISONE, subject=subject),
        condition(ILD, subject=subject),
    ]
    found, without = assess(client, *own, *strange), assess(client, *own)
    for each in strange:
        assert "Patient/other" in ignored(found)[ref(each)]
    assert {**found, "ignored": []} == {**without, "ignored": []}


def test_without_any_subject_it_is_broken(client: FlaskClient) -> None:
    found = assess(client, order(PREDNISONE, subject=...))
    assert found["therapy"]["stage"] == "unknown"
    assert found["therapy"]["complete"] is False
    found = assess(client, condition(ILD, subject=...))
    assert found["lungDisease"]["status"] == "unknown"


def test_a_silent_patient_gets_no_card_and_the_assessment(client: FlaskClient) -> None:
    body = answer(client)
    assert body["cards"] == []
    assert body["extension"]["mda5-cds.assessment"]["asOf"] == "2026-03-01T10:00:00Z"
