"""What is remembered: the same answer as found out anew, for the same content only, and a bounded number of them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from cds_cards.coding import LOINC, RXNORM, Code
from service.fhir.read import products
from service.fhir.read.codes import vocabulary
from service.fhir.read.drugs import drug
from service.fhir.read.remembered import Answers, Remembered, catalogued, digest
from tests.unit.service.fhir import chart
from tests.unit.service.fhir.chart import CANONICAL, guideline


def asked() -> tuple[Remembered[str], list[object]]:
    """A function that says what it is given, and what it was asked for."""
    contents: list[object] = []

    def find_out(content: object) -> str:
        contents.append(content)
        return repr(content)

    return Remembered(find_out), contents


def test_the_same_content_is_asked_for_once() -> None:
    said, contents = asked()
    assert [said({"text": "a"}), said({"text": "a"}), said({"text": "b"})] == ["{'text': 'a'}"] * 2 + ["{'text': 'b'}"]
    assert len(contents) == 2


@pytest.mark.parametrize("key", [digest, catalogued])
def test_contents_that_differ_are_never_taken_for_one_another(key: Any) -> None:
    said = Remembered(repr, key)
    contents: list[Any] = [
        *(1, 1.0, True, "1", [1], {"1": 1}, 0.0, -0.0, 0, False, None, math.nan, math.inf, -math.inf, "null", [None]),
        *([math.nan], {"a": None}, {"a": math.inf}, {}, [], "", {"a": 1, "b": 2}, {"b": 2, "a": 1}, "é", "e\u0301"),
    ]
    for _ in range(2):
        for content in [*contents, *reversed(contents)]:
            assert said(content) == repr(content)


@pytest.mark.parametrize("content", [2**70, {1: "a"}, {"a": {1, 2}}, "\ud800"], ids=repr)
def test_what_json_cannot_say_is_found_out_each_time(content: object) -> None:
    said, contents = asked()
    assert said(content) == said(content) == repr(content)
    assert len(contents) == 2


def test_a_content_of_any_depth_has_its_answer() -> None:
    deep: Any = "x"
    for _ in range(2000):
        deep = [deep]
    assert Remembered(lambda content: type(content).__name__)(deep) == "list"


def test_no_more_answers_than_there_is_room_for() -> None:
    answers: Answers[int, int] = Answers(most=3)
    for number in range(10):
        assert answers.keep(number, number) == number
        assert answers[number] == number
        assert len(answers) <= 3


@pytest.mark.parametrize("key", [digest, catalogued])
def test_memories_are_bounded(key: Any) -> None:
    said = Remembered(len, key)  # type: ignore[arg-type]
    for number in range(12_000):
        said([number])
    assert len(said._answers) <= 10_000


def test_a_long_content_is_not_kept_as_it_is() -> None:
    assert catalogued(["x" * 100]) is not None
    assert catalogued(["x" * 3000]) is None
    assert len(digest(["x" * 3000]) or b"") == 16


def test_of_a_text_nothing_but_a_digest_is_kept() -> None:
    words = "Ferritin of Jane Doe, and tacrolimus"
    known = vocabulary(guideline(), CANONICAL)
    for _ in range(2):
        assert known.observations.named({"text": words}).concepts == {"ferritin"}
        assert products._by_concept({"text": words}, known.drugs).label == words
    recognised: Any = known.observations.named
    kept = [recognised._answers, known.drugs.ordered]
    assert [len(each) for each in kept] == [1, 1]
    assert "Jane" not in repr([dict(each) for each in kept])


def test_each_vocabulary_recognises_by_its_own_codes() -> None:
    local = {"coding": [{"system": "urn:oid:1.2.3", "code": "FER"}]}
    ours = guideline()
    theirs = replace(ours, policy=replace(ours.policy, local_codes={"ferritin": (Code("urn:oid:1.2.3", "FER", ""),)}))
    for site, concepts in ((ours, frozenset()), (theirs, {"ferritin"}), (ours, frozenset()), (theirs, {"ferritin"})):
        assert vocabulary(site, CANONICAL).observations.named(local).concepts == concepts
    one, other = vocabulary(ours, CANONICAL), vocabulary(theirs, CANONICAL)
    for _ in range(2):
        assert one.observations.named(local).concepts == frozenset()
        assert other.observations.named(local).concepts == {"ferritin"}


@pytest.mark.parametrize(
    "code",
    [
        chart.concept(chart.FERRITIN),
        chart.concept(chart.FERRITIN, display="Ferritin", text="x"),
        chart.concept("2951-2"),
        chart.concept("FER", "urn:oid:1.2.3", text="ferritin"),
        {"text": "Ferritin"},
        {"coding": [{"system": "urn:x", "code": chart.FERRITIN}]},
        {"coding": [[{"system": LOINC, "code": chart.FERRITIN}]], "text": "ferritin"},
        {"coding": [{"system": LOINC, "code": "19991-9"}, {"system": LOINC, "code": "2019-8"}]},
        *([], {}, None, "ferritin", 5),
    ],
    ids=repr,
)
def test_a_code_is_recognised_the_same_time_and_again(code: Any) -> None:
    known, fresh = vocabulary(guideline(), CANONICAL), vocabulary(guideline(), CANONICAL)
    first = known.observations.named(code)
    assert first == known.observations.named(code) == fresh.observations._named(code)


def test_a_drug_is_the_same_the_second_time_but_for_what_it_is_called() -> None:
    named = [
        chart.concept(chart.TACROLIMUS, RXNORM, text=text) for text in ("Prograf 1 mg", "tacrolimus", "Prograf 1 mg")
    ]
    orders = [chart.one(chart.read(chart.order(each)).orders) for each in named]
    assert [order.label for order in orders] == ["Prograf 1 mg", "tacrolimus", "Prograf 1 mg"]
    codes = vocabulary(guideline(), CANONICAL).drugs
    assert {order.agent for order in orders} == drug([named[0]], codes).agents == {"tacrolimus"}


def test_the_same_ranges_limit_by_the_unit_of_the_number() -> None:
    """Limits without a unit are in the number's: the same ranges beside another unit are other limits."""
    ranges = [{"low": {"value": 1}, "high": {"value": 10}}]
    for _ in range(2):
        for unit, limits in (("mg/L", (1.0, 10.0)), ("mg/dL", (10.0, 100.0))):
            crp = chart.obs(chart.CRP, valueQuantity=chart.quantity(5, unit), referenceRange=ranges)
            assert chart.one(chart.read(crp).results).limits == limits
