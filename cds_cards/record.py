"""What is on record: facts with date and source, what could not be read, and what was asked.

Built by `service.fhir.read`; values are in the canonical unit of their concept. Everything is frozen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

from cds_cards.facts import (
    Administration,
    Allergy,
    Diagnosis,
    Dose,
    DraftOrder,
    MedicationOrder,
    Person,
    Procedure,
    Result,
    ServiceOrder,
)
from cds_cards.timeline import When

Search = Literal[
    "patient", "observations", "medications", "conditions", "allergies", "procedures", "referrals", "administrations"
]
__all__ = [
    "Administration",
    "Allergy",
    "Answer",
    "Diagnosis",
    "Dose",
    "DraftOrder",
    "Key",
    "MedicationOrder",
    "PatientRecord",
    "Person",
    "Procedure",
    "Result",
    "Search",
    "ServiceOrder",
    "SetAside",
    "Unread",
]

Key = Literal[Search, "drafts"]
"""The searches, and `drafts`: the orders that a call is about, which make nothing of the record unknown."""
Answer = Literal["complete", "partial", "missing"]
"""How a search was answered: in full, with pages not fetched, or not at all."""


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
    """A resource that was read and does not count (another patient's, of the future…). It makes nothing unknown."""

    source: str
    why: str


@dataclass(frozen=True)
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

    @cached_property
    def _by_concept(self) -> Mapping[str, tuple[Result, ...]]:
        """The results sorted into their concepts: every criterion asks for some."""
        found: dict[str, list[Result]] = {}
        for result in self.results:
            found.setdefault(result.concept, []).append(result)
        return {concept: tuple(results) for concept, results in found.items()}

    def results_of(self, *concepts: str) -> tuple[Result, ...]:
        """The results of these concepts."""
        if len(concepts) == 1:
            return self._by_concept.get(concepts[0], ())
        return tuple(result for concept in dict.fromkeys(concepts) for result in self._by_concept.get(concept, ()))

    def unread_of(self, key: Key, *concepts: str) -> tuple[Unread, ...]:
        """What could not be read under `key` and may have told of one of `concepts` (none named: of anything)."""
        if not self.unread:
            return ()
        named = frozenset(concepts)
        return tuple(
            item
            for item in self.unread
            if item.key == key and (not named or not item.concepts or not named.isdisjoint(item.concepts))
        )

    def read_in_full(self, key: Key, *concepts: str) -> bool:
        """Whether the search was answered in full and all of `concepts` could be read: the ground for saying *no*."""
        return self.answers.get(key, "missing") == "complete" and not self.unread_of(key, *concepts)

    def until(self, as_of: datetime, skew: timedelta) -> PatientRecord:
        """The record as it stood at `as_of`: later facts are set aside by name (a clock skew is granted)."""
        latest = as_of + skew
        late = {source: when.text for source, when in self._dated() if when is not None and when.start > latest}
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
                *(
                    SetAside(source, f"dated {text}, after the time of this call")
                    for source, text in sorted(late.items())
                ),
                *(
                    SetAside(u.source, f"{u.why}; dated {u.when.text}, after the time of this call")
                    for u in self.unread
                    if u.when is not None and u.when.start > latest
                ),
            ),
        )

    def _dated(self) -> list[tuple[str, When | None]]:
        dates: list[tuple[str, When | None]] = [(self.person.source, self.person.died)]
        dates += [(r.source, r.when) for r in self.results]
        dates += [(o.source, o.authored) for o in self.orders]
        dates += [(a.source, a.when) for a in self.administrations]
        dates += [(d.source, d.onset) for d in self.diagnoses]
        dates += [(d.source, d.recorded) for d in self.diagnoses]
        dates += [(a.source, a.when) for a in self.allergies]
        dates += [(p.source, p.start) for p in self.procedures]
        dates += [(s.source, s.when) for s in self.services]
        return dates
