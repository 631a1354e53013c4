"""Contract §4, the safety rows of the order hooks and what may be suggested there."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.acceptance.fhir import (
    CYCLOPHOSPHAMIDE,
    CYCLOSPORINE,
    MYCOPHENOLATE,
    PREDNISONE,
    RITUXIMAB,
    RXNORM,
    SNOMED,
    TACROLIMUS,
    TOFACITINIB,
    Json,
    allergy,
    cards,
    coded,
    condition,
    day,
    given,
    obs,
    order,
    patient,
    procedure,
    ref,
)
from tests.acceptance.test_orders import (
    AZATHIOPRINE,
    PARACETAMOL,
    SICK,
    WOMAN,
    created,
    deleted,
    draft,
    on,
    ordering,
    topics,
)

BASILIXIMAB, INFLIXIMAB, ADALIMUMAB, MYCOPHENOLIC_ACID = "196102", "191831", "327361", "7145"
PREGNANT = obs("82810-3", valueCodeableConcept=coded("77386006", SNOMED))
NOT_PREGNANT = obs("82810-3", valueCodeableConcept=coded("60001007", SNOMED))
HCG = "2118-8"


def born(years: int, gender: str = "female") -> Json:
    return patient(birthDate=f"{2026 - years}-03-01", gender=gender)


def card_of(client: FlaskClient, topic: str, *drafts: Json, chart: tuple[Json, ...] = (), **more: Any) -> Json | None:
    return cards(ordering(client, [*SICK, *chart], *drafts, **more)).get(topic)


# ── pregnancy and fertility ──


@pytest.mark.parametrize("drug", [CYCLOPHOSPHAMIDE, MYCOPHENOLATE, MYCOPHENOLIC_ACID, RITUXIMAB])
@pytest.mark.parametrize(
    ("who", "chart", "indicator"),
    [
        (born(30), (PREGNANT,), "critical"),
        (born(30), (condition("77386006"),), "critical"),
        (born(30), (obs(HCG, "positive"),), "critical"),
        (born(55), (PREGNANT,), "critical"),
        (born(30), (), "warning"),
        (born(30), (NOT_PREGNANT,), "warning"),
        (born(30), (obs(HCG, "negative"),), "warning"),
        (born(18), (), "warning"),
        (born(50), (), "warning"),
        (born(51), (), None),
        (patient(birthDate=...), (), "warning"),
        (patient(birthDate="1990", gender=...), (), "warning"),
        (patient(birthDate="1990", gender="unknown"), (), "warning"),
        (born(30), (condition("postmenopausal"),), None),
        (born(30), (procedure("Hysterectomy"),), None),
        (born(30), ({**PREGNANT, "status": "entered-in-error"},), "warning"),
        (born(30), ({**PREGNANT, "subject": {"reference": "Patient/other"}},), "warning"),
        (born(30), ({**PREGNANT, "effectiveDateTime": day(301)},), "warning"),
        (born(30), ({**PREGNANT, "effectiveDateTime": day(299)},), "critical"),
    ],
)
def test_pregnancy(client: FlaskClient, drug: str, who: Json, chart: tuple[Json, ...], indicator: str | None) -> None:
    one = draft(drug)
    card = card_of(client, "safety-pregnancy", one, chart=chart, who=who)
    assert (card["indicator"] if card else None) == indicator
    if card:
        assert deleted(card) == ({ref(one)} if indicator == "critical" else set())


@pytest.mark.parametrize(
    ("drug", "years", "indicator"),
    [(CYCLOPHOSPHAMIDE, 49, "info"), (CYCLOPHOSPHAMIDE, 50, None), (MYCOPHENOLATE, 30, None), (RITUXIMAB, 30, None)],
)
def test_men_are_asked_before_cyclophosphamide(
    client: FlaskClient, drug: str, years: int, indicator: str | None
) -> None:
    card = card_of(client, "safety-pregnancy", draft(drug), who=born(years, "male"))
    assert (card["indicator"] if card else None) == indicator
    if card:
        assert "ask" in card["detail"].lower()
        assert "suggestions" not in card


@pytest.mark.parametrize("drug", [PREDNISONE, TACROLIMUS, AZATHIOPRINE, TOFACITINIB, BASILIXIMAB, PARACETAMOL])
def test_no_pregnancy_card_for_other_drugs(client: FlaskClient, drug: str) -> None:
    assert card_of(client, "safety-pregnancy", draft(drug), chart=(PREGNANT,), who=born(30)) is None


def test_a_test_is_offered_unless_negative_or_not_intended(client: FlaskClient) -> None:
    def tested(*chart: Json) -> bool:
        card = card_of(client, "safety-pregnancy", draft(CYCLOPHOSPHAMIDE), chart=chart, who=born(30))
        assert card
        return bool(card.get("suggestions"))

    assert tested()
    assert tested(obs(HCG, "negative", effectiveDateTime=day(8)))
    assert not tested(obs(HCG, "negative", effectiveDateTime=day(6)))


# ── allergy ──

BACK = "http://terminology.hl7.org/CodeSystem/allergyintolerance-"


def state(kind: str, code: str) -> Json:
    return coded(code, f"{BACK}{kind}")


@pytest.mark.parametrize(
    ("more", "indicator"),
    [
        ({}, "warning"),
        ({"type": "allergy"}, "critical"),
        ({"type": "intolerance"}, "warning"),
        ({"type": "intolerance", "criticality": "high"}, "critical"),
        ({"type": "intolerance", "criticality": "low"}, "warning"),
        ({"criticality": "unable-to-assess"}, "warning"),
        ({"reaction": [{"manifestation": [{"text": "shock"}], "severity": "severe"}]}, "critical"),
        ({"reaction": [{"manifestation": [{"text": "rash"}], "severity": "moderate"}]}, "warning"),
        ({"type": "allergy", "clinicalStatus": state("clinical", "active")}, "critical"),
        ({"type": "allergy", "clinicalStatus": state("clinical", "inactive")}, None),
        ({"type": "allergy", "clinicalStatus": state("clinical", "resolved")}, None),
        ({"type": "allergy", "verificationStatus": state("verification", "refuted")}, None),
        ({"type": "allergy", "verificationStatus": state("verification", "entered-in-error")}, None),
        ({"type": "allergy", "verificationStatus": state("verification", "unconfirmed")}, "critical"),
        ({"type": "allergy", "patient": {"reference": "Patient/other"}}, None),
        ({"type": "allergy", "code": coded(PARACETAMOL, RXNORM)}, None),
        ({"type": "allergy", "code": {"text": "Mycophenolate"}}, "critical"),
        ({"type": "allergy", "code": {"text": "CellCept"}}, "critical"),
    ],
)
def test_allergy(client: FlaskClient, more: Json, indicator: str | None) -> None:
    one = draft(MYCOPHENOLATE)
    entry = allergy(MYCOPHENOLATE, **more)
    found = ordering(client, [*SICK, *on(PREDNISONE), entry], one, draft(PARACETAMOL))
    card = cards(found).get("safety-allergy")
    assert (card["indicator"] if card else None) == indicator
    if card:
        assert deleted(card) == ({ref(one)} if indicator == "critical" else set())
        assert ref(entry) in card["detail"]


def test_allergy_by_substance_in_a_reaction_and_by_product(client: FlaskClient) -> None:
    by_reaction = allergy(
        MYCOPHENOLATE,
        code=...,
        type="allergy",
        reaction=[{"substance": coded(MYCOPHENOLATE, RXNORM), "manifestation": [{"text": "rash"}]}],
    )
    by_product = allergy("200060", type="allergy")
    for entry in (by_reaction, by_product):
        assert card_of(client, "safety-allergy", draft(MYCOPHENOLATE), chart=(entry,))


@pytest.mark.parametrize("one", [{"text": "mycophenolate mofetil 500 mg tablet"}, coded("200060", RXNORM)])
def test_allergy_to_what_the_product_holds(client: FlaskClient, one: Json) -> None:
    assert card_of(client, "safety-allergy", draft(one), chart=(allergy(MYCOPHENOLATE, type="allergy"),))


# ── interactions ──


@pytest.mark.parametrize(
    ("running", "drafted", "speaks"),
    [
        ((), (TOFACITINIB, RITUXIMAB), True),
        ((), (TOFACITINIB, BASILIXIMAB), True),
        ((), (TOFACITINIB, INFLIXIMAB), True),
        ((), (TOFACITINIB, ADALIMUMAB), True),
        ((RITUXIMAB,), (TOFACITINIB,), True),
        ((TOFACITINIB,), (BASILIXIMAB,), True),
        ((TOFACITINIB,), (INFLIXIMAB,), True),
        ((), (TACROLIMUS, CYCLOSPORINE), True),
        ((TACROLIMUS,), (CYCLOSPORINE,), True),
        ((TACROLIMUS,), (TACROLIMUS,), False),
        ((TACROLIMUS,), (TOFACITINIB,), False),
        ((TACROLIMUS, CYCLOSPORINE), (PREDNISONE,), False),
        ((TOFACITINIB, RITUXIMAB), (PREDNISONE,), False),
        ((RITUXIMAB,), (BASILIXIMAB,), False),
    ],
)
def test_interaction(client: FlaskClient, running: tuple[str, ...], drafted: tuple[str, ...], speaks: bool) -> None:
    body = ordering(client, [*SICK, *on(*running)], *(draft(drug) for drug in drafted))
    assert topics(body).get("safety-interaction") == ("warning" if speaks else None)
    if speaks:
        assert "suggestions" not in cards(body)["safety-interaction"]


@pytest.mark.parametrize(("drug", "days"), [(RITUXIMAB, 180), (BASILIXIMAB, 28)])
def test_a_pulse_counts_for_its_interval(client: FlaskClient, drug: str, days: int) -> None:
    for ago_, speaks in ((days - 1, True), (days + 2, False)):
        dose = given(drug, effectiveDateTime=day(ago_))
        body = ordering(client, [*SICK, dose], draft(TOFACITINIB))
        assert ("safety-interaction" in topics(body)) is speaks


@pytest.mark.parametrize(
    "other",
    [
        {"text": "tocilizumab"},
        {"text": "Kevzara"},
        {"text": "abatacept 125 mg/mL syringe"},
        {"text": "anakinra"},
        coded("L04AG04", "http://www.whocc.no/atc"),
        coded("L04AC07", "http://www.whocc.no/atc"),
        coded("999", RXNORM, text="tocilizumab"),
        coded("214555", RXNORM),
    ],
)
def test_any_biologic_counts(client: FlaskClient, other: Json) -> None:
    assert topics(ordering(client, SICK, draft(TOFACITINIB), draft(other)))["safety-interaction"] == "warning"
    assert topics(ordering(client, [*SICK, order(other)], draft(TOFACITINIB)))["safety-interaction"] == "warning"
    assert "safety-interaction" not in topics(ordering(client, [*SICK, order(other)], draft(PREDNISONE)))


# ── what may be suggested ──


def offered(body: Json, topic: str = "rec-2") -> list[set[str]]:
    return [each for each in created(cards(body)[topic]) if each]


def test_nothing_unsuitable_is_offered(client: FlaskClient) -> None:
    def drugs(*chart: Json, who: Json = WOMAN, drafts: tuple[str, ...] = (PREDNISONE,)) -> set[str]:
        body = ordering(client, [*SICK, *chart], *(draft(drug) for drug in drafts), who=who)
        return set().union(*offered(body))

    assert {TACROLIMUS, CYCLOSPORINE, CYCLOPHOSPHAMIDE} <= drugs()
    assert TACROLIMUS not in drugs(allergy(TACROLIMUS))
    assert CYCLOPHOSPHAMIDE not in drugs(order(CYCLOPHOSPHAMIDE, doNotPerform=True))
    assert CYCLOPHOSPHAMIDE not in drugs(PREGNANT, who=born(30))
    assert PREDNISONE not in drugs(drafts=(RITUXIMAB, PREDNISONE))
    assert CYCLOSPORINE not in drugs(drafts=(TACROLIMUS,))
    marked = ordering(client, SICK, draft(PREDNISONE), who=born(30))
    with_cyc = [CYCLOPHOSPHAMIDE in each for each in offered(marked)]
    assert with_cyc == sorted(with_cyc), "what carries a mark comes after what does not"


def test_a_prohibition_among_the_drafts_is_kept(client: FlaskClient) -> None:
    body = ordering(client, SICK, draft(PREDNISONE), draft(TACROLIMUS, doNotPerform=True))
    assert not any(TACROLIMUS in each for each in offered(body))


def test_an_azathioprine_draft_is_not_replaced_by_what_is_drafted_beside_it(client: FlaskClient) -> None:
    body = ordering(client, SICK, draft(AZATHIOPRINE), draft(PREDNISONE))
    for each in offered(body, "rec-8"):
        assert PREDNISONE not in each


def test_low_kidney_function_leads_to_rec_3(client: FlaskClient) -> None:
    for value, topic in ((29, "rec-3"), (30, "rec-2"), (45, "rec-2")):
        body = ordering(client, [*SICK, obs("98979-8", value, "mL/min/{1.73_m2}")], draft(PREDNISONE))
        assert set(topics(body)) == {topic}, value


def test_rituximab_comes_with_its_screening(client: FlaskClient) -> None:
    no_cni = [allergy(TACROLIMUS), allergy(CYCLOSPORINE)]
    body = ordering(client, [*SICK, *no_cni, *on(CYCLOPHOSPHAMIDE)], draft(MYCOPHENOLATE))
    for each in cards(body)["rec-3"]["suggestions"]:
        made = [action["resource"] for action in each["actions"]]
        drugs = {m["medicationCodeableConcept"]["coding"][0]["code"] for m in made if "medicationCodeableConcept" in m}
        if RITUXIMAB in drugs:
            tests = {m["code"]["coding"][0]["code"] for m in made if m["resourceType"] == "ServiceRequest"}
            assert {"16933-4", "71773-6"} <= tests
