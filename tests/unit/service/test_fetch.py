"""The fall-back: what is fetched, what is not, and what becomes of a call whose server gives nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from service.discovery import SERVICE_OF_HOOK
from service.errors import DataUnobtainable, Forbidden, NotAPatient, ServiceError, Unavailable, WrongPatient
from service.fhir.access import FetchObservation, FhirAccess, fhir_access
from service.parts import Parts, load_parts
from service.prefetch import KEYS, REQUIRED_KEYS, SEARCHED
from service.respond import respond
from service.settings import Settings
from service.wire import decode_request
from tests.acceptance import fhir as ehr
from tests.acceptance.fhir import CYCLOPHOSPHAMIDE, NOW, PREDNISONE, RXNORM, TACROLIMUS, coded, order, rpild
from tests.fault_server import Call, FaultServer, Json, Script, dripping, fault_server, fhir, http, searchset, stalling

TOKEN = "token-of-one-call"
OUTCOME: Json = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
OPTIONAL = tuple(key for key in KEYS if key not in REQUIRED_KEYS)
KEY_OF = {kind: key for key, kind in SEARCHED.items()} | {"Patient": "patient", "Medication": "medication"}
CHART = (
    *(ehr.positive(), rpild(), ehr.obs(ehr.FERRITIN, 1523, "ng/mL"), order(PREDNISONE), order(TACROLIMUS)),
    *(ehr.allergy(CYCLOPHOSPHAMIDE), ehr.procedure("233573008"), ehr.service("Podiatry"), ehr.given(CYCLOPHOSPHAMIDE)),
)


def call(
    *resources: Json, server: str | None, token: str | None = TOKEN, lacking: tuple[str, ...] = (), **more: Any
) -> Json:
    """A hook call with these resources, less the prefetch keys it lacks."""
    body = ehr.call(*resources, **{**dict.fromkeys(lacking, ...), **more})
    if server is None:
        return body
    return {**body, "fhirServer": server, **({"fhirAuthorization": {"access_token": token}} if token else {})}


@cache
def knowing() -> Parts:
    return load_parts(Settings(), clock=lambda: NOW)


def parts_for(*servers: str, budget: float = 10.0, limits: Mapping[str, int] | None = None, **access: Any) -> Parts:
    settings = Settings(fhir_servers=servers, fhir_budget_seconds=budget)
    made = fhir_access(settings, knowing().guideline, **access)
    return replace(knowing(), settings=settings, fhir=replace(made, limits=replace(made.limits, **limits or {})))


def answer(body: Json, parts: Parts) -> Any:
    service = SERVICE_OF_HOOK[body["hook"]]
    return respond(decode_request(body, service, parts.settings), parts)


def assessed(body: Json, parts: Parts) -> Any:
    return answer(body, parts)["extension"]["mda5-cds.assessment"]


def key_of(arrived: Call) -> str:
    """The prefetch key that a request is about."""
    return KEY_OF[urlsplit(arrived.target).path.split("/")[1]]


def asked(server: FaultServer) -> list[str]:
    return sorted(key_of(each) for each in server.calls)


def holding(*resources: Json, page_size: int = 100, **instead: Script) -> Script:
    """A FHIR server with these resources, in pages; `instead` answers for a key in another way."""
    chart = (ehr.patient(), *resources)

    def script(arrived: Call) -> Any:
        path, query = urlsplit(arrived.target).path.strip("/").split("/"), parse_qs(urlsplit(arrived.target).query)
        if key_of(arrived) in instead:
            return instead[key_of(arrived)](arrived)
        of_type = [each for each in chart if each["resourceType"] == path[0]]
        if len(path) > 1:
            found = [each for each in of_type if each["id"] == path[1]]
            return fhir(found[0]) if found else fhir(OUTCOME, 404)
        start = int(query.get("page", ["0"])[0]) * page_size
        more = f"?patient=p1&page={start // page_size + 1}" if start + page_size < len(of_type) else None
        return fhir(searchset(*of_type[start : start + page_size], next_url=more, total=len(of_type)))

    return script


def refused(status: int) -> Script:
    return lambda _: fhir(OUTCOME, status)


# --- what is missing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lacking", [(key,) for key in KEYS] + [KEYS, REQUIRED_KEYS, OPTIONAL], ids="+".join)
def test_what_is_missing_is_fetched_and_nothing_else(lacking: tuple[str, ...]) -> None:
    with fault_server(holding(*CHART)) as server:
        parts = parts_for(server.base)
        assert answer(call(*CHART, server=server.base, lacking=lacking), parts) == answer(
            call(*CHART, server=None), parts
        )
        assert asked(server) == sorted(lacking)
        assert {each.headers["authorization"] for each in server.calls} == {f"Bearer {TOKEN}"}


def test_missing_keys_are_asked_for_at_the_same_time() -> None:
    together = threading.Barrier(len(KEYS), timeout=10)

    def script(arrived: Call) -> Any:
        together.wait()
        return holding(*CHART)(arrived)

    with fault_server(script) as server:
        answer(call(server=server.base, lacking=KEYS), parts_for(server.base))


def test_a_call_that_brought_everything_opens_nothing() -> None:
    with fault_server(holding()) as server:
        parts = parts_for(server.base)
        before = threading.active_count()
        answer(call(*CHART, server=server.base), parts)
        assert parts.fhir.outgoing._adapter is None
        assert threading.active_count() <= before
        assert not server.connections


@pytest.mark.parametrize("key", KEYS[1:])
def test_null_is_not_asked_again(key: str) -> None:
    with fault_server(holding(*CHART)) as server:
        parts = parts_for(server.base)
        body = call(*CHART, server=server.base, **{key: None})
        assert answer(body, parts) == answer({**body, "fhirServer": None, "fhirAuthorization": None}, parts)
        assert not server.connections


@pytest.mark.parametrize("key", OPTIONAL)
def test_an_outcome_for_an_optional_key_is_not_asked_again(key: str) -> None:
    with fault_server(holding(*CHART)) as server:
        answer(call(*CHART, server=server.base, **{key: OUTCOME}), parts_for(server.base))
        assert not server.connections


@pytest.mark.parametrize("failed", REQUIRED_KEYS)
@pytest.mark.parametrize("lacking", [(), ("patient",), ("conditions", "allergies")])
def test_an_outcome_for_a_required_key_ends_the_call_without_asking(failed: str, lacking: tuple[str, ...]) -> None:
    lacking = tuple(key for key in lacking if key != failed)
    with fault_server(holding(*CHART)) as server:
        for listed in ((server.base,), ()):
            with pytest.raises(DataUnobtainable) as caught:
                answer(call(*CHART, server=server.base, lacking=lacking, **{failed: OUTCOME}), parts_for(*listed))
            assert failed in caught.value.diagnostics or "patient" in caught.value.keys
        assert not server.connections


# --- what cannot be fetched ------------------------------------------------------------------------------------------

BUDGET = 1.0
OUT_OF_TIME = "the time budget ran out"
FAULTS: dict[str, tuple[Script, str]] = {
    "401": (refused(401), "refused (401)"),
    "403": (refused(403), "refused (403)"),
    "404": (refused(404), "refused (404)"),
    "500": (refused(500), "failed (500)"),
    "503": (lambda _: http(b"", 503, Retry_After="60"), "failed (503)"),
    "stalls": (stalling, OUT_OF_TIME),
    "drips": (dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"), OUT_OF_TIME),
    "HTML": (lambda _: http(b"<html>"), "not FHIR JSON"),
    "an outcome": (lambda _: fhir(OUTCOME), "an OperationOutcome"),
    "another type": (lambda _: fhir(ehr.rpild()), "answer is no"),
    "too large": (lambda _: http(b"[" * 50_000), "more than is read"),
    "dropped": (lambda _: [], "could not be reached"),
}


def budget_for(why: str) -> float:
    """Seconds: few where all of them are waited for, else more than a slow machine takes for other failures."""
    return BUDGET if why is OUT_OF_TIME else 30.0


@pytest.mark.parametrize(("script", "why"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("key", REQUIRED_KEYS)
def test_a_required_key_that_cannot_be_fetched_is_412_and_says_why(key: str, script: Script, why: str) -> None:
    with fault_server(holding(*CHART, **{key: script})) as server:
        parts = parts_for(server.base, budget=budget_for(why), limits={"max_bytes": 40_000})
        start = time.monotonic()
        with pytest.raises(DataUnobtainable) as caught:
            answer(call(*CHART, server=server.base, lacking=(key, "allergies")), parts)
        assert time.monotonic() - start < 2 * BUDGET
    assert caught.value.keys == (key,)
    assert caught.value.diagnostics.startswith(f"required prefetch data could not be obtained: {key}; ")
    assert why in caught.value.diagnostics
    assert server.base not in caught.value.diagnostics


@pytest.mark.parametrize(("script", "why"), FAULTS.values(), ids=FAULTS)
def test_an_optional_key_that_cannot_be_fetched_is_unknown(script: Script, why: str) -> None:
    with fault_server(holding(*CHART, **dict.fromkeys(OPTIONAL, script))) as server:
        parts = parts_for(server.base, budget=budget_for(why), limits={"max_bytes": 40_000})
        start = time.monotonic()
        found = answer(call(*CHART, server=server.base, lacking=OPTIONAL), parts)
        assert time.monotonic() - start < 2 * BUDGET
        assert found == answer(call(*CHART, server=None, lacking=OPTIONAL), parts)


def test_each_key_has_its_own_reason() -> None:
    script = holding(*CHART, conditions=refused(403), medications=refused(500))
    with fault_server(script) as server, pytest.raises(DataUnobtainable) as caught:
        answer(call(server=server.base, lacking=KEYS), parts_for(server.base))
    assert caught.value.diagnostics == (
        "required prefetch data could not be obtained: medications, conditions; "
        "medications: the FHIR server failed (500); conditions: the FHIR server refused (403)"
    )


def test_nobody_answers_at_all() -> None:
    with fault_server(stalling) as server:
        parts, start = parts_for(server.base, budget=BUDGET), time.monotonic()
        with pytest.raises(DataUnobtainable) as caught:
            answer(call(server=server.base, lacking=KEYS), parts)
        assert 0.8 * BUDGET < time.monotonic() - start < 2 * BUDGET
    assert caught.value.keys == REQUIRED_KEYS


@pytest.mark.parametrize(("token", "named"), [(None, True), (TOKEN, False), (None, False)])
def test_without_a_server_or_a_token_nothing_is_asked(token: str | None, named: bool) -> None:
    with fault_server(holding(*CHART)) as server:
        parts, base = parts_for(server.base), server.base if named else None
        for key in REQUIRED_KEYS:
            with pytest.raises(DataUnobtainable, match="access token" if named else "no fhirServer") as caught:
                answer(call(*CHART, server=base, token=token, lacking=(key,)), parts)
            assert caught.value.keys == (key,)
        assert answer(call(*CHART, server=base, token=token, lacking=OPTIONAL), parts)
        assert not server.connections


# --- a server that is not allowed ------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", REQUIRED_KEYS[1:])
def test_a_server_off_the_list_that_would_have_to_be_called_is_forbidden(key: str) -> None:
    with fault_server(holding(*CHART)) as server:
        parts = parts_for("https://ehr.example.org/fhir")
        with pytest.raises(Forbidden, match=key) as caught:
            answer(call(*CHART, server=server.base, lacking=(key, "allergies")), parts)
        assert server.base not in str(caught.value)
        # without a token no server could be called, listed or not
        with pytest.raises(DataUnobtainable, match="no access token"):
            answer(call(*CHART, server=server.base, token=None, lacking=(key, "allergies")), parts)
        assert not server.connections


def test_a_server_off_the_list_is_ignored_where_it_need_not_be_called() -> None:
    paged = searchset(ehr.allergy(PREDNISONE), next_url="?page=2")
    by_reference = order("", medicationCodeableConcept=..., medicationReference={"reference": "Medication/m1"})
    with fault_server(holding(*CHART)) as server:
        parts = parts_for("https://ehr.example.org/fhir")
        for body in (
            call(*CHART, server=server.base),
            call(*CHART, server=server.base, lacking=OPTIONAL),
            call(*CHART, server=server.base, allergies=paged),
            call(*CHART, by_reference, server=server.base),
        ):
            assert answer(body, parts) == answer({**body, "fhirServer": None, "fhirAuthorization": None}, parts)
        with pytest.raises(DataUnobtainable, match="allow list"):
            answer(call(*CHART, server=server.base, lacking=("patient",)), parts)
        assert not server.connections


# --- the Patient first -----------------------------------------------------------------------------------------------

DRAFT_OF_ANOTHER = {"draftOrders": ehr.bundle(order(PREDNISONE, subject={"reference": "Patient/other"}))}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"who": ehr.patient(id="other")}, WrongPatient),
        ({"who": {"resourceType": "Practitioner", "id": "p1"}}, NotAPatient),
        ({"who": ehr.patient(id=7)}, NotAPatient),
        ({"hook": "order-sign", "context": DRAFT_OF_ANOTHER}, WrongPatient),
        ({"patient": None}, DataUnobtainable),
    ],
)
def test_the_patient_is_judged_before_anything_is_asked(changes: Json, error: type[ServiceError]) -> None:
    by_reference = order("", medicationCodeableConcept=..., medicationReference={"reference": "Medication/m1"})
    with fault_server(holding(*CHART)) as server:
        for lacking in (("conditions",), OPTIONAL, ()):
            for base in (server.base, "https://off.example.org/fhir"):
                with pytest.raises(error):
                    answer(call(by_reference, server=base, lacking=lacking, **changes), parts_for(server.base))
        assert not server.connections


@pytest.mark.parametrize("patient_id", ["Patient/p1", " p1 "])
def test_the_patients_id_may_be_written_as_a_reference(patient_id: str) -> None:
    with fault_server(holding(*CHART)) as server:
        body = call(server=server.base, lacking=KEYS)
        body["context"]["patientId"] = patient_id
        assert assessed(body, parts_for(server.base))["therapy"]["stage"] == "escalated"
        assert {each.target.partition("&")[0] for each in server.calls} >= {"/Patient/p1", "/Condition?patient=p1"}


def test_a_patient_who_is_not_the_one_asked_for_is_unobtainable() -> None:
    script = holding(patient=lambda _: fhir(ehr.patient(id="merged")))
    with fault_server(script) as server, pytest.raises(DataUnobtainable) as caught:
        answer(call(server=server.base, lacking=KEYS), parts_for(server.base))
    assert caught.value.keys == ("patient",)


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS[1:])
def test_pages_of_what_is_searched_and_of_what_was_prefetched_are_followed(key: str) -> None:
    with fault_server(holding(*CHART, *CHART[:5], page_size=1)) as server:
        parts = parts_for(server.base)
        whole = answer(call(*CHART, server=None), parts)
        assert answer(call(*CHART, server=server.base, lacking=(key,)), parts) == whole
        first = [each for each in CHART if KEY_OF[each["resourceType"]] == key][:1]
        bundle = searchset(*first, next_url=f"{server.base}/{SEARCHED[key]}?patient=p1&page=1")
        if len(first) < len([each for each in CHART if KEY_OF[each["resourceType"]] == key]):
            assert answer(call(*CHART, server=server.base, **{key: bundle}), parts) == whole


def _pages(*pages: Json) -> Script:
    """The pages of the conditions, `page` counting from 1."""

    def script(arrived: Call) -> Any:
        number = int(parse_qs(urlsplit(arrived.target).query).get("page", ["1"])[0])
        return fhir(pages[number - 1])

    return script


def test_a_relative_link_without_a_path_is_of_the_page_it_stands_on() -> None:
    pages = _pages(searchset(next_url="?page=2"), searchset(next_url="?page=3"), searchset(rpild()))
    with fault_server(holding(*CHART[:1], conditions=pages)) as server:
        found = assessed(call(*CHART[:1], server=server.base, lacking=("conditions",)), parts_for(server.base))
        assert [each.target for each in server.calls] == [
            "/Condition?patient=p1",
            "/Condition?page=2",
            "/Condition?page=3",
        ]
    assert found["lungDisease"]["status"] == "rpild"


def test_a_bundle_within_a_bundle_has_its_own_pages() -> None:
    pages = _pages(searchset(), searchset(rpild()))
    with fault_server(holding(conditions=pages)) as server:
        nested = searchset(searchset(ehr.condition("44054006"), next_url="?page=2"), ehr.condition("38341003"))
        found = assessed(call(*CHART[:1], server=server.base, conditions=nested), parts_for(server.base))
    assert found["lungDisease"]["status"] == "rpild"
    assert "lung-disease" not in ehr.gap_ids(found)


def endless(arrived: Call) -> Any:
    return fhir(searchset(next_url=f"?page={arrived.number + 1}"))


BROKEN_PAGES: dict[str, Callable[[FaultServer], Json]] = {
    "a circle": lambda _: searchset(rpild(), next_url="?page=1"),
    "without end": lambda _: searchset(rpild(), next_url="?page=9"),
    "another host": lambda other: searchset(rpild(), next_url=f"{other.base}/Condition?page=2"),
    "no URL": lambda _: searchset(rpild(), link=[{"relation": "next"}]),
    "two of them": lambda _: searchset(rpild(), link=[{"relation": "next", "url": f"?page={n}"} for n in (2, 3)]),
}


@pytest.mark.parametrize("first", BROKEN_PAGES.values(), ids=BROKEN_PAGES)
@pytest.mark.parametrize("prefetched", [True, False])
def test_pages_that_lead_nowhere_are_a_gap(first: Callable[[FaultServer], Json], prefetched: bool) -> None:
    with fault_server(lambda _: fhir(searchset())) as other:
        page = first(other)

        def script(arrived: Call) -> Any:
            return endless(arrived) if "page=" in arrived.target and "1" not in arrived.target else fhir(page)

        with fault_server(holding(*CHART, conditions=script)) as server:
            parts = parts_for(server.base, limits={"pages": 5})
            known = {"conditions": page} if prefetched else {"lacking": ("conditions",)}
            found = assessed(call(*CHART, server=server.base, **known), parts)
            assert len(server.calls) <= 6
        assert not other.connections
    assert found["lungDisease"]["status"] == "rpild"  # what is there is used
    # and nothing is absent on that ground
    assert answer_of_partial(page, parts) == found


def answer_of_partial(page: Json, parts: Parts) -> Any:
    """The assessment when nobody can be asked for the next page."""
    cut = {**page, "link": [{"relation": "next", "url": "https://nobody.example.org/"}]}
    return assessed(call(*CHART, server=None, conditions=cut), parts)


@pytest.mark.parametrize(("script", "why"), FAULTS.values(), ids=FAULTS)
def test_a_page_that_cannot_be_fetched_is_a_gap(script: Script, why: str) -> None:
    page = searchset(ehr.condition("44054006"), next_url="?page=2")
    with fault_server(holding(*CHART, conditions=script)) as server:
        parts = parts_for(server.base, budget=budget_for(why), limits={"max_bytes": 40_000})
        start = time.monotonic()
        found = assessed(call(*CHART, server=server.base, conditions=page), parts)
        assert time.monotonic() - start < 2 * BUDGET
    assert found["lungDisease"]["status"] == "unknown"
    assert "lung-disease" in ehr.gap_ids(found)


def test_the_last_page_that_is_followed() -> None:
    pages = [searchset(next_url=f"?page={number}") for number in range(2, 5)] + [searchset(rpild())]
    for limit, status in ((3, "rpild"), (2, "unknown")):
        with fault_server(holding(*CHART, conditions=_pages(*pages))) as server:
            parts = parts_for(server.base, limits={"pages": limit})
            found = assessed(call(*CHART, server=server.base, lacking=("conditions",)), parts)
        assert found["lungDisease"]["status"] == status


# --- Medications -----------------------------------------------------------------------------------------------------


def medication(medication_id: str, drug: str | None = TACROLIMUS, **more: Any) -> Json:
    code = {"code": coded(drug, RXNORM)} if drug else {}
    return {"resourceType": "Medication", "id": medication_id, **code, **more}


def by_reference(reference: str = "Medication/m1", **more: Any) -> Json:
    shown = {"display": more.pop("display")} if "display" in more else {}
    told = {"medicationCodeableConcept": ..., "medicationReference": {"reference": reference, **shown}, **more}
    return order("", **told)


def stage(*orders: Json, holds: tuple[Json, ...] = (), **more: Any) -> tuple[str, list[str]]:
    """The therapy's stage when the server holds these Medications, and which of them it was asked for."""
    with fault_server(holding(*holds)) as server:
        parts = parts_for(server.base)
        filled = [_filled(each, server.base) for each in orders]
        body = call(*CHART[:3], order(PREDNISONE), *filled, server=server.base, **more)
        for entry in (body["prefetch"].get("medications") or {}).get("entry", ()):
            if entry["resource"]["id"] == "own-name":
                entry["fullUrl"] = "https://inside.example/fhir/MedicationRequest/own-name"
        found = assessed(body, parts)["therapy"]["stage"]
        return found, [each.target.removeprefix("/Medication/") for each in server.calls]


