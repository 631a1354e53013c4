"""Contract §4, 'What may be suggested': who gets which drug offered, beside what, and in which form."""

from __future__ import annotations

from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class
from flask.testing import FlaskClient

from tests.acceptance.fhir import (
    ATC,
    CANONICAL,
    CYCLOPHOSPHAMIDE,
    CYCLOSPORINE,
    IVIG,
    MYCOPHENOLATE,
    PREDNISONE,
    RITUXIMAB,
    RXNORM,
    SNOMED,
    TACROLIMUS,
    TOFACITINIB,
    Json,
    ago,
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
    procedure,
    ref,
    rpild,
)

EGFR = "98979-8"
CONSULT = "Consultation with a centre experienced in anti-MDA5 disease"
BASILIXIMAB, INFLIXIMAB, MYCOPHENOLIC_ACID, BARICITINIB = "196102", "191831", "7145", "2047232"
PMX, PLASMAPHERESIS = "233591003", "20720000"
HBSAG, HBC, IGRA = "5196-1", "16933-4", "71773-6"
SCREENING = {"HBsAg": HBSAG, "anti-HBc": HBC, "IGRA": IGRA}
NAMES = {
    PREDNISONE: "gc",
    "8638": "gc",
    "6902": "gc",
    TACROLIMUS: "tac",
    CYCLOSPORINE: "csa",
    CYCLOPHOSPHAMIDE: "cyc",
    MYCOPHENOLATE: "mmf",
    RITUXIMAB: "rtx",
    BASILIXIMAB: "bas",
    TOFACITINIB: "tofa",
    IVIG: "ivig",
}
FIVE = ["bas", "cyc", "mmf", "rtx", "tofa"]
KIDNEY = obs(EGFR, 20, "mL/min/{1.73_m2}")
OLD = patient(birthDate="1960-01-01")
WOMAN, MAN = patient(birthDate="1990-01-01"), patient(birthDate="1990-01-01", gender="male")
PREGNANT = obs("82810-3", valueCodeableConcept=coded("77386006", SNOMED))
CMV = condition("186696008", recordedDate=day(3), onsetDateTime=day(3))


def on(*drugs: str, since: int = 14) -> list[Json]:
    return [order(drug, authoredOn=day(since)) for drug in drugs]


BASE = on(PREDNISONE, TACROLIMUS)


def said(criterion: str) -> Json:
    return obs(coded(criterion, f"{CANONICAL}/CodeSystem/refractoriness-criterion"), valueBoolean=True)


FAILING = [said("imaging"), said("respiratory-symptoms")]


def shown(client: FlaskClient, *resources: Json, who: Json = OLD, **more: Any) -> dict[str, Json]:
    return cards(answer(client, positive(), rpild(), *resources, who=who, **more))


def created(suggestion: Json, kind: str) -> list[Json]:
    return [
        action["resource"]
        for action in suggestion["actions"]
        if action["type"] == "create" and action["resource"]["resourceType"] == kind
    ]


def drugs(suggestion: Json) -> list[str]:
    orders = created(suggestion, "MedicationRequest")
    return [NAMES[each["medicationCodeableConcept"]["coding"][0]["code"]] for each in orders]


def stopped(suggestion: Json) -> list[str]:
    return [f"MedicationRequest/{a['resource']['id']}" for a in suggestion["actions"] if a["type"] == "update"]


def offers(card: Json) -> list[str]:
    """Each suggestion of drugs as one word: `gc+tac`, `-mmf` for what it stops first."""
    found = []
    for each in card.get("suggestions", ()):
        if drugs(each):
            found.append(("switch:" if stopped(each) else "") + "+".join(drugs(each)))
    return found


def every_drug(found: dict[str, Json]) -> set[str]:
    return {drug for card in found.values() for each in card.get("suggestions", ()) for drug in drugs(each)}


# ── rec-2 and rec-3: the alternatives ──


@pytest.mark.parametrize(
    ("running", "expected"),
    [
        ((), {"gc+tac", "gc+csa", "gc+tac+cyc", "gc+csa+cyc"}),
        ((PREDNISONE,), {"tac", "csa", "tac+cyc", "csa+cyc"}),
        ((TACROLIMUS,), {"gc", "gc+cyc"}),
        ((RITUXIMAB,), {"gc+tac", "gc+csa", "gc+tac+cyc", "gc+csa+cyc"}),
        ((CYCLOPHOSPHAMIDE,), {"gc+tac", "gc+csa"}),
        ((PREDNISONE, CYCLOPHOSPHAMIDE), {"tac", "csa"}),
        ((PREDNISONE, MYCOPHENOLATE), {"tac", "csa"}),
    ],
)
def test_rec_2(client: FlaskClient, running: tuple[str, ...], expected: set[str]) -> None:
    found = offers(shown(client, *on(*running))["rec-2"])
    assert set(found) == expected
    assert len(found) == len(expected)


