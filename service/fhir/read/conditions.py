"""Condition, Procedure and ServiceRequest → what the rules look for among them, by code or in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from math import ceil, floor
from typing import Final

from cds_cards.record import Diagnosis, Procedure, ServiceOrder, SetAside
from cds_cards.timeline import When
from service.fhir.read.codes import Lexicon, members, texts
from service.fhir.read.context import Context, Fact
from service.fhir.read.dates import shifted, when
from service.fhir.read.models import validated
from service.fhir.read.numbers import quantity
from service.fhir.read.shapes import CONDITION, PROCEDURE, SERVICE_REQUEST, Raw
from service.fhir.read.statuses import coded_status, status
from service.fhir.read.unreadable import Unreadable

_CLINICAL: Final = frozenset({"active", "recurrence", "relapse", "inactive", "remission", "resolved"})
_VERIFICATION: Final = frozenset(
    {"unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"}
)
_PROCEDURE: Final = frozenset(
    {"preparation", "in-progress", "not-done", "on-hold", "stopped", "completed", "entered-in-error", "unknown"}
)
_REQUEST: Final = frozenset({"draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"})
_AGE_UNITS: Final = {"a": 12, "year": 12, "years": 12, "mo": 1, "month": 1, "months": 1}
"""Months in one."""
_EARLIEST: Final = datetime(1000, 1, 1, tzinfo=UTC)


def named_conditions(resource: Raw, context: Context) -> frozenset[str] | None:
    """The concepts a Condition names; empty when it cannot be told; None when none of them is ours."""
    return _named(resource.get("code"), context.vocabulary.conditions)


def named_procedures(resource: Raw, context: Context) -> frozenset[str] | None:
    """As `named_conditions`, of a Procedure."""
    return _named(resource.get("code"), context.vocabulary.procedures)


def named_services(resource: Raw, context: Context) -> frozenset[str] | None:
    """As `named_conditions`, of a ServiceRequest, its details included."""
    return _named(_what_is_ordered(resource), context.vocabulary.services)


def _what_is_ordered(resource: Raw) -> list[object]:
    return [*members(resource.get("code")), *members(resource.get("orderDetail"))]


def _named(concept: object, lexicon: Lexicon) -> frozenset[str] | None:
    found = lexicon.named(concept)
    return found.concepts if found.concepts or not found.told else None


def _label(concept: object, fallback: frozenset[str]) -> str:
    return next(iter(texts(concept)), "") or ", ".join(sorted(fallback))


def _must_be_told(concepts: frozenset[str]) -> None:
    if not concepts:
        raise Unreadable("it has neither a text nor a code of a public system")


def read_condition(resource: Raw, source: str, context: Context) -> Iterator[Fact]:
    """The diagnosis in one Condition."""
    verification = coded_status(resource.get("verificationStatus"), _VERIFICATION, "verificationStatus")
    if verification == "entered-in-error":
        yield SetAside(source, "its verification status is entered-in-error")
        return
    found = context.vocabulary.conditions.named(resource.get("code"))
    _must_be_told(found.concepts)
    clinical = coded_status(resource.get("clinicalStatus"), _CLINICAL, "clinicalStatus")
    # the two statuses are judged above: older messages hold a plain string there
    valid = validated(
        "Condition", context.fit(resource, CONDITION), frozenset({"abatementDateTime", "abatementPeriod"})
    )
    recorded = context.date(valid["recordedDate"], "recordedDate") if "recordedDate" in valid else None
    abated, _ = _performed(valid, "abatement", context)
    yield Diagnosis(
        source=source,
        concepts=found.concepts,
        clinical=clinical,
        verification=verification,
        onset=_onset(valid, recorded, context),
        recorded=recorded,
        abated=abated,
        by_text=found.by_text,
        label=_label(resource.get("code"), found.concepts),
    )


def _onset(condition: Mapping[str, object], recorded: When | None, context: Context) -> When | None:
    """When it began. An onset that is there and names no date lies somewhere before it was recorded: a wide interval.

    Taking the recorded date instead would make an old disease new.
    """
    if "onsetDateTime" in condition:
        return context.date(condition["onsetDateTime"], "onsetDateTime")
    if not any(name.startswith("onset") for name in condition):
        return None
    start, end = context.period(condition.get("onsetPeriod"), "onsetPeriod")
    known = start or when(condition.get("onsetString"), context.zone) or _at_age(condition, context)
    if known is not None:
        return known
    until = end or recorded
    if until is None:
        return None
    earliest = min(context.born.start if context.born else _EARLIEST, until.start)
    return When(earliest, until.end, f"before {until.text}")


def _at_age(condition: Mapping[str, object], context: Context) -> When | None:
    """The interval in which the patient had the age of onset."""
    stated = condition.get("onsetAge")
    ages: tuple[object, object] = (stated, stated)
    if isinstance(ages_stated := condition.get("onsetRange"), dict):
        ages = (ages_stated.get("low"), ages_stated.get("high"))
    months = [_months(age) for age in ages]
    low, high = months
    if context.born is None or low is None or high is None:
        return None
    try:
        first, last = shifted(context.born, 0, floor(low[0])), shifted(context.born, 0, ceil(high[0]) + high[1])
    except ValueError:
        return None
    return When(first.start, last.end, f"age of onset, born {context.born.text}")


def _months(age: object) -> tuple[float, int] | None:
    """(age in months, how many months it stands for): "45 years" is any day up to the 46th birthday."""
    read = quantity(age) if isinstance(age, dict) else None
    unit = _AGE_UNITS.get((read.code or read.unit or "").casefold()) if read is not None else None
    if read is None or unit is None or read.comparator is not None or read.number < 0:
        return None
    return float(read.number) * unit, unit


def _performed(valid: Mapping[str, object], element: str, context: Context) -> tuple[When | None, When | None]:
    if f"{element}DateTime" in valid:
        return context.date(valid[f"{element}DateTime"], f"{element}DateTime"), None
    return context.period(valid.get(f"{element}Period"), f"{element}Period")


def read_procedure(resource: Raw, source: str, context: Context) -> Iterator[Fact]:
    """The procedure; `end` only from a period, as a single date states none."""
    stated = status(resource, _PROCEDURE)
    if stated == "entered-in-error":
        yield SetAside(source, "its status is entered-in-error")
        return
    if stated == "unknown":
        raise Unreadable("its status is unknown")
    found = context.vocabulary.procedures.named(resource.get("code"))
    _must_be_told(found.concepts)
    valid = validated("Procedure", context.fit(resource, PROCEDURE))
    start, end = _performed(valid, "performed", context)
    label = _label(resource.get("code"), found.concepts)
    yield Procedure(source, found.concepts, stated, start, end, found.by_text, label)


def read_service(resource: Raw, source: str, context: Context) -> Iterator[Fact]:
    """The order or referral, dated by its writing; when it is to happen says nothing of when it was known."""
    stated = status(resource, _REQUEST)
    if stated == "entered-in-error":
        yield SetAside(source, "its status is entered-in-error")
        return
    if stated == "unknown":
        raise Unreadable("its status is unknown")
    found = context.vocabulary.services.named(_what_is_ordered(resource))
    _must_be_told(found.concepts)
    fitted = context.fit(resource, SERVICE_REQUEST)
    if "intent" not in fitted.content:
        fitted = context.fit({**resource, "intent": "order"}, SERVICE_REQUEST)
    valid = validated("ServiceRequest", fitted)
    yield ServiceOrder(
        source=source,
        concepts=found.concepts,
        status=stated,
        when=context.date(valid["authoredOn"], "authoredOn") if "authoredOn" in valid else None,
        refused=stated == "revoked" or valid.get("doNotPerform") is True,
        intent=str(valid["intent"]),
        by_text=found.by_text,
        label=_label(_what_is_ordered(resource), found.concepts),
    )
