"""Contract, sections 2 and 5: what the prefetch lacks comes from a real FHIR server, and the answer is the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

import fixtures
from tests.acceptance.ehr import (
    KEYS,
    OPTIONAL,
    admitted,
    ask,
    assessment,
    chart,
    lacking,
    replaced,
    service,
    story,
)
from tests.acceptance.fhir import (
    CYCLOPHOSPHAMIDE,
    FERRITIN,
    NOW,
    PREDNISONE,
    RXNORM,
    TACROLIMUS,
    Json,
    ago,
    allergy,
    bundle,
    cards,
    coded,
    condition,
    gap_ids,
    given,
    ignored,
    obs,
    order,
    patient,
    positive,
    procedure,
    rpild,
)
from tests.acceptance.fhir import service as referral
from tests.fhir_server import PATIENT_ID, SECOND_TOKEN, FhirServer

pytestmark = pytest.mark.no_cover

NO_VALUE = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
SUBSETS = tuple(chain.from_iterable(combinations(KEYS, size) for size in range(1, len(KEYS) + 1)))
BASE = (patient(), positive(), rpild())
LOCALLY_CODED = "spanish-chart"


@pytest.fixture(scope="module")
def client(fhir_server: FhirServer) -> FlaskClient:
    """The service, with the real server on its allow list, and time enough on a busy machine."""
    return service(fhir_server.base, fhir_budget_seconds=30.0)


@pytest.fixture(scope="module")
def templates(client: FlaskClient) -> dict[str, str]:
    """The prefetch templates, as discovery tells them."""
    found: dict[str, str] = client.get("/cds-services").get_json()["services"][0]["prefetch"]
    return found


@pytest.fixture(scope="module")
def every_key(fhir_server: FhirServer) -> Json:
    """A patient for whom each of the eight keys decides; one order names its drug by reference."""
    told = fixtures.story("refractory")
    lines: dict[str, Any] = {
        "allergies": [{"drug": "tofacitinib", "criticality": "high", "recorded": -600}],
        "procedures": [{"what": "plasmapheresis", "start": -5, "end": -3, "status": "completed"}],
        "referrals": [{"what": "transplant-referral", "day": -5, "status": "active"}],
        # it is known by its administration alone
        "orders": [line for line in told.lines["orders"] if line["drug"] != "cyclophosphamide"],
    }
    request = replace(told, name="every-key", lines={**told.lines, **lines}).render(NOW)
    searchset = request["prefetch"]["medications"]
    tacrolimus = next(e["resource"] for e in searchset["entry"] if "tacrolimus" in e["resource"]["id"])
    drug = medication("every-key-drug", tacrolimus.pop("medicationCodeableConcept"))
    tacrolimus["medicationReference"] = {"reference": "Medication/every-key-drug"}
    searchset["entry"].append({"resource": drug, "search": {"mode": "include"}})
    return admitted(fhir_server, request)


@pytest.fixture(scope="module")
def full(client: FlaskClient, every_key: Json) -> Json:
    """The answer to that patient's whole prefetch."""
    return ask(client, every_key)


def medication(own_id: str, what: Json) -> Json:
    return {"resourceType": "Medication", "id": own_id, "code": what}


def by_reference(reference: str, /, **more: Any) -> Json:
    """An order whose drug another resource tells."""
    return order("", medicationCodeableConcept=..., medicationReference={"reference": reference}, **more)


def stage(client: FlaskClient, request: Json) -> str:
    found: str = assessment(client, request)["therapy"]["stage"]
    return found


# --- any subset of keys ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS)
def test_each_key_decides_for_that_patient(client: FlaskClient, every_key: Json, full: Json, key: str) -> None:
    """Else the next test could not see a key that was not fetched, or came back empty."""
    for value in (None, NO_VALUE):
        changed = client.post(f"/cds-services/mda5-rpild-{every_key['hook']}", json=replaced(every_key, **{key: value}))
        assert changed.status_code != 200 or changed.get_json()["cards"] != full["cards"]


