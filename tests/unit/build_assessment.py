"""Assessments for the tests of the plan and its cards, built part by part without a record.

`assess_as(...)` is a patient with anti-MDA5 RPILD in induction, all of it known, without any treatment, unless the test
says otherwise. Exclusions that follow from what runs (the agent itself, a second CNI, a JAK inhibitor beside a
biologic, pregnancy) are derived here by the contract's sentence, independently of `cds_cards.safety`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from cds_cards.assessment import Assessment
from cds_cards.criteria import Verdict
from cds_cards.disease import AntiMda5, Infection, LungDisease, Population, RespiratoryFailure
from cds_cards.dosing import BodySize
from cds_cards.gaps import DataGap
from cds_cards.gas import Gases
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.levels import CniLevel
from cds_cards.refractoriness import CriterionResult, RefractorinessAssessment
from cds_cards.risk import RiskClassification, RiskFactor
from cds_cards.safety import Exclusion, Mark, Safety, Suitability
from cds_cards.standing import standings
from cds_cards.therapy import Course, Therapy
from cds_cards.transplant import Transplant
from cds_cards.trend import Trend
from tests.unit.build import AS_OF, maybe, res

CRITERIA = ("respiratory-symptoms", "a-a-gradient", "imaging", "ferritin", "clinician-impression")
STAGES = ("untreated", "glucocorticoid-only", "incomplete", "combination", "escalated", "rescue", "unknown")
COMBINED = ("combination", "escalated", "rescue")
MARK = Mark(
    "fertility", "Avoid in young women or men who want children (fertility).", "Table 1, row 2", "woman, 30 years"
)


@cache
def knowledge() -> Guideline:
    """The guideline with our own policy."""
    return load_guideline()


@dataclass(frozen=True)
class Screens:
    """What the safety screens found: agents excluded by kind, agents with a mark, feasible calcineurin inhibitors."""

    excluded: Mapping[str, str] = field(default_factory=dict)
    marked: frozenset[str] = frozenset()
    feasible: tuple[str, ...] = ("cyclosporine", "tacrolimus")
    pregnant: bool = False
    egfr_unknown: bool = False
    unscreened: tuple[str, ...] = ()


def treatment(
    *agents: str,
    stage: str | None = None,
    phase: str = "induction",
    day: int | None = 20,
    complete: bool = True,
    by_text: frozenset[str] = frozenset(),
    **more: Any,
) -> Therapy:
    """The running agents since `day` days (`None`: start unknown); the stage follows unless it is given."""
    known = knowledge().agents
    start = maybe(day)
    courses = tuple(
        Course(
            name,
            known[name].agent_class,
            start,
            None,
            "active",
            (f"MedicationRequest/{name}",),
            name in by_text,
            in_force=(f"MedicationRequest/{name}",),
        )
        for name in sorted(agents)
    )
    stage = stage or _stage(agents)
    combined = stage in COMBINED
    days = (day, day) if combined and day is not None else None
    values: dict[str, Any] = {
        "stage": stage,
        "running_stage": stage,
        "phase": phase,
        "phase_why": f"the combination is {day} days old" if days else "no combination of known start runs",
        "complete": complete,
        "courses": courses,
        "running": frozenset(agents),
        "combination_since": start if combined else None,
        "days_on_combination": days,
        "assessed_since": start if combined else None,
        "days_assessed": days,
        "start_unknown": combined and day is None,
        "unread": () if complete else ("MedicationRequest/unread: no drug is named",),
    }
    return Therapy(**(values | more))


def _stage(agents: tuple[str, ...]) -> str:
    known = knowledge().agents
    steroid = any(known[name].agent_class == "glucocorticoid" for name in agents)
    if steroid and any("completing" in known[name].roles for name in agents):
        return "combination"
    if any("immunosuppressant" in known[name].roles for name in agents):
        return "incomplete"
    return "glucocorticoid-only" if steroid else "untreated"


def response(status: str = "not-on-combination", verdicts: str = "", worsening: tuple[str, ...] = ()) -> Any:
    """A response; `verdicts` one letter a criterion (`m` met, `n` not met, `u` unknown), or none."""
    letters = {"m": Verdict.MET, "n": Verdict.NOT_MET, "u": Verdict.UNKNOWN}
    criteria = tuple(
        CriterionResult(name, letters[letter], f"{name} from 2026-02-10 to 2026-02-28")
        for name, letter in zip(CRITERIA, verdicts, strict=False)
    )
    return RefractorinessAssessment(status, f"status {status}", criteria, worsening)  # type: ignore[arg-type]


def risk(level: str = "standard", unknown: tuple[str, ...] = ()) -> RiskClassification:
    """The four factors; those present follow from the level."""
    present = {"very-high": ("ferritin-over-1000", "ferritin-over-500"), "high": ("crp-over-1",)}.get(level, ())
    factors = tuple(
        RiskFactor(
            name,
            "present" if name in present else "unknown" if name in unknown else "absent",
            f"{rule.label} judged by the value of 2026-02-25",
        )
        for name, rule in knowledge().risk_factors.items()
    )
    return RiskClassification(level, factors)  # type: ignore[arg-type]


def level(agent: str, due: str = "not-met", judged: str = "in", shown: tuple[str, ...] = ()) -> CniLevel:
    """A level of one CNI."""
    name = knowledge().agents[agent].name
    return CniLevel(agent, Verdict(due), f"{name}: day 20; no level", judged, f"{name}: 12 ng/mL", None, shown)  # type: ignore[arg-type]


def screens(therapy: Therapy, found: Screens) -> Safety:
    """The screens of all agents, with the exclusions that follow from what runs or is drafted."""
    agents = {name: _suitability(name, therapy, found) for name in knowledge().agents}
    blocked = [name for name in ("cyclosporine", "tacrolimus") if name not in found.feasible]
    return Safety(
        agents=agents,
        pregnant="yes" if found.pregnant else "no",
        pregnant_why="pregnancy test of 2026-02-20",
        childbearing=bool(found.marked),
        childbearing_why="woman of 30",
        test_due=False,
        fertile_man=False,
        cni_feasible=found.feasible,
        cni_reasons={name: f"eGFR 22 on 2026-02-25 ({name})" for name in blocked},
        egfr_unknown=found.egfr_unknown,
        screening_missing=found.unscreened,
        egfr_why="no eGFR within 30 days" if found.egfr_unknown else "",
    )


def _suitability(name: str, therapy: Therapy, found: Screens) -> Suitability:
    known = knowledge()
    given = {known.agents[other] for other in therapy.running | therapy.drafted}
    agent, kinds = known.agents[name], []
    if name in found.excluded:
        kinds.append(found.excluded[name])
    if name in therapy.running | therapy.drafted:
        kinds.append("running")
    if agent.agent_class == "calcineurin-inhibitor":
        kinds += ["cni-not-feasible"] if name not in found.feasible else []
        kinds += ["second-cni" for other in given if other.agent_class == agent.agent_class and other != agent]
    if agent.agent_class == "jak-inhibitor" and any("biologic" in other.roles for other in given):
        kinds.append("jak-with-biologic")
    if "biologic" in agent.roles and any(other.agent_class == "jak-inhibitor" for other in given):
        kinds.append("jak-with-biologic")
    if found.pregnant and name in known.policy.pregnancy_not_suggested:
        kinds.append("pregnancy")
    exclusions = tuple(Exclusion(kind, f"{kind} of {name}") for kind in kinds)  # type: ignore[arg-type]
    marks = (MARK,) if name in found.marked else ()
    return Suitability(name, exclusions, marks, found.unscreened if name in ("rituximab", "tofacitinib") else ())


def antibody(status: str = "positive") -> AntiMda5:
    """An antibody status with its result."""
    return AntiMda5(status, f"anti-MDA5 {status} on 2026-01-10", ("Observation/mda5",))  # type: ignore[arg-type]


def lungs(status: str = "rpild", certainty: str | None = "recorded", unsettled: bool = False) -> LungDisease:
    """A lung disease; an inferred RPILD says what it is inferred from."""
    because = {
        ("rpild", "recorded"): "recorded as rapidly progressive ILD: RP-ILD, 2026-02-01",
        ("rpild", "inferred"): "inferred from ILD since 2026-02-01 and hypoxaemia 3 days later (PaO2 55 mmHg)",
    }.get((status, certainty or ""), f"lung disease {status}, looked up on 2026-02-01")
    return LungDisease(
        status,  # type: ignore[arg-type]
        because,
        certainty if status == "rpild" else None,  # type: ignore[arg-type]
        ("Condition/ild",),
        dates_unsettled=unsettled,
    )


def failure(life_threatening: str = "no") -> RespiratoryFailure:
    """A respiratory failure or none."""
    return RespiratoryFailure(life_threatening, "PaO2/FiO2 88 mmHg on 2026-02-28", ("Observation/pf",))  # type: ignore[arg-type]


def support(addressed: str = "met", running: bool = False, recent: bool = False) -> Transplant:
    """Transplant referral (on record by default) and ECMO."""
    return Transplant(Verdict(addressed), f"referral {addressed}", running, recent, "ECMO since 2026-02-27")


def size(known: bool = True) -> BodySize:
    """60 kg and 160 cm, or neither."""
    if not known:
        return BodySize(None, None, None, (("weight", "no usable weight on record"), ("height", "no height")))
    return BodySize(res("weight", 60.0, 3), res("height", 160.0, 3), 1.633, (), "60 kg, 160 cm")


def assess_as(
    therapy: Therapy | None = None,
    *,
    found: Screens | None = None,
    infected: bool = False,
    gap_ids: tuple[str, ...] = (),
    **changes: Any,
) -> Assessment:
    """The default patient with these changes; the standings are computed from the parts."""
    therapy = therapy or treatment()
    parts: dict[str, Any] = {
        "population": Population("in", "adult", (52, 52)),
        "anti_mda5": antibody(),
        "lung_disease": lungs(),
        "therapy": therapy,
        "refractoriness": response(),
        "respiratory_failure": failure(),
        "safety": screens(therapy, found or Screens()),
        "transplant": support(),
    }
    parts |= {name: changes.pop(name) for name in list(changes) if name in parts}
    values: dict[str, Any] = {
        "as_of": AS_OF,
        "risk": risk(),
        "infection": Infection("present", "pneumonia since 2026-02-20")
        if infected
        else Infection("not-recorded", "none on record"),
        "gases": Gases((), (), (), ()),
        "hypoxaemic": Verdict.NOT_MET,
        "hypoxaemic_why": "SpO2 96 % on 2026-02-28",
        "levels": (),
        "body_size": size(),
        "ferritin": Trend(None, None, None),
        "kl6": None,
        "dermatomyositis": True,
        "antibody_pending": False,
        "imaging_recent": False,
        "relapse_signs": (),
        "gaps": tuple(DataGap(name, f"{name} not known") for name in gap_ids),
        "ignored": (),
        "answers": {},
    }
    standing = standings(**parts, guideline=knowledge())
    return Assessment(**(parts | values | {"recommendations": standing} | changes))
