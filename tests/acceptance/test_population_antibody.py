"""Contract, section 3: who is meant (population), and the antibody."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.acceptance.fhir import (
    DM,
    LOINC,
    MDA5,
    NOW,
    SNOMED,
    Json,
    ago,
    answer,
    assess,
    bundle,
    cards,
    coded,
    condition,
    gap_ids,
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
)

V3 = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
LAB = "https://lab.example.org/codes"


# -- population --


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ({"birthDate": "2008-03-01"}, "in"),  # the eighteenth birthday
        ({"birthDate": "2008-03-02"}, "out"),
        ({"birthDate": "2008"}, "in"),  # 17 or 18: unknown
        ({"birthDate": "2008-03"}, "in"),
        ({"birthDate": "2009"}, "out"),
        ({"birthDate": ...}, "in"),
        ({"birthDate": "unknown"}, "in"),
        ({"deceasedBoolean": True}, "out"),
        ({"deceasedBoolean": False}, "in"),
        ({"deceasedDateTime": "2026-02-28"}, "out"),
        ({"deceasedDateTime": "2026-02"}, "out"),
        ({"deceasedDateTime": "2027-01-01"}, "in"),  # dated after this call
    ],
)
def test_age_and_death(client: FlaskClient, who: Json, status: str) -> None:
    body = answer(client, positive(), rpild(), who=patient(**who))
    assert body["extension"]["mda5-cds.assessment"]["population"]["status"] == status
    assert bool(body["cards"]) == (status == "in")


def test_an_unknown_age_is_a_gap(client: FlaskClient) -> None:
    found = assess(client, positive(), rpild(), who=patient(birthDate=...))
    assert "age" in gap_ids(found)
    assert found["risk"]["factors"][-1] == {**found["risk"]["factors"][-1], "id": "age-over-60", "status": "unknown"}


TRANSPLANTS = [
    (condition("161672008"), "out"),
    (condition(coded("Z94.2", ICD10CM)), "out"),
    (condition(coded("Z94.2", ICD10CM), clinicalStatus=...), "out"),
    (condition("Status post bilateral lung transplant"), "out"),
    (condition("Trasplante bipulmonar"), "out"),
    (procedure("232658009"), "out"),
    (procedure("Lung transplant", performedDateTime=...), "out"),
    (procedure("Lung transplant", status="not-done"), "in"),
    (procedure("Lung transplant", status="preparation"), "in"),
    (procedure("Lung transplant", status="entered-in-error"), "in"),
    (procedure("Lung transplant", performedDateTime="2026-04-01"), "in"),
    (condition(coded("Z94.2", ICD10CM), verificationStatus=coded("refuted", "")), "in"),
    (condition(coded("Z94.2", ICD10CM), verificationStatus=coded("entered-in-error", "")), "in"),
    (condition(coded("Z76.82", ICD10CM)), "in"),
    (condition("16602611000119108"), "in"),
    (condition("Awaiting lung transplant"), "in"),
    (condition("Kidney transplant"), "in"),
]


@pytest.mark.parametrize(("resource", "status"), TRANSPLANTS)
def test_lung_transplant(client: FlaskClient, resource: Json, status: str) -> None:
    body = answer(client, positive(), rpild(), resource)
    assert body["extension"]["mda5-cds.assessment"]["population"]["status"] == status
    assert bool(body["cards"]) == (status == "in")


@pytest.mark.parametrize("what", ["16602611000119108", "Awaiting lung transplant"])
def test_awaiting_one_counts_as_evaluated(client: FlaskClient, what: str) -> None:
    assert "rec-7" in cards(answer(client, positive(), rpild()))
    assert "rec-7" not in cards(answer(client, positive(), rpild(), condition(what)))


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_outside_no_hook_speaks(client: FlaskClient, hook: str) -> None:
    draft = bundle(order("1256", status="draft"))
    context = {"draftOrders": draft, "selections": [ref(draft["entry"][0]["resource"])]}
    body = answer(client, positive(), rpild(), who=patient(deceasedBoolean=True), hook=hook, context=context)
    assert body["cards"] == []


@pytest.mark.parametrize(("born", "dose"), [("1970-05-04", True), (..., False), ("2008", False)])
def test_without_an_age_no_dose_and_childbearing_is_possible(client: FlaskClient, born: Any, dose: bool) -> None:
    twice = {"timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}, "route": coded("26643006", SNOMED)}
    instruction = {**twice, "doseAndRate": [{"doseQuantity": quantity(5, "mg")}]}
    drafts = [order("42316", status="draft", dosageInstruction=[instruction]), order("68149", status="draft")]
    context = {"draftOrders": bundle(*drafts), "selections": [ref(each) for each in drafts]}
    chart = [positive(), rpild(), obs("29463-7", 60, "kg")]
    shown = cards(answer(client, *chart, who=patient(birthDate=born), hook="order-sign", context=context))
    assert ("dose" in shown) == dose
    assert ("safety-pregnancy" in shown) == (born != "1970-05-04")  # at 55 no more


# -- anti-MDA5 --


def _antibody(client: FlaskClient, *resources: Json, **more: Any) -> str:
    status: str = assess(client, *resources, **more)["antiMda5"]["status"]
    return status


def _flagged(*codes: str, system: str = V3, **more: Any) -> Json:
    return obs(MDA5, **{"interpretation": [coded(code, system) for code in codes], **more})


@pytest.mark.parametrize("code", ["POS", "A", "AA", "H", "HH", "HU", "DET", "RR"])
def test_a_positive_interpretation(client: FlaskClient, code: str) -> None:
    assert _antibody(client, _flagged(code)) == "positive"
    assert _antibody(client, _flagged(code, valueString="negative")) == "positive"


@pytest.mark.parametrize("code", ["N", "NEG", "ND", "NR", "L"])
def test_a_negative_interpretation(client: FlaskClient, code: str) -> None:
    assert _antibody(client, _flagged(code)) == "negative"
    assert _antibody(client, _flagged(code, valueString="positive")) == "negative"


@pytest.mark.parametrize("code", ["IND", "E", "WR", "U", "XYZ"])
def test_an_undecided_interpretation_is_unknown_whatever_the_value(client: FlaskClient, code: str) -> None:
    assert _antibody(client, _flagged(code)) == "unknown"
    assert _antibody(client, _flagged(code, valueString="positive")) == "unknown"


def test_the_interpretation_of_an_older_system(client: FlaskClient) -> None:
    assert _antibody(client, _flagged("POS", system="http://hl7.org/fhir/v2/0078")) == "positive"
    one = obs(MDA5, interpretation={"coding": [{"system": V3, "code": "POS"}]})  # an object where a list belongs
    assert _antibody(client, one) == "positive"


VALUES = [
    *((word, "positive") for word in ("Positive", "POSITIVO", "Detected", "reactive", "Positiva", "strong positive")),
    *((word, "negative") for word in ("Negative", "negativo", "Not detected", "No detectado", "non-reactive")),
    *((word, "unknown") for word in ("weak positive", "Borderline", "equivocal", "positivo débil", "pending", "see")),
]


@pytest.mark.parametrize(("word", "status"), VALUES)
def test_a_written_or_coded_value(client: FlaskClient, word: str, status: str) -> None:
    assert _antibody(client, obs(MDA5, word)) == status
    assert _antibody(client, obs(MDA5, valueCodeableConcept={"text": word})) == status


@pytest.mark.parametrize(
    ("code", "system", "status"),
    [
        ("10828004", SNOMED, "positive"),
        ("260373001", SNOMED, "positive"),
        ("260385009", SNOMED, "negative"),
        ("260415000", SNOMED, "negative"),
        ("LA6576-8", LOINC, "positive"),
        ("LA6577-6", LOINC, "negative"),
        ("42425007", SNOMED, "unknown"),
        ("82334004", SNOMED, "unknown"),
        ("LA11884-6", LOINC, "unknown"),
    ],
)
def test_a_coded_value(client: FlaskClient, code: str, system: str, status: str) -> None:
    assert _antibody(client, obs(MDA5, valueCodeableConcept=coded(code, system))) == status


TO_20 = {"referenceRange": [{"high": quantity(20, "U/mL")}]}
NUMBERS = [
    (obs("105529-2", 20.1, "U/mL", **TO_20), "positive"),
    (obs("105529-2", 20, "U/mL", **TO_20), "negative"),
    (obs("105529-2", 19.9, "U/mL", **TO_20), "negative"),
    (obs("105529-2", 5000, "U/mL"), "unknown"),  # without a limit
    (obs("105529-2", 5000, "U/mL", referenceRange=[{"high": quantity(20, "{index}")}]), "unknown"),
    (obs("105529-2", 21, "U/mL", referenceRange=[{"text": "< 20 U/mL"}]), "positive"),
    (obs("105529-2", 20, "U/mL", referenceRange=[{"text": "< 20 U/mL"}]), "positive"),  # 20 is not below 20
    (obs("105529-2", 21, "U/mL", referenceRange=[{"low": quantity(0, "U/mL"), "high": quantity(20)}]), "positive"),
    (obs("105529-2", valueQuantity=quantity(20, "U/mL", comparator="<"), **TO_20), "negative"),
    (obs("105529-2", valueQuantity=quantity(100, "U/mL", comparator="<"), **TO_20), "unknown"),
    (obs("105529-2", valueQuantity=quantity(100, "U/mL", comparator=">"), **TO_20), "positive"),
    (obs("105529-2", valueString="1:320", referenceRange=[{"text": "<1:40"}]), "positive"),
    (obs("105529-2", valueString="1:20", referenceRange=[{"text": "<1:40"}]), "negative"),
    (obs("105529-2", valueString="1:320"), "unknown"),
    (obs("105529-2", valueRatio={"numerator": {"value": 1}, "denominator": {"value": 320}}), "unknown"),
]


@pytest.mark.parametrize(("resource", "status"), NUMBERS)
def test_a_number_against_its_own_limit(client: FlaskClient, resource: Json, status: str) -> None:
    assert _antibody(client, resource) == status


def test_the_word_decides_before_the_number(client: FlaskClient) -> None:
    flagged = obs("105529-2", 5, "U/mL", **TO_20, interpretation=[{"text": "Positive"}])
    assert _antibody(client, flagged) == "positive"
    assert _antibody(client, obs("105529-2", "Positive (12 U/mL)", **TO_20)) == "positive"


def test_one_positive_ever_decides_and_the_later_negative_is_shown(client: FlaskClient) -> None:
    old = positive(effectiveDateTime="2019-04-01")
    later = obs(MDA5, "negative")
    found = assess(client, old, later)["antiMda5"]
    assert found["status"] == "positive"
    assert {ref(old), ref(later)} <= set(found["evidence"])


@pytest.mark.parametrize("code", ["82424-3", "82994-5", "88725-7", "105529-2", "107563-9"])
def test_all_five_codes(client: FlaskClient, code: str) -> None:
    assert _antibody(client, obs(code, "positive")) == "positive"


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ({"coding": [{"system": LAB, "code": "X1", "display": "Anti-MDA5 IgG"}]}, "positive"),
        ({"coding": [{"system": LAB, "code": "X1"}], "text": "Ac. anti MDA-5 (CADM-140)"}, "positive"),
        ({"text": "Anti-MDA 5 antibody"}, "positive"),
        ({"coding": [{"code": "X1", "display": "MDA5 Ab"}]}, "positive"),
        ({"coding": [{"system": LAB, "code": "X1", "display": "Anti-Jo1"}]}, "unknown"),
        ({"coding": [{"system": LOINC, "code": "82424-3"}, {"system": LAB, "code": "9"}]}, "positive"),
    ],
)
def test_local_codes_count_when_their_text_names_mda5(client: FlaskClient, what: Json, status: str) -> None:
    assert _antibody(client, obs(what, "positive")) == status


def test_a_panel_component_counts(client: FlaskClient) -> None:
    part = {"code": coded(MDA5), "valueCodeableConcept": coded("10828004", SNOMED)}
    panel = obs({"coding": [{"system": LAB, "code": "P"}], "text": "Myositis panel"}, component=[part])
    assert _antibody(client, panel) == "positive"


UNUSABLE = [
    positive(status="entered-in-error"),
    positive(status="cancelled"),
    positive(status="unknown"),
    positive(status="registered"),
    positive(effectiveDateTime="2026-03-02"),
    positive(subject={"reference": "Patient/other"}),
]


@pytest.mark.parametrize("resource", UNUSABLE)
def test_what_does_not_count(client: FlaskClient, resource: Json) -> None:
    assert _antibody(client, resource) == "unknown"
    found = assess(client, resource, obs(MDA5, "negative"))
    assert found["antiMda5"]["status"] == "negative"
    assert ref(resource) in ignored(found)


@pytest.mark.parametrize(
    "broken", [positive(effectiveDateTime="x"), positive(status="done"), positive(subject=...), obs(MDA5)]
)
def test_what_cannot_be_read_may_have_been_positive(client: FlaskClient, broken: Json) -> None:
    found = assess(client, broken, obs(MDA5, "negative"))
    assert found["antiMda5"]["status"] == "unknown"
    assert ref(broken) in ignored(found)


def test_preliminary_counts_only_without_a_current_final(client: FlaskClient) -> None:
    early = positive(status="preliminary")
    assert _antibody(client, early) == "positive"
    assert _antibody(client, early, obs(MDA5, "negative", status="amended")) == "negative"
    assert _antibody(client, early, obs(MDA5, "negative", effectiveDateTime=ago(200))) == "positive"


def test_an_undecided_result_beside_a_negative_is_unknown(client: FlaskClient) -> None:
    assert _antibody(client, obs(MDA5, "negative"), obs(MDA5, "weak positive")) == "unknown"


def test_unknown_is_a_gap_and_in_dm_a_card(client: FlaskClient) -> None:
    assert "anti-mda5" in gap_ids(assess(client))
    assert set(cards(answer(client, condition(DM)))) == {"diagnosis"}
    assert not answer(client, condition(DM), obs(MDA5, "negative"))["cards"]
    assert not answer(client, rpild())["cards"]


def test_the_titre_is_shown_within_one_assay(client: FlaskClient) -> None:
    first = obs("105529-2", 100, "U/mL", effectiveDateTime=ago(40), **TO_20)
    second = obs("105529-2", 250, "U/mL", **TO_20)
    titre = assess(client, first, second)["antiMda5"]["titre"]
    assert (titre["value"], titre["unit"], titre["date"][:10]) == (250, "U/mL", "2026-02-28")
    assert titre["earlier"]["evidence"] == [ref(first)]
    other = obs("88725-7", 100, "U/mL", effectiveDateTime=ago(40), **TO_20)
    assert "earlier" not in assess(client, other, second)["antiMda5"]["titre"]


def test_every_answer_names_the_moment_and_the_guideline(client: FlaskClient) -> None:
    found = assess(client)
    assert found["asOf"] == NOW.isoformat().replace("+00:00", "Z")
    assert found["guideline"]["id"] == "final"
    assert found["guideline"]["doi"] == "10.1016/j.semarthrit.2020.03.007"
    assert found["guideline"]["knowledgeVersion"]
    assert len(found["recommendations"]) == 13


def test_the_patient_of_the_call_may_be_named_in_full(client: FlaskClient) -> None:
    body = {
        "hook": "patient-view",
        "hookInstance": "x",
        "context": {"patientId": "Patient/p1", "userId": "Practitioner/d"},
        "prefetch": {"patient": patient(), "observations": None, "medications": None, "conditions": None},
    }
    assert post(client, body).status_code == 200