def test_no_preference_between_the_inhibitors(client: FlaskClient) -> None:
    """Neither is preferred: the pairs come before the triples, and labels rank nothing."""
    card = shown(client)["rec-2"]
    assert {offers(card)[0], offers(card)[1]} == {"gc+tac", "gc+csa"}
    assert not any("isRecommended" in each for each in card["suggestions"])
    assert "prefer" not in " ".join(each["label"] for each in card["suggestions"]).lower()


@pytest.mark.parametrize(
    ("running", "expected"),
    [
        ((), {"gc+cyc", "gc+mmf", "gc+cyc+rtx", "gc+mmf+rtx"}),
        ((PREDNISONE,), {"cyc", "mmf", "cyc+rtx", "mmf+rtx"}),
        ((PREDNISONE, RITUXIMAB), {"cyc", "mmf"}),
    ],
)
def test_rec_3(client: FlaskClient, running: tuple[str, ...], expected: set[str]) -> None:
    card = shown(client, KIDNEY, *on(*running))["rec-3"]
    assert set(offers(card)) == expected
    with_rituximab = [each for each in card["suggestions"] if "rtx" in drugs(each)]
    assert all("caution" in str(each["actions"]).lower() for each in with_rituximab)


# ── rec-4 and rec-5 ──


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ((), [*FIVE, "switch:csa"]),
        ((MYCOPHENOLATE,), ["bas", "cyc", "rtx", "tofa", "switch:csa", "switch:cyc"]),
        ((CYCLOPHOSPHAMIDE,), ["bas", "mmf", "rtx", "tofa", "switch:csa"]),
        ((RITUXIMAB,), ["bas", "cyc", "mmf", "switch:csa"]),
        ((INFLIXIMAB,), ["bas", "cyc", "mmf", "rtx", "switch:csa"]),
        ((TOFACITINIB,), ["cyc", "mmf", "switch:csa"]),
        ((BARICITINIB,), ["cyc", "mmf", "switch:csa"]),
        ((MYCOPHENOLIC_ACID,), ["bas", "cyc", "rtx", "tofa", "switch:csa"]),
    ],
)
def test_rec_4(client: FlaskClient, more: tuple[str, ...], expected: list[str]) -> None:
    found = offers(shown(client, *BASE, *on(*more), *FAILING)["rec-4"])
    allowed = [*expected, "switch:mmf", "switch:cyc"]
    assert set(expected) <= set(found)
    assert set(found) <= set(allowed)
    assert "csa" not in found


def test_a_switch_is_one_suggestion(client: FlaskClient) -> None:
    tacrolimus = order(TACROLIMUS, authoredOn=day(14), note=[{"text": "by mouth"}])
    card = shown(client, *on(PREDNISONE), tacrolimus, *FAILING)["rec-4"]
    switch = next(each for each in card["suggestions"] if stopped(each))
    assert drugs(switch) == ["csa"]
    updated = next(action for action in switch["actions"] if action["type"] == "update")["resource"]
    assert ref(updated) == ref(tacrolimus)
    assert updated == {**tacrolimus, "status": "stopped"}


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ((), ["Polymyxin B hemoperfusion", "Plasmapheresis", "ivig"]),
        ((procedure(PMX, performedDateTime=day(3)),), ["Plasmapheresis", "ivig"]),
        ((procedure(PLASMAPHERESIS, performedDateTime=day(3)),), ["Polymyxin B hemoperfusion", "ivig"]),
        ((given(IVIG, effectiveDateTime=day(3)),), ["Polymyxin B hemoperfusion", "Plasmapheresis"]),
        ((procedure(PMX, performedDateTime=day(20)),), ["Polymyxin B hemoperfusion", "Plasmapheresis", "ivig"]),
        ((allergy(IVIG),), ["Polymyxin B hemoperfusion", "Plasmapheresis"]),
    ],
)
def test_rec_5(client: FlaskClient, resources: Any, expected: list[str]) -> None:
    card = shown(client, *BASE, *FAILING, *resources)["rec-5"]
    assert ["+".join(drugs(each)) or each["label"] for each in card["suggestions"]] == expected