def _filled(value: Any, base: str) -> Any:
    if isinstance(value, dict):
        return {name: _filled(member, base) for name, member in value.items()}
    return value.replace("{base}", base) if isinstance(value, str) else value


@pytest.mark.parametrize(
    "made",
    [
        by_reference(),
        by_reference("{base}/Medication/m1"),
        by_reference("Medication/m1/_history/3"),
        by_reference("/Medication/m1"),
        by_reference(display="azathioprine"),
        by_reference(
            "https://inside.example/fhir/Medication/m1", subject={"reference": "https://inside.example/fhir/Patient/p1"}
        ),
        by_reference("https://inside.example/fhir/Medication/m1", id="own-name"),
        order("", medicationCodeableConcept=..., medication={"reference": {"reference": "Medication/m1"}}),
        by_reference(medicationCodeableConcept={}),
        by_reference(status="on-hold"),
    ],
)
def test_a_medication_that_decides_is_read(made: Json) -> None:
    found, read = stage(made, holds=(medication("m1"),))
    assert read == ["m1"]
    assert found == ("combination" if made["status"] == "active" else "glucocorticoid-only")


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (by_reference(status="entered-in-error"), "glucocorticoid-only"),
        (by_reference(status="cancelled"), "glucocorticoid-only"),
        (by_reference(status="draft"), "glucocorticoid-only"),
        (by_reference(subject={"reference": "Patient/other"}), "glucocorticoid-only"),
        (by_reference(medicationCodeableConcept=coded(TACROLIMUS, RXNORM)), "combination"),
        (by_reference("#in", contained=[medication("in")]), "combination"),
        (by_reference("https://elsewhere.example/fhir/Medication/m1"), "unknown"),
        (by_reference("{base}/other/Medication/m1"), "unknown"),
        (by_reference("x/Medication/m1"), "unknown"),
        (by_reference("urn:uuid:6f0b9a2e-6c44-4c6b-9f5e-000000000001"), "unknown"),
        (by_reference("Substance/m1"), "unknown"),
        (by_reference("Medication/.."), "unknown"),
        (order("", medicationCodeableConcept=..., medicationReference={"display": "tacrolimus"}), "combination"),
        (order("", medicationCodeableConcept=..., medicationReference={"reference": 7}), "unknown"),
        (order("", medicationCodeableConcept=..., medicationReference="Medication/m1"), "unknown"),
        (order("1191"), "glucocorticoid-only"),
    ],
)
def test_a_medication_that_does_not_decide_or_is_not_there_is_not_read(made: Json, expected: str) -> None:
    assert stage(made, holds=(medication("m1"),)) == (expected, [])


