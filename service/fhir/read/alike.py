"""Observations of which the like was read before: only subject, dates and number are new.

A laboratory writes all results of one test in the same words. What these words mean (the test, its unit and limits, the
interpretation, that the R4 model finds no fault) is found out once, by reading one such Observation whole; of the next
only what is new is read. Where anything in it is unusual, it is read whole too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from cds_cards.record import Result
from cds_cards.timeline import When
from service.fhir.read import observations
from service.fhir.read.context import Context
from service.fhir.read.models import verdict
from service.fhir.read.numbers import Written, decimal, quantity
from service.fhir.read.primitives import is_decimal, is_text
from service.fhir.read.remembered import catalogued
from service.fhir.read.shapes import OBSERVATION, Raw
from service.fhir.read.unreadable import Unreadable
from service.fhir.units import Unusable, amount

_NEW: Final = frozenset({"subject", "effectiveDateTime", "issued", "valueQuantity"})
_WORDS: Final = frozenset({"status", "code", "interpretation", "referenceRange", "method"})
_UNUSUAL: Final = frozenset({*OBSERVATION.members, "component", "focus", "modifierExtension"}) - _NEW - _WORDS
"""Members that decide, and that few results have."""
_MOMENT: Final = re.compile(
    r"[1-8]\d{3}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:Z|[+-](?:0\d|1[0-3]):[0-5]\d)", re.ASCII
).fullmatch
"""An instant as nearly all are written: valid FHIR, and read as it stands."""


@dataclass(frozen=True, slots=True)
class Alike:
    """What results in the same words have in common; of `written` all but the number."""

    concept: str
    code: str
    variant: str
    written: Written
    interpretation: tuple[str, ...]
    words: tuple[str, ...]
    limits: tuple[float | None, float | None]
    preliminary: bool
    by_text: bool


Known: TypeAlias = Alike | Literal["not ours", "read whole"]


def read_alike(resource: Raw, source: str, context: Context) -> tuple[Result, ...] | None:
    """What reading makes of an Observation whose subject is the patient; None when it must be read whole."""
    if not _UNUSUAL.isdisjoint(resource):
        return None
    stated, subject = resource.get("valueQuantity"), resource.get("subject")
    if not isinstance(stated, dict) or not isinstance(subject, dict):
        return None
    known = _known(resource, stated, subject, context)
    if isinstance(known, Alike):
        result = _result(known, resource, stated.get("value"), source)
        return None if result is None else (result,)
    return () if known == "not ours" else None


def _known(resource: Raw, stated: Raw, subject: Raw, context: Context) -> Known | None:
    """What is known of such words; None when nothing is, and nothing can be found out."""
    reference, shown = subject.get("reference"), subject.get("display", "")
    if not (isinstance(reference, str) and is_text(reference) and isinstance(shown, str) and is_text(shown)):
        return None
    # whatever the outcome depends on beside the new values, which are valid when they count; "" is as good as absent
    said = (
        *(resource.get("status", ""), resource.get("code", ""), resource.get("interpretation", "")),
        *(resource.get("referenceRange", ""), resource.get("method", "")),
        *(stated.get("comparator", ""), stated.get("unit", ""), stated.get("system", ""), stated.get("code", "")),
        *("issued" in resource, bool(shown.strip())),
    )
    key = catalogued(said)
    if key is None or b"null" in key:  # as null JSON writes what it cannot say
        return None
    answers = context.vocabulary.observations.alike
    known = answers.get(key)
    if known is None:
        known = _found_out(resource, context)
        if known is not None:
            answers.keep(key, known)
    return known


def _found_out(resource: Raw, context: Context) -> Known | None:
    """What all such Observations say, by reading this one whole; None when its own date or number cannot be read."""
    if observations.named(resource, context) is None:
        return "not ours"
    fitted = context.fit(resource, OBSERVATION)
    if fitted.form is None:
        return None
    quantities = fitted.content.get("valueQuantity")
    if verdict("Observation", fitted) or not isinstance(quantities, dict):
        return "read whole"
    try:
        facts = list(observations.read(resource, "", context))
    except Unreadable:
        return None
    result, written = facts[0] if len(facts) == 1 else None, quantity(quantities)
    if not isinstance(result, Result) or written is None:
        return None
    if not context.guideline.observations[result.concept].canonical:
        return "read whole"
    return Alike(
        concept=result.concept,
        code=result.code,
        variant=result.variant,
        written=replace(written, number=Decimal(0)),
        interpretation=result.interpretation,
        words=result.words,
        limits=result.limits,
        preliminary=result.preliminary,
        by_text=result.by_text,
    )


def _result(alike: Alike, resource: Raw, value: object, source: str) -> Result | None:
    """The result with its own date and number; None when these are not as nearly all are."""
    date, issued = _instant(resource.get("effectiveDateTime")), _instant(resource.get("issued"))
    number = decimal(value) if is_decimal(value) else None
    if date is None or number is None or (issued is None and "issued" in resource):
        return None
    written = alike.written
    read = amount(alike.concept, number, written.code, written.unit)
    if isinstance(read, Unusable):
        return None
    return Result(
        concept=alike.concept,
        source=source,
        when=When(date, date, str(resource["effectiveDateTime"])),
        recorded=written.showing(number),
        code=alike.code,
        variant=alike.variant,
        value=read.value,
        comparator=written.comparator,
        unit=read.unit,
        interpretation=alike.interpretation,
        words=alike.words,
        limits=alike.limits,
        preliminary=alike.preliminary,
        issued=issued,
        assumption=read.assumption,
        by_text=alike.by_text,
    )


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str) or _MOMENT(value) is None:
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None
