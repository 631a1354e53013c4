"""What the findings of monitoring, support, prognosis and diagnosis say, rest on and leave unknown: each whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cds_cards.criteria import Finding, Verdict
from cds_cards.findings import findings, recently_begun
from cds_cards.trend import Trend
from tests.unit.build import at, res
from tests.unit.build_assessment import (
    antibody,
    assess_as,
    knowledge,
    level,
    lungs,
    risk,
    support,
    treatment,
)

MET, NOT_MET = Verdict.MET, Verdict.NOT_MET
AGENTS = ("prednisone", "tacrolimus")
PAIR = treatment(*AGENTS)
NO_CNI = treatment("prednisone", "cyclophosphamide")
ILD = ("Condition/ild",)
FERRITIN_FACTORS = risk("very-high").factors
JUDGED = res("tacrolimus-level", 16.0, 2, id="judged")
PEAK = res("cyclosporine-level", 2000.0, 2, id="peak")


def found(criterion: str, **changes: Any) -> Finding:
    return findings(assess_as(**changes), knowledge())[criterion]


@pytest.mark.parametrize(
    ("criterion", "changes", "verdict", "because", "evidence"),
    [
        (
            "level-due",
            {
                "therapy": treatment("prednisone", "tacrolimus", "cyclosporine"),
                "levels": (level("cyclosporine", "unknown"), replace(level("tacrolimus", "met"), newest=JUDGED)),
            },
            MET,
            "cyclosporine A: day 20; no level; tacrolimus: day 20; no level",
            ("MedicationRequest/cyclosporine", "MedicationRequest/tacrolimus", "Observation/judged"),
        ),
        (
            "level-above",
            {
                "levels": (
                    replace(level("cyclosporine", judged="above"), judged_on=PEAK),
                    replace(level("tacrolimus", judged="above"), judged_on=JUDGED),
                )
            },
            MET,
            "cyclosporine A: 12 ng/mL; tacrolimus: 12 ng/mL",
            ("Observation/peak", "Observation/judged"),
        ),
        (
            "level-off",
            {"levels": (level("cyclosporine"), replace(level("tacrolimus", judged="above"), judged_on=JUDGED))},
            MET,
            "tacrolimus: 12 ng/mL",
            ("Observation/judged",),
        ),
        ("level-off", {"levels": (level("tacrolimus", judged="not-judged"),)}, NOT_MET, "", ()),
        ("stage-known", {"therapy": treatment(stage="unknown", complete=False)}, NOT_MET, "", ()),
        (
            "ecmo-runs",
            {"transplant": replace(support(running=True), ecmo_evidence=("Procedure/ecmo",))},
            MET,
            "ECMO since 2026-02-27",
            ("Procedure/ecmo",),
        ),
        ("ecmo-runs", {"transplant": support(recent=True)}, NOT_MET, "ECMO since 2026-02-27", ()),
        (
            "no-ecmo",
            {"transplant": replace(support(running=True), ecmo_evidence=("Procedure/ecmo",))},
            NOT_MET,
            "ECMO since 2026-02-27",
            ("Procedure/ecmo",),
        ),
        ("no-ecmo", {"transplant": support(recent=True)}, NOT_MET, "ECMO since 2026-02-27", ()),
        (
            "transplant-open",
            {"transplant": replace(support("met"), evidence=("ServiceRequest/referral",))},
            NOT_MET,
            "referral met",
            ("ServiceRequest/referral",),
        ),
        ("transplant-open", {"transplant": support("unknown")}, MET, "referral unknown", ()),
        (
            "rec-9-runs",
            {"therapy": treatment("infliximab", "etanercept")},
            MET,
            "etanercept, infliximab",
            ("MedicationRequest/etanercept", "MedicationRequest/infliximab"),
        ),
        ("rec-10-runs", {"therapy": PAIR}, NOT_MET, "", ()),
        ("rec-9-runs", {"therapy": treatment(drafted=frozenset({"infliximab"}))}, NOT_MET, "", ()),
        (
            "rec-8-matters",
            {"therapy": treatment(*AGENTS, "azathioprine", day=91)},
            NOT_MET,
            "it began recently, or its start is not known",
            (),
        ),
        (
            "rec-8-matters",
            {"therapy": treatment(*AGENTS, "azathioprine", "methotrexate", day=None)},
            MET,
            "it began recently, or its start is not known",
            ("MedicationRequest/azathioprine", "MedicationRequest/methotrexate"),
        ),
        (
            "very-high-risk",
            {
                "risk": replace(
                    risk("very-high"),
                    factors=tuple(
                        replace(factor, evidence=(f"Observation/{factor.id}",)) for factor in FERRITIN_FACTORS
                    ),
                )
            },
            MET,
            "ferritin",
            ("Observation/ferritin-over-1000",),
        ),
        ("very-high-risk", {"risk": risk("high")}, NOT_MET, "ferritin", ()),
        ("very-high-risk", {"risk": replace(risk(), factors=())}, NOT_MET, "ferritin", ()),
        (
            "ferritin-not-falling",
            {"ferritin": Trend(res("ferritin", 5, 1, id="n"), res("ferritin", 9, 20, id="b"), True)},
            NOT_MET,
            "the newest ferritin is not known to be below its baseline",
            ("Observation/b", "Observation/n"),
        ),
        (
            "ferritin-not-falling",
            {"ferritin": Trend(res("ferritin", 5, 1, id="n"), None, None)},
            MET,
            "the newest ferritin is not known to be below its baseline",
            ("Observation/n",),
        ),
        (
            "antibody-untested",
            {"anti_mda5": antibody("unknown"), "antibody_pending": True},
            NOT_MET,
            "anti-MDA5 unknown on 2026-01-10",
            ("Observation/mda5",),
        ),
        (
            "lungs-unexamined",
            {"lung_disease": lungs("none"), "imaging_recent": True},
            NOT_MET,
            "lung disease none, looked up on 2026-02-01",
            ILD,
        ),
        (
            "rpild-dates-unsettled",
            {"lung_disease": lungs("ild", unsettled=True)},
            MET,
            "lung disease ild, looked up on 2026-02-01",
            ILD,
        ),
        (
            "rpild-dates-unsettled",
            {"lung_disease": lungs("ild", unsettled=True), "anti_mda5": antibody("unknown"), "dermatomyositis": False},
            NOT_MET,
            "lung disease ild, looked up on 2026-02-01",
            ILD,
        ),
        *(
            (
                "rpild-dates-unsettled",
                {
                    "lung_disease": lungs("ild", unsettled=True),
                    "anti_mda5": antibody(status),
                    "dermatomyositis": True,
                },
                expected,
                "lung disease ild, looked up on 2026-02-01",
                ILD,
            )
            for status, expected in (("unknown", MET), ("negative", NOT_MET))
        ),
        *(
            (
                "in-scope-with-any-ild",
                {"lung_disease": lungs(lung)},
                MET,
                f"adult; anti-MDA5 positive on 2026-01-10; {lungs(lung).because}",
                ("Observation/mda5", *ILD),
            )
            for lung in ("ild", "rpild")
        ),
        ("rpild", {"lung_disease": lungs("ild")}, NOT_MET, "lung disease ild, looked up on 2026-02-01", ILD),
        (
            "deciding-gap",
            {"gap_ids": ("ferritin", "weight", "imaging")},
            MET,
            "ferritin not known; imaging not known",
            (),
        ),
        ("deciding-gap", {"gap_ids": ("weight", "height", "dose", "calcineurin-level")}, NOT_MET, "", ()),
        ("deciding-gap", {"therapy": PAIR, "gap_ids": ("egfr",)}, NOT_MET, "", ()),
        ("deciding-gap", {"therapy": NO_CNI, "gap_ids": ("egfr",)}, MET, "egfr not known", ()),
        ("deciding-gap", {"therapy": treatment("tacrolimus"), "gap_ids": ("egfr",)}, MET, "egfr not known", ()),
    ],
)
def test_what_a_finding_says(
    criterion: str, changes: dict[str, Any], verdict: Verdict, because: str, evidence: tuple[str, ...]
) -> None:
    assert found(criterion, **changes) == Finding(criterion, verdict, because, evidence)


@pytest.mark.parametrize(
    ("began", "zone", "expected"),
    [
        ("2025-12-01", "Etc/UTC", True),
        ("2025-11-30", "Etc/UTC", False),
        ("2025-11-30T20:00:00Z", "Etc/UTC", False),
        # in the site's zone it began on 1 December, 90 days ago
        ("2025-11-30T20:00:00Z", "Asia/Tokyo", True),
    ],
)
def test_what_began_recently_is_counted_in_the_days_of_the_site(began: str, zone: str, expected: bool) -> None:
    ours = knowledge()
    site = replace(ours, policy=replace(ours.policy, zone=zone))
    therapy = treatment("azathioprine")
    course = replace(therapy.courses[0], since=at(began))
    past = replace(course, status="past", since=None)
    recent = recently_begun("rec-8", assess_as(replace(therapy, courses=(course, past))), site)
    assert recent == ((course,) if expected else ())