@pytest.mark.load
@pytest.mark.parametrize("missing", SUBSETS, ids="+".join)
def test_whatever_is_missing_the_answer_is_the_same(
    client: FlaskClient, fhir_server: FhirServer, every_key: Json, full: Json, missing: tuple[str, ...]
) -> None:
    assert ask(client, lacking(fhir_server, every_key, *missing)) == full


@pytest.mark.parametrize("name", [name for name in fixtures.names() if name != LOCALLY_CODED])
def test_every_story_is_answered_alike(client: FlaskClient, fhir_server: FhirServer, name: str) -> None:
    whole = story(fhir_server, name)
    full = ask(client, whole)
    assert full["extension"]["mda5-cds.assessment"]
    for missing in (KEYS, OPTIONAL):
        assert ask(client, lacking(fhir_server, whole, *missing)) == full, missing


def test_a_result_under_a_local_code_is_found_where_the_policy_names_the_code(
    tmp_path: Path, client: FlaskClient, fhir_server: FhirServer
) -> None:
    """The query asks by code, as the EHR does for its prefetch; what it cannot find is unknown, never absent."""
    whole = story(fhir_server, LOCALLY_CODED)
    local_site = site(tmp_path, fhir_server, "AMDA5", system="https://ehr.example.org/laboratory")
    assert ask(local_site, lacking(fhir_server, whole, *KEYS)) == ask(local_site, whole)
    assert assessment(local_site, whole)["antiMda5"]["status"] == "positive"
    assert assessment(client, lacking(fhir_server, whole, *KEYS))["antiMda5"]["status"] == "unknown"


def test_no_prefetch_at_all(client: FlaskClient, fhir_server: FhirServer, every_key: Json) -> None:
    bare = lacking(fhir_server, every_key, *KEYS)
    for absent in ({key: value for key, value in bare.items() if key != "prefetch"}, {**bare, "prefetch": None}):
        assert ask(client, absent) == ask(client, every_key)


def test_what_the_ehr_would_have_sent_is_what_is_fetched(
    client: FlaskClient, fhir_server: FhirServer, every_key: Json, templates: dict[str, str]
) -> None:
    sent = fhir_server.prefetch(templates, "every-key")
    assert ask(client, {**every_key, "prefetch": sent, **server_of(fhir_server)}) == ask(client, every_key)
    with fhir_server.arrivals() as arrivals:
        ask(client, lacking(fhir_server, every_key, *KEYS))
    asked = {arrival.path: {**arrival.query, **arrival.form} for arrival in arrivals}
    assert asked["Patient/every-key"] == {}
    codes = templates["observations"].split("code=")[1].split("&")[0]
    assert asked["Observation"] == {"patient": "every-key", "code": codes, "_sort": "-date", "_count": "500"}
    for kind in ("MedicationRequest", "Condition", "AllergyIntolerance", "Procedure", "ServiceRequest"):
        assert asked[kind] == {"patient": "every-key"}
    assert asked["MedicationAdministration"] == {"patient": "every-key"}
    assert {arrival.status for arrival in arrivals} == {200}
    assert len(arrivals) == len(templates) + 1, "each query once, and the one Medication"


def server_of(fhir_server: FhirServer) -> Json:
    whole = lacking(fhir_server, {"prefetch": {}})
    return {name: whole[name] for name in ("fhirServer", "fhirAuthorization")}


def test_only_what_is_missing_is_asked_for(client: FlaskClient, fhir_server: FhirServer, every_key: Json) -> None:
    with fhir_server.arrivals() as arrivals:
        ask(client, lacking(fhir_server, every_key, "conditions", "allergies"))
    assert {arrival.path for arrival in arrivals} == {"Condition", "AllergyIntolerance"}
    with fhir_server.arrivals() as arrivals:
        ask(client, lacking(fhir_server, every_key))
    assert arrivals == [], "nothing is missing"


def test_two_calls_at_once_about_two_patients_stay_apart(client: FlaskClient, fhir_server: FhirServer) -> None:
    names = ("refractory", "untreated", "ecmo", "another-disease")
    whole = {name: ask(client, story(fhir_server, name)) for name in names}
    for name in (*names, *reversed(names)):
        assert ask(client, lacking(fhir_server, story(fhir_server, name), *KEYS)) == whole[name]