# ── who is not offered what ──


def forbidden(drug: str) -> Json:
    return order(drug, doNotPerform=True)


@pytest.mark.parametrize("bar", [allergy, forbidden])
@pytest.mark.parametrize(
    ("drug", "name"),
    [(drug, NAMES[drug]) for drug in (CYCLOPHOSPHAMIDE, MYCOPHENOLATE, RITUXIMAB, BASILIXIMAB, TOFACITINIB)],
)
def test_allergy_and_prohibition(client: FlaskClient, bar: Any, drug: str, name: str) -> None:
    for state in ([], [KIDNEY], [*BASE, *FAILING]):
        found = shown(client, *state, bar(drug))
        assert name not in every_drug(found)
    assert set(offers(shown(client, *BASE, *FAILING, bar(drug))["rec-4"])) >= set(FIVE) - {name}


@pytest.mark.parametrize("bar", [allergy, forbidden])
def test_glucocorticoid_and_inhibitor_barred(client: FlaskClient, bar: Any) -> None:
    no_prednisone = shown(client, bar(PREDNISONE))["rec-2"]
    orders = [o for each in no_prednisone["suggestions"] for o in created(each, "MedicationRequest")]
    assert PREDNISONE not in {o["medicationCodeableConcept"]["coding"][0]["code"] for o in orders}
    assert "gc+tac" in offers(no_prednisone)
    no_tacrolimus = shown(client, bar(TACROLIMUS))
    assert "tac" not in every_drug(no_tacrolimus)
    assert "gc+csa" in offers(no_tacrolimus["rec-2"])


@pytest.mark.parametrize(
    "change",
    [
        {
            "verificationStatus": coded(
                "refuted", "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
            )
        },
        {"clinicalStatus": coded("resolved", "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical")},
        {"patient": {"reference": "Patient/other"}},
    ],
)
def test_no_allergy(client: FlaskClient, change: Json) -> None:
    assert "tac" in every_drug(shown(client, allergy(TACROLIMUS, **change)))


def test_pregnancy(client: FlaskClient) -> None:
    for state in ([], [KIDNEY], [*BASE, *FAILING]):
        found = shown(client, *state, PREGNANT, who=WOMAN)
        assert not every_drug(found) & {"cyc", "mmf", "rtx", "tofa"}
        if state == [KIDNEY]:
            assert "Nothing is left" in found["rec-3"]["detail"]
            assert [each["label"] for each in found["rec-3"]["suggestions"]] == [CONSULT]
    assert offers(shown(client, *BASE, *FAILING, PREGNANT, who=WOMAN)["rec-4"]) == ["bas", "switch:csa"]


@pytest.mark.parametrize(
    ("who", "marked"),
    [
        (WOMAN, {"cyc", "mmf", "rtx"}),
        (MAN, {"cyc"}),
        (OLD, set()),
        (patient(birthDate=...), {"cyc", "mmf", "rtx"}),
    ],
)
def test_marks_come_last_with_their_mark(client: FlaskClient, who: Json, marked: set[str]) -> None:
    card = shown(client, *BASE, *FAILING, who=who)["rec-4"]
    found = [(bool(set(drugs(each)) & marked), each) for each in card["suggestions"] if drugs(each)]
    assert [flag for flag, _ in found] == sorted(flag for flag, _ in found)
    for flag, each in found:
        assert ("caution" in each["label"].lower()) is flag
        if flag:
            assert "caution" in each["actions"][0]["description"].lower()


def test_no_two_inhibitors_and_no_jak_beside_a_biologic(client: FlaskClient) -> None:
    for more in ([], on(RITUXIMAB), on(TOFACITINIB)):
        for card in shown(client, *BASE, *more, *FAILING).values():
            for each in card.get("suggestions", ()):
                assert not ("csa" in drugs(each) and not stopped(each))
                assert not {"rtx", "tofa"} <= set(drugs(each))


def test_nothing_left(client: FlaskClient) -> None:
    barred = (CYCLOPHOSPHAMIDE, MYCOPHENOLATE, RITUXIMAB, BASILIXIMAB, TOFACITINIB, CYCLOSPORINE)
    card = shown(client, *BASE, *FAILING, *(allergy(drug) for drug in barred))["rec-4"]
    assert "nothing is left" in card["detail"].lower()
    assert [each["label"] for each in card["suggestions"]] == [CONSULT]


