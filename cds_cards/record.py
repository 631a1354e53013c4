"""What is on record: facts with date and source, what could not be read, and what was asked.

Built by `service.fhir.read`; values are in the canonical unit of their concept. Everything is frozen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from cds_cards.timeline import When

Search = Literal[
    "patient", "observations", "medications", "conditions", "allergies", "procedures", "referrals", "administrations"
]
Key = Literal[Search, "drafts"]
"""The searches, and `drafts`: the orders that a call is about, which make nothing of the record unknown."""
Answer = Literal["complete", "partial", "missing"]
"""How a search was answered: in full, with pages not fetched, or not at all."""


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

    `value` in the canonical unit `unit`; `comparator` one of `< <= > >=` for a censored value. `words` are the written or
    coded value, lower case; `answers` its codings as `system|code`; `flag` a valueBoolean; `limits` the laboratory's
    own (low, high) reference limits in the unit of `value`. `titre_steps` is the reciprocal of a titre (1:320 → 320).
    `variant` is the code's qualifier from `knowledge/observations.toml` (arterial, trough, peak, serum…). `assumption` says
    on which molar mass a conversion rests. `recorded` is the value as recorded, for a sentence.
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

    `per_day` and `per_week` are the most that any day or week brings; `per_cycle` all administrations of a course with a stated end or
    count. `basis` tells whether the order is written per kg or per m² (then all amounts are per kg or m²).
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
    """A drafted MedicationRequest: the order, whether it is among `selections`, and what its product can give (mg, or None)."""

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
    """A Condition. `concepts` from `knowledge/conditions.toml`; `clinical` and `verification` FHIR's codes (`None`: not stated)."""

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


@dataclass(frozen=True, slots=True)
class Unread:
    """A resource that could not be read: named under `ignored`, and what it might have told is unknown.

    `concepts` are the concepts or agents it may have spoken of; empty means anything under its key.
    """

    key: Key
    source: str
    why: str
    concepts: frozenset[str] = frozenset()
    when: When | None = None


@dataclass(frozen=True, slots=True)
class SetAside:
    """A resource that was read and does not count (another patient's, dated in the future…). It makes nothing unknown."""

    source: str
    why: str


@dataclass(frozen=True, slots=True)
class PatientRecord:
    """Everything the rules may look at. The order within the tuples carries no meaning."""

    person: Person
    results: tuple[Result, ...] = ()
    orders: tuple[MedicationOrder, ...] = ()
    drafts: tuple[DraftOrder, ...] = ()
    administrations: tuple[Administration, ...] = ()
    diagnoses: tuple[Diagnosis, ...] = ()
    allergies: tuple[Allergy, ...] = ()
    procedures: tuple[Procedure, ...] = ()
    services: tuple[ServiceOrder, ...] = ()
    draft_services: tuple[ServiceOrder, ...] = ()
    unread: tuple[Unread, ...] = ()
    set_aside: tuple[SetAside, ...] = ()
    answers: Mapping[Key, Answer] = field(default_factory=dict)

    def results_of(self, *concepts: str) -> tuple[Result, ...]:
        """The results of these concepts."""
        return tuple(result for result in self.results if result.concept in concepts)

    def unread_of(self, key: Key, *concepts: str) -> tuple[Unread, ...]:
        """What could not be read under `key` and may have told of one of `concepts` (of anything, when none is named)."""
        return tuple(
            item
            for item in self.unread
            if item.key == key and (not concepts or not item.concepts or item.concepts & set(concepts))
        )

    def read_in_full(self, key: Key, *concepts: str) -> bool:
        """Whether the search was answered in full and all it found of `concepts` could be read: the ground for saying *no*."""
        return self.answers.get(key, "missing") == "complete" and not self.unread_of(key, *concepts)

    def until(self, as_of: datetime, skew: timedelta) -> PatientRecord:
        """The record as it stood at `as_of`: later facts are set aside by name (a clock skew is granted)."""
        latest = as_of + skew
        late = {source: text for source, begun, text in self._dated() if begun > latest}
        if not late and not any(item.when and item.when.start > latest for item in self.unread):
            return self

        def known(source: str, begun: When | None) -> bool:
            return not (source in late and begun is not None and begun.start > latest)

        alive = replace(self.person, deceased=False, died=None)
        return replace(
            self,
            person=self.person if known(self.person.source, self.person.died) else alive,
            results=tuple(r for r in self.results if known(r.source, r.when)),
            orders=tuple(o for o in self.orders if known(o.source, o.authored)),
            administrations=tuple(a for a in self.administrations if known(a.source, a.when)),
            diagnoses=tuple(d for d in self.diagnoses if known(d.source, d.onset) and known(d.source, d.recorded)),
            allergies=tuple(a for a in self.allergies if known(a.source, a.when)),
            procedures=tuple(p for p in self.procedures if known(p.source, p.start)),
            services=tuple(s for s in self.services if known(s.source, s.when)),
            unread=tuple(u for u in self.unread if u.when is None or u.when.start <= latest),
            set_aside=(
                *self.set_aside,
                *(SetAside(source, f"dated {text}, after the time of this call") for source, text in sorted(late.items())),
                *(
                    SetAside(u.source, f"{u.why}; dated {u.when.text}, after the time of this call")
                    for u in self.unread
                    if u.when is not None and u.when.start > latest
                ),
            ),
        )

    def _dated(self) -> Iterator[tuple[str, datetime, str]]:
        dates: list[tuple[str, When | None]] = [(self.person.source, self.person.died)]
        dates += [(r.source, r.when) for r in self.results]
        dates += [(o.source, o.authored) for o in self.orders]
        dates += [(a.source, a.when) for a in self.administrations]
        dates += [(d.source, d.onset) for d in self.diagnoses]
        dates += [(d.source, d.recorded) for d in self.diagnoses]
        dates += [(a.source, a.when) for a in self.allergies]
        dates += [(p.source, p.start) for p in self.procedures]
        dates += [(s.source, s.when) for s in self.services]
        for source, when in dates:
            if when is not None:
                yield source, when.start, when.text