def test_a_patient_id_is_encoded_for_the_url(client: FlaskClient, fhir_server: FhirServer) -> None:
    """An id that is no FHIR id cannot become another query, another parameter or another path."""
    whole = chart(fhir_server, *BASE)
    for patient_id in ("x/../untreated", "x?_id=untreated", "x&patient=untreated", "x#y", "x%2F..%2Funtreated", "é,ü"):
        request = lacking(fhir_server, whole, *KEYS)
        request = {**request, "context": {**request["context"], "patientId": patient_id}}
        with fhir_server.arrivals() as arrivals:
            response = client.post("/cds-services/mda5-rpild-patient-view", json=request)
        assert response.status_code == 412
        # the server's log shows paths decoded: what it made of a read shows in its status
        assert {each.status for each in arrivals if each.path.startswith("Patient")} <= {400, 404}
        searches = [each.query for each in arrivals if not each.path.startswith("Patient")]
        assert len(searches) == len(KEYS) - 1
        assert {query["patient"] for query in searches} == {patient_id}
        assert {name for query in searches for name in query} == {"patient", "code", "_sort", "_count"}


# --- null, outcomes, and calls that need nothing ---------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS[1:])
def test_null_is_an_answer_and_is_not_asked_again(
    client: FlaskClient, fhir_server: FhirServer, every_key: Json, key: str
) -> None:
    without_server = ask(client, replaced(every_key, **{key: None}))
    with fhir_server.arrivals() as arrivals:
        assert ask(client, replaced(lacking(fhir_server, every_key), **{key: None})) == without_server
    assert arrivals == []


@pytest.mark.parametrize("key", OPTIONAL)
def test_a_failure_of_the_ehr_is_unknown_and_is_not_asked_again(
    client: FlaskClient, fhir_server: FhirServer, every_key: Json, key: str
) -> None:
    without_server = ask(client, replaced(every_key, **{key: NO_VALUE}))
    with fhir_server.arrivals() as arrivals:
        assert ask(client, replaced(lacking(fhir_server, every_key), **{key: NO_VALUE})) == without_server
    assert arrivals == []


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def paged(fhir_server: FhirServer) -> Json:
    """A chart of two pages of 20 for each key: what decides was written last, or is the oldest, and ends the second."""
    noise: Iterator[Json] = chain(
        (obs(FERRITIN, 300 + n, "ng/mL", effectiveDateTime=ago(2, minutes=n)) for n in range(25)),
        (order(coded("5640", RXNORM, text="ibuprofen"), status="stopped") for _ in range(25)),
        (condition("Hypertension") for _ in range(25)),
        (procedure("Dressing of a wound") for _ in range(25)),
        (referral("Podiatry") for _ in range(25)),
        (allergy(coded("1191", RXNORM, text="aspirin")) for _ in range(25)),
        (given(coded("5640", RXNORM, text="ibuprofen")) for _ in range(25)),
    )
    decides = (
        positive(effectiveDateTime=ago(20)),
        order(PREDNISONE, authoredOn=ago(20)),
        order(TACROLIMUS, authoredOn=ago(20)),
        rpild(),
        procedure("233573008", status="in-progress", performedDateTime=..., performedPeriod={"start": ago(1)}),
        referral("Referral for lung transplant evaluation"),
        allergy(..., criticality="high"),  # to what is not said: nothing is known to be no allergy
        given(CYCLOPHOSPHAMIDE, effectiveDateTime=ago(18)),
    )
    return chart(fhir_server, patient(), *noise, *decides)


def first_page(fhir_server: FhirServer, templates: dict[str, str], key: str, request: Json) -> Json:
    """What the server answers to the template of a key when it is asked for 20 at a time: half of the chart."""
    page = fhir_server.ask(f"{templates[key].replace(PATIENT_ID, request['context']['patientId'])}&_count=20")
    assert "next" in {link["relation"] for link in page["link"]}
    assert len(page["entry"]) == 20
    return page


