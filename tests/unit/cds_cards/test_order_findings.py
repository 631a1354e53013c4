"""The findings that only drafted orders make: each whole, with the drafts and the records it rests on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_cards.criteria import Finding, Verdict
from cds_cards.dose_check import DoseCheck
from cds_cards.findings import findings
from cds_cards.orders.causes import Interaction, interactions
from cds_cards.orders.entry import AllergyEntry, Drafted, OrderEntry
from tests.unit.build_assessment import Screens, assess_as, knowledge, screens, treatment

MET, NOT_MET = Verdict.MET, Verdict.NOT_MET
WITHIN, ABOVE = DoseCheck("within", ""), DoseCheck("above", "too much")
MILD = AllergyEntry("a rash on record", False, "AllergyIntolerance/mild")
GRAVE = AllergyEntry("an allergy on record", True, "AllergyIntolerance/grave")
NO_DRAFT = "no such draft"
HCG = ("Observation/hcg",)


def drafted(agent: str, *allergies: AllergyEntry, selected: bool = True, dose: DoseCheck = WITHIN) -> Drafted:
    return Drafted(f"MedicationRequest/new-{agent}", agent, selected, dose, allergies)


def found(criterion: str, *drafts: Drafted, running: tuple[str, ...] = (), **changes: Any) -> Finding:
    agents = frozenset(draft.agent for draft in drafts)
    more = {"entry": OrderEntry(drafts, changes.pop("levels_ordered", frozenset()))} | changes
    return findings(assess_as(treatment(*running, drafted=agents), **more), knowledge())[criterion]


def source(*agents: str) -> tuple[str, ...]:
    return tuple(f"MedicationRequest/new-{agent}" for agent in agents)


@pytest.mark.parametrize(
    ("criterion", "drafts", "running", "verdict", "because", "evidence"),
    [
        (
            "rec-8-drafted",
            (drafted("azathioprine"), drafted("methotrexate")),
            (),
            MET,
            "drafted: azathioprine, methotrexate",
            source("azathioprine", "methotrexate"),
        ),
        ("rec-8-drafted", (drafted("azathioprine", selected=False),), (), NOT_MET, NO_DRAFT, ()),
        ("rec-8-drafted", (), ("azathioprine",), NOT_MET, NO_DRAFT, ()),
        ("rec-9-drafted", (drafted("adalimumab"),), (), MET, "drafted: adalimumab", source("adalimumab")),
        ("rec-10-drafted", (drafted("pirfenidone"),), (), MET, "drafted: pirfenidone", source("pirfenidone")),
        ("treatment-drafted", (drafted("prednisone"),), (), MET, "drafted: prednisone", source("prednisone")),
        ("treatment-drafted", (drafted("azathioprine"),), (), NOT_MET, NO_DRAFT, ()),
        ("treatment-drafted", (drafted("immunoglobulin"),), (), NOT_MET, NO_DRAFT, ()),
        (
            "rituximab-drafted-without-cni",
            (drafted("rituximab"),),
            ("prednisone", "cyclophosphamide"),
            MET,
            "drafted: rituximab",
            source("rituximab"),
        ),
        ("rituximab-drafted-without-cni", (drafted("rituximab"),), ("prednisone",), NOT_MET, NO_DRAFT, ()),
        ("rituximab-drafted-without-cni", (drafted("rituximab"),), ("cyclophosphamide",), NOT_MET, NO_DRAFT, ()),
        (
            "rituximab-drafted-without-cni",
            (drafted("rituximab"),),
            ("prednisone", "cyclophosphamide", "tacrolimus"),
            NOT_MET,
            NO_DRAFT,
            (),
        ),
        ("level-not-ordered", (drafted("tacrolimus"),), (), MET, "drafted: tacrolimus", source("tacrolimus")),
        (
            "dose-above",
            (drafted("cyclosporine", dose=ABOVE), drafted("rituximab")),
            (),
            MET,
            "drafted: cyclosporine A",
            source("cyclosporine"),
        ),
        (
            "allergy-drafted",
            (drafted("prednisone", MILD), drafted("tacrolimus", GRAVE, MILD), drafted("rituximab")),
            (),
            MET,
            "drafted: prednisone, tacrolimus",
            (*source("prednisone", "tacrolimus"), MILD.evidence, GRAVE.evidence),
        ),
        (
            "allergy-critical",
            (drafted("prednisone", MILD), drafted("tacrolimus", MILD, GRAVE)),
            (),
            MET,
            "drafted: tacrolimus",
            (*source("tacrolimus"), MILD.evidence, GRAVE.evidence),
        ),
        ("allergy-critical", (drafted("prednisone", MILD),), (), NOT_MET, NO_DRAFT, ()),
        (
            "interaction-drafted",
            (drafted("tofacitinib"),),
            ("prednisone", "rituximab", "basiliximab"),
            MET,
            "a JAK inhibitor beside a biologic: basiliximab (runs) and tofacitinib (drafted); "
            "a JAK inhibitor beside a biologic: rituximab (runs) and tofacitinib (drafted)",
            ("MedicationRequest/basiliximab", "MedicationRequest/rituximab"),
        ),
        (
            "interaction-drafted",
            (drafted("cyclosporine"),),
            ("prednisone", "tacrolimus"),
            MET,
            "two calcineurin inhibitors together: cyclosporine A (drafted) and tacrolimus (runs)",
            ("MedicationRequest/tacrolimus",),
        ),
        ("interaction-drafted", (drafted("prednisone"),), ("cyclosporine", "tacrolimus"), NOT_MET, "", ()),
    ],
)
def test_what_a_draft_causes(
    criterion: str,
    drafts: tuple[Drafted, ...],
    running: tuple[str, ...],
    verdict: Verdict,
    because: str,
    evidence: tuple[str, ...],
) -> None:
    assert found(criterion, *drafts, running=running) == Finding(criterion, verdict, because, evidence)


def test_a_level_that_is_ordered_is_not_asked_for() -> None:
    assert found("level-not-ordered", drafted("tacrolimus"), levels_ordered=frozenset({"tacrolimus"})).met is False
    assert found("level-not-ordered", drafted("tacrolimus"), levels_ordered=frozenset({"cyclosporine"})).met is True


@pytest.mark.parametrize(
    ("pregnant", "childbearing", "is_pregnant", "may_be", "known"),
    [
        ("yes", True, MET, MET, HCG),
        ("no", True, NOT_MET, MET, ()),
        ("unknown", True, NOT_MET, MET, ()),
        ("no", False, NOT_MET, NOT_MET, ()),
    ],
)
def test_a_pregnancy_has_its_record_and_a_possible_one_has_none(
    pregnant: Any, childbearing: bool, is_pregnant: Verdict, may_be: Verdict, known: tuple[str, ...]
) -> None:
    safety = replace(
        screens(treatment(), Screens()),
        pregnant=pregnant,
        pregnant_why="test of 2026-02-20",
        pregnant_evidence=HCG,
        childbearing=childbearing,
        childbearing_why="woman, 30 years",
    )
    drafts = (drafted("mycophenolate-mofetil"),)
    assert found("pregnant", *drafts, safety=safety) == Finding("pregnant", is_pregnant, "test of 2026-02-20", HCG)
    assert found("childbearing", *drafts, safety=safety) == Finding("childbearing", may_be, "woman, 30 years", known)
    criterion = "fertility-drug-drafted"
    expected = (
        Finding(criterion, MET, "drafted: mycophenolate mofetil", source("mycophenolate-mofetil"))
        if childbearing
        else Finding(criterion, NOT_MET, NO_DRAFT)
    )
    assert found(criterion, *drafts, safety=safety) == expected


@pytest.mark.parametrize(
    ("agent", "man", "warned"),
    [("cyclophosphamide", True, True), ("cyclophosphamide", False, False), ("mycophenolate-mofetil", True, False)],
)
def test_a_man_is_warned_of_what_harms_his_fertility_alone(agent: str, man: bool, warned: bool) -> None:
    safety = replace(screens(treatment(), Screens()), fertile_man=man)
    assert found("fertility-drug-drafted", drafted(agent), safety=safety).met is warned


def test_a_marked_inhibitor_whose_name_comes_first_is_seen_beside_the_biologic() -> None:
    ours = knowledge()
    marked = replace(ours.agents["baricitinib"], cautions=ours.agents["tofacitinib"].cautions)
    site = replace(ours, agents={**ours.agents, "baricitinib": marked})
    drafts = (drafted("baricitinib"),)
    assessment = assess_as(
        treatment("prednisone", "rituximab", drafted=frozenset({"baricitinib"})), entry=OrderEntry(drafts)
    )
    assert interactions(assessment, site) == (
        Interaction(
            ("baricitinib", "rituximab"),
            "a JAK inhibitor beside a biologic: baricitinib (drafted) and rituximab (runs)",
        ),
    )
