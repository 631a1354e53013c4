"""Contract, section 3: lung disease (recorded, inferred, dates) and respiratory failure."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.acceptance.fhir import (
    DM,
    FIO2,
    GRADIENT,
    ILD,
    LOINC,
    PACO2,
    PAO2,
    PF,
    SPO2,
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
    patient,
    positive,
    procedure,
    ref,
    rpild,
    service,
)

ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
INFERRED, JUST_ILD = ("rpild", "inferred"), ("ild", None)
LOW = obs(PAO2, 55, "mm[Hg]")
VENTILATION, ECMO = "40617009", "233573008"


def _lungs(client: FlaskClient, *resources: Json, **more: Any) -> tuple[str, str | None]:
    found = assess(client, *resources, **more)["lungDisease"]
    return found["status"], found.get("certainty")


def _status(code: str) -> Json:
    return coded(code, "")


# -- recorded --


@pytest.mark.parametrize(
    "what",
    [
        "Rapidly progressive interstitial lung disease",
        "Rapidly Progressive ILD (RP-ILD)",
        "RP-ILD",
        "RPILD in anti-MDA5 dermatomyositis",
        "Interstitial lung disease, rapidly progressive",
        "ILD - rapidly progressive",
        "Rapidly progressive interstitial pneumonia",
        "Enfermedad pulmonar intersticial rápidamente progresiva",
        "enfermedad pulmonar intersticial difusa rapidamente progresiva",
        "EPI rápidamente progresiva",
        "EPID rápidamente progresiva",
        "EPI asociada a dermatomiositis, de progresión rápida: EPI de rápida progresión",
        {"coding": [{"system": ICD10CM, "code": "J84.9", "display": "ILD"}], "text": "Rapidly progressive ILD"},
        {"coding": [{"system": ICD10CM, "code": "M33.91"}], "text": "DM with rapidly progressive ILD"},
    ],
)
def test_worded_as_rapidly_progressive(client: FlaskClient, what: Any) -> None:
    assert _lungs(client, condition(what)) == ("rpild", "recorded")


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ("ILD, not rapidly progressive", "ild"),
        ("Rule out RP-ILD", "none"),
        ("Suspected RPILD", "none"),
        ("ILD without rapid progression", "ild"),
        ("Anti-MDA5 dermatomyositis without ILD", "none"),
        ("Dermatomiositis sin enfermedad pulmonar intersticial", "none"),
        ("Asthma", "none"),
    ],
)
def test_not_so_worded(client: FlaskClient, what: str, status: str) -> None:
    assert _lungs(client, condition(what))[0] == status


@pytest.mark.parametrize(
    ("clinical", "expected"),
    [
        *((code, ("rpild", "recorded")) for code in ("active", "recurrence", "relapse", None)),
        *((code, JUST_ILD) for code in ("inactive", "remission", "resolved")),
    ],
)
def test_clinical_status(client: FlaskClient, clinical: str | None, expected: tuple[str, str | None]) -> None:
    assert _lungs(client, rpild(clinicalStatus=_status(clinical) if clinical else ...), LOW) == expected


@pytest.mark.parametrize(
    ("verification", "expected", "beside_low"),
    [
        *((code, ("rpild", "recorded"), ("rpild", "recorded")) for code in ("confirmed", None)),
        ("provisional", JUST_ILD, INFERRED),
        *((c, ("none", None), ("none", None)) for c in ("refuted", "entered-in-error", "differential", "unconfirmed")),
    ],
)
def test_verification_status(client: FlaskClient, verification: str | None, expected: Any, beside_low: Any) -> None:
    resource = rpild(verificationStatus=_status(verification) if verification else ...)
    assert _lungs(client, resource) == expected
    assert _lungs(client, resource, LOW) == beside_low


def test_a_status_that_cannot_be_read_is_unknown(client: FlaskClient) -> None:
    resource = rpild(clinicalStatus=_status("maybe"))
    found = assess(client, resource)
    assert found["lungDisease"]["status"] == "unknown"
    assert ref(resource) in ignored(found)
    assert "lung-disease" in gap_ids(found)


def test_a_status_in_another_system_is_read_by_its_words(client: FlaskClient) -> None:
    for display, expected in (
        ("Active", ("rpild", "recorded")),
        ("Resolved", JUST_ILD),
        ("Sleeping", ("unknown", None)),
    ):
        status = {"coding": [{"system": "https://ehr.example.org", "code": "7", "display": display}]}
        assert _lungs(client, rpild(clinicalStatus=status)) == expected


def test_none_only_when_conditions_are_known(client: FlaskClient) -> None:
    assert _lungs(client)[0] == "none"
    assert _lungs(client, condition(DM))[0] == "none"
    more = {"link": [{"relation": "next", "url": "https://ehr.example.org/2"}]}
    assert _lungs(client, conditions=bundle(condition(DM), **more))[0] == "unknown"
    assert _lungs(client, condition(DM), condition(ILD, subject=...))[0] == "unknown"
    assert _lungs(client, condition({"coding": [{"system": "https://lab", "code": "7"}]}))[0] == "unknown"


@pytest.mark.parametrize(
    "what",
    [ILD, "64667001", coded("J84.9", ICD10CM), coded("J84.112", ICD10CM), "Interstitial lung disease", "EPID"],
)
def test_ild_alone_is_ild(client: FlaskClient, what: Any) -> None:
    assert _lungs(client, condition(what)) == JUST_ILD


# -- inferred: which hypoxaemia --


def _gas(pao2: float, fio2: float | None, paco2: float | None = None) -> list[Json]:
    parts = [(PAO2, pao2, "mm[Hg]"), (FIO2, fio2, "1"), (PACO2, paco2, "mm[Hg]")]
    return [obs(code, value, unit) for code, value, unit in parts if value is not None]


HYPOXAEMIA = [
    ([obs(PAO2, 59.9, "mm[Hg]")], True),
    ([obs(PAO2, 60, "mm[Hg]")], False),
    ([obs(PAO2, 7.99, "kPa")], True),
    ([obs(PAO2, 8, "kPa")], False),  # 60.005 mmHg
    ([obs(PF, 299.9, "mm[Hg]")], True),
    ([obs(PF, 300, "mm[Hg]")], False),
    ([obs("50989-3", 250, "mm[Hg]")], True),
    *(([obs(code, 30, "mm[Hg]")], False) for code in ("2705-2", "11556-8")),
    *(([obs(code, 150, "mm[Hg]")], False) for code in ("50982-8", "50983-6", "50986-9")),
    (_gas(84, 0.28), False),  # 300
    (_gas(83.9, 0.28), True),
    ([obs(SPO2, 89.9, "%"), obs(SPO2, 89, "%", effectiveDateTime=ago(2))], True),  # 24 hours apart
    ([obs(SPO2, 89, "%"), obs(SPO2, 89, "%", effectiveDateTime=ago(2, minutes=1))], False),
    ([obs(SPO2, 89, "%"), obs(SPO2, 90, "%", effectiveDateTime=ago(1, hours=2))], False),
    ([obs(SPO2, 0.85, "1"), obs(SPO2, 85, "%", effectiveDateTime=ago(1, hours=2))], True),
    ([obs(SPO2, 80, "%")], False),  # once only
    # age 55: 55/4 + 14 = 27.75, at room air only
    ([obs(GRADIENT, 27.8, "mm[Hg]"), obs(FIO2, 0.21, "1")], True),
    ([obs(GRADIENT, 27.75, "mm[Hg]"), obs(FIO2, 21, "%")], False),
    ([obs(GRADIENT, 60, "mm[Hg]"), obs(FIO2, 0.22, "1")], False),
    ([obs(GRADIENT, 60, "mm[Hg]")], False),  # oxygen not known
    # 0.21 x 713 - 40/0.8 - 70 = 29.73
    (_gas(70, 0.21, 40), True),
    (_gas(72, 0.21, 40), False),
]


@pytest.mark.parametrize(("gases", "low"), HYPOXAEMIA)
def test_hypoxaemia(client: FlaskClient, gases: list[Json], low: bool) -> None:
    assert _lungs(client, condition(ILD), *gases) == (INFERRED if low else JUST_ILD)


# -- inferred: the dates --

DATES = [
    # onset, hypoxaemia, both in days before now
    (31, 0, INFERRED),
    (32, 0, JUST_ILD),
    (40, 9, INFERRED),
    (40, 8, JUST_ILD),
    (9, 40, INFERRED),  # 31 days before
    (8, 40, JUST_ILD),
    (95, 90, INFERRED),
    (96, 91, JUST_ILD),
]


@pytest.mark.parametrize(("onset", "low", "expected"), DATES)
def test_the_time_frame(client: FlaskClient, onset: int, low: int, expected: Any) -> None:
    gas = obs(PAO2, 50, "mm[Hg]", effectiveDateTime=ago(low))
    assert _lungs(client, condition(ILD, onsetDateTime=day(onset)), gas) == expected
    assert _lungs(client, condition(ILD, recordedDate=day(onset)), gas) == expected


def test_onset_wins_over_recorded(client: FlaskClient) -> None:
    assert _lungs(client, condition(ILD, onsetDateTime="2015-01-01", recordedDate=day(2)), LOW) == JUST_ILD


def test_the_earliest_date_over_all_conditions_resolved_ones_too(client: FlaskClient) -> None:
    old = condition("Interstitial lung disease", clinicalStatus=_status("resolved"), recordedDate="2019-01-01")
    assert _lungs(client, condition(ILD), LOW) == INFERRED
    assert _lungs(client, condition(ILD), old, LOW) == JUST_ILD
    never = {**old, "verificationStatus": _status("refuted")}
    assert _lungs(client, condition(ILD), never, LOW) == INFERRED


@pytest.mark.parametrize("clinical", ["inactive", "remission", "resolved"])
def test_inferring_needs_an_active_one(client: FlaskClient, clinical: str) -> None:
    assert _lungs(client, condition(ILD, clinicalStatus=_status(clinical)), LOW) == JUST_ILD
    again = condition(ILD, clinicalStatus=_status("relapse"))
    assert _lungs(client, condition(ILD, clinicalStatus=_status(clinical)), again, LOW) == INFERRED


EARLIER = [
    obs(PAO2, 50, "mm[Hg]", effectiveDateTime=ago(120)),
    condition("Home oxygen", recordedDate="2025-06-01"),
    condition(coded("Z99.81", ICD10CM), recordedDate="2025-06-01"),
    service("Home oxygen therapy", authoredOn="2025-06-01"),
]


@pytest.mark.parametrize("earlier", EARLIER)
def test_an_old_disease_is_not_made_rapid_by_a_new_entry(client: FlaskClient, earlier: Json) -> None:
    assert _lungs(client, condition(ILD), LOW, earlier) == JUST_ILD


@pytest.mark.parametrize(("days", "expected"), [(20 + 31, INFERRED), (20 + 32, JUST_ILD)])
def test_earlier_hypoxaemia_at_the_limit(client: FlaskClient, days: int, expected: Any) -> None:
    earlier = obs(PAO2, 50, "mm[Hg]", effectiveDateTime=ago(days))
    assert _lungs(client, condition(ILD), LOW, earlier) == expected


@pytest.mark.parametrize("dates", [{"recordedDate": ...}, {"recordedDate": "2026"}, {"onsetDateTime": "2026-01"}])
def test_dates_that_do_not_settle_it(client: FlaskClient, dates: Json) -> None:
    body = answer(client, positive(), condition(ILD, **dates), LOW)
    found = body["extension"]["mda5-cds.assessment"]
    assert found["lungDisease"]["status"] == "ild"
    assert "lung-disease" in gap_ids(found)
    assert {"diagnosis", "rec-7"} == set(cards(body))
    # without hypoxaemia of these 90 days nothing is open
    quiet = answer(client, positive(), condition(ILD, **dates))
    assert set(cards(quiet)) == {"rec-7"}
    assert "lung-disease" not in gap_ids(quiet["extension"]["mda5-cds.assessment"])


@pytest.mark.parametrize("broken", [{"onsetDateTime": "long ago"}, {"subject": ..., "onsetDateTime": "2019-01-01"}])
def test_one_that_cannot_be_read_may_be_older(client: FlaskClient, broken: Json) -> None:
    found = assess(client, condition(ILD), condition(ILD, **broken), LOW)
    assert found["lungDisease"]["status"] == "ild"
    assert "lung-disease" in gap_ids(found)


def test_a_partial_date_on_one_side_of_the_limit_settles_it(client: FlaskClient) -> None:
    assert _lungs(client, condition(ILD, onsetDateTime="2026-02"), LOW) == INFERRED
    assert _lungs(client, condition(ILD, onsetDateTime="2024"), LOW) == JUST_ILD


def test_hypoxaemia_of_another_patient_or_in_error_or_future(client: FlaskClient) -> None:
    for change in (
        {"subject": {"reference": "Patient/x"}},
        {"status": "entered-in-error"},
        {"effectiveDateTime": "2026-03-01T10:05:01Z"},
    ):
        assert _lungs(client, condition(ILD), obs(PAO2, 50, "mm[Hg]", **change)) == JUST_ILD
    assert _lungs(client, condition(ILD), obs(PAO2, 50, "mm[Hg]", effectiveDateTime="2026-03-01T10:05:00Z")) == INFERRED


# -- respiratory failure --


def _failure(client: FlaskClient, *resources: Json, **more: Any) -> str:
    found: str = assess(client, *resources, **more)["respiratoryFailure"]["lifeThreatening"]
    return found


def _pf(value: float, **more: Any) -> Json:
    return obs(PF, value, "mm[Hg]", **more)


RATIOS = [
    ([_pf(99.9)], "yes"),
    ([_pf(100)], "no"),
    ([obs(PF, 13.3, "kPa")], "yes"),
    ([obs(PF, 13.4, "kPa")], "no"),
    ([_pf(80, effectiveDateTime=ago(hours=72))], "yes"),
    ([_pf(80, effectiveDateTime=ago(hours=72, minutes=1))], "unknown"),
    ([_pf(200, effectiveDateTime=ago(hours=72))], "no"),
    ([_pf(200, effectiveDateTime=ago(hours=73))], "unknown"),
    ([_pf(80, effectiveDateTime=ago(2)), _pf(200)], "no"),  # the newest decides
    ([_pf(80), _pf(200, effectiveDateTime=ago(2))], "yes"),
    (_gas(55, 0.6), "yes"),
    (_gas(60, 0.6), "no"),
    ([obs("50982-8", 80, "mm[Hg]")], "unknown"),
    ([], "unknown"),
    ([obs(PF, 0.8, "mm[Hg]")], "unknown"),  # computed with FiO2 in percent
    ([_pf(200), _pf(80, subject=..., effectiveDateTime=ago(hours=1))], "unknown"),
    ([_pf(200), _pf(80)], "yes"),  # one instant: the worse
    ([_pf(200, issued=ago(hours=1)), _pf(80, issued=ago(hours=2))], "no"),  # one instant: the later issued
]


@pytest.mark.parametrize(("gases", "expected"), RATIOS)
def test_the_ratio(client: FlaskClient, gases: list[Json], expected: str) -> None:
    assert _failure(client, *gases) == expected


def test_a_reported_ratio_wins_over_the_derived_one_of_the_same_gas(client: FlaskClient) -> None:
    assert _failure(client, *_gas(55, 0.6), _pf(150, effectiveDateTime=ago(1, minutes=30))) == "no"
    assert _failure(client, *_gas(55, 0.6), _pf(150, effectiveDateTime=ago(1, minutes=31))) == "yes"


SUPPORT = [
    ({"status": "in-progress"}, "yes", "unknown"),
    ({"performedDateTime": ago(14)}, "yes", "unknown"),
    ({"performedDateTime": ago(14, minutes=1)}, "no", "no"),
    ({"performedDateTime": ..., "performedPeriod": {"start": ago(10)}}, "yes", "unknown"),
    ({"performedDateTime": ..., "performedPeriod": {"start": ago(10), "end": ago(1)}}, "no", "no"),
    ({"performedDateTime": ...}, "unknown", "unknown"),
    ({"status": "not-done"}, "no", "no"),
    ({"status": "preparation"}, "no", "no"),
    ({"status": "entered-in-error"}, "no", "no"),
    ({"status": "unknown"}, "unknown", "unknown"),
    ({"subject": {"reference": "Patient/x"}}, "no", "no"),
    ({"performedDateTime": "2026-03-09"}, "no", "no"),
]


@pytest.mark.parametrize(("change", "ventilated", "on_ecmo"), SUPPORT)
def test_ventilation_and_ecmo(client: FlaskClient, change: Json, ventilated: str, on_ecmo: str) -> None:
    assert _failure(client, _pf(200), procedure(VENTILATION, **change)) == ventilated
    assert _failure(client, _pf(200), procedure(ECMO, **change)) == on_ecmo


def test_no_needs_the_procedures(client: FlaskClient) -> None:
    assert _failure(client, _pf(200), procedures=...) == "unknown"
    assert _failure(client, _pf(80), procedures=...) == "yes"
    assert "respiratory-failure" in gap_ids(assess(client, _pf(200), procedures=...))


def test_life_threatening_in_any_stage_is_critical(client: FlaskClient) -> None:
    shown = cards(answer(client, positive(), rpild(), _pf(80), who=patient()))
    assert shown["rec-6"]["indicator"] == "critical"
    assert shown["rec-2"]["indicator"] == "critical"
    assert "rec-6" not in cards(
        answer(client, positive(), rpild(), _pf(80), procedure(ECMO, performedDateTime=ago(29)))
    )


def test_fio2_is_no_flow(client: FlaskClient) -> None:
    flow = obs({"coding": [{"system": LOINC, "code": "3151-8"}], "text": "FiO2"}, 0.6, "1")
    assert _failure(client, obs(PAO2, 55, "mm[Hg]"), flow) == "unknown"
