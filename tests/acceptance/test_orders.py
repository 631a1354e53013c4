"""Contract §4, order-select and order-sign: what causes rec-8 to rec-10, rec-2, rec-3, rec-2b; what is offered."""

from __future__ import annotations

from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from flask.testing import FlaskClient

from tests.acceptance.fhir import (
    CYCLOPHOSPHAMIDE,
    CYCLOSPORINE,
    IVIG,
    METHYLPREDNISOLONE,
    MYCOPHENOLATE,
    PREDNISONE,
    RITUXIMAB,
    RXNORM,
    SNOMED,
    TACROLIMUS,
    TOFACITINIB,
    Json,
    allergy,
    answer,
    cards,
    coded,
    condition,
    day,
    given,
    obs,
    order,
    patient,
    positive,
    ref,
    rpild,
    service,
)

AZATHIOPRINE, METHOTREXATE, LEFLUNOMIDE, INFLIXIMAB, PIRFENIDONE = "1256", "6851", "27169", "191831", "1592254"
ADALIMUMAB, ETANERCEPT, BASILIXIMAB, PARACETAMOL, HYDROXYCHLOROQUINE = "327361", "214555", "196102", "161", "5521"
WOMAN = patient(birthDate="1960-01-01")
SICK = [positive(), rpild()]
FIVE = {BASILIXIMAB, CYCLOPHOSPHAMIDE, MYCOPHENOLATE, RITUXIMAB, TOFACITINIB}
INFECTED = condition("186696008", recordedDate=day(3), onsetDateTime=day(3))


def draft(drug: Any, /, **more: Any) -> Json:
    return order(drug, **{"status": "draft", "authoredOn": day(0), **more})


def on(*drugs: str, since: int = 14) -> list[Json]:
    return [order(drug, authoredOn=day(since)) for drug in drugs]


def basket(*drafts: Any) -> Json:
    return {"draftOrders": {"resourceType": "Bundle", "entry": [{"resource": each} for each in drafts]}}


def ordering(client: FlaskClient, chart: list[Json], *drafts: Any, context: Json | None = None, **more: Any) -> Json:
    """The body that these drafts get on this chart; order-sign unless `hook` says otherwise."""
    told = {"who": WOMAN, "hook": "order-sign", **more}
    return answer(client, *chart, context={**basket(*drafts), **(context or {})}, **told)


def topics(body: Json) -> dict[str, str]:
    return {topic: card["indicator"] for topic, card in cards(body).items()}


def created(card: Json) -> list[set[str]]:
    """The first drug code of what each suggestion creates."""
    return [
        {
            action["resource"]["medicationCodeableConcept"]["coding"][0]["code"]
            for action in each["actions"]
            if action["type"] == "create" and action["resource"]["resourceType"] == "MedicationRequest"
        }
        for each in card.get("suggestions", ())
    ]


def deleted(card: Json) -> set[str]:
    return {
        action["resourceId"]
        for each in card.get("suggestions", ())
        for action in each["actions"]
        if action["type"] == "delete"
    }


# ── rec-8, rec-9, rec-10 ──

OLD_COMBINATION = on(PREDNISONE, TACROLIMUS, since=200)


@pytest.mark.parametrize("hook", ["order-sign", "order-select"])
@pytest.mark.parametrize(
    ("drug", "topic", "induction", "maintenance"),
    [
        *((drug, "rec-8", "warning", "info") for drug in (AZATHIOPRINE, METHOTREXATE, LEFLUNOMIDE)),
        *((drug, "rec-9", "warning", "warning") for drug in (INFLIXIMAB, ADALIMUMAB, ETANERCEPT)),
        (PIRFENIDONE, "rec-10", "warning", "warning"),
    ],
)
def test_not_recommended(
    client: FlaskClient, hook: str, drug: str, topic: str, induction: str, maintenance: str
) -> None:
    wrong = draft(drug)
    chosen = {"selections": [ref(wrong)]} if hook == "order-select" else {}
    for chart, indicator in ((SICK, induction), ([*SICK, *OLD_COMBINATION], maintenance)):
        body = ordering(client, chart, wrong, hook=hook, context=chosen)
        card = cards(body)[topic]
        assert topics(body) == {topic: indicator}
        assert deleted(card) == {ref(wrong)}
        told = {each["id"]: each["status"] for each in body["extension"]["mda5-cds.assessment"]["recommendations"]}
        assert told[topic] == "applies"
    offered = [each for each in created(cards(ordering(client, SICK, wrong))[topic]) if each]
    assert offered, "a guideline alternative"
    assert all(TACROLIMUS in each or CYCLOSPORINE in each for each in offered)
    assert not any(drug in each for each in offered)


@pytest.mark.parametrize("chart", [[rpild()], [positive()], [positive(), condition("233703007")], []])
@pytest.mark.parametrize("drug", [AZATHIOPRINE, PREDNISONE, TACROLIMUS, CYCLOPHOSPHAMIDE, INFLIXIMAB])
def test_outside_the_disease_all_is_silent(client: FlaskClient, chart: list[Json], drug: str) -> None:
    assert ordering(client, chart, draft(drug))["cards"] == []


