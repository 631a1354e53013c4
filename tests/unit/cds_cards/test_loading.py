"""What the loader makes of lines that the knowledge leaves out, of codes that come first, and of what is wrong."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, get_args

import pytest

from cds_cards.coding import ATC, LOINC, RXNORM
from cds_cards.guideline import AgentClass, Code, Product
from cds_cards.knowledge import KnowledgeError, build_guideline, load_guideline, read_files
from cds_cards.knowledge.fields import SYSTEMS, Fields

Knowledge = dict[str, dict[str, Any]]
Change = Callable[[Knowledge], object]
GUIDELINE = load_guideline()
AGENTS: Any = read_files()["agents"]


def changed(change: Change) -> Knowledge:
    """Our files, parsed, with one thing changed; without the products, which take the longest."""
    knowledge: Knowledge = copy.deepcopy({name: dict(table) for name, table in read_files().items()} | {"products": {}})
    change(knowledge)
    return knowledge


def problems(change: Change) -> tuple[str, ...]:
    with pytest.raises(KnowledgeError) as caught:
        build_guideline(changed(change))
    return caught.value.problems


def fields(table: object) -> tuple[Fields, list[str]]:
    faults: list[str] = []
    return Fields(table, "here", faults), faults


def test_a_cycle_that_is_not_stated_is_empty() -> None:
    written = {
        regimen["id"]: regimen.get("cycle", "") for agent in AGENTS.values() for regimen in agent.get("regimens", [])
    }
    assert {regimen.id: regimen.cycle for agent in GUIDELINE.agents.values() for regimen in agent.regimens} == written
    assert set(written.values()) > {""}


def test_what_a_study_does_not_show_is_stated_or_empty() -> None:
    rows: Any = read_files()["evidence"]["study"]
    written = {row["name"]: row.get("not_shown", "") for row in rows}
    assert {study.name: study.not_shown for study in GUIDELINE.studies} == written
    assert set(written.values()) > {""}


def test_a_regimen_is_as_it_is_written() -> None:
    rows = [regimen for agent in AGENTS.values() for regimen in agent.get("regimens", [])]
    read = [regimen for agent in build_guideline(read_files()).agents.values() for regimen in agent.regimens]
    assert [
        (each.id, each.low, each.high, each.unit, list(each.route), each.schedule, each.text, each.source)
        for each in read
    ] == [
        tuple(row[key] for key in ("id", "low", "high", "unit", "route", "schedule", "text", "source")) for row in rows
    ]
    assert {each.schedule for each in read} == {"daily", "pulse"}
    for key, default in (("cycle", ""), ("differs", ""), ("course", None), ("days_apart", None)):
        written = [row.get(key, default) for row in rows]
        assert [getattr(each, key) for each in read] == written
        assert default in written
        assert set(written) != {default}


def test_a_recommendation_carries_its_parts_as_they_are_written() -> None:
    rows: Any = read_files()["recommendations"]["recommendation"]
    read = build_guideline(read_files()).recommendations
    assert {key: dict(each.parts) for key, each in read.items()} == {
        key: row.get("parts", {}) for key, row in rows.items()
    }
    assert any(each.parts for each in read.values())


def test_the_strength_of_a_product_is_one_of_mg_or_of_mg_in_a_millilitre() -> None:
    lines = "1 | 2.5 | Capsule | a capsule\n2 | 50/mL | Injection | an injection\n3 |  | Pack | a pack"

    def change(knowledge: Knowledge) -> None:
        knowledge["products"]["tacrolimus"] = {"oral": lines}

    products = build_guideline(changed(change)).products
    assert [products[code] for code in "123"] == [
        Product("tacrolimus", "oral", 2.5, "Capsule", "a capsule", per_ml=False),
        Product("tacrolimus", "oral", 50, "Injection", "an injection", per_ml=True),
        Product("tacrolimus", "oral", None, "Pack", "a pack", per_ml=False),
    ]


def test_an_agent_is_proposed_by_a_code_for_the_whole_body() -> None:
    """Prednisone has an ATC code for the bowel, too."""
    coded = [agent.atc for agent in GUIDELINE.agents.values() if agent.atc is not None]
    assert coded
    assert all(code.system == ATC and code.variant != "local" for code in coded)


def test_a_local_form_that_is_written_first_is_not_what_is_proposed() -> None:
    def change(knowledge: Knowledge) -> None:
        agent = knowledge["agents"]["azathioprine"]
        agent.pop("atc", None)
        agent["codes"]["atc"] = [["S01XA99", "for the eye", "local"], ["L04AX01", "azathioprine"]]

    assert build_guideline(changed(change)).agents["azathioprine"].atc == Code(ATC, "L04AX01", "azathioprine")


def test_an_agent_without_an_rxnorm_ingredient_goes_by_its_atc_code() -> None:
    """Only what no card suggests may be without one."""

    def change(knowledge: Knowledge) -> None:
        agent = knowledge["agents"]["anakinra"]
        agent.pop("atc", None)
        agent["codes"] = {"snomed": [["385549000", "Anakinra"]]}

    agents = build_guideline(changed(lambda _: None)).agents
    assert agents["tacrolimus"].ingredient == next(code for code in agents["tacrolimus"].codes if code.system == RXNORM)
    assert agents["anakinra"].ingredient == agents["anakinra"].atc == next(iter(agents["anakinra"].codes))
    assert build_guideline(changed(change)).agents["anakinra"].ingredient == Code("", "", "")


def put(*path: Any, value: object) -> Change:
    def change(knowledge: Knowledge) -> None:
        inner: Any = knowledge
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value

    return change


def drop(*path: Any) -> Change:
    def change(knowledge: Knowledge) -> None:
        inner: Any = knowledge
        for step in path[:-1]:
            inner = inner[step]
        del inner[path[-1]]

    return change


def same_words(group: str) -> Change:
    """The first two concepts of a part of the conditions by one word."""

    def change(knowledge: Knowledge) -> None:
        for name in list(knowledge["conditions"][group])[:2]:
            knowledge["conditions"][group][name]["words"] = ["alike"]

    return change


def same_code(group: str) -> Change:
    def change(knowledge: Knowledge) -> None:
        for name in list(knowledge["conditions"][group])[:2]:
            knowledge["conditions"][group][name]["codes"] = {"snomed": [["385549000", "alike"]]}

    return change


def both(group: str) -> str:
    return " and ".join(list(read_files()["conditions"][group])[:2])  # type: ignore[call-overload]


TACROLIMUS = ("agents", "tacrolimus")
RXNORM_CODES = (*TACROLIMUS, "codes", "rxnorm")
FERRITIN = ("observations", "ferritin")
REC4 = ("recommendations", "recommendation", "rec-4")
RISK = ("recommendations", "risk_factor", "crp-over-1")
NOT_SUGGESTED = "agents.immunoglobulin: no RxNorm ingredient, so it could not be suggested"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (drop(*REC4), "recommendations.recommendation: rec-4 is missing"),
        (put(*REC4[:2], "rec-x", value={}), "recommendations.recommendation: rec-x is no name that the rules know"),
        (drop(*REC4, "advice"), "recommendations.recommendation.rec-4: advice is missing"),
        (put(*REC4, "parts", value="D"), "recommendations.recommendation.rec-4: a table was expected"),
        (drop(*RISK), "recommendations.risk_factor: crp-over-1 is missing"),
        (drop(*RISK, "label"), "recommendations.risk_factor.crp-over-1: label is missing"),
        (put(*RISK, "concept", value="years"), "recommendations.risk_factor.crp-over-1: years is not measured in mg/L"),
        (drop("agents", "pirfenidone"), "agents: pirfenidone is missing"),
        (put(*RXNORM_CODES, 0, 0, value="3008"), "agents: 3008 means both cyclosporine and tacrolimus"),
        (
            put(*RXNORM_CODES, value=[["42316", "tacrolimus"], ["42316", "tacrolimus"]]),
            "agents.tacrolimus: 42316 stands twice",
        ),
        (
            put(*TACROLIMUS, "words", value=["neoral"]),
            "agents: the word 'neoral' names both cyclosporine and tacrolimus",
        ),
        (put(*TACROLIMUS, "words", value=["Prograf"]), "agents.tacrolimus: the word 'Prograf' must be in lower case"),
        (
            put(*TACROLIMUS, "class", value="cni"),
            f"agents.tacrolimus: class 'cni' is none of {', '.join(get_args(AgentClass))}",
        ),
        (
            put(*TACROLIMUS, "regimens", 0, "route", value=["po"]),
            "agents.tacrolimus.tacrolimus: routes ['po'] must be of im, iv, oral, sc",
        ),
        (put(*TACROLIMUS, "regimens", 0, "id", value="tac"), "agents regimens: tacrolimus is missing"),
        (put(*TACROLIMUS, "regimens", 0, "id", value="tac"), "agents regimens: tac is no name that the rules know"),
        (drop("agents", "immunoglobulin", "codes", "rxnorm"), NOT_SUGGESTED),
        (drop(*FERRITIN), "observations: ferritin is missing"),
        (drop(*FERRITIN, "canonical"), "observations.ferritin: canonical is missing"),
        (put(*FERRITIN, "canonical", value=1), "observations.ferritin: canonical must be a text"),
        (put(*FERRITIN, "codes", "loinc", 0, 0, value="1988-5"), "observations: 1988-5 means both ferritin and crp"),
        (
            put(*FERRITIN, "words", value=["Ferritin"]),
            "observations.ferritin: the word 'Ferritin' must be in lower case",
        ),
        (drop("conditions", "conditions", "cadm"), "conditions.conditions: cadm is missing"),
        (drop("conditions", "procedures", "lung-transplant"), "conditions.procedures: lung-transplant is missing"),
        (drop("conditions", "services", "pft"), "conditions.services: pft is missing"),
        (drop("conditions", "services"), "conditions.services: a table was expected"),
        *(
            (same_words(group), f"conditions.{group}: the word 'alike' names both {both(group)}")
            for group in ("conditions", "procedures", "services")
        ),
        *(
            (same_code(group), f"conditions.{group}: 385549000 means both {both(group)}")
            for group in ("conditions", "procedures", "services")
        ),
        (put("policy", "allowed", value=[1]), "policy.allowed: a table was expected"),
        (put("policy", "local_codes", value="FER"), "policy.local_codes: a table was expected"),
        (
            drop("policy", "lab_current_days", "unit"),
            "policy.lab_current_days: nothing says what a number without unit can hold",
        ),
    ],
)
def test_a_fault_is_told_with_its_place(change: Change, problem: str) -> None:
    found = problems(change)
    assert problem in found, found


def test_a_risk_factor_in_years_is_one_of_the_age_alone() -> None:
    def change(knowledge: Knowledge) -> None:
        knowledge["recommendations"]["risk_factor"]["crp-over-1"] |= {"concept": "years", "unit": "a"}

    assert "recommendations.risk_factor.crp-over-1: years is not measured in a" in problems(change)


def test_all_problems_stand_in_the_message_line_by_line() -> None:
    assert str(KnowledgeError(("one: a", "two: b"))) == "one: a\ntwo: b"


@pytest.mark.parametrize(
    ("value", "zero", "fault"),
    [
        (0.1, False, None),
        (0, True, None),
        (0, False, "here: x = 0 must be a finite number above zero"),
        (-1, True, "here: x = -1 must be a finite number above zero"),
        ("1", False, "here: x must be a number"),
        (True, False, "here: x must be a number"),
        (None, False, "here: x is missing"),
    ],
)
def test_a_number(value: object, zero: bool, fault: str | None) -> None:
    table, faults = fields({} if value is None else {"x": value})
    table.number("x", zero=zero) if zero else table.number("x")
    assert faults == ([] if fault is None else [fault])


@pytest.mark.parametrize(
    ("value", "read", "faults"),
    [(None, False, []), (False, False, []), (True, True, []), ("yes", False, ["here: x must be true or false"])],
)
def test_a_flag(value: object, read: bool, faults: list[str]) -> None:
    table, found = fields({"x": value})
    assert (table.flag("x"), found) == (read, faults)


def test_codes_after_a_fault_are_still_read() -> None:
    rows = [["2276-4"], [1, 2], ["1988-5", "CRP", "", ""], "1988-5", ["2276-4", "Ferritin"], ["1988-5", "CRP", "high"]]
    table, faults = fields({"codes": {"lonic": [], "snomed": "x", "loinc": rows}})
    assert table.codes("codes") == (Code(LOINC, "2276-4", "Ferritin"), Code(LOINC, "1988-5", "CRP", "high"))
    known = ", ".join(SYSTEMS)
    assert faults == [
        f"here: codes.lonic is no list of codes of a system we know ({known})",
        f"here: codes.snomed is no list of codes of a system we know ({known})",
        "here: ['2276-4'] is no code with its display",
        "here: [1, 2] is no code with its display",
        "here: ['1988-5', 'CRP', '', ''] is no code with its display",
        "here: '1988-5' is no code with its display",
    ]


def test_grades_are_said_in_words() -> None:
    weak, consensus = "weak evidence (case series), recommended (grade D)", "practice point, panel consensus (grade √)"
    words = {"D": weak, "√": consensus}
    for name, each in GUIDELINE.recommendations.items():
        assert GUIDELINE.grade_words(name) == "; ".join(words[grade] for grade in each.grades)
    assert {grade for each in GUIDELINE.recommendations.values() for grade in each.grades} == set(words)