def test_a_medication_among_the_entries_is_not_read() -> None:
    for other in ({"medications": [medication("m1")]}, {"medications": [], "conditions": [medication("m1")]}):
        entries = ehr.bundle(order(PREDNISONE), by_reference(), *other["medications"])
        keys = {"medications": entries, "conditions": ehr.bundle(rpild(), *other.get("conditions", ()))}
        assert stage(**keys) == ("combination", [])


def test_a_medication_is_read_once_and_its_lack_is_unknown() -> None:
    orders = [by_reference(), by_reference(), by_reference("Medication/m2"), by_reference("Medication/none")]
    found, read = stage(*orders, holds=(medication("m1"), medication("m2", "1191")))
    assert (found, sorted(read)) == ("combination", ["m1", "m2", "none"])
    assert stage(by_reference("Medication/none")) == ("unknown", ["none"])
    # the words of the reference come last
    assert stage(by_reference("Medication/none", display="tacrolimus")) == ("combination", ["none"])


def test_a_lone_order_and_a_missing_key_bring_medications_too() -> None:
    assert stage(medications=by_reference(), holds=(medication("m1"),)) == ("incomplete", ["m1"])
    held = (by_reference(), order(PREDNISONE), medication("m1"))
    found, read = stage(lacking=("medications",), holds=held)
    assert (found, read[1:]) == ("combination", ["m1"])