def test_the_next_pages_of_our_own_searches_are_read(client: FlaskClient, fhir_server: FhirServer, paged: Json) -> None:
    full = ask(client, paged)
    found = full["extension"]["mda5-cds.assessment"]
    assert (found["antiMda5"]["status"], found["therapy"]["stage"]) == ("positive", "combination")
    with fhir_server.arrivals() as arrivals:
        assert ask(client, lacking(fhir_server, paged, *KEYS)) == full
    # all but the Patient, and the Observations, of which 500 stand on a page
    assert sorted(Counter(arrival.path for arrival in arrivals).values()) == [1, 1, 2, 2, 2, 2, 2, 2]


@pytest.mark.parametrize("key", KEYS[1:])
def test_the_next_pages_of_a_prefetched_bundle_are_read(
    client: FlaskClient, fhir_server: FhirServer, paged: Json, templates: dict[str, str], key: str
) -> None:
    full = ask(client, paged)
    first = first_page(fhir_server, templates, key, paged)
    assert ask(client, replaced(lacking(fhir_server, paged), **{key: first})) == full
    cut = {name: value for name, value in first.items() if name not in ("link", "total")}
    assert ask(client, replaced(paged, **{key: cut})) != full, "the second page decides"


@pytest.mark.parametrize("key", KEYS[1:])
def test_pages_that_cannot_be_fetched_are_a_gap_and_call_nothing_absent(
    client: FlaskClient, fhir_server: FhirServer, paged: Json, templates: dict[str, str], key: str
) -> None:
    first = first_page(fhir_server, templates, key, paged)
    cut = replaced(lacking(fhir_server, paged), **{key: first})
    for request in (
        lacking(fhir_server, cut, token=None),
        lacking(fhir_server, cut, token="not-a-token-of-this-server"),
        lacking("https://elsewhere.example.org/fhir", cut),
    ):
        found = assessment(client, request)
        gaps = gap_ids(found)
        if key == "observations":
            assert key in gaps
            assert found["antiMda5"]["status"] == "unknown"
        elif key == "medications":
            assert key in gaps
            assert found["therapy"]["stage"] == "unknown"
        elif key == "conditions":
            assert found["lungDisease"]["status"] == "unknown"
        elif key == "procedures":
            assert key in gaps
            assert found["respiratoryFailure"]["lifeThreatening"] == "unknown"
        elif key != "administrations":
            assert key in gaps


def many_results(server: FhirServer, total: int) -> Json:
    """A chart with so many Observations on the server, of which the oldest decides."""
    name = f"{total} results"
    if name not in server.loaded:
        ferritins = (obs(FERRITIN, 400, "ng/mL", effectiveDateTime=ago(1, minutes=n)) for n in range(total - 1))
        oldest = positive(effectiveDateTime=ago(20))
        server.loaded[name] = chart(server, patient(), rpild(), *ferritins, oldest)
    request: Json = server.loaded[name]
    return request


@pytest.mark.parametrize(("total", "pages"), [(500, 1), (501, 2)])
def test_observations_come_by_500(client: FlaskClient, fhir_server: FhirServer, total: int, pages: int) -> None:
    whole = many_results(fhir_server, total)
    full = ask(client, whole)
    assert full["extension"]["mda5-cds.assessment"]["antiMda5"]["status"] == "positive"
    with fhir_server.arrivals() as arrivals:
        assert ask(client, lacking(fhir_server, whole, "observations")) == full
    assert len(arrivals) == pages


# --- Medications -----------------------------------------------------------------------------------------------------

TACROLIMUS_TOLD = coded(TACROLIMUS, RXNORM)


def test_a_medication_on_the_server_decides_the_stage(client: FlaskClient, fhir_server: FhirServer) -> None:
    fhir_server.write(medication("tac", TACROLIMUS_TOLD), medication("gc", coded(PREDNISONE, RXNORM)))
    orders = (by_reference("Medication/tac"), by_reference("Medication/gc"))
    whole = chart(fhir_server, *BASE, *orders)
    # prefetched without its Medications, or not prefetched
    for missing in ((), ("medications",), KEYS):
        assert stage(client, lacking(fhir_server, whole, *missing)) == "combination"
    # nothing to resolve it with: an order that cannot be read
    assert stage(client, lacking(fhir_server, whole, token=None)) == "unknown"


