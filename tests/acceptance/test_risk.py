"""Contract, section 3: risk, infection, data gaps."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.acceptance.fhir import (
    CRP,
    FERRITIN,
    LOINC,
    PF,
    Json,
    ago,
    answer,
    assess,
    bundle,
    cards,
    coded,
    condition,
    day,
    gap_ids,
    ignored,
    obs,
    order,
    patient,
    positive,
    quantity,
    ref,
    rpild,
)

YOUNG = patient()
CALM = obs(CRP, 5, "mg/L")
PRESENT, ABSENT, UNKNOWN = "present", "absent", "unknown"
GAPS = {
    *("anti-mda5", "lung-disease", "ferritin", "crp", "age", "medications", "combination-start", "egfr", "weight"),
    *("respiratory-failure", "height", "dose", "calcineurin-level", "observations", "allergies", "procedures"),
    *("referrals", "respiratory-symptoms", "a-a-gradient", "imaging", "clinician-impression"),
}


def _risk(client: FlaskClient, *resources: Json, **more: Any) -> tuple[str, dict[str, str]]:
    found = assess(client, *resources, **more)["risk"]
    return found["level"], {factor["id"]: factor["status"] for factor in found["factors"]}


def _ferritin(value: float, unit: str = "ng/mL", **more: Any) -> Json:
    return obs(FERRITIN, value, unit, **more)


LEVELS = [
    ([_ferritin(1000.1), CALM], "very-high", (PRESENT, PRESENT, ABSENT)),
    ([_ferritin(1000), CALM], "high", (ABSENT, PRESENT, ABSENT)),
    ([_ferritin(500.1), CALM], "high", (ABSENT, PRESENT, ABSENT)),
    ([_ferritin(500), CALM], "standard", (ABSENT, ABSENT, ABSENT)),
    ([_ferritin(100), obs(CRP, 10.1, "mg/L")], "high", (ABSENT, ABSENT, PRESENT)),
    ([_ferritin(100), obs(CRP, 10, "mg/L")], "standard", (ABSENT, ABSENT, ABSENT)),
    ([_ferritin(100), obs(CRP, 1.01, "mg/dL")], "high", (ABSENT, ABSENT, PRESENT)),
    ([_ferritin(100), obs(CRP, 1, "mg/dL")], "standard", (ABSENT, ABSENT, ABSENT)),
    ([_ferritin(100), obs("76485-2", 95.3, "nmol/L")], "high", (ABSENT, ABSENT, PRESENT)),
    ([_ferritin(100), obs("76485-2", 95.2, "nmol/L")], "standard", (ABSENT, ABSENT, ABSENT)),
    ([obs("14723-1", 2250, "pmol/L"), CALM], "very-high", (PRESENT, PRESENT, ABSENT)),
    ([obs("14723-1", 2247, "pmol/L"), CALM], "high", (ABSENT, PRESENT, ABSENT)),
    ([_ferritin(1.0001, "mg/L"), CALM], "very-high", (PRESENT, PRESENT, ABSENT)),
    ([CALM], "indeterminate", (UNKNOWN, UNKNOWN, ABSENT)),
    ([_ferritin(100)], "indeterminate", (ABSENT, ABSENT, UNKNOWN)),
    ([obs(CRP, 50, "mg/L")], "high", (UNKNOWN, UNKNOWN, PRESENT)),
    ([], "indeterminate", (UNKNOWN, UNKNOWN, UNKNOWN)),
]


@pytest.mark.parametrize(("labs", "level", "factors"), LEVELS)
def test_levels(client: FlaskClient, labs: list[Json], level: str, factors: tuple[str, ...]) -> None:
    found = _risk(client, *labs, who=YOUNG)
    names = ("ferritin-over-1000", "ferritin-over-500", "crp-over-1", "age-over-60")
    assert found == (level, dict(zip(names, (*factors, ABSENT), strict=True)))


@pytest.mark.parametrize(
    ("born", "status"),
    [
        ("1965-03-02", ABSENT),  # 60
        ("1965-03-01", PRESENT),  # 61 today
        ("1965", UNKNOWN),
        ("1964", PRESENT),
        ("1966", ABSENT),
        (..., UNKNOWN),
        ("1965-02-30", UNKNOWN),
    ],
)
def test_age(client: FlaskClient, born: Any, status: str) -> None:
    assert _risk(client, _ferritin(100), CALM, who=patient(birthDate=born))[1]["age-over-60"] == status


def test_age_alone_is_high(client: FlaskClient) -> None:
    assert _risk(client, _ferritin(100), CALM, who=patient(birthDate="1950-01-01"))[0] == "high"


CURRENT = [
    ({"effectiveDateTime": ago(30)}, PRESENT),
    ({"effectiveDateTime": ago(30, minutes=1)}, UNKNOWN),
    ({"effectiveDateTime": "2026-01-30"}, UNKNOWN),  # that day straddles the limit
    ({"effectiveDateTime": "2026-01-31"}, PRESENT),
    ({"effectiveDateTime": "2026-02"}, PRESENT),
    ({"effectiveDateTime": "2026"}, UNKNOWN),
    ({"effectiveDateTime": "2026-01-02"}, UNKNOWN),
    ({"effectiveDateTime": "2026-03-01T10:05:00Z"}, PRESENT),  # clock skew
    ({"effectiveDateTime": "2026-03-01T10:05:01Z"}, UNKNOWN),
    ({"effectiveDateTime": ..., "effectiveInstant": ago(3)}, PRESENT),
    ({"effectiveDateTime": ..., "effectivePeriod": {"start": ago(4), "end": ago(3)}}, PRESENT),
    ({"effectiveDateTime": ..., "issued": ago(3)}, UNKNOWN),
    ({"status": "entered-in-error"}, UNKNOWN),
    ({"status": "registered"}, UNKNOWN),
    ({"status": "cancelled"}, UNKNOWN),
    ({"status": "unknown"}, UNKNOWN),
    *(({"status": status}, PRESENT) for status in ("preliminary", "amended", "corrected")),
    ({"subject": {"reference": "Patient/other"}}, UNKNOWN),
]


@pytest.mark.parametrize(("change", "status"), CURRENT)
def test_current_and_usable(client: FlaskClient, change: Json, status: str) -> None:
    resource = _ferritin(1500, **change)
    found = assess(client, resource, CALM)
    assert found["risk"]["factors"][0]["status"] == status
    assert ("ferritin" in gap_ids(found)) == (status == UNKNOWN)


def test_a_stale_value_is_named_with_its_date(client: FlaskClient) -> None:
    found = assess(client, _ferritin(1500, effectiveDateTime="2026-01-02T08:00:00Z"))
    why = {gap["id"]: gap["why"] for gap in found["dataGaps"]}["ferritin"]
    assert "2026-01-02" in why
    assert "30 days" in why


def test_the_newest_usable_value_decides(client: FlaskClient) -> None:
    old, new = _ferritin(3000, effectiveDateTime=ago(5)), _ferritin(100)
    assert _risk(client, old, new, CALM)[0] == "standard"
    assert _risk(client, old, _ferritin(100, status="preliminary"), CALM)[0] == "very-high"
    unusable = obs(FERRITIN, 100, "mmol/L")
    level, factors = _risk(client, old, unusable, CALM)
    assert (level, factors["ferritin-over-1000"]) == ("very-high", PRESENT)


def test_an_unreadable_newer_value_leaves_absence_unknown(client: FlaskClient) -> None:
    old = _ferritin(100, effectiveDateTime=ago(5))
    assert _risk(client, old, obs(FERRITIN, 3000, "mmol/L"), CALM)[0] == "indeterminate"
    assert _risk(client, old, obs(FERRITIN, 3000, "mmol/L", effectiveDateTime=ago(6)), CALM)[0] == "standard"


CENSORED = [
    (">", 1000, (PRESENT, PRESENT)),
    (">=", 1000, (UNKNOWN, PRESENT)),
    (">", 999, (UNKNOWN, PRESENT)),
    (">", 400, (UNKNOWN, UNKNOWN)),
    ("<", 500, (ABSENT, ABSENT)),
    ("<=", 500, (ABSENT, ABSENT)),
    ("<", 501, (ABSENT, UNKNOWN)),
    ("<", 1500, (UNKNOWN, UNKNOWN)),
]


@pytest.mark.parametrize(("comparator", "value", "expected"), CENSORED)
def test_censored(client: FlaskClient, comparator: str, value: float, expected: tuple[str, str]) -> None:
    factors = _risk(client, obs(FERRITIN, valueQuantity=quantity(value, "ng/mL", comparator=comparator)), CALM)[1]
    assert (factors["ferritin-over-1000"], factors["ferritin-over-500"]) == expected


def test_a_factor_tells_value_unit_date_and_evidence(client: FlaskClient) -> None:
    ferritin, crp = _ferritin(1523, effectiveDateTime="2026-02-27T08:00:00Z"), obs(CRP, 1.9, "mg/dL")
    found = assess(client, ferritin, crp)["risk"]["factors"]
    assert [factor["id"] for factor in found] == [
        "ferritin-over-1000",
        "ferritin-over-500",
        "crp-over-1",
        "age-over-60",
    ]
    first, third = found[0], found[2]
    assert (first["value"], first["unit"], first["date"], first["evidence"]) == (
        1523,
        "ng/mL",
        "2026-02-27",
        [ref(ferritin)],
    )
    assert (third["value"], third["unit"]) == (19, "mg/L")
    assert all(factor["why"] for factor in found)


def test_an_assumed_molar_mass_that_decides_is_said(client: FlaskClient) -> None:
    body = answer(client, positive(), rpild(), obs("14723-1", 3000, "pmol/L"))
    assert "molar mass" in cards(body)["risk"]["detail"]
    body = answer(client, positive(), rpild(), _ferritin(3000))
    assert "molar mass" not in cards(body)["risk"]["detail"]


def test_kl6_is_never_a_factor(client: FlaskClient) -> None:
    kl6 = obs("93369-7", 5000, "U/mL")
    assert _risk(client, _ferritin(100), CALM, kl6)[0] == "standard"


# -- infection --

PNEUMONIA, CMV, BDG = "233604007", "29604-6", "42176-8"
LIMIT = {"referenceRange": [{"high": quantity(80, "pg/mL")}]}
INFECTIONS = [
    (condition(PNEUMONIA, recordedDate=day(30)), True),
    (condition(PNEUMONIA, recordedDate=day(31)), False),
    (condition(PNEUMONIA, recordedDate=..., onsetDateTime=ago(30)), True),
    (condition(PNEUMONIA, recordedDate=..., onsetDateTime=ago(30, minutes=1)), False),
    (condition(PNEUMONIA, onsetDateTime="2025-01-01", recordedDate=day(3)), True),
    (condition("Neumonía adquirida en la comunidad"), True),
    (condition("CMV pneumonitis"), True),
    (condition(coded("J18.9", "http://hl7.org/fhir/sid/icd-10-cm")), True),
    (condition("Interstitial pneumonia"), False),
    (condition("History of pneumonia"), False),
    (condition(PNEUMONIA, recordedDate="2025-06-01"), False),
    *((condition(PNEUMONIA, clinicalStatus=coded(code, "")), False) for code in ("resolved", "inactive", "remission")),
    *((condition(PNEUMONIA, clinicalStatus=coded(code, "")), True) for code in ("recurrence", "relapse")),
    (condition(PNEUMONIA, clinicalStatus=...), True),
    *(
        (condition(PNEUMONIA, verificationStatus=coded(code, "")), False)
        for code in ("refuted", "entered-in-error", "differential", "unconfirmed")
    ),
    (condition(PNEUMONIA, subject={"reference": "Patient/x"}), False),
    (obs(CMV, "Detected", effectiveDateTime=ago(14)), True),
    (obs(CMV, "Detected", effectiveDateTime=ago(14, minutes=1)), False),
    (obs(CMV, "Not detected"), False),
    (obs(CMV, 2000, "[IU]/mL", referenceRange=[{"high": quantity(137, "[IU]/mL")}]), True),
    (obs(CMV, 137, "[IU]/mL", referenceRange=[{"high": quantity(137, "[IU]/mL")}]), False),
    (obs(BDG, 80.1, "pg/mL", **LIMIT), True),
    (obs(BDG, 80, "pg/mL", **LIMIT), False),
    (obs(BDG, 0.09, "ng/mL", **LIMIT), True),
    (obs(BDG, 500, "pg/mL"), False),  # no limit known
    (obs(BDG, 500, "pg/mL", interpretation=[coded("H", "")]), True),
    (obs(BDG, 500, "pg/mL", **LIMIT, effectiveDateTime=ago(15)), False),
    (obs(BDG, 500, "pg/mL", **LIMIT, status="entered-in-error"), False),
]


@pytest.mark.parametrize(("resource", "present"), INFECTIONS)
def test_infection(client: FlaskClient, resource: Json, present: bool) -> None:
    found = assess(client, resource)["infection"]
    assert found["status"] == ("present" if present else "not-recorded")
    assert found.get("evidence", []) == ([ref(resource)] if present else [])


def test_infection_is_never_absent(client: FlaskClient) -> None:
    assert assess(client)["infection"]["status"] == "not-recorded"


# -- data gaps --


def test_gaps_are_of_the_contracts_list_and_told_once(client: FlaskClient) -> None:
    broken = [obs(code, 1, "furlong") for code in (FERRITIN, CRP, PF, "62238-1", "29463-7", "8302-2")]
    optional = dict.fromkeys(("allergies", "procedures", "referrals", "administrations"), ...)
    drugs = [order("8640"), order("42316")]
    found = assess(client, positive(), rpild(), *broken, *drugs, who=patient(birthDate=...), **optional)
    told = [gap["id"] for gap in found["dataGaps"]]
    assert set(told) <= GAPS
    assert len(told) == len(set(told))
    assert {"ferritin", "crp", "age", "respiratory-failure", "allergies", "procedures", "referrals"} <= set(told)
    assert all(gap["why"] for gap in found["dataGaps"])
    assert {ref(each) for each in broken} <= set(ignored(found))


def test_an_observation_that_says_nothing_of_itself_is_a_gap(client: FlaskClient) -> None:
    nothing = obs({"coding": [{"system": "https://lab.example.org", "display": ""}]}, 1, "g")
    found = assess(client, nothing, _ferritin(100), CALM)
    assert "observations" in gap_ids(found)
    assert found["risk"]["level"] == "indeterminate"


def test_a_bundle_of_several_reasons(client: FlaskClient) -> None:
    page = {"link": [{"relation": "next", "url": "https://ehr.example.org/2"}]}
    found = assess(client, observations=bundle(_ferritin(1500), **page))
    assert found["risk"]["level"] == "very-high"
    assert {"observations", "anti-mda5"} <= gap_ids(found)


def test_loinc_without_https_or_as_an_oid(client: FlaskClient) -> None:
    for system in (LOINC, "https://loinc.org", "urn:oid:2.16.840.1.113883.6.1"):
        assert _risk(client, obs(coded(FERRITIN, system), 1500, "ng/mL"))[0] == "very-high"