def test_what_was_fetched_before_counts_only_while_the_server_says_the_same() -> None:
    """Two calls that bring the same; in between the server's chart changes, and then a Medication behind an order."""
    charts = [
        (CHART, (medication("m1"),)),
        ((*CHART[:2], ehr.obs(ehr.FERRITIN, 1524, "ng/mL"), *CHART[3:]), (medication("m1"),)),
        (CHART, (medication("m1", "1191"),)),
        (CHART, (medication("m1"),)),
    ]
    parts, told = load_parts(Settings(), clock=lambda: NOW), []
    for chart, medications in charts:
        with fault_server(holding(*chart, *medications)) as server:
            here = replace(parts_for(server.base), facts=parts.facts)
            body = call(*CHART, by_reference(id="referring"), server=server.base, lacking=("observations",))
            told.append(answer(body, here))
            assert told[-1] == answer(body, replace(here, facts=None))
    assert told[0] == told[3]
    assert len({str(each) for each in told}) == 3
    assert parts.facts is not None
    assert parts.facts.answers > 0


def test_an_ingredient_that_is_a_medication_is_read() -> None:
    mixture = medication("m1", None, ingredient=[{"itemReference": {"reference": "Medication/part"}}])
    assert stage(by_reference(), holds=(mixture, medication("part"))) == ("combination", ["m1", "part"])
    contained = by_reference("#in", contained=[{**mixture, "id": "in"}])
    assert stage(contained, holds=(medication("part"),)) == ("combination", ["part"])
    as_r5 = medication("m1", None, ingredient=[{"item": {"reference": {"reference": "Medication/part"}}}])
    assert stage(by_reference(), holds=(as_r5, medication("part"))) == ("combination", ["m1", "part"])
    # its own code tells
    told = {**mixture, "code": coded(TACROLIMUS, RXNORM)}
    assert stage(by_reference(), holds=(told, medication("part"))) == ("combination", ["m1"])
    # no third round
    deeper = medication("part", None, ingredient=[{"itemReference": {"reference": "Medication/deep"}}])
    assert stage(by_reference(), holds=(mixture, deeper, medication("deep"))) == ("unknown", ["m1", "part"])