@pytest.mark.parametrize("form", ["{base}/Medication/tac-forms", "Medication/tac-forms/_history/1"])
def test_a_reference_may_be_absolute_or_versioned(client: FlaskClient, fhir_server: FhirServer, form: str) -> None:
    fhir_server.write(medication("tac-forms", TACROLIMUS_TOLD))
    reference = form.format(base=fhir_server.base)
    whole = chart(fhir_server, *BASE, by_reference(reference), order(PREDNISONE))
    assert stage(client, lacking(fhir_server, whole, "medications")) == "combination"


def test_a_medication_of_another_server_is_not_looked_for_here_or_there(
    client: FlaskClient, fhir_server: FhirServer
) -> None:
    fhir_server.write(medication("tac-elsewhere", TACROLIMUS_TOLD))
    elsewhere = by_reference("https://elsewhere.example.org/fhir/Medication/tac-nowhere")
    whole = chart(fhir_server, *BASE, elsewhere, order(PREDNISONE))
    assert stage(client, lacking(fhir_server, whole, "medications")) == "unknown"


def test_a_medication_that_is_not_there_leaves_the_order_unreadable(
    client: FlaskClient, fhir_server: FhirServer
) -> None:
    whole = chart(fhir_server, *BASE, by_reference("Medication/nobody-has-it"), order(PREDNISONE))
    found = assessment(client, lacking(fhir_server, whole, "medications"))
    assert found["therapy"]["stage"] == "unknown"
    assert "medications" in gap_ids(found)
    assert [name for name in ignored(found) if name.startswith("MedicationRequest/")]


def test_a_medication_made_of_another(client: FlaskClient, fhir_server: FhirServer) -> None:
    made = {"ingredient": [{"itemReference": {"reference": "Medication/tac-substance"}}]}
    fhir_server.write(
        {"resourceType": "Medication", "id": "tac-made", **made}, medication("tac-substance", TACROLIMUS_TOLD)
    )
    whole = chart(fhir_server, *BASE, by_reference("Medication/tac-made"), order(PREDNISONE))
    assert stage(client, lacking(fhir_server, whole, "medications")) == "combination"


def test_the_display_tells_the_drug_when_the_medication_does_not(client: FlaskClient, fhir_server: FhirServer) -> None:
    told = {"reference": "Medication/nobody-has-it", "display": "Tacrolimus 1 mg capsule"}
    named = order("", medicationCodeableConcept=..., medicationReference=told)
    whole = chart(fhir_server, *BASE, named, order(PREDNISONE))
    assert stage(client, lacking(fhir_server, whole, "medications")) == "combination"
    # and the Medication, where it can be read, counts before the display
    fhir_server.write(medication("ibu", coded("5640", RXNORM, text="ibuprofen")))
    wrong = order("", medicationCodeableConcept=..., medicationReference={**told, "reference": "Medication/ibu"})
    whole = chart(fhir_server, *BASE, wrong, order(PREDNISONE))
    assert stage(client, lacking(fhir_server, whole, "medications")) == "glucocorticoid-only"


def test_what_was_sent_beside_the_order_is_not_read_again(client: FlaskClient, fhir_server: FhirServer) -> None:
    fhir_server.write(medication("beside", TACROLIMUS_TOLD))
    whole = chart(fhir_server, *BASE, by_reference("Medication/beside"), by_reference("Medication/beside"))
    sent = whole["prefetch"]["medications"]["entry"]
    beside = bundle(*(entry["resource"] for entry in sent), medication("beside", coded(PREDNISONE, RXNORM)))
    with fhir_server.arrivals() as arrivals:
        assert stage(client, replaced(whole, medications=beside)) == "glucocorticoid-only"
    assert arrivals == []
    with fhir_server.arrivals() as arrivals:
        assert stage(client, whole) == "incomplete"
    assert [arrival.path for arrival in arrivals] == ["Medication/beside"], "once, though two orders name it"


