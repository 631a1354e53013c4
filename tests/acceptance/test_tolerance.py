"""Contract, section 3: tolerance, time, status. The deviations of real EHRs change nothing; what decides does."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.settings import Settings
from tests.acceptance.fhir import (
    CRP,
    FERRITIN,
    LOINC,
    MDA5,
    NOW,
    PF,
    PREDNISONE,
    RPILD_TEXT,
    RXNORM,
    SERVICE,
    SNOMED,
    TACROLIMUS,
    Json,
    ago,
    allergy,
    answer,
    assess,
    bundle,
    call,
    coded,
    condition,
    day,
    given,
    ignored,
    obs,
    order,
    patient,
    positive,
    post,
    procedure,
    quantity,
    ref,
    rpild,
    service,
)

V3 = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
TIMING = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d", "boundsPeriod": {"start": day(12)}}}
DOSAGE = [{"text": "daily", "route": coded("26643006", SNOMED), "timing": TIMING}]
AMOUNT = {"dosageInstruction": [{**DOSAGE[0], "doseAndRate": [{"doseQuantity": quantity(60, "mg")}]}]}
RANGE = {"referenceRange": [{"low": quantity(10, "ng/mL"), "high": quantity(200, "ng/mL")}]}
CHART: list[Json] = [
    obs({**coded(MDA5), "text": "Anti-MDA5"}, "Positive", id="mda5", interpretation=[coded("POS", V3)]),
    obs(FERRITIN, 1500, "ng/mL", id="ferritin", issued=ago(1), **RANGE),
    obs({"text": "panel"}, id="panel", component=[{"code": coded(CRP), "valueQuantity": quantity(19, "mg/L")}]),
    obs(PF, 80, "mm[Hg]", id="pf"),
    condition(RPILD_TEXT, id="ild", onsetDateTime=day(25)),
    order(PREDNISONE, id="gc", **AMOUNT),
    order({"coding": [{"system": RXNORM, "code": "198377", "display": "tacrolimus"}]}, id="tac", authoredOn=day(12)),
    procedure("40617009", id="vent", performedDateTime=..., performedPeriod={"start": ago(2)}),
    allergy("68149", id="mmf", criticality="high", type="allergy", recordedDate=day(100)),
    service("Home oxygen therapy", id="oxygen", authoredOn=day(5)),
    given("3002", id="cyc", effectiveDateTime=ago(5)),
]


def _everywhere(change: Callable[[Any], Any], value: Any) -> Any:
    """The value with `change` made to every object and list in it, innermost first."""
    if isinstance(value, dict):
        return change({name: _everywhere(change, member) for name, member in value.items()})
    if isinstance(value, list):
        return change([_everywhere(change, member) for member in value])
    return value


def _vendor(value: Any) -> Any:
    junk = {"vendorField": {"a": [1]}, "_id": None, "x": "y"}
    return {**value, **junk} if isinstance(value, dict) else value


def _null_and_empty(value: Any) -> Any:
    return {**value, "n": None, "e": "", "l": [], "o": {}, "note": None} if isinstance(value, dict) else value


def _null_in_lists(value: Any) -> Any:
    return [None, *value, {}, ""] if isinstance(value, list) else value


def _object_for_list(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) else value


def _side(value: Any) -> Any:
    """Side issues gone wrong in every resource: none of them decides."""
    if not (isinstance(value, dict) and "resourceType" in value):
        return value
    broken = {"text": "no narrative", "meta": [], "extension": "x", "encounter": 7, "performer": "Dr", "language": 1}
    return {**value, **broken, "category": {"text": "laboratory"}, "note": "free text", "identifier": {"value": 9}}


@pytest.mark.parametrize("change", [_vendor, _null_and_empty, _null_in_lists, _object_for_list, _side])
def test_harmless_deviations_change_nothing(client: FlaskClient, change: Callable[[Any], Any]) -> None:
    plain = call(*CHART)
    odd = {**plain, "prefetch": _everywhere(change, plain["prefetch"])}
    odd["prefetch"]["patient"] = plain["prefetch"]["patient"]
    expected, found = post(client, plain).get_json(), post(client, odd).get_json()
    assert found == expected
    assert expected["extension"]["mda5-cds.assessment"]["therapy"]["stage"] == "escalated"


def test_the_patients_deviations_change_nothing(client: FlaskClient) -> None:
    odd = patient(name=None, telecom=[], photo="x", contact={}, vendor=1, gender=" female ", deceasedBoolean="false")
    assert assess(client, *CHART, who=odd) == assess(client, *CHART)


@pytest.mark.parametrize("own", ["p_1", "P.1-x", "x" * 80])
def test_ids_with_underscore_or_too_long(client: FlaskClient, own: str) -> None:
    moved = [{**each, "id": f"{each['id']}_{own}"} for each in CHART]
    for each in moved:
        each["patient" if each["resourceType"] == "AllergyIntolerance" else "subject"] = {"reference": f"Patient/{own}"}
    found = assess(client, *moved, who=patient(id=own), context={"patientId": own})
    assert found["therapy"]["stage"] == "escalated"
    assert "ignored" not in found


@pytest.mark.parametrize("missing", [("type",), ("type", "resourceType"), ("type", "total", "link")])
def test_a_bundle_without_a_type(client: FlaskClient, missing: tuple[str, ...]) -> None:
    body = call(*CHART)
    for found in body["prefetch"].values():
        if found and found["resourceType"] == "Bundle":
            for name in missing:
                found.pop(name, None)
    assert post(client, body).get_json() == answer(client, *CHART)


def test_order_and_duplicates_change_nothing(client: FlaskClient) -> None:
    expected = answer(client, *CHART)
    assert answer(client, *reversed(CHART)) == expected
    assert answer(client, *CHART, *copy.deepcopy(CHART)) == expected


def test_unknown_keys_are_ignored(client: FlaskClient) -> None:
    body = call(*CHART, vitals=bundle(obs(FERRITIN, 9, "ng/mL")), other=None)
    body |= {
        "extension": {"com.epic.cdshooks.request.bpa-trigger-action": 23, "mda5-cds.as-of": "2020-01-01T00:00:00Z"}
    }
    body["context"]["vendor"] = {"x": [None]}
    assert post(client, body).get_json() == answer(client, *CHART)


def test_older_shapes_of_a_dose(client: FlaskClient) -> None:
    older = order(TACROLIMUS, dosageInstruction={"doseQuantity": quantity(2, "mg"), "timing": TIMING})
    assert assess(client, older)["therapy"]["agents"][0]["agent"] == "tacrolimus"


def test_a_modifier_extension_is_not_passed_over(client: FlaskClient) -> None:
    changed = order(TACROLIMUS, modifierExtension=[{"url": "https://x", "valueBoolean": True}])
    found = assess(client, changed)
    assert ref(changed) in ignored(found)
    assert found["therapy"]["complete"] is False


# -- orders before a drug is chosen --


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
@pytest.mark.parametrize(
    "context",
    [
        {},
        {"draftOrders": None},
        {"draftOrders": bundle()},
        {"draftOrders": {"resourceType": "Bundle"}},
        {"draftOrders": bundle(order(..., status="draft", id="d1")), "selections": ["MedicationRequest/d1"]},
        {"draftOrders": bundle(order(..., status="draft")), "selections": []},
    ],
)
def test_an_order_hook_without_a_drug_is_empty(client: FlaskClient, hook: str, context: Json) -> None:
    response = post(client, call(positive(), rpild(), hook=hook, context=context))
    assert response.status_code == 200
    assert response.get_json()["cards"] == []


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_a_draft_for_another_patient_is_400(client: FlaskClient, hook: str) -> None:
    strange = order(TACROLIMUS, status="draft", id="d1", subject={"reference": "Patient/other"})
    context = {"draftOrders": bundle(strange), "selections": ["MedicationRequest/d1"]}
    response = post(client, call(hook=hook, context=context))
    assert response.status_code == 400
    assert response.get_json()["resourceType"] == "OperationOutcome"


# -- time --


def _zoned(tmp_path: Path, zone: str, now: datetime = NOW) -> FlaskClient:
    policy = tmp_path / "policy.toml"
    policy.write_text(f'zone = "{zone}"\n')
    return create_app(Settings(policy=policy), clock=lambda: now).test_client()


@pytest.mark.parametrize("form", ["2026-03-01T{}:00:00", "2026-03-01T{}:00", "2026-03-01T{}:00:00.000"])
def test_a_time_without_a_zone_is_the_sites(client: FlaskClient, tmp_path: Path, form: str) -> None:
    def status(by: FlaskClient, hour: str) -> str:
        found = assess(by, obs(FERRITIN, 1500, "ng/mL", effectiveDateTime=form.format(hour)))
        return str(found["risk"]["factors"][0]["status"])

    madrid = _zoned(tmp_path, "Europe/Madrid")  # an hour before UTC
    assert (status(client, "10"), status(client, "11")) == ("present", "unknown")
    assert (status(madrid, "11"), status(madrid, "12")) == ("present", "unknown")


def test_days_of_therapy_are_calendar_days_of_the_site(client: FlaskClient, tmp_path: Path) -> None:
    now = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)  # the second of March in Madrid
    orders = [order(PREDNISONE, authoredOn="2026-02-20"), order(TACROLIMUS, authoredOn="2026-02-22")]
    for zone, days in (("UTC", 7), ("Europe/Madrid", 8)):
        assert assess(_zoned(tmp_path, zone, now), *orders)["therapy"]["daysOnCombination"] == days


FUTURE = [
    obs(FERRITIN, 1500, "ng/mL", effectiveDateTime="2026-03-02"),
    condition(RPILD_TEXT, recordedDate="2026-03-02"),
    condition(RPILD_TEXT, onsetDateTime="2026-04"),
    order(PREDNISONE, authoredOn="2026-03-02"),
    given("3002", effectiveDateTime="2026-03-02"),
    procedure("40617009", performedDateTime="2026-03-01T10:06:00Z"),
    allergy(TACROLIMUS, recordedDate="2027-01-01"),
]


@pytest.mark.parametrize("later", FUTURE)
def test_what_is_later_never_counts_and_is_named(client: FlaskClient, later: Json) -> None:
    found, without = assess(client, later), assess(client)
    assert set(ignored(found)) == {ref(later)}
    assert {**found, "ignored": []} == {**without, "ignored": []}


def test_the_as_of_extension_only_where_it_is_allowed(client: FlaskClient) -> None:
    body = {**call(*CHART), "extension": {"mda5-cds.as-of": "2026-02-01T10:00:00+01:00"}}
    assert post(client, body).get_json()["extension"]["mda5-cds.assessment"]["asOf"] == "2026-03-01T10:00:00Z"
    allowed = create_app(Settings(allow_as_of=True), clock=lambda: NOW).test_client()
    found = post(allowed, body).get_json()["extension"]["mda5-cds.assessment"]
    assert found["asOf"] == "2026-02-01T09:00:00Z"
    assert found["risk"]["factors"][0]["status"] == "unknown"
    for wrong in ("2026-02-01", "soon", 7):
        body["extension"]["mda5-cds.as-of"] = wrong
        assert allowed.post(f"{SERVICE}patient-view", json=body).status_code == 400


def test_a_duplicate_id_with_two_contents_is_decided_by_its_last_update(client: FlaskClient) -> None:
    first = obs(FERRITIN, 100, "ng/mL", id="same", meta={"lastUpdated": ago(2)})
    second = obs(FERRITIN, 1500, "ng/mL", id="same", meta={"lastUpdated": ago(1)})
    assert assess(client, first, second)["risk"]["level"] == "very-high"
    del first["meta"]
    found = assess(client, first, second)
    assert "Observation/same" in ignored(found)
    assert found["risk"]["factors"][0]["status"] == "unknown"


def test_code_systems_as_feeds_write_them(client: FlaskClient) -> None:
    for system in (LOINC, f"{LOINC}/", "https://loinc.org", "urn:oid:2.16.840.1.113883.6.1"):
        assert assess(client, obs(coded(FERRITIN, system), 1500, "ng/mL"))["risk"]["level"] == "very-high"
    for system in (RXNORM, "https://www.nlm.nih.gov/research/umls/rxnorm", "urn:oid:2.16.840.1.113883.6.88"):
        assert assess(client, order(coded(TACROLIMUS, system)))["therapy"]["stage"] == "incomplete"
    assert assess(client, order(coded(TACROLIMUS, "https://other.example.org")))["therapy"]["complete"] is False


@pytest.mark.parametrize("system", [{}, {"system": None}, {"system": "LN"}, {"system": "https://lab.example.org"}])
def test_a_loinc_code_without_its_system_is_unreadable(client: FlaskClient, system: Json) -> None:
    old = obs(FERRITIN, 100, "ng/mL", effectiveDateTime=ago(5))
    bare = obs({"coding": [{"code": FERRITIN, **system}]}, 1500, "ng/mL")
    found = assess(client, old, bare)
    assert ref(bare) in ignored(found)
    assert found["risk"]["factors"][0]["status"] == "unknown"
    other = obs({"coding": [{"code": FERRITIN, **system, "display": "Haemoglobin"}]}, 15, "g/dL")
    assert assess(client, old, other) == assess(client, old)
