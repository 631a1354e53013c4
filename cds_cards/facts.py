"""The facts of a record, each with its date and source. Values are in canonical units."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cds_cards.timeline import When


@dataclass(frozen=True, slots=True)
class Person:
    """The patient. `sex` is the administrative gender as recorded (`None` when absent or unreadable).

    `deceased` is None when what is recorded cannot be read; `died` is the date of death where one is stated.
    """

    source: str
    sex: Literal["female", "male", "other", "unknown"] | None
    born: When | None
    deceased: bool | None = False
    died: When | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """One laboratory, gas, vital-sign or survey result (a component counts as one, with its parent's source).

    `value` in the canonical unit `unit`; `comparator` one of `< <= > >=` for a censored value. `words` are the written
    or coded value, lower case; `answers` its codings as `system|code`; `flag` a valueBoolean; `limits` the laboratory's
    own (low, high) reference limits in the unit of `value`. `titre_steps` is the reciprocal of a titre (1:320 → 320).
    `variant` is the code's qualifier from `knowledge/observations.toml` (arterial, trough, peak, serum…). `assumption`
    says on which molar mass a conversion rests. `recorded` is the value as recorded, for a sentence.
    """

    concept: str
    source: str
    when: When
    recorded: str
    code: str = ""
    variant: str = ""
    value: float | None = None
    comparator: str | None = None
    unit: str | None = None
    interpretation: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    flag: bool | None = None
    titre_steps: float | None = None
    limits: tuple[float | None, float | None] = (None, None)
    preliminary: bool = False
    issued: datetime | None = None
    assumption: str | None = None
    by_text: bool = False


@dataclass(frozen=True, slots=True)
class Dose:
    """What the dosage instructions amount to, in mg; `None` where it cannot be computed, `unread` says why.

    `per_day` and `per_week` are the most that any day or week brings; `per_cycle` all administrations of a course with
    a stated end or count. `basis` per-kg or per-m2: the order is written so, and all amounts are per kg or m².
    `daily` is True for a timing of at least once a day, False for a rarer or single one, None when no timing is stated.
    `every_days`: days between administrations of a rarer timing (None: not stated). `uniform`: all bring the same.
    """

    per_administration: float | None = None
    per_day: float | None = None
    per_week: float | None = None
    per_cycle: float | None = None
    basis: Literal["absolute", "per-kg", "per-m2"] = "absolute"
    daily: bool | None = None
    as_needed: bool = False
    unread: str | None = None
    every_days: float | None = None
    uniform: bool = True


@dataclass(frozen=True, slots=True)
class MedicationOrder:
    """A MedicationRequest for one of the agents of `knowledge/agents.toml`, by a systemic route.

    `start` = dosage bounds, else dispense validity period, else `authored`; `end` = the bounds' end (not the validity
    period's). `by_text`: recognised by its words alone (low confidence). `status` is FHIR's.
    """

    source: str
    agent: str
    status: str
    start: When | None
    end: When | None = None
    authored: When | None = None
    intent: str = "order"
    route: str | None = None
    prohibited: bool = False
    by_text: bool = False
    dose: Dose = Dose()
    label: str = ""


@dataclass(frozen=True, slots=True)
class DraftOrder:
    """A drafted order, whether it is among `selections`, and the step its product can give (mg, or None)."""

    order: MedicationOrder
    selected: bool
    increment: float | None = None


@dataclass(frozen=True, slots=True)
class Administration:
    """A MedicationAdministration of one of our agents. `status` is FHIR's."""

    source: str
    agent: str
    status: str
    when: When


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A Condition. `concepts` from `knowledge/conditions.toml`; `clinical` and `verification` FHIR's codes."""

    source: str
    concepts: frozenset[str]
    clinical: str | None = None
    verification: str | None = None
    onset: When | None = None
    recorded: When | None = None
    abated: When | None = None
    by_text: bool = False
    label: str = ""

    @property
    def began(self) -> When | None:
        """Onset, else the date it was recorded."""
        return self.onset or self.recorded


@dataclass(frozen=True, slots=True)
class Allergy:
    """An AllergyIntolerance to one of our agents or to a whole class of them (`classes`)."""

    source: str
    agents: frozenset[str]
    classes: frozenset[str] = frozenset()
    clinical: str | None = None
    verification: str | None = None
    kind: str | None = None
    criticality: str | None = None
    severe: bool = False
    when: When | None = None
    by_text: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True)
class Procedure:
    """A Procedure. `concepts` from `knowledge/conditions.toml` ([procedures]); `end` only from performedPeriod.end."""

    source: str
    concepts: frozenset[str]
    status: str
    start: When | None = None
    end: When | None = None
    by_text: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True)
class ServiceOrder:
    """A ServiceRequest (referral, laboratory or imaging order). `refused`: status revoked or doNotPerform."""

    source: str
    concepts: frozenset[str]
    status: str
    when: When | None = None
    refused: bool = False
    intent: str = "order"
    by_text: bool = False
    label: str = ""