@pytest.mark.parametrize(
    "who", [patient(birthDate="2010-01-01"), patient(deceasedBoolean=True), patient(deceasedDateTime=day(2))]
)
def test_outside_the_population_all_is_silent(client: FlaskClient, who: Json) -> None:
    assert ordering(client, SICK, draft(AZATHIOPRINE), who=who)["cards"] == []


@pytest.mark.parametrize(
    "unrelated",
    [
        draft(PARACETAMOL),
        service("Physiotherapy", status="draft"),
        draft(AZATHIOPRINE, doNotPerform=True),
        draft(TACROLIMUS, dosageInstruction=[{"route": coded("6064005", SNOMED)}]),
        draft(coded("1", RXNORM, text="Aspirin"), medicationCodeableConcept=...),
    ],
)
def test_an_unrelated_order_is_met_with_silence(client: FlaskClient, unrelated: Json) -> None:
    assert ordering(client, SICK, unrelated)["cards"] == []
    beside = ordering(client, SICK, unrelated, wrong := draft(AZATHIOPRINE))
    assert topics(beside) == {"rec-8": "warning"} == topics(ordering(client, SICK, wrong))


# ── rec-2 and rec-3 ──


@pytest.mark.parametrize(
    ("running", "drafted", "missing"),
    [
        ((), (PREDNISONE,), [{TACROLIMUS}, {CYCLOSPORINE}]),
        ((), (METHYLPREDNISOLONE,), [{TACROLIMUS}, {CYCLOSPORINE}]),
        ((), (TACROLIMUS,), [{PREDNISONE}]),
        ((), (MYCOPHENOLATE,), [{PREDNISONE, TACROLIMUS}]),
        ((PREDNISONE,), (RITUXIMAB,), [{TACROLIMUS}, {CYCLOSPORINE}]),
        ((PREDNISONE, AZATHIOPRINE), (TOFACITINIB,), [{TACROLIMUS}]),
        ((AZATHIOPRINE,), (PREDNISONE,), [{TACROLIMUS}]),
        ((), (PREDNISONE, AZATHIOPRINE), [{TACROLIMUS}]),
        ((PREDNISONE,), (BASILIXIMAB,), [{TACROLIMUS}]),
    ],
)
def test_rec_2_completes_what_is_no_combination(
    client: FlaskClient, running: tuple[str, ...], drafted: tuple[str, ...], missing: list[set[str]]
) -> None:
    drafts = [draft(drug) for drug in drafted]
    card = cards(ordering(client, [*SICK, *on(*running)], *drafts))["rec-2"]
    assert card["indicator"] == "warning"
    offered = created(card)
    for wanted in missing:
        assert any(wanted <= each for each in offered), offered
    for each in offered:
        assert not each & {*running, *drafted}
        assert not {TACROLIMUS, CYCLOSPORINE} <= each


@pytest.mark.parametrize(
    ("running", "drafted"),
    [
        ((), (PREDNISONE, TACROLIMUS)),
        ((PREDNISONE,), (CYCLOSPORINE,)),
        ((PREDNISONE,), (CYCLOPHOSPHAMIDE,)),
        ((PREDNISONE,), (MYCOPHENOLATE,)),
        ((TACROLIMUS,), (METHYLPREDNISOLONE,)),
        ((PREDNISONE, TACROLIMUS), (RITUXIMAB,)),
        ((), (AZATHIOPRINE,)),
        ((PREDNISONE,), (INFLIXIMAB, PIRFENIDONE)),
        ((), (IVIG,)),
        ((), (PARACETAMOL,)),
    ],
)
def test_no_rec_2_or_rec_3(client: FlaskClient, running: tuple[str, ...], drafted: tuple[str, ...]) -> None:
    body = ordering(client, [*SICK, *on(*running)], *(draft(drug) for drug in drafted))
    assert not {"rec-2", "rec-3"} & set(topics(body))


NO_CNI = [allergy(TACROLIMUS), allergy(CYCLOSPORINE)]


def test_rec_3_where_no_cni_is_feasible(client: FlaskClient) -> None:
    body = ordering(client, [*SICK, *NO_CNI], draft(PREDNISONE))
    assert topics(body) == {"rec-3": "warning"}
    assert {CYCLOPHOSPHAMIDE} in created(cards(body)["rec-3"])
    assert {MYCOPHENOLATE} in created(cards(body)["rec-3"])
    assert not any({TACROLIMUS, CYCLOSPORINE} & each for each in created(cards(body)["rec-3"]))
    assert topics(ordering(client, [*SICK, NO_CNI[0]], draft(PREDNISONE))) == {"rec-2": "warning"}


