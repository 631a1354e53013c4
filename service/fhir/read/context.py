"""What reading one resource needs to know beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import TypeAlias

from cds_cards.guideline import Guideline
from cds_cards.record import (
    Administration,
    Allergy,
    Diagnosis,
    MedicationOrder,
    Procedure,
    Result,
    ServiceOrder,
    SetAside,
    Unread,
)
from cds_cards.timeline import When
from service.fhir.read.codes import Vocabulary
from service.fhir.read.dates import end_of, when
from service.fhir.read.fitting import Fitted
from service.fhir.read.references import References
from service.fhir.read.shapes import Raw, Shape
from service.fhir.read.unreadable import Unreadable

Fact: TypeAlias = (
    Result | MedicationOrder | Administration | Diagnosis | Allergy | Procedure | ServiceOrder | Unread | SetAside
)


@dataclass(frozen=True, slots=True)
class Context:
    """The guideline, its vocabulary, the site's zone, what references lead to, and the patient's birth."""

    guideline: Guideline
    vocabulary: Vocabulary
    zone: tzinfo
    references: References
    born: When | None = None

    def fit(self, resource: Raw, shape: Shape) -> Fitted:
        """The elements that decide, with the contract's tolerance."""
        return shape.fit(resource, self.zone)

    def date(self, value: object, element: str) -> When:
        """The interval of a date that is there; Unreadable when it is none."""
        read = when(value, self.zone)
        if read is None:
            raise Unreadable(f"{element} is no date")
        return read

    def period(self, value: object, element: str) -> tuple[When | None, When | None]:
        """(start, end) of a Period, each None when not stated. Unreadable: no date, or an end before the start."""
        if not isinstance(value, dict):
            return None, None
        start = self.date(value["start"], element) if "start" in value else None
        try:
            end = end_of(value.get("end"), self.zone)
        except ValueError:
            raise Unreadable(f"{element} is no date") from None
        if start is not None and end is not None and end.end < start.start:
            raise Unreadable(f"{element} ends before it starts")
        return start, end
