"""Suitability of the agents: allergy, prohibition, interaction, kidney, pregnancy, screening."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cds_cards.disease import Population
from cds_cards.feasibility import kidney
from cds_cards.guideline import LOINC, SNOMED, Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.record import PatientRecord
from cds_cards.safety import Safety, safety
from cds_cards.therapy import Course, Therapy
from tests.unit.build import AS_OF, Date, allergy, at, draft, dx, order, person, proc, rec, res, unread

UNTREATED = Therapy("untreated", "induction", "", True, (), frozenset())
CNIS = ("cyclosporine", "tacrolimus")


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


def ago(days: float) -> Date:
    return AS_OF - timedelta(days=days)


def on(*running: str, drafted: tuple[str, ...] = ()) -> Therapy:
    courses = [Course(name, "", at(30), None, "active", (f"MedicationRequest/{name}",)) for name in running]
    courses += [Course(name, "", at(0), None, "draft", (f"MedicationRequest/d-{name}",)) for name in drafted]
    return replace(UNTREATED, courses=tuple(courses), running=frozenset(running), drafted=frozenset(drafted))


def screen(
    record: PatientRecord, guideline: Guideline, therapy: Therapy = UNTREATED, age: tuple[int, int] | None = (40, 40)
) -> Safety:
    return safety(record, Population("in", "", age), therapy, guideline, AS_OF)


def kinds(found: Safety, agent: str) -> list[str]:
    return [item.kind for item in found.agents[agent].exclusions]


def mark_ids(found: Safety, agent: str) -> list[str]:
    return [mark.id for mark in found.agents[agent].marks if mark.ranks]


@pytest.mark.parametrize(
    ("fields", "excluded"),
    [
        ({}, True),
        ({"clinical": None, "verification": None}, True),
        ({"verification": "unconfirmed"}, True),
        ({"kind": "intolerance"}, True),
        ({"clinical": "inactive"}, False),
        ({"clinical": "resolved"}, False),
        ({"verification": "refuted"}, False),
        ({"verification": "entered-in-error"}, False),
    ],
)
@pytest.mark.parametrize("agent", ["tacrolimus", "rituximab"])
def test_an_allergy_in_force_excludes(agent: str, fields: dict[str, Any], excluded: bool, guideline: Guideline) -> None:
    found = screen(rec(allergy(agent, **fields)), guideline)
    assert ("allergy" in kinds(found, agent)) is excluded
    assert found.agents[agent].suggestible is not excluded
    assert (agent in found.cni_reasons) is (excluded and agent == "tacrolimus")
    if excluded:
        assert found.agents[agent].exclusions[0].evidence == (f"AllergyIntolerance/{agent}",)


def test_one_cni_allergy_leaves_the_other_and_a_class_entry_leaves_none(guideline: Guideline) -> None:
    assert screen(rec(allergy("tacrolimus")), guideline).cni_feasible == ("cyclosporine",)
    by_class = screen(rec(allergy(classes=("calcineurin-inhibitor",))), guideline)
    assert by_class.cni_feasible == ()
    assert set(by_class.cni_reasons) == set(CNIS)
    assert not any(by_class.agents[cni].suggestible for cni in CNIS)


def test_mycophenolate_is_one_substance_and_glucocorticoids_warn_of_each_other(guideline: Guideline) -> None:
    assert kinds(screen(rec(allergy("mycophenolic-acid")), guideline), "mycophenolate-mofetil") == ["allergy"]
    assert kinds(screen(rec(), guideline, on("mycophenolic-acid")), "mycophenolate-mofetil") == ["running"]
    found = screen(rec(allergy("prednisone")), guideline)
    assert kinds(found, "prednisone") == ["allergy"]
    assert mark_ids(found, "prednisolone") == ["allergy-in-class"]
    assert mark_ids(screen(rec(allergy("tacrolimus")), guideline), "cyclosporine") == []


@pytest.mark.parametrize(
    ("status", "prohibited", "end", "excluded"),
    [
        ("active", True, None, True),
        ("completed", True, None, True),
        ("stopped", True, None, True),
        ("active", True, ago(-1), True),
        ("active", True, ago(1), False),
        ("active", False, None, False),
        ("entered-in-error", True, None, False),
        ("cancelled", True, None, False),
        ("draft", True, None, False),
        ("unknown", True, None, False),
    ],
)
def test_a_do_not_perform_order_excludes(
    status: str, prohibited: bool, end: Date | None, excluded: bool, guideline: Guideline
) -> None:
    record = rec(order("basiliximab", 40, end, status=status, prohibited=prohibited))
    found = screen(record, guideline)
    assert kinds(found, "basiliximab") == (["prohibited"] if excluded else [])
    assert kinds(found, "rituximab") == []


def test_a_drafted_prohibition_excludes_and_does_not_make_a_cni_unfeasible(guideline: Guideline) -> None:
    found = screen(rec(draft("tacrolimus", prohibited=True)), guideline)
    assert kinds(found, "tacrolimus") == ["prohibited"]
    assert found.cni_feasible == CNIS


@pytest.mark.parametrize(
    ("therapy", "agent", "expected"),
    [
        (on("tacrolimus"), "tacrolimus", ["running"]),
        (on(drafted=("tacrolimus",)), "tacrolimus", ["drafted"]),
        (on("tacrolimus", drafted=("tacrolimus",)), "tacrolimus", ["running"]),
        (on("tacrolimus"), "cyclosporine", ["second-cni"]),
        (on(drafted=("cyclosporine",)), "tacrolimus", ["second-cni"]),
        (on("rituximab"), "tofacitinib", ["jak-with-biologic"]),
        (on("basiliximab"), "tofacitinib", ["jak-with-biologic"]),
        (on("infliximab"), "tofacitinib", ["jak-with-biologic"]),
        (on(drafted=("rituximab",)), "tofacitinib", ["jak-with-biologic"]),
        (on("tofacitinib"), "rituximab", ["jak-with-biologic"]),
        (on("tofacitinib"), "basiliximab", ["jak-with-biologic"]),
        (on("baricitinib"), "tofacitinib", ["second-jak"]),
        (on("rituximab"), "basiliximab", []),
        (on("tacrolimus"), "cyclophosphamide", []),
        (on("immunoglobulin"), "tofacitinib", []),
    ],
)
def test_what_runs_excludes(therapy: Therapy, agent: str, expected: list[str], guideline: Guideline) -> None:
    found = screen(rec(), guideline, therapy)
    assert kinds(found, agent) == expected
    assert all(item.why and item.evidence for item in found.agents[agent].exclusions)
    assert found.cni_feasible == CNIS


@pytest.mark.parametrize(
    ("results", "feasible", "unknown"),
    [
        ([], True, True),
        ([res("egfr", 29.9, ago(1))], False, False),
        ([res("egfr", 30, ago(1))], True, False),
        ([res("egfr", 30.1, ago(1))], True, False),
        ([res("egfr", 30, ago(1), comparator="<")], False, False),
        ([res("egfr", 60, ago(1), comparator="<")], True, True),
        ([res("egfr", 60, ago(1), comparator=">")], True, False),
        ([res("egfr", 20, ago(30))], False, False),
        ([res("egfr", 20, ago(30.01))], True, True),
        ([res("egfr", 20, "2026-02")], False, False),
        ([res("egfr", 20, "2026")], True, True),
        ([res("egfr", 20, ago(9)), res("egfr", 50, ago(2))], True, False),
        ([res("egfr", 50, ago(9)), res("egfr", 20, ago(2), preliminary=True)], True, False),
        ([res("egfr", 50, ago(90)), res("egfr", 20, ago(2), preliminary=True)], False, False),
        ([res("egfr", None, ago(1), words=("see note",))], True, True),
        ([res("egfr", 20, ago(5)), unread("observations", "egfr", when=ago(1))], False, False),
        ([res("egfr", 50, ago(5)), unread("observations", "egfr", when=ago(1))], True, True),
        ([res("egfr", 50, ago(5)), unread("observations", "egfr", when=ago(9))], True, False),
        ([unread("observations", "egfr")], True, True),
    ],
)
def test_kidney_function_bars_both_cnis(
    results: list[Any], feasible: bool, unknown: bool, guideline: Guideline
) -> None:
    found = screen(rec(*results), guideline)
    assert found.cni_feasible == (CNIS if feasible else ())
    assert found.egfr_unknown is unknown
    assert ("egfr" in dict(found.unknowns)) is unknown
    assert kinds(found, "tacrolimus") == ([] if feasible else ["cni-not-feasible"])
    assert found.egfr_why.startswith("eGFR")


def test_a_moved_kidney_limit_moves_the_verdict(guideline: Guideline) -> None:
    moved = replace(guideline, policy=replace(guideline.policy, cni_egfr_min=31))
    assert screen(rec(res("egfr", 30, ago(1))), moved).cni_feasible == ()


@pytest.mark.parametrize(
    ("fields", "feasible"),
    [
        ({}, False),
        ({"clinical": "resolved"}, False),
        ({"verification": "provisional"}, False),
        ({"verification": "refuted"}, True),
        ({"verification": "differential"}, True),
        ({"verification": "unconfirmed"}, True),
        ({"verification": "entered-in-error"}, True),
    ],
)
def test_cni_toxicity_bars_both(fields: dict[str, Any], feasible: bool, guideline: Guideline) -> None:
    assert screen(rec(dx("cni-toxicity", **fields)), guideline).cni_feasible == (CNIS if feasible else ())


def status(code: str, when: Date, **more: Any) -> Any:
    words = {"77386006": "pregnant", "60001007": "not pregnant", "102874004": "possible pregnancy"}[code]
    return res("pregnancy-status", None, when, answers=(f"{SNOMED}|{code}",), recorded=words, **more)


def hcg(interpretation: str, when: Date, **more: Any) -> Any:
    return res("hcg", None, when, interpretation=(interpretation,), recorded=interpretation, **more)


YES, NO, MAYBE = "77386006", "60001007", "102874004"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ([], "unknown"),
        ([status(YES, ago(10))], "yes"),
        ([status(YES, ago(300))], "yes"),
        ([status(YES, ago(300.01))], "unknown"),
        ([status(YES, "2025")], "unknown"),
        ([res("pregnancy-status", None, 3, answers=(f"{LOINC}|LA15173-0",))], "yes"),
        ([res("pregnancy-status", None, 3, words=("pregnant",))], "yes"),
        ([res("pregnancy-status", None, 3, words=("embarazada",))], "yes"),
        ([res("pregnancy-status", None, 3, words=("pregnancy confirmed",))], "yes"),
        ([res("pregnancy-status", None, 3, words=("not pregnant",))], "no"),
        ([res("pregnancy-status", None, 3, words=("no embarazada",))], "no"),
        ([res("pregnancy-status", None, 3, words=("pregnancy not yet confirmed",))], "unknown"),
        ([res("pregnancy-status", None, 3, words=("see chart",))], "unknown"),
        ([res("pregnancy-status", None, 3, flag=True)], "yes"),
        ([status(NO, ago(10))], "no"),
        ([status(NO, ago(301))], "unknown"),
        ([status(MAYBE, ago(2))], "unknown"),
        ([status(YES, ago(100)), status(NO, ago(20))], "no"),
        ([status(NO, ago(100)), status(YES, ago(20))], "yes"),
        ([status(YES, ago(20)), status(NO, ago(20), id="other")], "yes"),
        ([status(YES, ago(100)), status(MAYBE, ago(1))], "yes"),
        ([status(NO, ago(20)), status(MAYBE, ago(1))], "unknown"),
        ([status(MAYBE, ago(20)), status(NO, ago(1))], "no"),
        ([status(YES, ago(5)), status(NO, ago(2), preliminary=True)], "yes"),
        ([hcg("POS", ago(5))], "yes"),
        ([hcg("NEG", ago(7))], "no"),
        ([hcg("NEG", ago(7.01))], "unknown"),
        ([hcg("IND", ago(1))], "unknown"),
        ([hcg("NEG", ago(3)), status(YES, ago(100))], "no"),
        ([hcg("NEG", ago(8)), status(YES, ago(100))], "yes"),
        ([res("hcg", 1200, ago(2), limits=(None, 5))], "yes"),
        ([res("hcg", 5, ago(2), limits=(None, 5))], "no"),
        ([res("hcg", 1200, ago(2))], "unknown"),
        ([dx("pregnancy", onset=60)], "yes"),
        ([dx("pregnancy", onset=None)], "yes"),
        ([dx("pregnancy", onset=320)], "unknown"),
        ([dx("pregnancy", onset=60, clinical="resolved")], "unknown"),
        ([dx("pregnancy", onset=60, clinical=None, abated=3)], "no"),
        ([dx("pregnancy", onset=60, clinical=None, abated="2026-09-01")], "yes"),
        ([dx("pregnancy", onset=60, verification="refuted")], "unknown"),
        ([dx("pregnancy", onset=60, verification="unconfirmed")], "unknown"),
        ([dx("pregnancy", onset=60), hcg("NEG", ago(3))], "no"),
        ([dx("pregnancy", onset=60, recorded=1), hcg("NEG", ago(3))], "yes"),
        ([dx("pregnancy", onset=None), hcg("NEG", ago(3))], "yes"),
        ([status(YES, ago(100)), dx("pregnancy", onset=100, clinical="resolved", abated=20)], "no"),
        ([unread("observations", "hcg", when=ago(1))], "unknown"),
        ([status(NO, ago(20)), unread("observations", "hcg", when=ago(1))], "unknown"),
        ([status(NO, ago(20)), unread("observations", "hcg", when=ago(30))], "no"),
        ([status(NO, ago(20)), unread("observations", when=ago(1))], "no"),
    ],
)
def test_pregnancy(facts: list[Any], expected: str, guideline: Guideline) -> None:
    found = screen(rec(*facts), guideline)
    assert found.pregnant == expected
    assert screen(rec(*reversed(facts)), guideline) == found
    barred = {name for name in found.agents if "pregnancy" in kinds(found, name)}
    assert barred == (set(guideline.policy.pregnancy_not_suggested) if expected == "yes" else set())


@pytest.mark.parametrize(
    ("facts", "expected"),
    [([], "no"), ([hcg("POS", ago(2))], "no"), ([status(YES, ago(2))], "yes"), ([status(NO, ago(2))], "no")],
)
def test_a_man_is_not_pregnant_unless_it_is_stated(facts: list[Any], expected: str, guideline: Guideline) -> None:
    assert screen(rec(*facts, who=person("male")), guideline).pregnant == expected


@pytest.mark.parametrize(
    ("sex", "age", "facts", "expected"),
    [
        ("female", (40, 40), [], True),
        ("female", (11, 11), [], False),
        ("female", (12, 12), [], True),
        ("female", (50, 50), [], True),
        ("female", (51, 51), [], False),
        ("female", (50, 51), [], True),
        ("female", None, [], True),
        ("male", (40, 40), [], False),
        (None, (40, 40), [], True),
        ("unknown", (40, 40), [], True),
        ("other", (60, 60), [], False),
        ("female", (40, 40), [dx("sterilised")], False),
        ("female", (40, 40), [dx("postmenopausal", clinical=None)], False),
        ("female", None, [dx("postmenopausal")], False),
        ("female", (40, 40), [dx("postmenopausal", clinical="resolved")], True),
        ("female", (40, 40), [dx("sterilised", verification="provisional")], True),
        ("female", (40, 40), [dx("sterilised", verification="refuted")], True),
        ("female", (40, 40), [proc("sterilised")], False),
        ("female", (40, 40), [proc("sterilised", status="not-done")], True),
        ("female", (40, 40), [proc("sterilised", status="preparation")], True),
        ("female", (52, 52), [status(YES, ago(3))], True),
        ("female", (40, 40), [proc("sterilised"), status(YES, ago(3))], True),
        ("female", (40, 40), [hcg("NEG", ago(1))], True),
    ],
)
def test_childbearing_potential(
    sex: str | None, age: tuple[int, int] | None, facts: list[Any], expected: bool, guideline: Guideline
) -> None:
    found = screen(rec(*facts, who=person(sex)), guideline, age=age)
    assert found.childbearing is expected
    assert found.childbearing_why
    for agent in ("mycophenolate-mofetil", "mycophenolic-acid", "rituximab"):
        assert ("embryopathy" in mark_ids(found, agent)) is expected
    assert found.agents["rituximab"].marked is expected
    assert mark_ids(found, "basiliximab") == mark_ids(found, "tofacitinib") == []


@pytest.mark.parametrize(
    ("sex", "age", "fertile", "marked"),
    [
        ("male", (49, 49), True, True),
        ("male", (50, 50), False, False),
        ("male", (49, 50), True, True),
        ("male", None, True, True),
        ("female", (49, 49), False, True),
        ("female", (51, 51), False, False),
    ],
)
def test_cyclophosphamide_and_fertility(
    sex: str, age: tuple[int, int] | None, fertile: bool, marked: bool, guideline: Guideline
) -> None:
    found = screen(rec(who=person(sex)), guideline, age=age)
    assert found.fertile_man is fertile
    assert mark_ids(found, "cyclophosphamide") == (["fertility"] if marked else [])


def intention(code: str, when: Date) -> Any:
    return res("pregnancy-intention", None, when, answers=(f"{LOINC}|{code}",))


@pytest.mark.parametrize(
    ("facts", "due"),
    [
        ([], True),
        ([hcg("NEG", ago(3))], False),
        ([hcg("NEG", ago(8))], True),
        ([hcg("POS", ago(3))], False),
        ([status(NO, ago(3))], True),
        ([status(NO, ago(1)), hcg("NEG", ago(3))], False),
        ([status(MAYBE, ago(1)), hcg("NEG", ago(3))], True),
        ([intention("LA26440-0", ago(30))], False),
        ([intention("LA26438-4", ago(30))], True),
        ([intention("LA26440-0", ago(30)), intention("LA26438-4", ago(3))], True),
        ([intention("LA26440-0", ago(301))], True),
        ([proc("sterilised")], False),
    ],
)
def test_when_a_pregnancy_test_is_due(facts: list[Any], due: bool, guideline: Guideline) -> None:
    found = screen(rec(*facts), guideline)
    assert found.test_due is due
    if "hcg" in {fact.concept for fact in facts if hasattr(fact, "concept")} or not facts:
        assert found.childbearing  # a test removes the request, not the warning


@pytest.mark.parametrize(
    ("facts", "missing"),
    [
        ([], ("hbsag", "anti-hbc", "tb-igra")),
        ([res("hbsag", None, "2011", words=("negative",))], ("anti-hbc", "tb-igra")),
        ([res("hbsag", None, 9, words=("negative",)), res("anti-hbc", None, 9, interpretation=("NEG",))], ("tb-igra",)),
        ([res("hbsag", None, 9, recorded="")], ("hbsag", "anti-hbc", "tb-igra")),
        ([dx("hepatitis-b", clinical="resolved")], ("tb-igra",)),
        ([dx("hepatitis-b", verification="refuted")], ("hbsag", "anti-hbc", "tb-igra")),
        ([dx("latent-tb"), dx("hepatitis-b")], ()),
        ([res("tb-igra", 0.1, 9)], ("hbsag", "anti-hbc")),
        ([unread("observations", "hbsag")], ("hbsag", "anti-hbc", "tb-igra")),
    ],
)
def test_screening(facts: list[Any], missing: tuple[str, ...], guideline: Guideline) -> None:
    found = screen(rec(*facts), guideline)
    assert found.screening_missing == missing
    assert found.agents["rituximab"].screening == found.agents["tofacitinib"].screening == missing
    assert found.agents["cyclophosphamide"].screening == ()
    assert ("observations" in dict(found.unknowns)) is any(type(fact).__name__ == "Unread" for fact in facts)


@pytest.mark.parametrize("answer", ["partial", "missing"])
def test_what_was_not_fetched_is_said(answer: Any, guideline: Guideline) -> None:
    found = screen(rec(observations=answer, allergies=answer), guideline)
    assert found.screening_missing == ("hbsag", "anti-hbc", "tb-igra")
    assert [gap for gap, _ in found.unknowns] == ["allergies", "egfr", "observations"]
    assert screen(rec(res("egfr", 80, 1)), guideline).unknowns == ()


def test_an_unreadable_entry_that_names_an_agent_marks_it(guideline: Guideline) -> None:
    found = screen(rec(unread("allergies", "rituximab"), unread("medications", "infliximab")), guideline)
    assert "allergy-unread" in mark_ids(found, "rituximab")
    assert mark_ids(found, "tofacitinib") == ["order-unread"]
    assert found.agents["tofacitinib"].suggestible
    assert mark_ids(found, "basiliximab") == []
    assert "allergies" in dict(found.unknowns)


def test_cautions_that_depend_on_the_regimen(guideline: Guideline) -> None:
    def shown(therapy: Therapy, agent: str) -> set[str]:
        return {mark.id for mark in screen(rec(), guideline, therapy).agents[agent].marks if not mark.ranks}

    assert "without-cni" in shown(UNTREATED, "rituximab")
    assert "without-cni" not in shown(on("tacrolimus"), "rituximab")
    assert shown(UNTREATED, "tofacitinib") == {"viral-infection"}
    assert shown(on("rituximab"), "tofacitinib") == {"viral-infection", "biologic-combination"}


def test_every_agent_is_screened(guideline: Guideline) -> None:
    assert set(screen(rec(), guideline).agents) == set(guideline.agents)


def test_an_agent_without_an_atc_code_stands_for_itself_alone(guideline: Guideline) -> None:
    agents = {name: replace(agent, atc=None) for name, agent in guideline.agents.items()}
    found = screen(rec(allergy("mycophenolic-acid")), replace(guideline, agents=agents))
    assert (kinds(found, "mycophenolic-acid"), kinds(found, "mycophenolate-mofetil")) == (["allergy"], [])


# ── in words ──


@pytest.mark.parametrize(
    ("facts", "why", "evidence"),
    [
        ([], "eGFR unknown: no usable result on record", ()),
        ([unread("observations", "egfr")], "eGFR unknown: the result on record could not be read", ()),
        ([unread("observations")], "eGFR unknown: no usable result on record", ()),
        (
            [res("egfr", 80, ago(31), id="e")],
            "eGFR unknown: the latest, eGFR 80 mL/min/1.73 m² of 2026-01-29, is older than 30 days",
            (),
        ),
        (
            [res("egfr", 80, "2026-01", id="e")],
            "eGFR unknown: the latest, eGFR 80 mL/min/1.73 m² of 2026-01, is not surely within 30 days",
            (),
        ),
        (
            [res("egfr", 29.9, ago(1), id="e")],
            "eGFR 29.9 mL/min/1.73 m² on 2026-02-28, below 30 (site policy)",
            ("Observation/e",),
        ),
        (
            [res("egfr", 30, ago(1), id="e")],
            "eGFR 30 mL/min/1.73 m² on 2026-02-28, not below 30 (site policy)",
            ("Observation/e",),
        ),
        (
            [res("egfr", 60, ago(1), comparator="<", id="e")],
            "eGFR unknown: eGFR <60 mL/min/1.73 m² on 2026-02-28 does not settle whether it is below 30",
            ("Observation/e",),
        ),
        (
            [res("egfr", 60, ago(1), id="e"), unread("observations", "egfr")],
            "eGFR unknown: after eGFR 60 mL/min/1.73 m² on 2026-02-28 a result could not be read",
            ("Observation/e",),
        ),
        (
            [res("egfr", 20, ago(1), id="e"), unread("observations", "egfr")],
            "eGFR 20 mL/min/1.73 m² on 2026-02-28, below 30 (site policy)",
            ("Observation/e",),
        ),
        (
            [res("egfr", 20, "2026-02-28", id="d"), res("egfr", 40, "2026-02-28T08:00", id="h")],
            "eGFR unknown: eGFR 20 mL/min/1.73 m² on 2026-02-28; eGFR 40 mL/min/1.73 m² on 2026-02-28 does not settle "
            "whether it is below 30",
            ("Observation/d", "Observation/h"),
        ),
    ],
)
def test_the_kidney_in_words(facts: list[Any], why: str, evidence: tuple[str, ...], guideline: Guideline) -> None:
    found = kidney(rec(*facts), guideline, AS_OF)
    assert (found.why, found.evidence) == (why, evidence)


def whys(record: PatientRecord, agent: str, guideline: Guideline, therapy: Therapy = UNTREATED) -> list[str]:
    return [item.why for item in screen(record, guideline, therapy).agents[agent].exclusions]


def test_why_an_agent_is_excluded(guideline: Guideline) -> None:
    runs = on("tacrolimus", drafted=("rituximab",))
    assert whys(rec(), "tacrolimus", guideline, runs) == ["tacrolimus runs since 2026-01-30"]
    assert whys(rec(), "rituximab", guideline, runs) == ["rituximab is drafted"]
    by_text = replace(runs, courses=tuple(replace(course, by_text=True) for course in runs.courses))
    assert whys(rec(), "tacrolimus", guideline, by_text) == [
        "tacrolimus runs since 2026-01-30 (recognised by its text)"
    ]
    undated = replace(runs, courses=tuple(replace(course, since=None) for course in runs.courses))
    assert whys(rec(), "tacrolimus", guideline, undated) == ["tacrolimus runs"]
    twice = replace(runs, courses=(*runs.courses, Course("tacrolimus", "", at(50), None, "active", ("x",))))
    assert whys(rec(), "tacrolimus", guideline, twice) == ["tacrolimus runs since 2026-01-10"]
    past = replace(runs, courses=(*runs.courses, Course("tacrolimus", "", at(90), None, "past", ("x",))))
    assert whys(rec(), "tacrolimus", guideline, past) == ["tacrolimus runs since 2026-01-30"]
    evidence = screen(rec(), guideline, twice).agents["tacrolimus"].exclusions[0].evidence
    assert evidence == ("MedicationRequest/tacrolimus", "x")


def test_why_an_agent_is_prohibited(guideline: Guideline) -> None:
    no = order("basiliximab", 40, prohibited=True, id="b", authored="2026-01-05")
    nameless = order("basiliximab", 40, prohibited=True, id="a", authored=None)
    found = screen(rec(no, nameless), guideline).agents["basiliximab"].exclusions
    assert [(item.kind, item.why, item.evidence) for item in found] == [
        ("prohibited", "an order says not to give basiliximab", ("MedicationRequest/a",)),
        ("prohibited", "an order of 2026-01-05 says not to give basiliximab", ("MedicationRequest/b",)),
    ]


@pytest.mark.parametrize(("end", "excluded"), [(AS_OF, True), (AS_OF - timedelta(seconds=1), False), (None, True)])
def test_a_prohibition_ends_with_its_last_moment(end: Date | None, excluded: bool, guideline: Guideline) -> None:
    record = rec(order("basiliximab", 40, end, prohibited=True))
    assert (kinds(screen(record, guideline), "basiliximab") == ["prohibited"]) is excluded


def test_why_a_calcineurin_inhibitor_is_not_feasible(guideline: Guideline) -> None:
    toxic = dx("cni-toxicity", onset=9, id="t")
    label = guideline.conditions["cni-toxicity"].label
    found = screen(rec(toxic), guideline)
    assert found.cni_reasons["tacrolimus"] == f"{label} on record, 2026-02-20 (site policy)"
    by_text = screen(rec(replace(toxic, onset=None, by_text=True)), guideline)
    assert by_text.cni_reasons["cyclosporine"] == f"{label} on record, recognised by its text (site policy)"
    assert kinds(found, "tacrolimus") == ["cni-not-feasible"]
    assert found.agents["tacrolimus"].exclusions[0].evidence == ("Condition/t",)


def test_marks_in_words(guideline: Guideline) -> None:
    two = rec(allergy("prednisone"), allergy("methylprednisolone"))
    mark = next(mark for mark in screen(two, guideline).agents["prednisolone"].marks if mark.ranks)
    assert (mark.id, mark.text, mark.source) == (
        "allergy-in-class",
        "An allergy to methylprednisolone and prednisone is on record; glucocorticoids may cross-react.",
        "site policy",
    )
    blurred = screen(rec(unread("allergies", "rituximab")), guideline)
    (found,) = [mark for mark in blurred.agents["rituximab"].marks if mark.id == "allergy-unread"]
    assert found.text == "An allergy entry that names rituximab could not be read: check it first."
    assert (found.source, found.ranks) == ("record", True)
    for key in ("medications", "administrations", "drafts"):
        doubtful = screen(rec(unread(key, "rituximab")), guideline)  # type: ignore[arg-type]
        (seen,) = [mark for mark in doubtful.agents["rituximab"].marks if mark.id == "order-unread"]
        assert seen.text == "An order or administration of rituximab could not be read: check it first."
        assert (seen.source, seen.ranks) == ("record", True)


@pytest.mark.parametrize(
    ("status", "excluded"), [("draft", True), ("active", True), ("entered-in-error", False), ("cancelled", False)]
)
def test_a_drafted_prohibition_excludes(status: str, excluded: bool, guideline: Guideline) -> None:
    record = rec(draft("basiliximab", status=status, prohibited=True))
    assert ("prohibited" in kinds(screen(record, guideline), "basiliximab")) is excluded


def test_an_exclusion_by_pregnancy_names_what_shows_it(guideline: Guideline) -> None:
    record = rec(dx("pregnancy", onset=60, id="p"), who=person(born="1990-05-04"))
    (found,) = screen(record, guideline, age=(35, 35)).agents["mycophenolate-mofetil"].exclusions
    assert (found.kind, found.evidence) == ("pregnancy", ("Condition/p",))
    assert found.why.startswith("pregnancy (site policy): ")


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ([], "no usable pregnancy status or test on record"),
        ([dx("pregnancy", onset=60)], "pregnancy on the problem list, dated 2025-12-31"),
        ([dx("pregnancy", onset=60, recorded=9)], "pregnancy on the problem list, dated 2026-02-20"),
        ([dx("pregnancy", onset=None)], "pregnancy on the problem list, undated"),
        (
            [dx("pregnancy", onset=100, clinical="resolved", abated=20)],
            "pregnancy recorded as ended 2026-02-09",
        ),
        ([hcg("POS", ago(5))], "pregnancy test “POS” of 2026-02-24"),
        ([status(YES, ago(10))], "pregnancy status “pregnant” of 2026-02-19"),
    ],
)
def test_the_pregnancy_in_words(facts: list[Any], why: str, guideline: Guideline) -> None:
    assert screen(rec(*facts), guideline).pregnant_why == why


def test_an_ended_pregnancy_counts_while_its_end_is_surely_recent(guideline: Guideline) -> None:
    for abated, expected in ((ago(300), "no"), (ago(301), "unknown"), ("2025", "unknown")):
        ended = dx("pregnancy", onset=400, clinical="resolved", abated=abated)
        assert screen(rec(ended), guideline).pregnant == expected


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "allergy to tacrolimus on record"),
        ({"kind": "intolerance"}, "intolerance to tacrolimus on record"),
        ({"verification": "unconfirmed"}, "allergy to tacrolimus on record, unconfirmed"),
        ({"verification": "confirmed"}, "allergy to tacrolimus on record"),
    ],
)
def test_an_allergy_in_words(fields: dict[str, Any], why: str, guideline: Guideline) -> None:
    item = replace(allergy("tacrolimus", **fields), when=None)
    assert whys(rec(item), "tacrolimus", guideline) == [why]
    dated = replace(item, when=at(9), by_text=True)
    recorded = why.replace("on record", "on record, recorded 2026-02-20")
    assert whys(rec(dated), "tacrolimus", guideline) == [f"{recorded}, recognised by its text"]


def test_an_allergy_to_a_class_in_words(guideline: Guideline) -> None:
    entry = replace(allergy(classes=("calcineurin-inhibitor",)), when=None)
    why = "allergy to tacrolimus by its class (calcineurin-inhibitor) on record"
    assert whys(rec(entry), "tacrolimus", guideline) == [why]


def test_every_reason_stands_in_a_fixed_order(guideline: Guideline) -> None:
    facts = [dx("cni-toxicity", onset=9, id="b"), dx("cni-toxicity", onset=20, id="a")]
    for order_ in (facts, facts[::-1]):
        found = screen(rec(*order_), guideline).agents["tacrolimus"]
        assert found.agent == "tacrolimus"
        assert [item.evidence for item in found.exclusions] == [("Condition/a",), ("Condition/b",)]


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        (unread("conditions", "pregnancy", when=ago(1)), "unknown"),
        (unread("conditions", "pregnancy", when=ago(30)), "no"),
        (unread("conditions", "ild", when=ago(1)), "no"),
        (unread("conditions", when=ago(1)), "no"),
        (unread("observations", "pregnancy-status", when=ago(1)), "unknown"),
        (unread("observations", "pregnancy-status"), "unknown"),
    ],
)
def test_what_may_tell_of_a_pregnancy_and_could_not_be_read(lost: Any, expected: str, guideline: Guideline) -> None:
    assert screen(rec(status(NO, ago(20)), lost), guideline).pregnant == expected


def test_answers_that_differ_leave_the_pregnancy_open(guideline: Guideline) -> None:
    both = res("pregnancy-status", None, ago(1), words=("pregnant", "not pregnant"))
    assert screen(rec(both), guideline).pregnant == "unknown"
    assert screen(rec(status(NO, ago(20)), both), guideline).pregnant == "unknown"
    assert screen(rec(status(YES, ago(20)), both), guideline).pregnant == "yes"
