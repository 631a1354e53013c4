"""Observations: status, code, date, value; whatever decides and cannot be read is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_cards.coding import LOINC, SNOMED, Code
from cds_cards.record import Result
from tests.unit.service.fhir.chart import (
    CANONICAL,
    CRP,
    FERRITIN,
    MDA5,
    aside,
    concept,
    guideline,
    obs,
    one,
    quantity,
    read,
    unread,
)

LOCAL = {"coding": [{"system": "https://lab.example/codes", "code": "L123", "display": "Anti-MDA5 Ak"}]}
NG = quantity(1200, "ng/mL")


def result(*resources: Any, **keys: Any) -> Result:
    record = read(*resources, **keys)
    assert record.unread == ()
    return one(record.results)


# -- status --


@pytest.mark.parametrize("status", ["final", "amended", "corrected"])
def test_final_statuses_count(status: str) -> None:
    assert result(obs(status=status, valueQuantity=NG)).preliminary is False


def test_preliminary_is_flagged() -> None:
    assert result(obs(status="preliminary", valueQuantity=NG)).preliminary is True


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled", "unknown", "registered"])
def test_these_never_count_and_make_nothing_unknown(status: str) -> None:
    assert aside(obs(status=status, valueQuantity=NG)).why == f"its status is {status}"


@pytest.mark.parametrize("status", [..., None, "", "done", 5, ["final", "amended"]])
def test_a_status_that_cannot_be_read_decides(status: Any) -> None:
    item = unread(obs(status=status, valueQuantity=NG))
    assert (item.key, item.source, item.concepts) == ("observations", "Observation/o1", {"ferritin"})
    assert item.when is not None
    assert "status" in item.why


@pytest.mark.parametrize(
    ("code", "concepts"), [(MDA5, {"anti-mda5-test"}), ("11253-2", {"tacrolimus-level"}), (FERRITIN, None)]
)
def test_a_registered_test_is_on_its_way(code: str, concepts: set[str] | None) -> None:
    services = read(obs(code, status="registered")).services
    assert [service.concepts for service in services] == ([concepts] if concepts else [])


# -- code --


@pytest.mark.parametrize(
    "system",
    ["http://loinc.org", "https://loinc.org", "http://loinc.org/", "urn:oid:2.16.840.1.113883.6.1", "HTTP://LOINC.ORG"],
)
def test_the_same_system_however_it_is_written(system: str) -> None:
    assert result(obs(concept(FERRITIN, system), valueQuantity=NG)).concept == "ferritin"


@pytest.mark.parametrize(
    "code",
    [
        concept("22764", LOINC),
        concept("2276", LOINC),
        concept(FERRITIN, SNOMED),
        concept("11039-5", LOINC, text="C-reactive protein"),  # qualitative: another test, whatever its text
        concept("35591-7", LOINC, text="eGFR"),  # a clearance
        {"text": "Transferrin"},
        {"text": "Ferritin index"},
        concept("L1", "https://lab.example"),
    ],
)
def test_what_is_not_ours_is_not_read(code: Any) -> None:
    record = read(obs(code, valueQuantity=NG, effectiveDateTime="never"))
    assert (record.results, record.unread, record.set_aside) == ((), (), ())


@pytest.mark.parametrize("system", [None, "LN", "http://loinc.org/vs"])
def test_a_loinc_code_of_an_unknown_system_may_be_ours(system: str | None) -> None:
    coding = {"code": FERRITIN, **({"system": system} if system else {})}
    (found,) = read(obs({"coding": [coding]}, valueQuantity=NG)).unread
    assert found.concepts == {"ferritin"}


@pytest.mark.parametrize("code", [..., None, {}, {"coding": []}, {"text": " "}, {"coding": [{"system": LOINC}]}, 5])
def test_without_any_code_it_may_be_anything(code: Any) -> None:
    item = unread(obs(code=code, valueQuantity=NG))
    assert (item.concepts, item.why) == (set(), "it states no code that can be read")


def test_any_of_several_codings_may_be_ours() -> None:
    code = {"coding": [{"system": "https://lab.example", "code": "FER"}, {"system": LOINC, "code": FERRITIN}]}
    read_result = result(obs(code, valueQuantity=NG))
    assert (read_result.concept, read_result.code, read_result.by_text) == ("ferritin", FERRITIN, False)


def test_a_local_code_counts_by_its_text_or_by_the_policy() -> None:
    by_text = result(obs(LOCAL, valueString="Positive"))
    assert (by_text.concept, by_text.by_text, by_text.code) == ("anti-mda5", True, "https://lab.example/codes|L123")
    assert result(obs({"text": "ANTI-MDA5 (CADM-140)"}, valueString="Positive")).concept == "anti-mda5"
    known = guideline()
    local = {"ferritin": (Code("https://lab.example/codes", "FER", "", ""),)}
    site = replace(known, policy=replace(known.policy, local_codes=local))
    coded = result(obs(concept("FER", "https://lab.example/codes"), valueQuantity=NG), site=site)
    assert (coded.concept, coded.by_text) == ("ferritin", False)


@pytest.mark.parametrize(
    ("codes", "variant"),
    [
        (("2703-7",), "arterial"),
        (("11556-8",), "unspecified"),
        (("2705-2",), "venous"),
        (("11556-8", "2703-7"), "arterial"),
        (("2703-7", "19255-9"), "arterial"),
    ],
)
def test_variants(codes: tuple[str, ...], variant: str) -> None:
    for order in (codes, codes[::-1]):
        code = {"coding": [{"system": LOINC, "code": each} for each in order]}
        assert result(obs(code, valueQuantity=quantity(55, "mm[Hg]"))).variant == variant


@pytest.mark.parametrize("codes", [("2703-7", "2705-2"), (FERRITIN, CRP)])
def test_codings_that_contradict_each_other_are_no_answer(codes: tuple[str, ...]) -> None:
    item = unread(obs({"coding": [{"system": LOINC, "code": each} for each in codes]}, valueQuantity=NG))
    assert "different tests" in item.why
    assert item.concepts in ({"pao2"}, {"ferritin", "crp"})


@pytest.mark.parametrize("criterion", ["respiratory-symptoms", "imaging", "clinician-impression"])
def test_the_clinical_criteria(criterion: str) -> None:
    code = concept(criterion, f"{CANONICAL}/CodeSystem/refractoriness-criterion")
    assert result(obs(code, valueBoolean=True)).flag is True
    assert result(obs(code, valueBoolean=False)).flag is False
    assert unread(obs(code, valueString="yes")).concepts == {criterion}
    elsewhere = concept(criterion, "https://other.example/CodeSystem/refractoriness-criterion", text="worse")
    assert read(obs(elsewhere, valueBoolean=True)).results == ()


# -- date --


@pytest.mark.parametrize(
    ("dates", "text"),
    [
        ({"effectiveDateTime": "2026-03"}, "2026-03"),
        ({"effectiveDateTime": "2026-03-01T10:00:00"}, "2026-03-01T10:00:00+00:00"),
        ({"effectiveInstant": "2026-03-01T10:00:00Z"}, "2026-03-01T10:00:00Z"),
        ({"effectivePeriod": {"start": "2026-03-01", "end": "2026-03-02"}}, "2026-03-01 to 2026-03-02"),
        ({"effectivePeriod": {"start": "2026-03-01"}}, "2026-03-01"),
        ({"effectivePeriod": {"end": "2026-03-02"}}, "2026-03-02"),
        ({"effectiveTiming": {"event": ["2026-03-02", "2026-03-01"]}}, "2026-03-01 to 2026-03-02"),
    ],
)
def test_dates(dates: Any, text: str) -> None:
    assert result(obs(**{"effectiveDateTime": ..., **dates}, valueQuantity=NG)).when.text == text


@pytest.mark.parametrize(
    "dates",
    [
        {},
        {"issued": "2026-03-01T10:00:00Z"},
        {"effectiveDateTime": "2026-02-30"},
        {"effectiveDateTime": 1772359200},
        {"effectivePeriod": {}},
        {"effectivePeriod": {"start": "2026-03-02", "end": "2026-03-01"}},
        {"effectivePeriod": {"start": "soon"}},
        {"effectiveTiming": {"code": {"text": "daily"}}},
        {"effectiveDateTime": "2026-03-01", "effectivePeriod": {"start": "2026-03-01"}},
    ],
)
def test_a_date_that_cannot_be_read_decides(dates: Any) -> None:
    assert unread(obs(**{"effectiveDateTime": ..., **dates}, valueQuantity=NG)).concepts == {"ferritin"}


def test_issued_breaks_ties_and_may_be_broken() -> None:
    issued = result(obs(valueQuantity=NG, issued="2026-03-01T12:00:00Z")).issued
    assert issued is not None
    assert issued.hour == 12
    assert result(obs(valueQuantity=NG, issued="noon")).issued is None


# -- numbers --


@pytest.mark.parametrize(
    ("value", "canonical", "comparator"),
    [
        ({"valueQuantity": quantity(1000.0, "ng/mL")}, 1000.0, None),
        ({"valueQuantity": quantity(1.5, "mg/L")}, 1500.0, None),
        ({"valueQuantity": {"value": 600, "unit": "µg/L"}}, 600.0, None),
        ({"valueQuantity": {"value": "600", "unit": "µg/L"}}, 600.0, None),
        (
            {"valueQuantity": {"value": 600, "unit": "ug/L", "system": "http://snomed.info/sct", "code": "258806002"}},
            600.0,
            None,
        ),
        ({"valueQuantity": quantity(1000, "ng/mL", comparator=">")}, 1000.0, ">"),
        ({"valueQuantity": quantity(5, "ng/mL", comparator="<=")}, 5.0, "<="),
        ({"valueString": "1523 ng/mL"}, 1523.0, None),
        ({"valueString": "< 10 ng/mL"}, 10.0, "<"),
        ({"valueString": "≥ 1500,5 ng/mL"}, 1500.5, ">="),
    ],
)
def test_numbers_in_the_canonical_unit(value: Any, canonical: float, comparator: str | None) -> None:
    read_result = result(obs(**value))
    assert (read_result.value, read_result.comparator, read_result.unit) == (canonical, comparator, "ng/mL")


@pytest.mark.parametrize(
    "value",
    [
        {"valueQuantity": {"value": 1200}},
        {"valueQuantity": quantity(1200, "mmol/L")},
        {"valueQuantity": quantity("many", "ng/mL")},
        {"valueQuantity": quantity(True, "ng/mL")},
        {"valueQuantity": quantity(None, "ng/mL")},
        {"valueQuantity": quantity(1200, "ng/mL", comparator="~")},
        {"valueQuantity": {}},
        {"valueInteger": 1200},
        {"valueString": "1523"},
        {"valueString": "1,000 ng/mL"},
        {"valueString": "1.000 ng/mL"},
        {"valueString": "1200 ng/mL (high)"},
        {"valueString": "high"},
        {"valueString": "9" * 200 + " ng/mL"},
        {"valueCodeableConcept": {"text": "high"}},
        {"valueRange": {"low": quantity(1, "ng/mL"), "high": quantity(2, "ng/mL")}},
        {"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 320}}},
        {"valueBoolean": True, "valueString": "1 ng/mL"},
        {"valueSampledData": {"dimensions": 1}},
        {"valueDateTime": "2026-03-01"},
        {},
    ],
)
def test_a_value_that_cannot_be_compared_is_named(value: Any) -> None:
    item = unread(obs(**value))
    assert item.concepts == {"ferritin"}
    assert "1523" not in item.why


def test_an_inspired_fraction_needs_no_unit() -> None:
    assert result(obs("3150-0", valueQuantity={"value": 40})).value == 0.4
    assert result(obs("3150-0", valueInteger=21)).value == 0.21
    assert unread(obs("3150-0", valueQuantity={"value": 20})).concepts == {"fio2"}


def test_an_assumed_molar_mass_goes_with_the_result() -> None:
    assert "445 kDa" in (result(obs("14723-1", valueQuantity=quantity(2000, "pmol/L"))).assumption or "")


def test_why_there_is_no_value_is_read_and_tells_nothing() -> None:
    absent = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "not-performed"}]
    }
    assert "no value" in aside(obs(dataAbsentReason=absent)).why


@pytest.mark.parametrize(
    "broken", ["interpretation", "referenceRange", "method", "bodySite", "specimen", "note", "category"]
)
def test_what_does_not_decide_a_number_may_be_broken(broken: str) -> None:
    assert result(obs(valueQuantity=NG, **{broken: "?"})).value == 1200


def test_harmless_deviations_are_put_right() -> None:
    odd = obs(
        {"coding": {"system": LOINC, "code": FERRITIN, "display": None, "vendor": 1}},
        id="a_b" + "c" * 80,
        category={"text": "lab"},
        valueQuantity={**NG, "vendor": "x"},
        note=[],
        interpretation=None,
        performer={},
        effectiveDateTime="2026-03-01T10:00:00",
        subject=[{"reference": "Patient/p1"}],
    )
    assert result(odd).source == "Observation/a_b" + "c" * 80


# -- anti-MDA5 --


def coded(code: str, system: str = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation") -> Any:
    return [{"coding": [{"system": system, "code": code, "display": code}]}]


@pytest.mark.parametrize("system", ["http://hl7.org/fhir/v2/0078", "urn:oid:2.16.840.1.113883.5.83", None])
def test_interpretation_codes(system: str | None) -> None:
    assert result(obs(MDA5, interpretation=coded("POS"))).interpretation == ("POS",)
    other = [{"coding": [{"system": system, "code": "pos"} if system else {"code": "pos"}]}]
    assert result(obs(MDA5, interpretation=other)).interpretation == ("POS",)
    assert result(obs(MDA5, interpretation=other[0])).interpretation == ("POS",)


def test_an_interpretation_in_words_is_words() -> None:
    read_result = result(obs(MDA5, interpretation=[{"text": "Positive"}]))
    assert (read_result.interpretation, read_result.words) == ((), ("positive",))
    local = result(obs(MDA5, interpretation=coded("P", "https://lab.example")))
    assert (local.interpretation, local.words) == ((), ("p",))


def test_an_interpretation_that_cannot_be_read_decides_here() -> None:
    assert unread(obs(MDA5, valueString="see text", interpretation="POS")).concepts == {"anti-mda5"}


@pytest.mark.parametrize(
    ("value", "words", "answers"),
    [
        ({"valueString": " Positive "}, ("positive",), ()),
        ({"valueCodeableConcept": {"text": "DETECTED"}}, ("detected",), ()),
        (
            {"valueCodeableConcept": concept("10828004", "https://snomed.info/sct")},
            (),
            ("http://snomed.info/sct|10828004",),
        ),
        ({"valueString": "weak (12 U)"}, ("weak (12 u)",), ()),
    ],
)
def test_written_and_coded_answers(value: Any, words: tuple[str, ...], answers: tuple[str, ...]) -> None:
    read_result = result(obs(MDA5, **value))
    assert (read_result.words, read_result.answers) == (words, answers)


@pytest.mark.parametrize(
    ("value", "steps", "comparator"),
    [
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 320}}}, 320, None),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 640, "comparator": ">="}}}, 640, ">="),
        ({"valueString": "1:320"}, 320, None),
        ({"valueString": "< 1/40"}, 40, "<"),
        ({"valueString": "≥1:1280"}, 1280, ">="),
        ({"valueQuantity": quantity(320, "{titer}")}, 320, None),
        ({"valueQuantity": {"value": 320, "unit": "titer"}}, 320, None),
    ],
)
def test_titres(value: Any, steps: float, comparator: str | None) -> None:
    read_result = result(obs(MDA5, **value))
    assert (read_result.titre_steps, read_result.value, read_result.comparator) == (steps, steps, comparator)


@pytest.mark.parametrize(
    ("numerator", "denominator"), [({"value": 2}, {"value": 320}), ({"value": 1}, {}), ({"value": 1}, {"value": 0})]
)
def test_a_ratio_that_is_no_titre(numerator: Any, denominator: Any) -> None:
    assert unread(obs(MDA5, valueRatio={"numerator": numerator, "denominator": denominator})).concepts == {"anti-mda5"}


@pytest.mark.parametrize(
    ("unit", "reference_range", "limits"),
    [
        ("U/mL", [{"high": quantity(20, "U/mL")}], (None, 20)),
        ("U/mL", {"low": {"value": 0}, "high": {"value": 20}}, (0, 20)),
        ("U/mL", [{"high": quantity(20, "[arb'U]/L")}], (None, None)),
        ("U/mL", [{"high": quantity(20, "U/mL")}, {"high": quantity(30, "U/mL")}], (None, None)),
        (
            "U/mL",
            [{"high": quantity(20, "U/mL")}, {"high": quantity(80, "U/mL"), "type": concept("treatment", "x")}],
            (None, 20),
        ),
        ("U/mL", [{"text": "0 - 20"}], (0, 20)),
        ("U/mL", [{"text": "<= 20 U/mL"}], (None, 20)),
        ("U/mL", [{"text": "negative"}], (None, None)),
        ("{titer}", [{"high": quantity(40, "{titer}")}], (None, 40)),
        ("U/mL", [], (None, None)),
    ],
)
def test_the_laboratorys_own_limits(unit: str, reference_range: Any, limits: Any) -> None:
    assert result(obs(MDA5, valueQuantity=quantity(85, unit), referenceRange=reference_range)).limits == limits


@pytest.mark.parametrize(("value", "text"), [(quantity(20, "U/mL"), "< 20 U/mL"), (quantity(40, "{titer}"), "<1:40")])
def test_the_value_at_a_strict_limit_is_beyond_it(value: Any, text: str) -> None:
    read_result = result(obs(MDA5, valueQuantity=value, referenceRange=[{"text": text}]))
    assert read_result.value is not None
    assert read_result.limits[1] is not None
    assert read_result.value > read_result.limits[1] > read_result.value - 1e-6


def test_limits_are_converted_with_the_value() -> None:
    crp = obs(CRP, valueQuantity=quantity(2, "mg/dL"), referenceRange=[{"high": quantity(0.5, "mg/dL")}])
    assert result(crp).limits == (None, 5.0)
    in_its_own_unit = obs(CRP, valueQuantity=quantity(2, "mg/dL"), referenceRange=[{"high": quantity(5, "mg/L")}])
    assert result(in_its_own_unit).limits == (None, 5.0)


def test_a_bare_number_tells_nothing_beside_an_interpretation_that_does() -> None:
    assert unread(obs(MDA5, valueQuantity={"value": 85})).concepts == {"anti-mda5"}
    read_result = result(obs(MDA5, valueQuantity={"value": 85}, interpretation=coded("POS")))
    assert (read_result.value, read_result.interpretation) == (None, ("POS",))


# -- panels --


def test_components_count_each_with_the_date_of_the_whole() -> None:
    gas = obs(
        concept("24336-0", LOINC),
        component=[
            {"code": concept("2703-7"), "valueQuantity": quantity(8, "kPa")},
            {"code": concept("2019-8"), "valueQuantity": quantity(40, "mm[Hg]")},
            {"code": concept("3150-0"), "valueQuantity": quantity(40, "%")},
            {"code": concept("2744-1"), "valueQuantity": quantity(7.4, "[pH]")},
        ],
    )
    record = read(gas)
    assert {each.concept: each.value for each in record.results} == {"pao2": 60.004926064, "paco2": 40, "fio2": 0.4}
    assert {each.source for each in record.results} == {"Observation/o1"}
    assert {each.when.text for each in record.results} == {"2026-03-01T10:00:00Z"}


def test_a_broken_component_leaves_the_others() -> None:
    gas = obs(
        "59408-5",
        valueQuantity=quantity(88, "%"),
        component={"code": concept("3150-0"), "valueQuantity": quantity(40, "furlong")},
    )
    record = read(gas)
    assert one(record.results).concept == "spo2"
    assert one(record.unread).concepts == {"fio2"}


def test_a_panel_of_members_tells_nothing_itself() -> None:
    record = read(obs(concept("24336-0", LOINC), hasMember=[{"reference": "Observation/o2"}]))
    assert (record.results, record.unread) == ((), ())


@pytest.mark.parametrize(
    ("reference", "counts"),
    [("Patient/p1", True), ("https://ehr.example/fhir/Patient/p1", True), ("Patient/donor", False)],
)
def test_a_focus_on_someone_else_is_not_the_patient(reference: str, counts: bool) -> None:
    record = read(obs(valueQuantity=NG, focus=[{"reference": reference}]))
    assert bool(record.results) is counts
    assert bool(record.set_aside) is not counts
