"""What the cards say of the rule and of its evidence, each sentence whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cds_cards import wording
from cds_cards.guideline import Guideline
from cds_cards.plan import Plan, make_plan
from tests.unit.build_assessment import (
    assess_as,
    knowledge,
)

OURS = knowledge()
SEARCHED = (
    "Evidence level 3 (SIGN: case reports and case series) throughout. Evidence searched to April 2018, with studies "
    "up to July 2019 added by the panel; nothing later is included."
)
CAVEAT = (
    "Small, retrospective, overlapping series and case reports; severity chose the treatment, so these outcomes "
    "compare no treatments and predict nothing for this patient"
)


def plan(*given: Any, guideline: Guideline = OURS, **changes: Any) -> Plan:
    return make_plan(assess_as(*given, **changes), guideline, "patient-view")


def test_the_rule_with_its_grade_in_words() -> None:
    assert wording.rule_lines(plan(), "rec-1", "rec-5") == (
        "Combination therapy first (rec-1). Treatment starts with a combination of immunosuppressants, not with one "
        "drug alone. Grade: weak evidence (case series), recommended (grade D)",
        "No response to combined immunosuppression: rescue (rec-5). When combined immunosuppression fails: polymyxin B "
        "hemoperfusion, plasmapheresis or IV immunoglobulin (as an adjuvant), alone or one after the other. Grade: "
        "polymyxin B hemoperfusion: weak evidence (case series), recommended (grade D); plasmapheresis: weak evidence "
        "(case series), recommended (grade D); IV immunoglobulin: practice point, panel consensus (grade √)",
    )
    (switching,) = wording.rule_lines(plan(), "rec-4")
    assert switching.endswith(
        "Grade: adding: weak evidence (case series), recommended (grade D); "
        "switching: practice point, panel consensus (grade √)"
    )


def with_recommendation(name: str, **changes: Any) -> Guideline:
    known = OURS.recommendations
    return replace(OURS, recommendations={**known, name: replace(known[name], **changes)})


def test_the_advice_ends_with_one_full_stop() -> None:
    site = with_recommendation("rec-1", title="T", advice="Give factor X.")
    assert wording.rule_lines(plan(guideline=site), "rec-1")[0].startswith("T (rec-1). Give factor X. Grade: ")


def test_where_the_two_texts_differ() -> None:
    (line,) = wording.differs_lines(plan(), "rec-1", "rec-2b")
    assert line == f"rec-2b: {OURS.recommendations['rec-2b'].differs}"


def test_the_evidence_with_what_it_can_bear() -> None:
    direct, indirect = (next(study for study in OURS.studies if study.indirect is kind) for kind in (False, True))
    assert wording.evidence_lines(plan(), (direct, indirect)) == (
        "Gono 2012. Patients: 12 on triple therapy, of 20. Outcome: 7 of the 12 died; severity chose the therapy",
        "Nakashima 2016 (indirect evidence, in the panel's own word). Patients: 14 on triple therapy. "
        "Outcome: 25 % died (percentage as printed)",
        CAVEAT,
        SEARCHED,
    )
    assert wording.evidence_lines(plan(), ()) == (SEARCHED,)
    site = with_recommendation("rec-1", evidence_level="2")
    assert wording.evidence_lines(plan(guideline=site), ())[0].startswith("Evidence level 2 to 3 (SIGN: ")


def test_direct_evidence_stands_before_indirect() -> None:
    names = [study.name for study in wording.studies_of(plan(), "rec-2", 8)]
    assert names[:5] == ["Gono 2012", "Muro 2013", "Nara 2014", "Matsushita 2017", "Hozumi 2016"]
    assert names[5:7] == ["Case reports of Table 3, triple therapy", "All case reports, by the text"]
    assert names[7] == "Nakashima 2016"
    assert [study.name for study in wording.studies_of(plan(), "rec-9", 2)] == ["Infliximab (reference 9)"]
