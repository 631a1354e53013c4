"""Contract, section 3: which drug an order names, and whether by a systemic route."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.acceptance.fhir import (
    ATC,
    ME,
    RXNORM,
    SNOMED,
    TACROLIMUS,
    Json,
    ago,
    assess,
    bundle,
    coded,
    gap_ids,
    given,
    ignored,
    order,
    positive,
    ref,
    rpild,
)


def _agents(client: FlaskClient, *resources: Json, **more: Any) -> dict[str, Json]:
    therapy = assess(client, *resources, **more)["therapy"]
    return {agent["agent"]: agent for agent in therapy.get("agents", ())}


def _route(text: str = "", snomed: str = "") -> Json:
    return {"dosageInstruction": [{"route": coded(snomed, SNOMED) if snomed else {"text": text}}]}


# ingredients, products and brands
RXNORM_CODES = {
    "prednisone": "8640 312617 198144",
    "prednisolone": "8638",
    "methylprednisolone": "6902 328161",
    "dexamethasone": "3264",
    "hydrocortisone": "5492 238755",
    "deflazacort": "22396",
    "tacrolimus": "42316 198377 108513 196463 2665162",
    "cyclosporine": "3008 236077 328160 205175",
    "cyclophosphamide": "3002 1437968 2568663",
    "mycophenolate-mofetil": "68149 199058 200060",
    "mycophenolic-acid": "7145 485020",
    "rituximab": "121191 2105824 1657862 1657864 1927886",
    "basiliximab": "196102 1656648",
    "tofacitinib": "1357536 1741046",
    "baricitinib": "2047232",
    "ruxolitinib": "1193326",
    "immunoglobulin": "42386 2102433",
    "azathioprine": "1256",
    "methotrexate": "6851 105586 1544403",
    "leflunomide": "27169 205284",
    "infliximab": "191831 1927285",
    "adalimumab": "327361",
    "etanercept": "214555",
    "golimumab": "819300",
    "certolizumab-pegol": "709271",
    "pirfenidone": "1592254",
}
# now, and before the moves
ATC_CODES = {
    "prednisone": "H02AB07",
    "cyclosporine": "L04AD01 L04AA01",
    "tacrolimus": "L04AD02 L04AA05",
    "rituximab": "L01FA01 L01XC02",
    "tofacitinib": "L04AF01 L04AA29",
    "baricitinib": "L04AF02 L04AA37",
    "upadacitinib": "L04AF03 L04AA44",
    "ruxolitinib": "L01EJ01 L01XE18",
    "leflunomide": "L04AK01 L04AA13",
    "infliximab": "L04AB02 L04AA12",
    "etanercept": "L04AB01 L04AA11",
    "methotrexate": "L04AX03 L01BA01",
    "mycophenolate-mofetil": "L04AA06",
    "immunoglobulin": "J06BA02",
    "cyclophosphamide": "L01AA01",
    "pirfenidone": "L04AX05",
}
CODES = [
    (code, system, agent)
    for system, table in ((RXNORM, RXNORM_CODES), (ATC, ATC_CODES), (SNOMED, {"prednisone": "116602009"}))
    for agent, codes in table.items()
    for code in codes.split()
]


@pytest.mark.parametrize(("code", "system", "agent"), CODES)
def test_a_code(client: FlaskClient, code: str, system: str, agent: str) -> None:
    found = _agents(client, order(coded(code, system)))
    assert set(found) == {agent}
    assert "confidence" not in found[agent]


TEXTS = {
    "Prednisone 20 mg tablet": "prednisone",
    "predniSONE": "prednisone",
    "Prednisona 30 mg comprimidos": "prednisone",
    "Dacortín 30": "prednisone",
    "Prednisolona": "prednisolone",
    "Solu-Delta-Cortef": "prednisolone",
    "methyl prednisolone 1 g IV": "methylprednisolone",
    "Metilprednisolona 500 mg": "methylprednisolone",
    "Urbason": "methylprednisolone",
    "Solu-Cortef": "hydrocortisone",
    "Hidrocortisona": "hydrocortisone",
    "Dexametasona": "dexamethasone",
    "TACRÓLIMUS (Prograf) 1 mg": "tacrolimus",
    "Advagraf 3 mg": "tacrolimus",
    "Ciclosporina": "cyclosporine",
    "Sandimmun Neoral 100 mg": "cyclosporine",
    "Ciclofosfamida": "cyclophosphamide",
    "Micofenolato de mofetilo": "mycophenolate-mofetil",
    "CellCept 500": "mycophenolate-mofetil",
    "Myfortic 360 mg": "mycophenolic-acid",
    "Ácido micofenólico": "mycophenolic-acid",
    "MabThera": "rituximab",
    "Xeljanz 5 mg": "tofacitinib",
    "Inmunoglobulina humana intravenosa": "immunoglobulin",
    "Inmunoglobulina intravenosa": "immunoglobulin",
    "Immune globulin IV (human) 10 %": "immunoglobulin",
    "Gammaglobulina IV": "immunoglobulin",
    "Privigen": "immunoglobulin",
    "Metotrexato": "methotrexate",
    "Azatioprina": "azathioprine",
    "Imurel": "azathioprine",
    "Leflunomida": "leflunomide",
    "Remicade": "infliximab",
    "Esbriet": "pirfenidone",
}
NOT_OURS = [
    *("Voclosporin", "Deuruxolitinib", "Pimecrolimus", "Fluprednisolone", "Amoxicillin suspension", "Penicillin"),
    *("Sulfamethoxazole 800 mg", "Cyclobenzaprine"),
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_counts_with_low_confidence(client: FlaskClient, text: str) -> None:
    for drug in (
        {"text": text},
        {"coding": [{"display": text}]},
        {"coding": [{"system": "urn:x", "code": "1"}], "text": text},
    ):
        found = _agents(client, order(drug))
        assert set(found) == {TEXTS[text]}
        assert found[TEXTS[text]]["confidence"] == "text"


@pytest.mark.parametrize("text", NOT_OURS)
def test_another_drug(client: FlaskClient, text: str) -> None:
    found = assess(client, order({"text": text}))["therapy"]
    assert (found["stage"], found["complete"]) == ("untreated", True)


def test_all_codings_are_looked_at(client: FlaskClient) -> None:
    local = {"system": "https://hospital.example.org", "code": "T1", "display": "TAC"}
    ndc = {"system": "http://hl7.org/fhir/sid/ndc", "code": "0469-0617-73"}
    drug = {"coding": [local, ndc, {"system": RXNORM, "code": TACROLIMUS}], "text": "house mixture"}
    assert set(_agents(client, order(drug))) == {"tacrolimus"}
    # the local form of an ATC code beside a systemic product
    both = {"coding": [{"system": ATC, "code": "D11AH01"}, {"system": RXNORM, "code": "198377"}]}
    assert set(_agents(client, order(both))) == {"tacrolimus"}


UNREADABLE: list[Json] = [
    order({"coding": [{"system": "https://hospital.example.org", "code": "T1"}]}),
    order({}),
    order({"coding": []}),
    order({"coding": [{"system": RXNORM, "code": "8640"}, {"system": RXNORM, "code": TACROLIMUS}]}),
    order(..., medicationReference={"reference": "Medication/nowhere"}),
    order(TACROLIMUS, status="running"),
    order(TACROLIMUS, status="unknown"),
    order(TACROLIMUS, authoredOn="the other day"),
    order(TACROLIMUS, subject=...),
]


@pytest.mark.parametrize("resource", UNREADABLE)
def test_what_cannot_be_read_is_unknown_never_untreated(client: FlaskClient, resource: Json) -> None:
    found = assess(client, positive(), rpild(), resource)
    assert found["therapy"]["stage"] == "unknown"
    assert found["therapy"]["complete"] is False
    assert found["refractoriness"]["status"] == "not-assessable"
    assert ref(resource) in ignored(found)
    assert "medications" in gap_ids(found)


# -- references --

TAC = {"resourceType": "Medication", "id": "m_1", "code": coded(TACROLIMUS, RXNORM)}


@pytest.mark.parametrize(
    ("reference", "entry"),
    [
        ("#m_1", None),
        ("Medication/m_1", {"resource": TAC}),
        ("https://ehr.example.org/fhir/Medication/m_1", {"resource": TAC}),
        ("Medication/m_1/_history/3", {"resource": TAC}),
        ("urn:uuid:0c3f1f0e-0000-4000-8000-000000000001", {"resource": TAC}),
    ],
)
def test_a_reference_is_resolved(client: FlaskClient, reference: str, entry: Json | None) -> None:
    held = {"contained": [TAC]} if entry is None else {}
    found = order(..., medicationReference={"reference": reference}, **held)
    searched = bundle(found)
    if entry:
        searched["entry"].append({**entry, **({"fullUrl": reference} if reference.startswith("urn") else {})})
    agents = _agents(client, medications=searched)
    assert set(agents) == {"tacrolimus"}
    assert "confidence" not in agents["tacrolimus"]


def test_a_display_is_low_confidence(client: FlaskClient) -> None:
    found = order(..., medicationReference={"reference": "Medication/x", "display": "Tacrolimus 1 mg capsule"})
    assert _agents(client, found)["tacrolimus"]["confidence"] == "text"


def test_r5_shape(client: FlaskClient) -> None:
    drug = {"concept": coded(TACROLIMUS, RXNORM)}
    assert set(_agents(client, order(..., medication=drug))) == {"tacrolimus"}


# -- routes --

LOCAL = [
    *(
        order(coded("42316", RXNORM), **_route(text))
        for text in ("topical", "Ophthalmic", "rectal", "inhaled", "nasal")
    ),
    *(order(coded("42316", RXNORM), **_route("", code)) for code in ("6064005", "54485002", "37161004", "447694001")),
    order({"text": "Tacrolimus 0.1 % ointment"}),
    order({"text": "Tacrolimus pomada"}),
    order({"text": "TACROLIMUS 0.1 % TOP OINT"}),
    order({"text": "prednisolone acetate 1 % ophth susp"}),
    order("42316", **_route("TOP")),
    order("8638", **_route("PR")),
    order({"text": "Ciclosporina colirio"}),
    order({"text": "Hydrocortisone 1 % cream"}),
    order({"text": "Prednisolone eye drops"}),
    order({"text": "Prednisolone enema"}),
    order({"text": "Dexametasona colirio"}),
    *(order(code) for code in ("352951", "576100", "351291", "2055022", "284848", "313189", "574948")),
    *(
        order(coded(code, ATC))
        for code in ("D11AH01", "S01XA18", "H02AB07X", "D07AA02", "S01BA04", "A07EA02", "C05AA04")
    ),
    order("8640", dosageInstruction=[{"text": "apply to affected area twice daily"}]),
    order({"text": "Hizentra"}),
    order("42386", **_route("subcutaneous")),
]
SYSTEMIC = [
    *(order("42316", **_route(text)) for text in ("oral", "PO", "by mouth", "IV", "intravenous", "vía oral", "sc")),
    *(order("42316", **_route("", code)) for code in ("26643006", "47625008", "34206005", "78421000")),
    order("42316"),
    order("42316", **_route("some other way")),
    order({"text": "Tacrolimus 1 mg capsule"}),
    order("313189", **_route("oral")),  # the stated route decides
]


@pytest.mark.parametrize("resource", LOCAL)
def test_local_forms_are_no_immunosuppression(client: FlaskClient, resource: Json) -> None:
    found = assess(client, resource)["therapy"]
    assert (found["stage"], found["complete"]) == ("untreated", True)


@pytest.mark.parametrize("resource", SYSTEMIC)
def test_systemic_routes_count(client: FlaskClient, resource: Json) -> None:
    assert set(_agents(client, resource)) == {"tacrolimus"}


# -- what is therapy at all --

THERAPY = [
    ({"status": "active"}, "active"),
    ({"status": "completed"}, "past"),
    ({"status": "stopped"}, "past"),
    ({"status": "draft"}, None),
    ({"status": "cancelled"}, None),
    ({"status": "entered-in-error"}, None),
    ({"status": "on-hold"}, None),
    ({"intent": "proposal"}, None),
    ({"intent": "plan"}, None),
    ({"intent": ...}, "active"),
    ({"doNotPerform": True}, None),
    ({"subject": {"reference": "Patient/other"}}, None),
    ({"authoredOn": "2026-04-01"}, None),
]


@pytest.mark.parametrize(("change", "status"), THERAPY)
def test_which_orders_are_therapy(client: FlaskClient, change: Json, status: str | None) -> None:
    found = assess(client, order(TACROLIMUS, **change))["therapy"]
    agents = {
        agent["agent"]: agent["status"] for agent in found.get("agents", ()) if agent["status"] != "past" or status
    }
    assert agents == ({"tacrolimus": status} if status else {})
    assert (found["stage"] == "incomplete") == (status == "active")
    assert found["complete"] is True


def test_administrations_are_read_alike(client: FlaskClient) -> None:
    assert "cyclophosphamide" in _agents(client, given("3002", effectiveDateTime=ago(10)))
    assert not _agents(client, given("3002", status="not-done"))
    assert not _agents(client, given("3002", subject={"reference": "Patient/other"}))
    reference = given(
        ..., medicationReference={"reference": "#m_1"}, contained=[{**TAC, "code": coded("3002", RXNORM)}]
    )
    assert "cyclophosphamide" in _agents(client, reference)


def test_the_subject_may_be_an_absolute_url(client: FlaskClient) -> None:
    for subject in (
        {"reference": "https://ehr.example.org/fhir/Patient/p1"},
        {"reference": "Patient/p1/_history/2"},
        [ME],
    ):
        assert set(_agents(client, order(TACROLIMUS, subject=subject))) == {"tacrolimus"}
