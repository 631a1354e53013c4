"""What makes an agent unsuitable for this patient, and what must be asked before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Literal

from cds_cards.criteria import Verdict
from cds_cards.disease import Population
from cds_cards.exclusions import Exclusion, exclusions, grounds
from cds_cards.feasibility import Barrier, Kidney, cni_barriers, kidney
from cds_cards.fertility import childbearing, fertile_man, no_intention, years
from cds_cards.guideline import REMEMBERED, Guideline
from cds_cards.kinship import calcineurin_inhibitors, kinship
from cds_cards.marks import Fertility, Mark, doubts, marks
from cds_cards.pregnancy import Pregnancy, pregnancy
from cds_cards.record import PatientRecord
from cds_cards.screening import SCREENED_AGENTS, screening_missing, screening_unknown
from cds_cards.therapy import Therapy

__all__ = ["Exclusion", "Mark", "Safety", "Suitability", "safety"]


@dataclass(frozen=True, slots=True)
class Suitability:
    """One agent for this patient: excluded (never suggested), marked, or neither. `screening`: tests due before it."""

    agent: str
    exclusions: tuple[Exclusion, ...]
    marks: tuple[Mark, ...]
    screening: tuple[str, ...] = ()

    @property
    def suggestible(self) -> bool:
        """Whether a card may suggest it."""
        return not self.exclusions

    @property
    def marked(self) -> bool:
        """Whether it comes after what carries no mark."""
        return any(mark.ranks for mark in self.marks)


@dataclass(frozen=True, slots=True)
class Safety:
    """The screens of the patient.

    `pregnant`: by status, condition or test within the policy's days. `childbearing`: childbearing potential by policy;
    `test_due`: neither a negative test nor the intention *no* removes the request for a test. `cni_feasible`: agents of
    the class that are feasible; `cni_reasons`: why the others are not; `egfr_unknown`: no current eGFR (`egfr_why`).
    `screening_missing`: observation concepts (`hbsag`, `anti-hbc`, `tb-igra`). `unknowns`: what could not be checked,
    (data-gap id, sentence).
    """

    agents: Mapping[str, Suitability]
    pregnant: Literal["yes", "no", "unknown"]
    pregnant_why: str
    childbearing: bool
    childbearing_why: str
    test_due: bool
    fertile_man: bool
    cni_feasible: tuple[str, ...]
    cni_reasons: Mapping[str, str]
    egfr_unknown: bool
    screening_missing: tuple[str, ...]
    egfr_why: str = ""
    pregnant_evidence: tuple[str, ...] = ()
    unknowns: tuple[tuple[str, str], ...] = ()


def safety(
    record: PatientRecord, population: Population, therapy: Therapy, guideline: Guideline, as_of: datetime
) -> Safety:
    """Screen every agent of the guideline for this patient at `as_of`."""
    policy = guideline.policy
    pregnant = pregnancy(record, guideline, as_of)
    potential, potential_why = childbearing(record, population, pregnant, policy, as_of)
    man = fertile_man(record, population, policy)
    renal = kidney(record, guideline, as_of)
    cnis = calcineurin_inhibitors(guideline)
    barriers = {cni: cni_barriers(guideline.agents[cni], record, guideline, renal) for cni in cnis}
    missing = screening_missing(record)
    fertility = Fertility(potential_why if potential else "", _man(population, guideline) if man else "")
    against = grounds(record, therapy, pregnant, guideline, as_of)
    about, kin = doubts(record, therapy, fertility, guideline), kinship(guideline)
    plain = {} if about.named else _plain(guideline)
    agents = {}
    for name, agent in guideline.agents.items():
        excluded = exclusions(agent, kin[name], barriers.get(name, ()), against)
        agents[name] = (
            plain[name]
            if name in plain and not excluded
            else Suitability(
                name,
                excluded,
                marks(agent, kin[name], about, guideline),
                missing if name in SCREENED_AGENTS else (),
            )
        )
    return Safety(
        agents=agents,
        pregnant=pregnant.status,
        pregnant_why=pregnant.why,
        childbearing=potential,
        childbearing_why=potential_why,
        test_due=_test_due(record, potential, pregnant, guideline, as_of),
        fertile_man=man,
        cni_feasible=tuple(cni for cni in cnis if not barriers[cni]),
        cni_reasons={cni: _joined(found) for cni, found in barriers.items() if found},
        egfr_unknown=renal.low is Verdict.UNKNOWN,
        screening_missing=missing,
        egfr_why=renal.why,
        pregnant_evidence=pregnant.evidence,
        unknowns=tuple(_unknowns(record, renal, missing)),
    )


@lru_cache(REMEMBERED)
def _plain(guideline: Guideline) -> Mapping[str, Suitability]:
    """The agents that come without caution and test, as they are where nothing excludes them."""
    return {
        name: Suitability(name, (), ())
        for name, agent in guideline.agents.items()
        if not agent.cautions and name not in SCREENED_AGENTS
    }


def _test_due(
    record: PatientRecord, potential: bool, pregnant: Pregnancy, guideline: Guideline, as_of: datetime
) -> bool:
    if not potential or pregnant.status == "yes" or pregnant.tested:
        return False
    return not no_intention(record, guideline, as_of)


def _unknowns(record: PatientRecord, renal: Kidney, missing: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if not record.read_in_full("allergies"):
        state = record.answers.get("allergies", "missing")
        cause = {"missing": "were not available", "partial": "were not fetched in full"}.get(
            state, "could not all be read"
        )
        yield "allergies", f"allergies {cause}: an allergy to what is suggested is not excluded"
    if renal.low is Verdict.UNKNOWN:
        yield "egfr", renal.why
    screened = screening_unknown(record, missing)
    if screened:
        yield "observations", screened


def _man(population: Population, guideline: Guideline) -> str:
    limit = guideline.policy.men_fertility_age
    return f"man, {years(population.age)}, below {limit:g} (site policy): ask about the wish for children"


def _joined(barriers: tuple[Barrier, ...]) -> str:
    return "; ".join(barrier.why for barrier in barriers)