def test_drafts_and_administrations_refer_to_medications_too() -> None:
    with fault_server(holding(medication("m1"), medication("m2", CYCLOPHOSPHAMIDE))) as server:
        given = ehr.given("", medicationCodeableConcept=..., medicationReference={"reference": "Medication/m2"})
        drafted = by_reference(status="draft")
        body = call(*CHART[:3], order(PREDNISONE), given, server=server.base, hook="order-sign")
        body["context"]["draftOrders"] = ehr.bundle(drafted)
        found = assessed(body, parts_for(server.base))
        # those of drafts first
        assert sorted(each.target for each in server.calls) == ["/Medication/m1", "/Medication/m2"]
    assert {each["agent"]: each["status"] for each in found["therapy"]["agents"]}["tacrolimus"] == "draft"


def test_the_running_ones_come_first_when_there_are_too_many() -> None:
    past = [by_reference(f"Medication/past{number}", status="completed") for number in range(3)]
    with fault_server(holding(medication("m1"))) as server:
        parts = parts_for(server.base, limits={"medications": 2})
        assessed(call(*CHART[:3], *past, by_reference(), server=server.base), parts)
        assert sorted(each.target for each in server.calls) == ["/Medication/m1", "/Medication/past0"]


# --- slots, budget, observations -------------------------------------------------------------------------------------