# ── screening ──


@pytest.mark.parametrize("on_record", [[], [HBSAG], list(SCREENING.values())])
def test_screening(client: FlaskClient, on_record: list[str]) -> None:
    negative = {"valueCodeableConcept": coded("260385009", SNOMED), "effectiveDateTime": ago(500)}
    done = [obs(code, **negative) for code in on_record]
    card = shown(client, *BASE, *FAILING, *done)["rec-4"]
    for each in card["suggestions"]:
        tests = created(each, "ServiceRequest")
        expected = 3 - len(on_record) if set(drugs(each)) & {"rtx", "tofa"} else 0
        assert len(tests) == expected, each["label"]


# ── infection ──


@pytest.mark.parametrize("state", [[], [KIDNEY], on(PREDNISONE, CYCLOPHOSPHAMIDE), [*BASE, *FAILING]])
def test_infection(client: FlaskClient, state: list[Json]) -> None:
    found = shown(client, CMV, *state)
    topics = {"rec-2", "rec-3", "rec-4"} & set(found)
    assert topics
    assert every_drug(found) <= {"ivig"}
    for topic in topics:
        first = found[topic]["detail"].split("\n\n")
        assert "infection" in first[0].lower()
        assert "infection on record" in first[1].lower()
        assert "infection" in found[topic]["summary"].lower()
        labels = " ".join(each["label"] for each in found[topic]["suggestions"]).lower()
        assert "infection work-up" in labels


def test_an_old_infection_stops_nothing(client: FlaskClient) -> None:
    old = condition("186696008", recordedDate=ago(30.1), onsetDateTime=ago(30.1))
    assert "gc+tac" in offers(shown(client, old)["rec-2"])


# ── the resources ──


def test_created_resources(client: FlaskClient) -> None:
    seen = 0
    for state in ([], [KIDNEY], [*BASE, *FAILING], on(PREDNISONE, CYCLOPHOSPHAMIDE)):
        for card in shown(client, *state).values():
            for each in card.get("suggestions", ()):
                for action in each["actions"]:
                    if action["type"] == "create":
                        _valid(action)
                        seen += 1
    assert seen > 40


def _valid(action: Json) -> None:
    resource = action["resource"]
    get_fhir_model_class(resource["resourceType"]).model_validate(resource)
    assert (resource["status"], resource["intent"]) == ("draft", "order")
    assert resource["subject"] == {"reference": "Patient/p1"}
    assert resource["reasonCode"][0]["text"]
    if resource["resourceType"] != "MedicationRequest":
        return
    systems = [coding["system"] for coding in resource["medicationCodeableConcept"]["coding"]]
    assert systems == [RXNORM, ATC]
    assert resource["dosageInstruction"][0]["text"]
    assert "reported" in action["description"]
    assert "rec-" in action["description"]


def test_dose_range_with_weight_and_without(client: FlaskClient) -> None:
    size = [obs("29463-7", 60, "kg"), obs("8302-2", 165, "cm")]

    def described(*more: Json) -> str:
        suggestions = shown(client, *more)["rec-2"]["suggestions"]
        return " ".join(action["description"] for each in suggestions for action in each["actions"])

    assert "3.6–4.5 mg/day for this patient (60 kg)" in described(*size)
    assert "weight not known" in described()
    stale = obs("29463-7", 60, "kg", effectiveDateTime=ago(90.1))
    assert "weight not known" in described(stale, size[1])


def test_what_runs_is_called_running(client: FlaskClient) -> None:
    """Mycophenolic acid stands for mycophenolate, under its own name; what begins later is called ordered."""
    card = shown(client, KIDNEY, *on(MYCOPHENOLIC_ACID))["rec-3"]
    labels = [each["label"] for each in card["suggestions"] if drugs(each) == ["gc"]]
    assert labels == ["Mycophenolic acid (running) + prednisone"]
    bounds = [{"timing": {"repeat": {"boundsPeriod": {"start": day(-2)}}}}]
    later = order(TACROLIMUS, authoredOn=day(1), dosageInstruction=bounds)
    card = shown(client, *on(PREDNISONE), later)["rec-2"]
    assert [each["label"] for each in card["suggestions"]] == [
        "Prednisone (running) + tacrolimus (ordered) + IV cyclophosphamide"
    ]
