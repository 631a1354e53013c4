"""Sentences that several cards share, each whole: what is asserted of the patient, of the rule and of its evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_cards import wording
from cds_cards.guideline import Guideline
from cds_cards.plan import Plan, make_plan
from cds_cards.safety import Exclusion, Mark
from cds_cards.therapy import Therapy
from tests.unit.build import at, res
from tests.unit.build_assessment import (
    Screens,
    antibody,
    assess_as,
    knowledge,
    level,
    lungs,
    response,
    risk,
    screens,
    treatment,
)

PAIR = treatment("prednisone", "tacrolimus")
OURS = knowledge()
IMITATES = "Infection imitates a failing treatment: it raises ferritin and CRP and worsens gas exchange; look for it"
LEVEL = "Is the calcineurin inhibitor's level adequate{}? Check it where one runs"


def plan(*given: Any, guideline: Guideline = OURS, **changes: Any) -> Plan:
    return make_plan(assess_as(*given, **changes), guideline, "patient-view")


def in_zone(name: str) -> Guideline:
    return replace(OURS, policy=replace(OURS.policy, zone=name))


POSITIVE = "anti-MDA5 positive on 2026-01-10"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (POSITIVE, "RPILD: recorded as rapidly progressive ILD: RP-ILD, 2026-02-01")),
        (
            {"lung_disease": lungs("rpild", "inferred")},
            (POSITIVE, "RPILD: inferred from ILD since 2026-02-01 and hypoxaemia 3 days later (PaO2 55 mmHg)"),
        ),
        # an inference that does not say so itself
        (
            {"lung_disease": replace(lungs("rpild", "inferred"), because="ILD and hypoxaemia")},
            (POSITIVE, "RPILD: inferred from ILD and hypoxaemia"),
        ),
        (
            {"lung_disease": lungs("ild")},
            (POSITIVE, "Lung disease (ild): lung disease ild, looked up on 2026-02-01"),
        ),
        (
            {"anti_mda5": replace(antibody("unknown"), because="no result on record <b>")},
            (
                "Anti-MDA5 unknown: no result on record &lt;b>",
                "RPILD: recorded as rapidly progressive ILD: RP-ILD, 2026-02-01",
            ),
        ),
    ],
)
def test_the_disease(changes: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert wording.disease_lines(plan(**changes)) == expected


@pytest.mark.parametrize(("zone", "day"), [("Etc/UTC", "2026-02-10"), ("Asia/Tokyo", "2026-02-11")])
def test_a_later_negative_result_takes_nothing_away(zone: str, day: str) -> None:
    later = res("anti-mda5", None, "2026-02-10T16:00:00Z", recorded="negative *")
    found = plan(anti_mda5=replace(antibody(), later_negative=later), guideline=in_zone(zone))
    assert wording.disease_lines(found)[:2] == (
        POSITIVE,
        rf"A later result is negative (negative \*, {day}); once positive counts",
    )


def begun(when: str, **more: Any) -> Therapy:
    """Prednisone and tacrolimus since `when`."""
    therapy = treatment("prednisone", "tacrolimus", combination_since=at(when), **more)
    return replace(therapy, courses=tuple(replace(course, since=at(when)) for course in therapy.courses))


@pytest.mark.parametrize(
    ("therapy", "zone", "expected"),
    [
        (treatment(), "Etc/UTC", "Treatment: no systemic immunosuppression on record"),
        (
            treatment("prednisone"),
            "Etc/UTC",
            "Treatment: a glucocorticoid and nothing else: prednisone since 2026-02-09",
        ),
        (
            treatment("azathioprine", day=None),
            "Etc/UTC",
            "Treatment: immunosuppression that makes no combination: azathioprine (start not known)",
        ),
        (
            begun("2026-02-10T16:00:00Z"),
            "Etc/UTC",
            "Treatment: a combination: prednisone since 2026-02-10, tacrolimus since 2026-02-10; "
            "combination since 2026-02-10",
        ),
        (
            begun("2026-02-10T16:00:00Z"),
            "Asia/Tokyo",
            "Treatment: a combination: prednisone since 2026-02-11, tacrolimus since 2026-02-11; "
            "combination since 2026-02-11",
        ),
        (
            treatment(
                "prednisone",
                "tacrolimus",
                by_text=frozenset({"tacrolimus"}),
                stage="escalated",
                planned=frozenset({"rituximab", "cyclophosphamide"}),
                drafted=frozenset({"tofacitinib", "basiliximab"}),
            ),
            "Etc/UTC",
            "Treatment with the drafts: an escalated combination: prednisone since 2026-02-09, tacrolimus since "
            "2026-02-09 (recognised by its text alone: low confidence); combination since 2026-02-09; "
            "ordered to begin later: cyclophosphamide, rituximab; drafted: basiliximab, tofacitinib",
        ),
        (treatment(stage="unknown", complete=False), "Etc/UTC", "Treatment: not known in full"),
        (treatment("prednisone", stage="rescue", day=None), "Etc/UTC",
         "Treatment: a combination with rescue therapy: prednisone (start not known)"),
    ],
)  # fmt: skip
def test_the_treatment(therapy: Therapy, zone: str, expected: str) -> None:
    assert wording.regimen_line(plan(therapy, guideline=in_zone(zone))) == expected


def test_of_the_treatment_only_what_runs_is_told_each_once_by_name() -> None:
    steroid, running = PAIR.courses
    past = replace(steroid, status="past", since=at("2025-01-01"))
    again = replace(running, evidence=("MedicationRequest/again",))
    therapy = replace(PAIR, courses=(running, again, past, steroid))
    assert wording.regimen_line(plan(therapy)) == (
        "Treatment: a combination: prednisone since 2026-02-09, tacrolimus since 2026-02-09; "
        "combination since 2026-02-09"
    )


@pytest.mark.parametrize(
    ("therapy", "expected"),
    [
        (PAIR, ()),
        (
            treatment(complete=False, unread=("MedicationRequest/a: no *drug*", "MedicationRequest/b")),
            (
                r"Could not read: MedicationRequest/a: no \*drug\*; MedicationRequest/b. What it holds is not known; "
                "check the running treatment first",
            ),
        ),
        (
            treatment(complete=False, unread=()),
            (
                "Could not read: part of the medication orders. What it holds is not known; "
                "check the running treatment first",
            ),
        ),
    ],
)
def test_what_could_not_be_read(therapy: Therapy, expected: tuple[str, ...]) -> None:
    assert wording.unread_line(plan(therapy)) == expected


def test_an_infection_comes_first() -> None:
    assert wording.infection_first(plan()) == ()
    assert wording.infection_first(plan(infected=True)) == (
        "**Infection on record**: pneumonia since 2026-02-20. While it stands, no immunosuppressant is suggested here, "
        "glucocorticoid included; weigh infection and disease together with infectious diseases",
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {},
            (
                f"{IMITATES}. That none is on record does not exclude one",
                LEVEL.format(""),
                "Is the glucocorticoid dose adequate?",
            ),
        ),
        (
            {
                "infected": True,
                "therapy": treatment("prednisone", low_glucocorticoid="prednisone began at 20 mg a day"),
                "levels": (
                    level("cyclosporine", shown=("cyclosporine A trough 180 ng/mL: shown, not judged",)),
                    level("tacrolimus"),
                    level("tacrolimus"),
                ),
            },
            (
                IMITATES,
                LEVEL.format(
                    " (cyclosporine A: 12 ng/mL; cyclosporine A trough 180 ng/mL: shown, not judged; "
                    "tacrolimus: 12 ng/mL)"
                ),
                "Is the glucocorticoid dose adequate? Prednisone began at 20 mg a day.",
            ),
        ),
    ],
)
def test_what_imitates_a_failing_treatment(changes: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert wording.imitation_reminders(plan(**changes)) == expected


def test_the_five_criteria_and_their_count() -> None:
    found = plan(PAIR, refractoriness=response("possible", "mnumn"))
    span = "from 2026-02-10 to 2026-02-28"
    assert list(wording.criteria_lines(found)) == [
        f"Respiratory symptoms: **met**. Respiratory-symptoms {span}.",
        f"Gas exchange: **not met**. A-a-gradient {span}.",
        f"Imaging: **not known**. Imaging {span}.",
        f"Ferritin: **met**. Ferritin {span}.",
        f"Clinician's impression: **not met**. Clinician-impression {span}.",
    ]
    assert wording.criteria_count(found) == "2 of 5 criteria met, 2 not met, 1 not known"


def test_why_an_agent_is_not_suggested() -> None:
    safety = screens(treatment(), Screens())
    reasons = (Exclusion("allergy", "an allergy *on record*"), Exclusion("pregnancy", "pregnant"))
    agents = {**safety.agents, "tacrolimus": replace(safety.agents["tacrolimus"], exclusions=reasons)}
    found = plan(safety=replace(safety, agents=agents))
    assert wording.not_suggested(found, ("rituximab", "tacrolimus")) == (
        r"tacrolimus is not suggested: an allergy \*on record\*; pregnant",
    )


@pytest.mark.parametrize(
    ("ranks", "test_due", "asked"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_what_to_be_careful_of(ranks: bool, test_due: bool, asked: bool) -> None:
    safety = screens(treatment(), Screens())
    marks = (
        Mark("fertility", "Avoid in women who want children.", "Table 1", "woman, 30 years", ranks),
        Mark("other", "Watch factor X.", "site policy", "", False),
    )
    agents = {**safety.agents, "tacrolimus": replace(safety.agents["tacrolimus"], marks=marks)}
    found = plan(safety=replace(safety, agents=agents, test_due=test_due))
    assert wording.cautions(found, ("tacrolimus", "rituximab", "tacrolimus")) == (
        "tacrolimus: Avoid in women who want children (Table 1): woman, 30 years",
        "tacrolimus: Watch factor X (site policy)",
        *(("A pregnancy test is due before it",) if asked else ()),
    )


def test_what_is_not_known_has_a_name_of_its_own() -> None:
    found = plan(gap_ids=("ferritin", "crp", "allergies", "calcineurin-level"))
    assert wording.gap_lines(found) == (
        "course of ferritin: ferritin not known",
        "crp not known",
        "allergies not known",
        "calcineurin inhibitor level: calcineurin-level not known",
    )
    assert wording.gap_lines(found, "crp", "egfr") == ("crp not known",)


@pytest.mark.parametrize(
    ("unknown", "missing", "name"),
    [
        ((), False, "course of ferritin"),
        (("crp-over-1",), False, "course of ferritin"),
        (("ferritin-over-500",), True, "ferritin"),
    ],
)
def test_of_a_known_ferritin_only_its_course_is_missing(unknown: tuple[str, ...], missing: bool, name: str) -> None:
    found = plan(risk=risk("indeterminate", unknown))
    assert wording.value_missing(found, "ferritin") is missing
    assert wording.gap_name(found, "ferritin") == name


@pytest.mark.parametrize(
    ("gap", "name"),
    [
        ("anti-mda5", "anti-MDA5 antibody"),
        ("egfr", "eGFR"),
        ("medications", "medication orders"),
        ("respiratory-failure", "current oxygenation"),
        ("weight", "weight"),
    ],
)
def test_the_name_of_a_gap(gap: str, name: str) -> None:
    assert wording.gap_name(plan(), gap) == name


def test_the_site_s_rules_behind_what_is_said() -> None:
    assert wording.disease_policy(plan()) == ()
    assert wording.disease_policy(plan(lung_disease=lungs("rpild", "inferred"))) == (
        "RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia",
    )
    therapy = treatment("prednisone", phase="maintenance", phase_why="*long* ago")
    assert wording.phase_policy(plan(therapy)) == r"Phase maintenance: \*long\* ago"