def test_beyond_its_slots_a_process_refuses_and_full_prefetch_passes() -> None:
    with fault_server(holding(*CHART)) as server, ExitStack() as held:
        parts = parts_for(server.base, budget=3.2)
        for _ in range(2):
            held.enter_context(parts.fhir.slots.one(1))
        answer(call(*CHART, server=server.base, lacking=OPTIONAL), parts)
        held.enter_context(parts.fhir.slots.one(1))
        count = server.connections
        with pytest.raises(Unavailable) as caught:
            answer(call(*CHART, server=server.base, lacking=OPTIONAL), parts)
        assert caught.value.headers["Retry-After"] == "4"
        assert answer(call(*CHART, server=server.base), parts)
        with pytest.raises(DataUnobtainable):
            answer(call(*CHART, server=server.base, token=None, lacking=("conditions",)), parts)
        assert server.connections == count
        held.close()
        assert answer(call(*CHART, server=server.base, lacking=OPTIONAL), parts)


def test_a_slot_is_given_back_after_a_failure() -> None:
    with fault_server(refused(500)) as server:
        parts = parts_for(server.base)
        for _ in range(5):
            with pytest.raises(DataUnobtainable):
                answer(call(server=server.base, lacking=KEYS), parts)


def test_one_budget_is_for_keys_pages_and_medications_together() -> None:
    def slowly(script: Script) -> Script:
        def slow(arrived: Call) -> Iterator[bytes | float]:
            yield 0.3
            yield from script(arrived)

        return slow

    pages = [searchset(next_url=f"?page={number}") for number in range(2, 9)]
    script = slowly(holding(*CHART, by_reference(), medication("m1"), procedures=_pages(*pages)))
    with fault_server(script) as server:
        parts, start = parts_for(server.base, budget=0.7), time.monotonic()
        found = assessed(call(server=server.base, lacking=KEYS), parts)
        assert time.monotonic() - start < 1.2
    assert found["therapy"]["stage"] == "escalated"
    assert "procedures" in ehr.gap_ids(found)


