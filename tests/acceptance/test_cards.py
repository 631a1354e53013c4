"""Contract §4, patient-view: the table row by row, maintenance, and what every card carries."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.acceptance.fhir import (
    CANONICAL,
    CRP,
    CYCLOPHOSPHAMIDE,
    CYCLOSPORINE,
    DM,
    FERRITIN,
    ILD,
    MDA5,
    PF,
    PREDNISONE,
    RITUXIMAB,
    SNOMED,
    TACROLIMUS,
    TOFACITINIB,
    Json,
    ago,
    answer,
    call,
    cards,
    coded,
    condition,
    day,
    gap_ids,
    obs,
    order,
    patient,
    positive,
    post,
    procedure,
    rpild,
    service,
)

MMHG, EGFR = "mm[Hg]", "98979-8"
ECMO, HRCT, INFLIXIMAB, PIRFENIDONE, AZATHIOPRINE, METHOTREXATE, LEFLUNOMIDE = (
    *("786453001", "241541005", "191831", "1592254", "1256", "6851", "27169"),
)
TROUGH, UNTIMED, C2, CSA_TROUGH = "77348-1", "11253-2", "32997-9", "53828-0"
KIDNEY = obs(EGFR, 20, "mL/min/{1.73_m2}")
NEGATIVE = obs(MDA5, valueCodeableConcept=coded("260385009", SNOMED))
FERRITIN_PANEL = [obs(CRP, 3, "mg/L"), obs(FERRITIN, 300, "ng/mL")]


def shown(client: FlaskClient, *resources: Json, scope: bool = True, **more: Any) -> dict[str, Json]:
    mine = (positive(), rpild()) if scope else ()
    return cards(answer(client, *mine, *resources, **more))


def on(*drugs: str, since: int = 14) -> list[Json]:
    return [order(drug, authoredOn=day(since)) for drug in drugs]


def base(since: int = 14) -> list[Json]:
    return on(PREDNISONE, TACROLIMUS, since=since)


def said(criterion: str, flag: bool = True) -> Json:
    what = coded(criterion, f"{CANONICAL}/CodeSystem/refractoriness-criterion")
    return obs(what, valueBoolean=flag)


FAILING = [said("imaging"), said("respiratory-symptoms")]
LEVEL = obs(TROUGH, 12, "ng/mL")
PF_80, PF_400 = obs(PF, 80, MMHG), obs(PF, 400, MMHG)


def lab(code: str, value: float, days: float, unit: str = "ng/mL") -> Json:
    return obs(code, value, unit, effectiveDateTime=ago(days))


ABSENT = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}
MASKED: Json = {"extension": [ABSENT]}
"""A drug that cannot be read."""

# ── risk ──


@pytest.mark.parametrize(
    ("resources", "indicator"),
    [
        ((lab(FERRITIN, 1000.1, 1),), "warning"),
        ((lab(FERRITIN, 1000, 1),), "info"),
        ((*on(PREDNISONE), lab(FERRITIN, 2000, 14), lab(FERRITIN, 1500, 1)), "warning"),
        ((*base(), lab(FERRITIN, 2000, 14), lab(FERRITIN, 1500, 1)), "info"),
        ((*base(), lab(FERRITIN, 1500, 14), lab(FERRITIN, 1500, 1)), "warning"),
        ((*base(), lab(FERRITIN, 1400, 14), lab(FERRITIN, 1500, 1)), "warning"),
        ((*base(), lab(FERRITIN, 1500, 1)), "warning"),
        ((*base(), lab(FERRITIN, 900, 1)), "info"),
        ((), "info"),
    ],
)
def test_risk(client: FlaskClient, resources: tuple[Json, ...], indicator: str) -> None:
    card = shown(client, *resources)["risk"]
    assert card["indicator"] == indicator
    assert "suggestions" not in card


def test_risk_shows_kl6_apart(client: FlaskClient) -> None:
    card = shown(client, obs("93369-7", 1800, "U/mL"))["risk"]
    line = next(line for line in card["detail"].splitlines() if "KL-6" in line)
    assert "1800 U/mL" in line
    assert "does not" in line


# ── rec-2 and rec-3 ──


@pytest.mark.parametrize(
    ("resources", "topic", "indicator"),
    [
        ((), "rec-2", "warning"),
        (on(PREDNISONE), "rec-2", "warning"),
        (on(PREDNISONE, RITUXIMAB), "rec-2", "warning"),
        (on(TACROLIMUS), "rec-2", "warning"),
        ((PF_80,), "rec-2", "critical"),
        ((PF_80, *on(PREDNISONE)), "rec-2", "critical"),
        ((KIDNEY,), "rec-3", "warning"),
        ((KIDNEY, *on(PREDNISONE)), "rec-3", "warning"),
        (on(PREDNISONE, CYCLOPHOSPHAMIDE), "rec-2", "info"),
        (base(), None, None),
        ((KIDNEY, *on(PREDNISONE, CYCLOPHOSPHAMIDE)), None, None),
        (on(PREDNISONE, CYCLOPHOSPHAMIDE, since=200), None, None),
    ],
)
def test_first_combination(client: FlaskClient, resources: Any, topic: str | None, indicator: str | None) -> None:
    found = shown(client, *resources)
    assert {name for name in ("rec-2", "rec-3") if name in found} == ({topic} if topic else set())
    if topic:
        assert found[topic]["indicator"] == indicator
        assert found[topic]["selectionBehavior"] == "at-most-one"


def test_rec_3_says_why(client: FlaskClient) -> None:
    assert "eGFR 20" in shown(client, KIDNEY)["rec-3"]["detail"]


# ── rec-2b ──


@pytest.mark.parametrize(
    ("since", "levels", "indicator"),
    [
        (6, (), None),
        (7, (), "info"),
        (14, (lab(TROUGH, 12, 7),), None),
        (14, (lab(TROUGH, 12, 7.01),), "info"),
        (28, (lab(TROUGH, 12, 8),), "info"),
        (29, (lab(TROUGH, 12, 8),), None),
        (60, (lab(TROUGH, 12, 35),), None),
        (60, (lab(TROUGH, 12, 35.01),), "info"),
        (14, (lab(TROUGH, 15, 1),), None),
        (14, (lab(TROUGH, 15.1, 1),), "warning"),
        (14, (lab(UNTIMED, 15.1, 1, "ug/L"),), "warning"),
        (14, (lab(TROUGH, 10, 1),), None),
        (14, (lab(TROUGH, 9.9, 1),), "info"),
        (14, (lab(TROUGH, 18, 7.5),), "info"),
        (4, (lab(TROUGH, 18, 1),), "warning"),
        (14, ({**lab(TROUGH, 18, 1), "status": "entered-in-error"},), "info"),
    ],
)
def test_tacrolimus_level(client: FlaskClient, since: int, levels: Any, indicator: str | None) -> None:
    card = shown(client, *base(since), *levels).get("rec-2b")
    assert (card or {}).get("indicator") == indicator
    if card:
        codes = [a["resource"]["code"]["coding"][0]["code"] for s in card["suggestions"] for a in s["actions"]]
        assert codes == [TROUGH]


@pytest.mark.parametrize(
    ("level", "indicator"),
    [
        (lab(C2, 1200, 1), None),
        (lab(C2, 1201, 1), "warning"),
        (lab(C2, 800, 1), None),
        (lab(C2, 799, 1), "info"),
        (lab(CSA_TROUGH, 1500, 1), None),
        (lab(CSA_TROUGH, 90, 1), None),
    ],
)
def test_cyclosporine_level(client: FlaskClient, level: Json, indicator: str | None) -> None:
    card = shown(client, *on(PREDNISONE, CYCLOSPORINE), level).get("rec-2b")
    assert (card or {}).get("indicator") == indicator


# ── rec-4, rec-5, rec-6 ──


def test_failing(client: FlaskClient) -> None:
    found = shown(client, *base(), *FAILING)
    assert (found["rec-4"]["indicator"], found["rec-5"]["indicator"]) == ("warning", "info")
    assert (found["rec-4"]["selectionBehavior"], found["rec-5"]["selectionBehavior"]) == ("at-most-one", "any")
    assert "refractoriness" not in found
    for topic in ("rec-4", "rec-5"):
        detail = found[topic]["detail"].lower()
        assert "infection imitates" in detail
        assert "level adequate" in detail
        assert "glucocorticoid dose" in detail
        assert "site policy" in detail
        assert "refractory by the guideline" not in detail


@pytest.mark.parametrize(
    ("resources", "indicator"),
    [
        ((lab(PF, 299, 3, MMHG),), "warning"),
        ((lab(PF, 300, 1, MMHG),), "info"),
        ((lab(PF, 299, 3.01, MMHG),), "info"),
        (on(TOFACITINIB), "warning"),
        ((procedure("20720000", performedDateTime=day(3)),), "warning"),
    ],
)
def test_rescue_urgency(client: FlaskClient, resources: Any, indicator: str) -> None:
    assert shown(client, *base(), *FAILING, *resources)["rec-5"]["indicator"] == indicator


def ecmo(**more: Any) -> Json:
    return procedure(ECMO, performedDateTime=..., **more)


@pytest.mark.parametrize(
    ("resources", "speaks"),
    [
        ((), True),
        (base(), True),
        (base(300), True),
        ((ecmo(status="in-progress", performedPeriod={"start": ago(2)}),), False),
        ((ecmo(performedPeriod={"start": ago(50), "end": ago(30)}),), False),
        ((ecmo(performedPeriod={"start": ago(50), "end": ago(30, minutes=1)}),), True),
        ((ecmo(status="not-done", performedPeriod={"start": ago(2)}),), True),
    ],
)
def test_ecmo_contact(client: FlaskClient, resources: Any, speaks: bool) -> None:
    card = shown(client, PF_80, *resources).get("rec-6")
    assert (card is not None) is speaks
    if card:
        assert card["indicator"] == "critical"
        assert "bridge" in card["detail"]
        assert "all of them through transplantation" in card["detail"]


def test_ventilation_is_life_threatening(client: FlaskClient) -> None:
    period = {"start": ago(5)}
    ventilated = procedure("40617009", status="in-progress", performedDateTime=..., performedPeriod=period)
    assert shown(client, ventilated)["rec-6"]["indicator"] == "critical"
    assert "rec-6" not in shown(client, {**ventilated, "subject": {"reference": "Patient/other"}})


# ── refractoriness ──


@pytest.mark.parametrize(
    ("resources", "speaks"),
    [
        ((*base(), said("imaging")), True),
        (base(), True),
        (base(7), True),
        (base(6), False),
        ((*base(), said("imaging", False)), False),
        ((*on(PREDNISONE),), False),
        ((*on(PREDNISONE), order(TACROLIMUS, authoredOn=...)), True),
    ],
)
def test_response_card(client: FlaskClient, resources: Any, speaks: bool) -> None:
    card = shown(client, *resources).get("refractoriness")
    assert (card is not None) is speaks
    if card:
        assert card["indicator"] == "info"
        texts = " ".join(each["label"] for each in card["suggestions"]).lower()
        assert all(word in texts for word in ("blood gas", "ferritin", "ct of the chest", "infection", "centre"))
        kinds = {a["resource"]["resourceType"] for s in card["suggestions"] for a in s["actions"]}
        assert kinds == {"ServiceRequest"}


# ── rec-8, rec-9, rec-10 ──


@pytest.mark.parametrize("drug", [AZATHIOPRINE, METHOTREXATE, LEFLUNOMIDE])
@pytest.mark.parametrize(("since", "speaks"), [(90, True), (91, False)])
def test_rec_8(client: FlaskClient, drug: str, since: int, speaks: bool) -> None:
    running = order(drug, authoredOn=day(since))
    assert ("rec-8" in shown(client, *base(), running)) is speaks
    card = shown(client, *on(PREDNISONE), running)["rec-8"]
    assert card["indicator"] == "warning"
    assert "review with its prescriber" in card["summary"]
    assert "suggestions" not in card
    assert "stop" not in card["summary"].lower()
    assert card["summary"][0].isupper()


@pytest.mark.parametrize(("drug", "topic"), [(INFLIXIMAB, "rec-9"), ("327361", "rec-9"), (PIRFENIDONE, "rec-10")])
@pytest.mark.parametrize("since", [10, 400])
def test_rec_9_and_10(client: FlaskClient, drug: str, topic: str, since: int) -> None:
    card = shown(client, *base(since), order(drug, authoredOn=day(since)))[topic]
    assert card["indicator"] == "warning"
    assert "review with its prescriber" in card["summary"]
    assert card["summary"][0].isupper()
    ended = order(drug, status="stopped", dosageInstruction=[{"timing": {"repeat": {"boundsPeriod": {"end": day(2)}}}}])
    assert topic not in shown(client, *base(since), ended)


# ── diagnosis ──


@pytest.mark.parametrize(
    ("resources", "indicator"),
    [
        ((condition(DM),), "info"),
        ((condition(DM), rpild()), "warning"),
        ((condition("238935002"), rpild()), "warning"),
        ((rpild(),), None),
        ((condition(DM), NEGATIVE), None),
        ((condition(DM), service({"coding": [{"system": "http://loinc.org", "code": MDA5}]})), None),
        ((positive(), condition(DM)), "info"),
        ((positive(),), "info"),
        ((positive(), condition(DM), procedure(HRCT, performedDateTime=ago(90))), None),
        ((positive(), condition(DM), procedure(HRCT, performedDateTime=ago(90.1))), "info"),
        ((positive(), condition(ILD)), None),
    ],
)
def test_diagnosis(client: FlaskClient, resources: Any, indicator: str | None) -> None:
    card = shown(client, *resources, scope=False).get("diagnosis")
    assert (card or {}).get("indicator") == indicator


def test_diagnosis_of_unsettled_dates(client: FlaskClient) -> None:
    body = answer(client, positive(), condition(ILD, recordedDate=...), obs(PF, 250, MMHG))
    found = body["extension"]["mda5-cds.assessment"]
    assert found["lungDisease"]["status"] == "ild"
    assert "lung-disease" in gap_ids(found)
    assert cards(body)["diagnosis"]["indicator"] == "info"


# ── data-gap ──


def test_data_gap(client: FlaskClient) -> None:
    card = shown(client)["data-gap"]
    assert card["indicator"] == "info"
    codes = {
        coding["code"]
        for each in card["suggestions"]
        for action in each["actions"]
        for coding in action["resource"]["code"]["coding"]
    }
    assert {FERRITIN, CRP, EGFR} <= codes
    assert "data-gap" not in shown(client, *base(300))


def test_a_known_value_is_not_called_unknown(client: FlaskClient) -> None:
    """A current ferritin whose course is not known: the gap is the course."""
    found = shown(client, *base(), lab(FERRITIN, 640, 12))
    assert "Not known: ferritin" not in found["data-gap"]["summary"]
    assert "course of ferritin" in found["data-gap"]["detail"].lower()
    assert "no follow-up" not in found["risk"]["detail"]


# ── maintenance ──

TITRE = "105529-2"


def titre(value: float, days: float) -> Json:
    return obs(TITRE, value, "[arb'U]/mL", effectiveDateTime=ago(days), referenceRange=[{"high": {"value": 15}}])


@pytest.mark.parametrize(
    ("resources", "topics"),
    [
        ((), set()),
        ((lab(FERRITIN, 500, 1),), set()),
        ((lab(FERRITIN, 501, 1),), {"refractoriness"}),
        ((lab(FERRITIN, 501, 31),), set()),
        ((titre(40, 100), titre(80, 2)), {"refractoriness"}),
        ((titre(40, 100), titre(79, 2)), set()),
        ((lab(TROUGH, 9, 1),), set()),
        ((lab(TROUGH, 15.1, 1),), {"rec-2b"}),
        ((order(AZATHIOPRINE, authoredOn=day(20)),), set()),
        ((order(INFLIXIMAB, authoredOn=day(300)),), {"rec-9"}),
        ((order(PIRFENIDONE, authoredOn=day(300)),), {"rec-10"}),
        (tuple(FAILING), set()),
    ],
)
def test_maintenance(client: FlaskClient, resources: Any, topics: set[str]) -> None:
    found = shown(client, *base(300), *resources)
    assert set(found) - {"rec-7"} == topics
    assert "rec-7" in found
    if "refractoriness" in topics:
        assert found["refractoriness"]["indicator"] == "info"
        assert "possible relapse" in found["refractoriness"]["summary"].lower()


# ── every card ──

STATES: dict[str, list[Json]] = {
    "untreated": [PF_80, lab(FERRITIN, 2000, 1)],
    "no inhibitor": [KIDNEY],
    "failing": [*base(), *FAILING, PF_400],
    "early": [*base(4), *FAILING],
    "doubt": [*base(), said("imaging")],
    "not recommended": [*on(PREDNISONE, AZATHIOPRINE, INFLIXIMAB, PIRFENIDONE)],
    "without inhibitor": on(PREDNISONE, CYCLOPHOSPHAMIDE),
    "maintenance": [*base(300), lab(FERRITIN, 900, 1), lab(TROUGH, 20, 1)],
}
NEVER = (
    *("according to the guideline", "refractory by the guideline", "wait until day", "not refractory"),
    *("dose below guideline", "stop azathioprine", "contraindicated", "mortality 80", "80 % mortality", "low risk"),
)


@pytest.mark.parametrize("state", list(STATES))
def test_every_card(client: FlaskClient, state: str) -> None:
    body = answer(client, positive(), rpild(), *STATES[state])
    assert body["cards"]
    assert "systemActions" not in body
    order_ = [("critical", "warning", "info").index(card["indicator"]) for card in body["cards"]]
    assert order_ == sorted(order_)
    topics = [card["source"]["topic"]["code"] for card in body["cards"]]
    assert len(topics) == len(set(topics))
    for card in body["cards"]:
        _well_formed(card)


def _well_formed(card: Json) -> None:
    assert re.fullmatch(r"[0-9a-f-]{36}", card["uuid"])
    assert 0 < len(card["summary"]) < 140
    assert not card["summary"].endswith("…")
    source = card["source"]
    assert source["topic"]["system"] == f"{CANONICAL}/CodeSystem/card-topic"
    assert source["url"] == "https://doi.org/10.1016/j.semarthrit.2020.03.007"
    assert source["label"]
    assert card["overrideReasons"]
    assert all({"code", "system", "display"} <= set(reason) for reason in card["overrideReasons"])
    detail = card["detail"]
    assert not re.search(r"<[A-Za-z/!]", detail)
    assert "July 2019" in detail
    assert ".." not in detail
    assert not re.search(r"\d\.\d{3,}", detail), "no figure finer than the measurement"
    text = f"{card['summary']} {detail}".lower()
    assert [phrase for phrase in NEVER if phrase in text] == []
    assert not re.search(r"\bgrade:? [d√](?!\w)(?! ?\))", text), "the grade in words"
    for suggestion in card.get("suggestions", ()):
        assert suggestion["uuid"]
        assert suggestion["label"]
        for action in suggestion["actions"]:
            assert action["description"]
            assert "autolaunchable" not in action


def test_the_same_call_gives_the_same_cards(client: FlaskClient) -> None:
    body = call(positive(), rpild(), *base(), *FAILING)
    first, second = (post(client, body).get_json()["cards"] for _ in range(2))
    assert first == second
    other = {card["uuid"] for card in post(client, {**body, "hookInstance": "acceptance-2"}).get_json()["cards"]}
    assert not other & {card["uuid"] for card in first}


def test_silence_outside_the_scope(client: FlaskClient) -> None:
    assert shown(client, NEGATIVE, rpild(), PF_80, *on(INFLIXIMAB), scope=False) == {}
    assert shown(client, condition("69896004"), *on(METHOTREXATE), scope=False) == {}
    assert shown(client, PF_80, who=patient(deceasedDateTime=day(1))) == {}


def test_inferred_rpild_says_so(client: FlaskClient) -> None:
    inferred = condition(ILD, onsetDateTime=day(10), recordedDate=day(10))
    found = shown(client, positive(), inferred, obs(PF, 250, MMHG), scope=False)
    for topic in ("rec-2", "risk", "rec-7"):
        assert "inferred" in found[topic]["detail"], topic


def test_past_day_90_is_called_relapse(client: FlaskClient) -> None:
    card = shown(client, *base(91), obs(PF, 250, MMHG))["refractoriness"]
    assert "relapse" in card["summary"]
    assert "not known" not in card["summary"]


def test_unread_order_opens_rec_4(client: FlaskClient) -> None:
    hidden = order(MASKED)
    card = shown(client, *base(), hidden, *FAILING)["rec-4"]
    assert card["detail"].split("\n\n")[1].startswith("- Could not read")


def test_unknown_stage_has_no_treatment_card(client: FlaskClient) -> None:
    hidden = order(MASKED)
    found = shown(client, *on(TACROLIMUS), hidden, *FAILING, PF_80)
    assert not {name for name in found if name.startswith(("rec-2", "rec-3", "rec-4", "rec-5"))}
    assert {"rec-6", "data-gap", "risk"} <= set(found)


def test_pregnant_and_no_third_drug(client: FlaskClient) -> None:
    pregnant = obs("82810-3", valueCodeableConcept=coded("77386006", SNOMED))
    detail = shown(client, pregnant, who=patient(birthDate="1990-01-01"))["rec-2"]["detail"]
    assert "Mycophenolate mofetil is not suggested: pregnancy" in detail
    assert "Cyclophosphamide is not suggested: pregnancy" in detail
