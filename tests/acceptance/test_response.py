"""Contract §3, `refractoriness`: its statuses, its clock, the five criteria, and the card on early worsening."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.acceptance.fhir import (
    CANONICAL,
    CYCLOPHOSPHAMIDE,
    FERRITIN,
    FIO2,
    GRADIENT,
    IVIG,
    PACO2,
    PAO2,
    PF,
    PREDNISONE,
    RITUXIMAB,
    TACROLIMUS,
    Json,
    ago,
    answer,
    assess,
    bundle,
    cards,
    coded,
    day,
    gap_ids,
    obs,
    order,
    positive,
    rpild,
)

SYMPTOMS, GAS, IMAGING, IMPRESSION = "respiratory-symptoms", "a-a-gradient", "imaging", "clinician-impression"
ALL = (SYMPTOMS, GAS, IMAGING, "ferritin", IMPRESSION)
OTHER = {"reference": "Patient/other"}
START = 14
MMHG = "mm[Hg]"


def on(first: int = START, *more: str) -> list[Json]:
    """Glucocorticoid, tacrolimus and what is named, since `first` days."""
    return [order(drug, authoredOn=day(first)) for drug in (PREDNISONE, TACROLIMUS, *more)]


def said(criterion: str, flag: bool, days: float = 1, **more: Any) -> Json:
    what = coded(criterion, f"{CANONICAL}/CodeSystem/refractoriness-criterion")
    return obs(what, **{"valueBoolean": flag, "effectiveDateTime": ago(days), **more})


def lab(code: str, value: float, days: float, unit: str = "ng/mL", **more: Any) -> Json:
    return obs(code, value, unit, **{"effectiveDateTime": ago(days), **more})


def gas(days: float, pao2: float, fio2: float, paco2: float = 40) -> list[Json]:
    when = {"effectiveDateTime": ago(days)}
    return [obs(PAO2, pao2, MMHG, **when), obs(PACO2, paco2, MMHG, **when), obs(FIO2, fio2, "%", **when)]


def ferritins(worse: bool) -> list[Json]:
    return [lab(FERRITIN, 400, START), lab(FERRITIN, 600 if worse else 300, 1)]


def gradients(worse: bool) -> list[Json]:
    return [lab(GRADIENT, 50, START, MMHG), lab(GRADIENT, 70 if worse else 40, 1, MMHG)]


def evidence(**verdicts: bool) -> list[Json]:
    """Resources for criteria; keys with underscores for dashes."""
    found: list[Json] = []
    for name, worse in verdicts.items():
        criterion = name.replace("_", "-")
        trend = {"ferritin": ferritins, GAS: gradients}.get(criterion)
        found += trend(worse) if trend else [said(criterion, worse)]
    return found


def response(client: FlaskClient, *resources: Json, **more: Any) -> Json:
    found: Json = assess(client, positive(), rpild(), *resources, **more)["refractoriness"]
    return found


def verdicts(found: Json) -> dict[str, str]:
    return {item["id"]: item["status"] for item in found["criteria"]}


def of(client: FlaskClient, criterion: str, *resources: Json) -> str:
    return verdicts(response(client, *on(), *resources))[criterion]


# ── the statuses ──


@pytest.mark.parametrize(
    ("known", "status"),
    [
        (dict.fromkeys(ALL, True), "refractory"),
        ({**dict.fromkeys(ALL, True), "ferritin": False}, "probable"),
        ({SYMPTOMS: True, GAS: True}, "probable"),
        ({IMAGING: True, IMPRESSION: True}, "probable"),
        ({SYMPTOMS: True, "ferritin": True, GAS: False}, "probable"),
        ({SYMPTOMS: True, "ferritin": True, GAS: False, IMAGING: False}, "possible"),
        ({"ferritin": True, IMPRESSION: True}, "possible"),
        ({"ferritin": True}, "possible"),
        ({SYMPTOMS: True}, "possible"),
        ({SYMPTOMS: True, **dict.fromkeys((GAS, IMAGING, "ferritin", IMPRESSION), False)}, "possible"),
        ({SYMPTOMS: False}, "not-refractory"),
        (dict.fromkeys(ALL, False), "not-refractory"),
        ({}, "not-assessable"),
    ],
)
def test_status_by_the_count(client: FlaskClient, known: dict[str, bool], status: str) -> None:
    found = response(client, *on(), *evidence(**{name.replace("-", "_"): worse for name, worse in known.items()}))
    assert found["status"] == status
    assert [item["id"] for item in found["criteria"]] == list(ALL)
    expected = {name: {True: "met", False: "not-met", None: "unknown"}[known.get(name)] for name in ALL}
    assert verdicts(found) == expected


@pytest.mark.parametrize("drugs", [(), (PREDNISONE,), (PREDNISONE, RITUXIMAB)])
def test_not_on_combination(client: FlaskClient, drugs: tuple[str, ...]) -> None:
    found = response(client, *(order(drug) for drug in drugs), *evidence(imaging=True))
    assert found["status"] == "not-on-combination"


@pytest.mark.parametrize(
    ("first", "status"),
    [(0, "too-early"), (6, "too-early"), (7, "possible"), (90, "possible"), (91, "not-assessable")],
)
def test_days_of_assessment(client: FlaskClient, first: int, status: str) -> None:
    found = response(client, *on(first), said(IMAGING, True, 0))
    assert found["status"] == status
    assert len(found["criteria"]) == 5


def test_each_step_restarts_the_clock(client: FlaskClient) -> None:
    known = evidence(imaging=True, respiratory_symptoms=True)
    assert response(client, *on(40), order(RITUXIMAB, authoredOn=day(6)), *known)["status"] == "too-early"
    assert response(client, *on(40), order(RITUXIMAB, authoredOn=day(8)), *known)["status"] == "probable"
    assert response(client, *on(40), order(IVIG, authoredOn=day(6)), *known)["status"] == "probable"


# ── clinical criteria ──


@pytest.mark.parametrize("criterion", [SYMPTOMS, IMAGING, IMPRESSION])
@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"effectiveDateTime": ago(7)}, "met"),
        ({"effectiveDateTime": day(8)}, "unknown"),
        ({"status": "entered-in-error"}, "unknown"),
        ({"subject": OTHER}, "unknown"),
        ({"status": "registered"}, "unknown"),
        ({"effectiveDateTime": ago(-1)}, "unknown"),
        ({"valueBoolean": ..., "valueString": "perhaps"}, "unknown"),
    ],
)
def test_clinical_criterion(client: FlaskClient, criterion: str, change: Json, verdict: str) -> None:
    assert of(client, criterion, said(criterion, True, **change)) == verdict


@pytest.mark.parametrize(("days", "verdict"), [(14, "met"), (14.01, "unknown")])
def test_clinical_criterion_ages(client: FlaskClient, days: float, verdict: str) -> None:
    found = response(client, *on(60), said(IMAGING, True, days))
    assert verdicts(found)[IMAGING] == verdict


def test_newest_clinical_criterion_counts(client: FlaskClient) -> None:
    assert of(client, IMAGING, said(IMAGING, True, 3), said(IMAGING, False, 1)) == "not-met"
    assert of(client, IMAGING, said(IMAGING, False, 3), said(IMAGING, True, 1)) == "met"
    same = {"effectiveDateTime": ago(2)}
    assert of(client, IMAGING, said(IMAGING, True, **same), said(IMAGING, False, **same)) == "met"
    later = said(IMAGING, False, **same, issued=ago(1))
    assert of(client, IMAGING, said(IMAGING, True, **same, issued=ago(2)), later) == "not-met"


# ── ferritin ──


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [(400, 520, "met"), (400, 519, "not-met"), (150, 200, "not-met"), (150, 201, "met"), (500, 100, "not-met")],
)
def test_ferritin_rise(client: FlaskClient, before: float, after: float, verdict: str) -> None:
    assert of(client, "ferritin", lab(FERRITIN, before, START), lab(FERRITIN, after, 1)) == verdict


def test_ferritin_in_two_units(client: FlaskClient) -> None:
    molar = lab("14723-1", 525 * 2.247, 1, "pmol/L")
    assert of(client, "ferritin", lab(FERRITIN, 400, START, "ug/L"), molar) == "met"
    assert of(client, "ferritin", lab(FERRITIN, 400, START), lab(FERRITIN, 520, 1, "mg/dL/h")) == "unknown"


@pytest.mark.parametrize(
    ("comparators", "values", "verdict"),
    [
        (("", ">"), (400, 600), "met"),
        (("", ">"), (400, 500), "unknown"),
        (("", "<"), (400, 500), "not-met"),
        (("", "<"), (400, 600), "unknown"),
        ((">", ""), (400, 600), "unknown"),
        (("<", ""), (400, 600), "met"),
    ],
)
def test_censored_ferritin(
    client: FlaskClient, comparators: tuple[str, str], values: tuple[float, float], verdict: str
) -> None:
    pair = []
    for sign, value, days in zip(comparators, values, (START, 1), strict=True):
        found = lab(FERRITIN, value, days)
        if sign:
            found["valueQuantity"]["comparator"] = sign
        pair.append(found)
    assert of(client, "ferritin", *pair) == verdict


@pytest.mark.parametrize(
    ("baseline", "verdict"),
    [(START + 14, "met"), (START + 15, "unknown"), (START - 2, "met"), (START - 5, "met"), (START - 6, "unknown")],
)
def test_baseline_window(client: FlaskClient, baseline: int, verdict: str) -> None:
    assert of(client, "ferritin", lab(FERRITIN, 400, baseline), lab(FERRITIN, 800, 1)) == verdict


def test_baseline_is_the_last_around_the_start(client: FlaskClient) -> None:
    values = [lab(FERRITIN, 900, START + 3), lab(FERRITIN, 400, START - 2), lab(FERRITIN, 1200, START - 3)]
    found = response(client, *on(), *values, lab(FERRITIN, 520, 1))
    ferritin = next(item for item in found["criteria"] if item["id"] == "ferritin")
    assert (ferritin["baseline"]["value"], ferritin["followUp"]["value"]) == (400, 520)
    assert (ferritin["status"], ferritin["baseline"]["unit"]) == ("met", "ng/mL")


@pytest.mark.parametrize(
    ("follow", "first", "verdict"),
    [(7, 14, "met"), (8, 14, "unknown"), (14, 60, "met"), (14.01, 60, "unknown")],
)
def test_follow_up_window(client: FlaskClient, follow: float, first: int, verdict: str) -> None:
    found = response(client, *on(first), lab(FERRITIN, 400, first), lab(FERRITIN, 800, follow))
    assert verdicts(found)["ferritin"] == verdict


@pytest.mark.parametrize(("days", "verdict"), [(5, "unknown"), (4, "unknown"), (3, "met")])
def test_follow_up_distance_from_a_late_baseline(client: FlaskClient, days: int, verdict: str) -> None:
    """Start 12 days ago, baseline on its day 5: the follow-up lies at least 4 days later, and from day 7 on."""
    found = response(client, *on(12), lab(FERRITIN, 400, 7), lab(FERRITIN, 800, days))
    assert verdicts(found)["ferritin"] == verdict


@pytest.mark.parametrize(
    "change",
    [{"status": "entered-in-error"}, {"status": "cancelled"}, {"subject": OTHER}, {"effectiveDateTime": ago(-1)}],
)
def test_values_that_do_not_count(client: FlaskClient, change: Json) -> None:
    bad = lab(FERRITIN, 900, 1, **change)
    assert of(client, "ferritin", lab(FERRITIN, 400, START), bad) == "unknown"


def test_unreadable_value_is_not_unchanged(client: FlaskClient) -> None:
    broken = obs(FERRITIN, valueQuantity={"value": "much"}, effectiveDateTime=ago(0.5))
    pair = [lab(FERRITIN, 400, START), lab(FERRITIN, 410, 1)]
    assert of(client, "ferritin", *pair, broken) == "unknown"
    assert of(client, "ferritin", lab(FERRITIN, 400, START), lab(FERRITIN, 900, 1), broken) in ("met", "unknown")


def test_a_missing_page_is_not_unchanged(client: FlaskClient) -> None:
    link = [{"relation": "next", "url": "https://ehr.example.org/fhir/Observation?page=2"}]
    page = bundle(positive(), *ferritins(False), link=link)
    found = assess(client, positive(), rpild(), *on(), observations=page)
    assert verdicts(found["refractoriness"])["ferritin"] == "unknown"
    assert "observations" in gap_ids(found)


# ── gas exchange ──


@pytest.mark.parametrize(("rise", "verdict"), [(15, "met"), (14.9, "not-met"), (-20, "not-met")])
def test_reported_gradient(client: FlaskClient, rise: float, verdict: str) -> None:
    pair = lab(GRADIENT, 50, START, MMHG), lab(GRADIENT, 50 + rise, 1, MMHG)
    assert of(client, GAS, *pair) == verdict


def test_gradient_in_two_units(client: FlaskClient) -> None:
    for rise, verdict in ((15.1, "met"), (14.8, "not-met")):
        kilo = lab(GRADIENT, (50 + rise) / 7.50062, 1, "kPa")
        assert of(client, GAS, lab(GRADIENT, 50, START, MMHG), kilo) == verdict


@pytest.mark.parametrize(("pao2", "verdict"), [(60, "met"), (61, "not-met")])
def test_derived_gradient_at_one_oxygen(client: FlaskClient, pao2: float, verdict: str) -> None:
    assert of(client, GAS, *gas(START, 75, 28), *gas(1, pao2, 28)) == verdict


@pytest.mark.parametrize(
    ("fio2", "pao2", "verdict"), [(33, 76, "met"), (34, 81, "not-met"), (60, 128, "met"), (60, 130, "not-met")]
)
def test_oxygen_that_differed(client: FlaskClient, fio2: float, pao2: float, verdict: str) -> None:
    """Up to 0.05 the gradient is compared; beyond, PaO2/FiO2: from 75/0.28 = 267.9 a fall of 20 % is 214.3."""
    assert of(client, GAS, *gas(START, 75, 28), *gas(1, pao2, fio2)) == verdict


@pytest.mark.parametrize(("after", "verdict"), [(200, "met"), (200.5, "not-met"), (300, "not-met")])
def test_ratio_without_gradients(client: FlaskClient, after: float, verdict: str) -> None:
    assert of(client, GAS, lab(PF, 250, START, MMHG), lab(PF, after, 1, MMHG)) == verdict


def test_gas_that_is_not_one_gas(client: FlaskClient) -> None:
    apart = [obs(PAO2, 60, MMHG, effectiveDateTime=ago(1)), obs(FIO2, 50, "%", effectiveDateTime=ago(1, minutes=31))]
    assert of(client, GAS, lab(PF, 250, START, MMHG), *apart) == "unknown"
    within = [obs(PAO2, 60, MMHG, effectiveDateTime=ago(1)), obs(FIO2, 50, "%", effectiveDateTime=ago(1, minutes=30))]
    assert of(client, GAS, lab(PF, 250, START, MMHG), *within) == "met"


def test_reported_wins_over_derived(client: FlaskClient) -> None:
    reported = lab(PF, 240, 1, MMHG)
    assert of(client, GAS, lab(PF, 250, START, MMHG), *gas(1, 60, 40), reported) == "not-met"


# ── before day 7 ──


def early(client: FlaskClient, *resources: Json, first: int = 5) -> Json | None:
    body = answer(client, positive(), rpild(), *on(first), *resources)
    assert body["extension"]["mda5-cds.assessment"]["refractoriness"]["status"] == "too-early"
    return cards(body).get("refractoriness")


@pytest.mark.parametrize(("after", "speaks"), [(320, True), (321, False)])
def test_early_fall_of_the_ratio(client: FlaskClient, after: float, speaks: bool) -> None:
    card = early(client, lab(PF, 400, 8, MMHG), lab(PF, after, 1, MMHG))
    assert (card is not None) is speaks
    if card:
        assert card["indicator"] == "warning"
        assert "the guideline does not say to wait" in card["summary"].lower()
        actions = [action for each in card["suggestions"] for action in each["actions"]]
        assert {action["resource"]["resourceType"] for action in actions} == {"ServiceRequest"}


def test_early_baselines(client: FlaskClient) -> None:
    assert early(client, lab(PF, 500, 20, MMHG), lab(PF, 320, 1, MMHG)) is None
    assert early(client, lab(PF, 400, 3, MMHG), lab(PF, 320, 1, MMHG)) is not None
    assert early(client, lab(PF, 500, 10, MMHG), lab(PF, 380, 6, MMHG), lab(PF, 320, 1, MMHG)) is None


def test_early_hypoxaemia_is_new(client: FlaskClient) -> None:
    now = lab(PF, 290, 1, MMHG)
    assert early(client, now) is not None
    assert early(client, lab(PF, 295, 6, MMHG), now) is None
    assert early(client, lab(PF, 295, 19, MMHG), now) is None
    assert early(client, lab(PF, 295, 20.5, MMHG), now) is not None


@pytest.mark.parametrize("criterion", [SYMPTOMS, IMAGING, IMPRESSION])
def test_early_clinical_criterion(client: FlaskClient, criterion: str) -> None:
    assert early(client, said(criterion, True, 1)) is not None
    assert early(client, said(criterion, False, 1)) is None
    assert early(client, said(criterion, True, 6)) is None


def test_a_stable_first_week_is_silent(client: FlaskClient) -> None:
    assert early(client, lab(PF, 400, 8, MMHG), lab(PF, 410, 1, MMHG), lab(FERRITIN, 900, 1)) is None


def test_triple_or_not_is_said(client: FlaskClient) -> None:
    known = evidence(**{name.replace("-", "_"): True for name in ALL})
    card = cards(answer(client, positive(), rpild(), *on(), *known))["rec-4"]
    assert "outside triple therapy" in card["detail"]
    triple = cards(answer(client, positive(), rpild(), *on(START, CYCLOPHOSPHAMIDE), *known))["rec-4"]
    assert "applying them outside triple therapy is site policy" not in triple["detail"]


def test_what_a_conversion_rests_on_is_said(client: FlaskClient) -> None:
    """Sea level for a derived gradient, the molar mass for a ferritin in pmol/L, wherever they decide."""
    derived = [*gas(START, 75, 28), *gas(1, 50, 28), said(IMAGING, True)]
    assert "sea level (760 mmHg" in cards(answer(client, positive(), rpild(), *on(), *derived))["rec-4"]["detail"]
    molar = [lab("14723-1", 900, START, "pmol/L"), lab("14723-1", 2000, 1, "pmol/L"), said(IMAGING, True)]
    assert "molar mass" in cards(answer(client, positive(), rpild(), *on(), *molar))["rec-4"]["detail"]
    relapse = cards(answer(client, positive(), rpild(), *on(300), molar[1]))["refractoriness"]
    assert "molar mass" in relapse["detail"]
    room_air = [obs(PAO2, 62, MMHG), obs(PACO2, 35, MMHG), obs(FIO2, 21, "%")]
    hypoxaemic = cards(answer(client, positive(), rpild(), *on(300), *room_air))["risk"]
    assert "hypoxaemia" in hypoxaemic["detail"]