def test_every_fetch_is_observed() -> None:
    seen: list[FetchObservation] = []
    script = holding(*CHART, by_reference(), page_size=2, allergies=refused(403))
    with fault_server(script) as server:
        answer(call(server=server.base, lacking=KEYS), parts_for(server.base, observe=seen.append))
    counts: Mapping[tuple[str, str], int] = {
        (each.key, each.outcome): sum((other.key, other.outcome) == (each.key, each.outcome) for other in seen)
        for each in seen
    }
    assert counts == {
        **{(key, "ok"): 1 for key in KEYS if key != "allergies"},
        ("medications", "ok"): 2,
        ("allergies", "refused"): 1,
        ("medication", "refused"): 1,
    }


def test_the_trace_goes_with_each_fetch() -> None:
    with fault_server(holding(*CHART)) as server:
        parts = parts_for(server.base, traceparent=lambda: "00-trace")
        answer(call(server=server.base, lacking=KEYS), parts)
        assert {each.headers["traceparent"] for each in server.calls} == {"00-trace"}


def test_what_the_settings_allow() -> None:
    access: FhirAccess = load_parts(Settings(fhir_servers=("https://ehr.example.org",), max_body_bytes=100)).fhir
    assert access.budget_seconds == 4.0
    assert (access.limits.max_bytes, access.limits.max_nesting) == (200, 64)
    assert access.servers.permitted("https://ehr.example.org/fhir")
    assert access.traceparent() is None
    access.observe(FetchObservation("patient", "ok", 0.1))
