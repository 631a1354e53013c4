"""Builders of record facts for the unit tests: `rec(...)` sorts whatever facts it is given into a record.

Dates are written as in FHIR (`2026`, `2026-03`, `2026-03-01`, `2026-03-01T10:00:00Z`), read in UTC. Every search is
answered in full unless the test says otherwise: `rec(..., medications="partial")`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args

from cds_cards.record import (
    Administration,
    Allergy,
    Answer,
    Diagnosis,
    Dose,
    DraftOrder,
    Key,
    MedicationOrder,
    PatientRecord,
    Person,
    Procedure,
    Result,
    ServiceOrder,
    SetAside,
    Unread,
)
from cds_cards.timeline import When

AS_OF = datetime(2026, 3, 1, 10, tzinfo=UTC)
TICK = timedelta(microseconds=1)
UNITS = {
    "ferritin": "ng/mL",
    "crp": "mg/L",
    "kl-6": "U/mL",
    "a-a-gradient": "mm[Hg]",
    "pao2": "mm[Hg]",
    "paco2": "mm[Hg]",
    "pf-ratio": "mm[Hg]",
    "fio2": "1",
    "spo2": "%",
    "weight": "kg",
    "height": "cm",
    "egfr": "mL/min/{1.73_m2}",
    "tacrolimus-level": "ng/mL",
    "cyclosporine-level": "ng/mL",
    "beta-d-glucan": "pg/mL",
    "hcg": "m[IU]/mL",
}
ARTERIAL = ("pao2", "paco2", "pf-ratio")
FIELDS = {
    Result: "results",
    MedicationOrder: "orders",
    DraftOrder: "drafts",
    Administration: "administrations",
    Diagnosis: "diagnoses",
    Allergy: "allergies",
    Procedure: "procedures",
    ServiceOrder: "services",
    Unread: "unread",
    SetAside: "set_aside",
}

Fact = (
    Result
    | MedicationOrder
    | DraftOrder
    | Administration
    | Diagnosis
    | Allergy
    | Procedure
    | ServiceOrder
    | Unread
    | SetAside
)
Date = str | int | datetime | When
"""A FHIR date, a datetime, an interval, or a number of days before AS_OF (0: that day)."""


def at(text: Date) -> When:
    """The interval a date stands for; an int is a whole day so many days before AS_OF."""
    if isinstance(text, When):
        return text
    if isinstance(text, datetime):
        return When(text, text, text.isoformat())
    if isinstance(text, int):
        text = (AS_OF.date() - timedelta(days=text)).isoformat()
    if "T" in text:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return When(moment, moment, text)
    parts = [int(part) for part in text.split("-")]
    year, month, day = (*parts, 0, 0)[:3]
    first = date(year, month or 1, day or 1)
    next_month = date(year + 1, 1, 1) if month in (0, 12) else date(year, month + 1, 1)
    after = first + timedelta(days=1) if day else next_month
    return When(_midnight(first), _midnight(after) - TICK, text)


def maybe(text: Date | None) -> When | None:
    """`at`, or None for no date."""
    return None if text is None else at(text)


def person(sex: str | None = "female", born: Date | None = "1970-05-04", **more: Any) -> Person:
    """A living woman of 55 unless the test says otherwise."""
    return Person(source="Patient/p", sex=sex, born=maybe(born), **more)  # type: ignore[arg-type]


def rec(*facts: Fact, who: Person | None = None, **answers: Answer) -> PatientRecord:
    """A record of these facts, every search answered in full but for those named (`observations="partial"`)."""
    sorted_facts: dict[str, list[Any]] = {}
    for fact in facts:
        sorted_facts.setdefault(FIELDS[type(fact)], []).append(fact)
    keys: tuple[Key, ...] = get_args(Key)
    return PatientRecord(
        person=who or person(),
        answers={key: answers.get(key, "complete") for key in keys},
        **{name: tuple(group) for name, group in sorted_facts.items()},
    )


def res(concept: str, value: float | None = None, when: Date = 0, *, id: str | None = None, **more: Any) -> Result:
    """A result in the canonical unit of its concept (gases: arterial). `flag=True` for a clinical criterion."""
    moment = at(when)
    variant = "arterial" if concept in ARTERIAL else ""
    defaults: dict[str, Any] = {
        "unit": UNITS.get(concept) if value is not None else None,
        "recorded": " ".join(str(part) for part in (more.get("comparator"), value, UNITS.get(concept)) if part),
        "variant": variant,
    }
    return Result(
        concept=concept,
        source=f"Observation/{id or f'{concept}-{moment.text}-{value}'}",
        when=moment,
        value=value,
        **(defaults | more),
    )


def order(
    agent: str,
    start: Date | None = 0,
    end: Date | None = None,
    *,
    status: str = "active",
    id: str | None = None,
    daily: bool | None = None,
    **more: Any,
) -> MedicationOrder:
    """An active order that begins on `start` (also its authoredOn, unless `authored=` is given)."""
    moment = maybe(start)
    more = {"authored": moment} | more
    if daily is not None:
        more["dose"] = Dose(daily=daily)
    return MedicationOrder(
        source=f"MedicationRequest/{id or f'{agent}-{moment.text if moment else None}'}",
        agent=agent,
        status=status,
        start=moment,
        end=maybe(end),
        **(more | {"authored": maybe(more["authored"])}),
    )


def draft(
    agent: str, start: Date | None = 0, *, selected: bool = True, increment: float | None = None, **more: Any
) -> DraftOrder:
    """A drafted order."""
    more = {"id": f"draft-{agent}", "status": "draft"} | more
    return DraftOrder(order(agent, start, **more), selected, increment)


def given(agent: str, when: Date = 0, status: str = "completed", *, id: str | None = None) -> Administration:
    """A dose given."""
    moment = at(when)
    return Administration(f"MedicationAdministration/{id or f'{agent}-{moment.text}'}", agent, status, moment)


def dx(
    *concepts: str, onset: Date | None = 10, clinical: str | None = "active", id: str | None = None, **more: Any
) -> Diagnosis:
    """An active condition with an onset; `recorded=`, `abated=` as dates."""
    for name in ("recorded", "abated"):
        if name in more:
            more[name] = maybe(more[name])
    return Diagnosis(f"Condition/{id or '-'.join(concepts)}", frozenset(concepts), clinical, onset=maybe(onset), **more)


def proc(
    *concepts: str,
    start: Date | None = 0,
    end: Date | None = None,
    status: str = "completed",
    id: str | None = None,
    **more: Any,
) -> Procedure:
    """A procedure; `end` is that of its performedPeriod."""
    source = f"Procedure/{id or '-'.join(concepts)}"
    return Procedure(source, frozenset(concepts), status, maybe(start), maybe(end), **more)


def svc(
    *concepts: str, when: Date | None = 0, status: str = "active", id: str | None = None, **more: Any
) -> ServiceOrder:
    """A referral, laboratory or imaging order."""
    return ServiceOrder(f"ServiceRequest/{id or '-'.join(concepts)}", frozenset(concepts), status, maybe(when), **more)


def allergy(*agents: str, classes: tuple[str, ...] = (), id: str | None = None, **more: Any) -> Allergy:
    """An active, confirmed allergy to these agents or classes."""
    more = {"clinical": "active", "verification": "confirmed"} | more
    if "when" in more:
        more["when"] = maybe(more["when"])
    name = id or "-".join((*agents, *classes))
    return Allergy(f"AllergyIntolerance/{name}", frozenset(agents), frozenset(classes), **more)


def unread(
    key: Key, *concepts: str, when: Date | None = None, id: str = "broken", why: str = "its value could not be read"
) -> Unread:
    """A resource that could not be read and may have spoken of `concepts` (of anything, when none is named)."""
    kinds = {"medications": "MedicationRequest", "conditions": "Condition", "procedures": "Procedure"}
    return Unread(key, f"{kinds.get(key, 'Observation')}/{id}", why, frozenset(concepts), maybe(when))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
