"""Which values the course holds, which of them count, and what they stood for: the assessment's word, not a new one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cds_cards.knowledge import load_guideline
from service.course.model import Panel
from tests.unit.build import AS_OF, dx, order, person, rec, res, unread
from tests.unit.build_assessment import knowledge
from tests.unit.service.course.charted import course, panel, value

GAS = "2026-02-27T08:00:00Z"


def limits(found: Panel) -> list[float]:
    return [limit.value for limit in found.thresholds]


def test_a_final_value_of_before_the_call_counts() -> None:
    found = value(course(rec(res("ferritin", 1523, 2, id="f"))), "ferritin", "f")
    assert (found.number, found.said, found.used, found.kind) == (1523, "1,523 ng/mL", True, "measured")
    assert found.why == "counted; newest value that counts"


@pytest.mark.parametrize(
    ("doubtful", "why"),
    [
        (res("ferritin", 900, "2026-03-02T08:00:00Z", id="x"), "dated after the time of this call"),
        (res("ferritin", 900, 1, id="x", preliminary=True), "preliminary, and a final value counts in its place"),
        (res("ferritin", 300, 2, id="x"), "another value of the same time counts in its place"),
        (unread("observations", "ferritin", when=1, id="x", why="its unit is none"), "its unit is none"),
        (
            unread("observations", "ferritin", when="2026-03-09", id="x", why="its unit is none"),
            "its unit is none; dated after the time of this call",
        ),
    ],
)
def test_what_does_not_count_is_kept_with_its_reason(doubtful: object, why: str) -> None:
    found = course(rec(res("ferritin", 1523, 2, id="f"), doubtful))  # type: ignore[arg-type]
    assert value(found, "ferritin", "f").used
    assert (value(found, "ferritin", "x").used, value(found, "ferritin", "x").why) == (False, why)


def test_a_preliminary_value_counts_where_no_final_one_is_current() -> None:
    assert value(course(rec(res("ferritin", 900, 1, id="x", preliminary=True))), "ferritin", "x").used


def test_what_could_not_be_read_has_neither_number_nor_a_date_of_our_own() -> None:
    found = course(rec(res("ferritin", 900, 1), unread("observations", "ferritin", id="x")))
    broken = value(found, "ferritin", "x")
    assert (broken.number, broken.when) == (None, None)
    assert panel(found, "ferritin").values[-1] is broken
    assert "Ferritin: 1 value without a date: its value could not be read." in found.notes


def test_baseline_and_follow_up_are_those_of_the_criteria() -> None:
    record = rec(
        res("ferritin", 700, 60, id="old"),
        res("ferritin", 820, 15, id="base"),
        res("ferritin", 900, 8, id="between"),
        res("ferritin", 1500, 1, id="last"),
        res("a-a-gradient", 60, 15, id="gas-base"),
        res("a-a-gradient", 90, 1, id="gas-last"),
        order("prednisone", 14),
        order("tacrolimus", 14),
    )
    found = course(record)
    roles = {each.sources[0].split("/")[1]: each.roles for each in panel(found, "ferritin").values}
    assert roles == {"old": (), "base": ("baseline",), "between": (), "last": ("follow-up", "newest")}
    gases = panel(found, "a-a-gradient").values
    assert [each.roles for each in gases] == [("baseline",), ("follow-up",)]


def test_without_a_combination_the_value_before_the_newest_is_shown_as_that() -> None:
    found = course(rec(res("ferritin", 700, 9, id="a"), res("ferritin", 800, 2, id="b")))
    assert value(found, "ferritin", "a").roles == ("before",)


def test_a_derived_gradient_is_told_from_a_measured_one() -> None:
    found = course(
        rec(
            res("a-a-gradient", 60, 12, id="told"),
            res("pao2", 62, GAS, id="o"),
            res("paco2", 35, GAS, id="c"),
            res("fio2", 0.28, GAS, id="f"),
        )
    )
    measured, derived = panel(found, "a-a-gradient").values
    assert (measured.kind, measured.sources) == ("measured", ("Observation/told",))
    assert (derived.kind, derived.sources) == ("derived", ("Observation/o", "Observation/c", "Observation/f"))
    assert derived.number == pytest.approx(0.28 * 713 - 35 / 0.8 - 62)
    assert derived.fio2 == 0.28
    assert "FiO2 0.28" in derived.why


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"variant": "venous"}, "PaO2 from venous blood, not arterial: no A-aDO2 derived"),
        ({}, "no usable PaCO2 and FiO2 of the same gas: no A-aDO2 derived"),
        ({"when": "2026-03-08T08:00:00Z"}, "dated after the time of this call"),
        (
            {"preliminary": True},
            "PaO2: preliminary, and a final value counts in its place, or no PaCO2 and FiO2 of the same gas",
        ),
    ],
)
def test_a_gas_without_a_gradient_is_named(more: dict[str, object], why: str) -> None:
    oxygen = res("pao2", 55, **({"when": GAS, "id": "o"} | more))  # type: ignore[arg-type]
    found = value(course(rec(oxygen)), "a-a-gradient", "o")
    assert (found.number, found.used, found.why, found.said) == (None, False, why, "PaO2 55 mmHg")


def test_a_gas_whose_gradient_was_reported_is_not_named_again() -> None:
    found = course(rec(res("a-a-gradient", 60, GAS, id="told"), res("pao2", 55, GAS, id="o")))
    assert [each.sources for each in panel(found, "a-a-gradient").values] == [("Observation/told",)]


def test_of_two_gases_of_one_time_one_makes_the_gradient() -> None:
    parts = [res("paco2", 35, GAS, id="c"), res("fio2", 0.28, GAS, id="f")]
    found = course(rec(res("pao2", 62, GAS, id="o"), res("pao2", 70, GAS, id="better"), *parts))
    assert value(found, "a-a-gradient", "better").why == "PaO2: another value of the same time counts in its place"


@pytest.mark.parametrize(
    ("doubtful", "why"),
    [
        (res("a-a-gradient", 70, 1, id="x", preliminary=True), "preliminary, and a final value counts in its place"),
        (res("a-a-gradient", 50, 2, id="x"), "another value of the same time counts in its place"),
        (res("a-a-gradient", 70, "2026-03-02T08:00:00Z", id="x"), "dated after the time of this call"),
    ],
)
def test_a_reported_gradient_that_does_not_count(doubtful: object, why: str) -> None:
    found = course(rec(res("a-a-gradient", 60, 2, id="told"), doubtful))  # type: ignore[arg-type]
    assert (value(found, "a-a-gradient", "x").used, value(found, "a-a-gradient", "x").why) == (False, why)


def test_where_the_ratio_was_compared_the_picture_says_so() -> None:
    gases = [
        res(concept, number, f"2026-02-{day}T08:00:00Z", id=f"{concept}{day}")
        for day, parts in (("14", (80, 35, 0.4)), ("28", (70, 35, 0.6)))
        for concept, number in zip(("pao2", "paco2", "fio2"), parts, strict=True)
    ]
    found = course(rec(*gases, order("prednisone", 14), order("tacrolimus", 14)))
    assert not any(each.roles for each in panel(found, "a-a-gradient").values)
    assert any("FiO2 differed between the two times, so PaO2/FiO2 is compared" in note for note in found.notes)


def test_numbers_of_two_assays_never_share_a_scale() -> None:
    found = course(
        rec(
            res("anti-mda5", 150, 20, id="units", code="88725-7", unit="U/mL", recorded="150 U/mL", limits=(None, 20)),
            res("anti-mda5", 320, 30, id="first", code="t", unit="{titer}", titre_steps=320, recorded="1:320"),
            res("anti-mda5", 1280, 2, id="second", code="t", unit="{titer}", titre_steps=1280, recorded="1:1280"),
            res("anti-mda5", 7, 40, id="third", code="z", unit="index", recorded="7 index"),
            res("anti-mda5", None, 25, id="words", recorded="Positive", interpretation=("POS",)),
        )
    )
    first, second = (panel(found, name) for name in ("anti-mda5", "anti-mda5-2"))
    assert (first.unit, second.unit) == ("titre", "U/mL")
    assert [(each.said, each.number, each.roles) for each in first.values] == [
        ("7 index", None, ()),
        ("1:320", 320, ("before",)),
        ("positive", None, ()),
        ("1:1280", 1280, ("newest",)),
    ]
    assert limits(second) == [20]


def test_two_assays_of_one_unit_are_told_apart_by_their_codes() -> None:
    assays = [res("anti-mda5", 150, 20, code=f"lab|{code}", unit="U/mL") for code in ("a", "b")]
    assert {each.title for each in course(rec(*assays)).panels} == {"Anti-MDA5 a", "Anti-MDA5 b"}


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (res("anti-mda5", None, 5, id="x", recorded="weak"), "counted; neither positive nor negative"),
        (res("anti-mda5", None, 5, id="x", recorded="N", interpretation=("NEG",)), "counted; negative"),
        (res("anti-mda5", None, "2026-03-04", id="x", recorded="P"), "dated after the time of this call"),
    ],
)
def test_an_antibody_in_words(result: object, why: str) -> None:
    assert value(course(rec(result)), "anti-mda5", "x").why == why  # type: ignore[arg-type]


def test_a_preliminary_antibody_beside_a_final_one_does_not_count() -> None:
    final = res("anti-mda5", None, 5, recorded="P", interpretation=("POS",))
    early = res("anti-mda5", None, 4, id="x", recorded="N", interpretation=("NEG",), preliminary=True)
    assert not value(course(rec(final, early)), "anti-mda5", "x").used


def test_limits_are_the_guidelines() -> None:
    found = course(rec(res("ferritin", 700, 2), res("crp", 4, 2), res("kl-6", 900, 2)))
    assert limits(panel(found, "ferritin")) == [500, 1000]
    assert limits(panel(found, "crp")) == [10]
    assert limits(panel(found, "kl-6")) == []


def test_a_limit_that_moves_in_the_guideline_moves_in_the_picture() -> None:
    rules = knowledge().risk_factors
    moved = {**rules, "crp-over-1": replace(rules["crp-over-1"], threshold=12)}
    found = course(rec(res("crp", 4, 2)), replace(knowledge(), risk_factors=moved))
    assert limits(panel(found, "crp")) == [12]


def test_the_gradients_limit_is_the_sites_and_needs_an_age() -> None:
    gas = res("a-a-gradient", 30, 2)
    (limit,) = panel(course(rec(gas)), "a-a-gradient").thresholds
    assert (limit.value, limit.source, limit.short) == (55 / 4 + 14, "site policy", "room air 27.8 mmHg")
    (moved,) = panel(course(rec(gas), load_guideline({"gradient_age_offset": 20})), "a-a-gradient").thresholds
    assert moved.value == 55 / 4 + 20
    assert not panel(course(rec(gas, who=person(born=None))), "a-a-gradient").thresholds


@pytest.mark.parametrize(
    "ranges", [((None, 20), (None, 30)), ((None, None),), ((5, None),), ((None, float("inf")),)], ids=repr
)
def test_a_limit_that_the_laboratory_does_not_state_once_is_none(ranges: tuple[tuple[float, float], ...]) -> None:
    results = [res("anti-mda5", 150, day, code="a", unit="U/mL", limits=each) for day, each in enumerate(ranges)]
    assert limits(panel(course(rec(*results)), "anti-mda5")) == []


def test_nothing_is_called_absent_that_was_not_looked_up() -> None:
    assert "No value on record: Ferritin, A-aDO2, KL-6, CRP, Anti-MDA5." in course(rec()).notes
    (note, *_) = course(rec(observations="partial")).notes
    assert note.startswith("No value among those obtained (not all observations could be fetched): Ferritin")


def test_the_order_of_the_record_does_not_matter() -> None:
    facts = [
        *(res("ferritin", number, day) for day, number in enumerate((900, 800, 1200))),
        *(res("anti-mda5", 5, 9, code=code, unit="U/mL") for code in "ab"),
        order("prednisone", 9),
        order("tacrolimus", 9),
        dx("rpild"),
    ]
    assert course(rec(*facts)) == course(rec(*reversed(facts)))


@pytest.mark.parametrize(
    ("number", "said"), [(1523, "1,523 ng/mL"), (0.1234, "0.123 ng/mL"), (-3, "-3 ng/mL"), (2.5e20, "2.5e+20 ng/mL")]
)
def test_numbers_are_written_to_be_read(number: float, said: str) -> None:
    assert value(course(rec(res("ferritin", number, 2, id="f"))), "ferritin", "f").said == said


def test_the_course_is_that_of_the_call() -> None:
    assert course(rec()).as_of == AS_OF