def test_maintenance_and_unknown_stage_say_no_rec_2(client: FlaskClient) -> None:
    past = [
        order(drug, status="stopped", authoredOn=day(400), dispenseRequest={"validityPeriod": {"end": day(200)}})
        for drug in (PREDNISONE, TACROLIMUS)
    ]
    body = ordering(client, [*SICK, *past], draft(PREDNISONE))
    assert body["extension"]["mda5-cds.assessment"]["therapy"]["phase"] == "maintenance"
    assert topics(body) == {}
    unreadable = order(coded("x", "urn:unknown"))
    body = ordering(client, [*SICK, unreadable], draft(PREDNISONE))
    assert body["extension"]["mda5-cds.assessment"]["therapy"]["stage"] == "unknown"
    assert "rec-2" not in topics(body)


@pytest.mark.parametrize(
    ("chart", "drafted", "indicator"),
    [
        (on(PREDNISONE, CYCLOPHOSPHAMIDE), (RITUXIMAB,), "info"),
        (on(PREDNISONE), (CYCLOPHOSPHAMIDE, RITUXIMAB), "info"),
        ([*on(PREDNISONE), given(CYCLOPHOSPHAMIDE)], (RITUXIMAB,), "info"),
        ([*on(PREDNISONE, CYCLOPHOSPHAMIDE), *NO_CNI], (RITUXIMAB,), "info"),
        (on(PREDNISONE, CYCLOPHOSPHAMIDE, TACROLIMUS), (RITUXIMAB,), None),
        (on(PREDNISONE, CYCLOPHOSPHAMIDE), (RITUXIMAB, TACROLIMUS), None),
        (on(PREDNISONE, MYCOPHENOLATE), (RITUXIMAB,), None),
        (on(PREDNISONE, CYCLOPHOSPHAMIDE, RITUXIMAB), (MYCOPHENOLATE,), None),
    ],
)
def test_rituximab_on_cyclophosphamide_without_a_cni(
    client: FlaskClient, chart: list[Json], drafted: tuple[str, ...], indicator: str | None
) -> None:
    found = cards(ordering(client, [*SICK, *chart], *(draft(drug) for drug in drafted)))
    assert found.get("rec-3", {}).get("indicator") == indicator
    if indicator:
        assert "suggestions" not in found["rec-3"]
        assert "caution" in found["rec-3"]["detail"].lower()


@pytest.mark.parametrize("drug", [PREDNISONE, AZATHIOPRINE, MYCOPHENOLATE])
def test_during_an_infection_no_immunosuppressant_is_offered(client: FlaskClient, drug: str) -> None:
    for card in ordering(client, [*SICK, INFECTED], draft(drug))["cards"]:
        assert not any(created(card))
        assert "infection" in card["detail"].lower() or "infección" in card["detail"].lower()


# ── rec-2b ──

TACROLIMUS_LEVEL, CYCLOSPORINE_LEVEL = "11253-2", "3520-4"


def level(code: str, **more: Any) -> Json:
    return service({"coding": [{"system": "http://loinc.org", "code": code}]}, **more)


@pytest.mark.parametrize(
    ("chart", "drafts", "speaks"),
    [
        ([], (TACROLIMUS,), True),
        ([], (CYCLOSPORINE,), True),
        ([], (PREDNISONE,), False),
        (on(TACROLIMUS), (PREDNISONE,), False),
        ([level(TACROLIMUS_LEVEL)], (TACROLIMUS,), False),
        ([level(TACROLIMUS_LEVEL, intent="plan")], (TACROLIMUS,), False),
        ([level(CYCLOSPORINE_LEVEL)], (TACROLIMUS,), True),
        ([level(TACROLIMUS_LEVEL, status="completed")], (TACROLIMUS,), True),
        ([level(TACROLIMUS_LEVEL, status="revoked")], (TACROLIMUS,), True),
        ([level(TACROLIMUS_LEVEL, status="entered-in-error")], (TACROLIMUS,), True),
        ([level(TACROLIMUS_LEVEL, doNotPerform=True)], (TACROLIMUS,), True),
        ([level(TACROLIMUS_LEVEL, subject={"reference": "Patient/other"})], (TACROLIMUS,), True),
        ([], (TACROLIMUS, level(TACROLIMUS_LEVEL, status="draft")), False),
        ([], (TACROLIMUS, level(CYCLOSPORINE_LEVEL, status="draft")), True),
        ([obs(TACROLIMUS_LEVEL, 12, "ng/mL")], (TACROLIMUS,), True),
    ],
)
def test_a_level_with_the_inhibitor(
    client: FlaskClient, chart: list[Json], drafts: tuple[Any, ...], speaks: bool
) -> None:
    basket_of = [draft(each) if isinstance(each, str) else each for each in drafts]
    found = cards(ordering(client, [*SICK, *chart, *on(PREDNISONE)], *basket_of))
    assert ("rec-2b" in found) is speaks
    if speaks:
        assert found["rec-2b"]["indicator"] == "info"
        made = [action["resource"] for each in found["rec-2b"]["suggestions"] for action in each["actions"]]
        assert {each["resourceType"] for each in made} == {"ServiceRequest"}
        for each in made:
            get_fhir_model_class("ServiceRequest").model_validate(each)