def test_a_medication_of_an_administration_and_of_a_draft(client: FlaskClient, fhir_server: FhirServer) -> None:
    fhir_server.write(medication("cyc", coded(CYCLOPHOSPHAMIDE, RXNORM)), medication("aza", coded("1256", RXNORM)))
    by_infusion = given(
        "", medicationCodeableConcept=..., medicationReference={"reference": "Medication/cyc"}, effectiveDateTime=ago(5)
    )
    whole = chart(fhir_server, *BASE, order(PREDNISONE), by_infusion)
    for missing in ((), ("administrations",)):
        assert stage(client, lacking(fhir_server, whole, *missing)) == "combination"
    draft = by_reference("Medication/aza", status="draft")
    whole = chart(fhir_server, *BASE, order(PREDNISONE))
    draft["subject"] = {"reference": f"Patient/{whole['context']['patientId']}"}
    context = {**whole["context"], "draftOrders": bundle(draft)}
    assert "rec-8" in cards(ask(client, {**whole, "hook": "order-sign", "context": context}))


# --- long code lists -------------------------------------------------------------------------------------------------


def site(tmp_path: Path, fhir_server: FhirServer, *codes: str, system: str = "urn:lab") -> FlaskClient:
    """The service of a site whose laboratory has these codes of its own for the antibody."""
    listed = ", ".join(f"{{ system = '{system}', code = '{code}', display = 'Anti-MDA5' }}" for code in codes)
    policy = tmp_path / "policy.toml"
    policy.write_text(f"[local_codes]\nanti-mda5 = [{listed}]\n", encoding="utf-8")
    return service(fhir_server.base, fhir_budget_seconds=30.0, policy=policy)


@pytest.mark.parametrize(("length", "method"), [(1999, "GET"), (2000, "GET"), (2001, "POST"), (6000, "POST")])
def test_a_search_longer_than_2000_characters_is_posted(
    tmp_path: Path, client: FlaskClient, fhir_server: FhirServer, templates: dict[str, str], length: int, method: str
) -> None:
    local = obs(coded("LONG", "urn:lab", text="Anti-MDA5 antibody"), "positive")
    whole = chart(fhir_server, patient(), rpild(), local)
    query = templates["observations"].replace(PATIENT_ID, whole["context"]["patientId"])
    filler = length - len(f"{fhir_server.base}/{query},LONG,")
    local_site = site(tmp_path, fhir_server, "LONG", "X" * filler)
    full = ask(local_site, whole)
    assert full["extension"]["mda5-cds.assessment"]["antiMda5"]["status"] == "positive"
    with fhir_server.arrivals() as arrivals:
        assert ask(local_site, lacking(fhir_server, whole, "observations")) == full
    (arrival,) = arrivals
    assert arrival.method == method
    assert arrival.path == ("Observation" if method == "GET" else "Observation/_search")
    asked = arrival.query if method == "GET" else arrival.form
    assert asked["code"].endswith(f",LONG,{'X' * filler}")
    assert asked["_sort"] == "-date"
    assert not (method == "POST" and arrival.query), "nothing of the search stands in the URL"


@pytest.mark.parametrize("filler", [10, 2000], ids=["GET", "POST"])
def test_codes_with_signs_arrive_as_they_are(tmp_path: Path, fhir_server: FhirServer, filler: int) -> None:
    code = "MDA5, IgG+A&B=100%;é"
    whole = chart(fhir_server, patient(), rpild(), obs(coded(code, "urn:lab", text="Anti-MDA5"), "positive"))
    local_site = site(tmp_path, fhir_server, code, "X" * filler)
    found = assessment(local_site, lacking(fhir_server, whole, "observations"))
    assert found["antiMda5"]["status"] == "positive"


def test_the_pages_of_a_posted_search_are_read(tmp_path: Path, fhir_server: FhirServer) -> None:
    whole = many_results(fhir_server, 501)
    local_site = site(tmp_path, fhir_server, "X" * 1000)
    with fhir_server.arrivals() as arrivals:
        assert ask(local_site, lacking(fhir_server, whole, "observations")) == ask(local_site, whole)
    assert [arrival.method for arrival in arrivals] == ["POST", "GET"]


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_any_token_that_the_server_takes(client: FlaskClient, fhir_server: FhirServer, every_key: Json) -> None:
    assert ask(client, lacking(fhir_server, every_key, *KEYS, token=SECOND_TOKEN)) == ask(client, every_key)
