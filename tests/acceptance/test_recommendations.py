"""Contract §3, `recommendations`: all thirteen, in every state that decides them."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from tests.acceptance.fhir import (
    CANONICAL,
    CYCLOPHOSPHAMIDE,
    CYCLOSPORINE,
    DM,
    ILD,
    MDA5,
    PF,
    PREDNISONE,
    RITUXIMAB,
    SNOMED,
    TACROLIMUS,
    Json,
    ago,
    allergy,
    answer,
    assess,
    cards,
    coded,
    condition,
    day,
    obs,
    order,
    patient,
    positive,
    procedure,
    rpild,
    service,
)

IDS = [
    *("rec-1", "rec-2", "rec-2a", "rec-2b", "rec-3", "rec-3a", "rec-4"),
    *("rec-5", "rec-6", "rec-7", "rec-8", "rec-9", "rec-10"),
]
GRADES = dict.fromkeys(IDS, "√") | dict.fromkeys(("rec-1", "rec-2", "rec-3"), "D")
GRADES |= dict.fromkeys(("rec-4", "rec-5"), "D√")
INITIAL = {"rec-1", "rec-2", "rec-2a"}
WITHOUT = {"rec-1", "rec-3", "rec-3a"}
EGFR, AZATHIOPRINE, INFLIXIMAB, PIRFENIDONE, ECMO = "98979-8", "1256", "191831", "1592254", "786453001"
REFERRAL = "306316000"
KIDNEY = obs(EGFR, 29, "mL/min/{1.73_m2}")


def standing(client: FlaskClient, *resources: Json, **more: object) -> dict[str, str]:
    found = assess(client, *resources, **more)["recommendations"]
    return {item["id"]: item["status"] for item in found}


def applying(client: FlaskClient, *resources: Json, **more: object) -> set[str]:
    found = standing(client, positive(), rpild(), *resources, **more)
    return {name for name, status in found.items() if status == "applies"} - {"rec-7"}


def said(criterion: str) -> Json:
    what = coded(criterion, f"{CANONICAL}/CodeSystem/refractoriness-criterion")
    return obs(what, valueBoolean=True)


FAILING = [said("imaging"), said("respiratory-symptoms")]
BASE = [order(PREDNISONE, authoredOn=day(14)), order(TACROLIMUS, authoredOn=day(14))]


def test_all_thirteen_with_their_grades(client: FlaskClient) -> None:
    for resources in ((), (positive(), rpild()), (positive(), rpild(), *BASE, *FAILING)):
        found = assess(client, *resources)["recommendations"]
        assert [item["id"] for item in found] == IDS
        assert {item["id"]: "".join(item["grades"]) for item in found} == GRADES
        assert all(item["why"] for item in found)


@pytest.mark.parametrize(
    ("drugs", "feasible", "ids"),
    [
        ((), True, INITIAL),
        ((), False, WITHOUT),
        ((PREDNISONE,), True, INITIAL),
        ((PREDNISONE,), False, WITHOUT),
        ((PREDNISONE, RITUXIMAB), True, INITIAL),
        ((PREDNISONE, RITUXIMAB), False, WITHOUT),
        ((TACROLIMUS,), True, INITIAL | {"rec-2b"}),
        ((PREDNISONE, TACROLIMUS), True, {"rec-2b"}),
        ((PREDNISONE, TACROLIMUS), False, {"rec-2b"}),
        ((PREDNISONE, CYCLOPHOSPHAMIDE), True, set()),
        ((PREDNISONE, AZATHIOPRINE), True, INITIAL | {"rec-8"}),
        ((PREDNISONE, TACROLIMUS, AZATHIOPRINE), True, {"rec-2b", "rec-8"}),
        ((PREDNISONE, TACROLIMUS, INFLIXIMAB), True, {"rec-2b", "rec-9"}),
        ((PREDNISONE, TACROLIMUS, PIRFENIDONE), True, {"rec-2b", "rec-10"}),
    ],
)
def test_initial_therapy(client: FlaskClient, drugs: tuple[str, ...], feasible: bool, ids: set[str]) -> None:
    kidney = () if feasible else (KIDNEY,)
    assert applying(client, *(order(drug) for drug in drugs), *kidney) == ids


@pytest.mark.parametrize(("value", "ids"), [(29.9, WITHOUT), (30, INITIAL), (31, INITIAL)])
def test_kidney_decides(client: FlaskClient, value: float, ids: set[str]) -> None:
    assert applying(client, obs(EGFR, value, "mL/min/{1.73_m2}")) == ids
    assert applying(client, obs(EGFR, value, "mL/min/{1.73_m2}", effectiveDateTime=ago(30.1))) == INITIAL


def test_one_allergy_leaves_the_other(client: FlaskClient) -> None:
    assert applying(client, allergy(TACROLIMUS)) == INITIAL
    assert applying(client, allergy(TACROLIMUS), allergy(CYCLOSPORINE)) == WITHOUT


def test_phase(client: FlaskClient) -> None:
    old = [order(PREDNISONE, authoredOn=day(200)), order(TACROLIMUS, authoredOn=day(200))]
    assert applying(client, *old) == set()
    stopped = [{**each, "status": "stopped"} for each in old]
    assert applying(client, *stopped) == set()


def test_failing(client: FlaskClient) -> None:
    assert applying(client, *BASE, *FAILING) == {"rec-2b", "rec-4", "rec-5"}
    assert applying(client, *BASE, FAILING[0]) == {"rec-2b"}
    found = standing(client, positive(), rpild(), *BASE)
    assert {found["rec-4"], found["rec-5"]} <= {"unknown", "does-not-apply"}


@pytest.mark.parametrize(("value", "status"), [(99.9, "applies"), (100, "does-not-apply")])
def test_life_threatening(client: FlaskClient, value: float, status: str) -> None:
    assert standing(client, positive(), rpild(), obs(PF, value, "mm[Hg]"))["rec-6"] == status
    stale = obs(PF, value, "mm[Hg]", effectiveDateTime=ago(3, minutes=1))
    assert standing(client, positive(), rpild(), stale)["rec-6"] == "unknown"


# ── who the guideline is for ──

NEGATIVE = obs(MDA5, valueCodeableConcept=coded("260385009", SNOMED))
LUNGS = {"rpild": [rpild()], "ild": [condition(ILD)], "none": [condition(DM)]}


@pytest.mark.parametrize("antibody", ["positive", "negative", "unknown"])
@pytest.mark.parametrize("lungs", list(LUNGS))
def test_scope(client: FlaskClient, antibody: str, lungs: str) -> None:
    tested = {"positive": [positive()], "negative": [NEGATIVE], "unknown": []}[antibody]
    found = standing(client, *tested, *LUNGS[lungs])
    others = {name: status for name, status in found.items() if name not in ("rec-7", "rec-6")}
    if antibody == "positive" and lungs == "rpild":
        assert others["rec-1"] == "applies"
        assert found["rec-7"] == "applies"
    elif antibody == "unknown" and lungs == "rpild":
        assert set(found.values()) == {"unknown"}
    else:
        assert set(others.values()) == {"does-not-apply"}
        expected = {("positive", "ild"): "applies", ("unknown", "ild"): "unknown"}
        assert found["rec-7"] == expected.get((antibody, lungs), "does-not-apply")


def test_lungs_that_are_unknown(client: FlaskClient) -> None:
    broken = condition(ILD, clinicalStatus="?!", verificationStatus={"coding": [{"code": 7}]})
    assert set(standing(client, positive(), broken).values()) == {"unknown"}
    assert set(standing(client, NEGATIVE, broken).values()) == {"does-not-apply"}


@pytest.mark.parametrize("who", [patient(birthDate="2010-01-01"), patient(deceasedBoolean=True)])
def test_outside_the_population(client: FlaskClient, who: Json) -> None:
    body = answer(client, positive(), rpild(), who=who)
    assert body["cards"] == []
    found = body["extension"]["mda5-cds.assessment"]
    assert found["population"]["status"] == "out"
    assert {item["status"] for item in found["recommendations"]} == {"does-not-apply"}


# ── rec-7, as its card ──


@pytest.mark.parametrize("lung", [rpild(), condition(ILD)])
@pytest.mark.parametrize(
    ("resource", "applies"),
    [
        (service(REFERRAL), False),
        (service(REFERRAL, status="completed"), False),
        (service(REFERRAL, status="revoked"), False),
        (service(REFERRAL, doNotPerform=True), False),
        (procedure(REFERRAL), False),
        (procedure(REFERRAL, status="not-done"), False),
        (condition("16602611000119108"), False),
        (service(REFERRAL, status="entered-in-error"), True),
        (service(REFERRAL, status="draft"), True),
        (service(REFERRAL, subject={"reference": "Patient/other"}), True),
        (procedure(REFERRAL, status="entered-in-error"), True),
    ],
)
def test_referral_on_record(client: FlaskClient, lung: Json, resource: Json, applies: bool) -> None:
    body = answer(client, positive(), lung, resource)
    found = {item["id"]: item["status"] for item in body["extension"]["mda5-cds.assessment"]["recommendations"]}
    assert found["rec-7"] == ("applies" if applies else "does-not-apply")
    assert ("rec-7" in cards(body)) is applies


@pytest.mark.parametrize(("born", "applies"), [("1950-03-02", True), ("1950-03-01", False), (..., True)])
def test_referral_by_age(client: FlaskClient, born: object, applies: bool) -> None:
    body = answer(client, positive(), condition(ILD), who=patient(birthDate=born))
    assert ("rec-7" in cards(body)) is applies


def test_referrals_unknown(client: FlaskClient) -> None:
    body = answer(client, positive(), condition(ILD), referrals=...)
    card = cards(body)["rec-7"]
    assert "not known" in card["detail"]
    assert "without a transplant referral on record" not in card["summary"]


@pytest.mark.parametrize(
    ("resources", "indicator"),
    [
        ((), "info"),
        ((*BASE, *FAILING), "warning"),
        ((procedure(ECMO, status="in-progress", performedDateTime=..., performedPeriod={"start": ago(3)}),), "warning"),
        ((procedure(ECMO, performedDateTime=..., performedPeriod={"start": ago(9), "end": ago(3)}),), "info"),
    ],
)
def test_referral_urgency(client: FlaskClient, resources: tuple[Json, ...], indicator: str) -> None:
    assert cards(answer(client, positive(), rpild(), *resources))["rec-7"]["indicator"] == indicator
