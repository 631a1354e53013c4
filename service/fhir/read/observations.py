"""Observation → results: the panel's own value and each component, in canonical units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from cds_cards.record import Result, ServiceOrder, SetAside, Unread
from cds_cards.timeline import When
from service.fhir.read.codes import Named, codings, members, texts
from service.fhir.read.context import Context, Fact
from service.fhir.read.dates import moment, spanning, when
from service.fhir.read.models import validated
from service.fhir.read.remembered import Remembered, catalogued
from service.fhir.read.shapes import OBSERVATION, Raw
from service.fhir.read.statuses import status
from service.fhir.read.unreadable import Unreadable
from service.fhir.read.values import Value, read_value

_STATUSES: Final = frozenset(
    {"registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"}
)
_NEVER_COUNT: Final = frozenset({"registered", "cancelled", "entered-in-error", "unknown"})
_PENDING_TESTS: Final = {
    # a registered Observation is a test on its way: the order for it, as far as the rules go
    "anti-mda5": "anti-mda5-test",
    "tacrolimus-level": "tacrolimus-level",
    "cyclosporine-level": "cyclosporine-level",
    "hrct": "hrct",
    "pft": "pft",
}
_INTERPRETATION: Final = frozenset(
    {
        "",
        "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
        "http://hl7.org/fhir/v3/ObservationInterpretation",
        "http://hl7.org/fhir/v2/0078",
        "http://terminology.hl7.org/CodeSystem/v2-0078",
        "urn:oid:2.16.840.1.113883.5.83",
    }
)
_PRESENCE_IS_ENOUGH: Final = frozenset({"hrct", "pft"})
"""That it was done is what counts; its findings are not read."""
_SHARED: Final = (
    *("status", "subject", "effectiveDateTime", "effectivePeriod", "effectiveInstant", "effectiveTiming"),
    *("issued", "method"),
)
"""What a component has from its Observation."""
_SIDE_OF_NUMBERS: Final = frozenset({"interpretation", "referenceRange", "method", "issued"})
_SIDE: Final = frozenset({"method", "issued"})


def named(resource: Raw, context: Context) -> frozenset[str] | None:
    """The concepts that its codes name; empty when it has no code at all; None when none of them is ours."""
    found = _named(resource, context)
    concepts = found.concepts
    for part in members(resource.get("component")):
        concepts |= _named(part, context).concepts
    return concepts if concepts or not found.told else None


def read(resource: Raw, source: str, context: Context) -> Iterator[Fact]:
    """The results in one Observation. Unreadable when its status is."""
    stated = status(resource, _STATUSES)
    if stated in _NEVER_COUNT:
        yield SetAside(source, f"its status is {stated}")
        if stated == "registered":
            yield from _pending(resource, source, context)
        return
    if _is_about_another(resource, context):
        yield SetAside(source, "it is about something else than the patient (focus)")
        return
    found = _named(resource, context)
    components = [
        (part, its_own) for part in members(resource.get("component")) if (its_own := _named(part, context)).concepts
    ]
    if not found.concepts and not components:
        raise Unreadable("it states no code that can be read")
    yield from _part(resource, found, source, context, has_components=bool(components))
    shared = {name: resource[name] for name in _SHARED if name in resource} if components else {}
    for component, its_own in components:
        yield from _part({**component, **shared}, its_own, source, context)


def effective(part: Raw, context: Context) -> When:
    """The interval in which the result is true; an open period is taken by the end that it states.

    Without effective[x] there is no date: `issued` only says when a result was released.
    """
    if "effectivePeriod" in part:
        start, end = context.period(part["effectivePeriod"], "effectivePeriod")
        stated = [each for each in (start, end) if each is not None]
        if not stated:
            raise Unreadable("effectivePeriod has neither start nor end")
        return spanning(stated)
    if "effectiveTiming" in part:
        timing = part["effectiveTiming"]
        events = timing.get("event", []) if isinstance(timing, dict) else []
        if not events:
            raise Unreadable("effectiveTiming states no date")
        return spanning(context.date(event, "effectiveTiming") for event in events)
    element = next((name for name in ("effectiveDateTime", "effectiveInstant") if name in part), None)
    if element is None:
        raise Unreadable("it states no date (effective[x])")
    return context.date(part[element], element)


def _named(part: Raw, context: Context) -> Named:
    return context.vocabulary.observations.named(part.get("code"))


def _part(part: Raw, found: Named, source: str, context: Context, *, has_components: bool = False) -> Iterator[Fact]:
    """The facts of the Observation itself or of one component, each concept on its own."""
    if not found.concepts:
        return
    date: When | None = None
    try:
        if found.unclear:
            raise Unreadable(found.unclear)
        if len(found.concepts) > 1 or None in found.variants.values():
            raise Unreadable("its codes name different tests")
        (concept,) = found.concepts
        fitted = context.fit(part, OBSERVATION)
        canonical = context.guideline.observations[concept].canonical
        valid = validated("Observation", fitted, _SIDE_OF_NUMBERS if canonical else _SIDE)
        date = effective(valid, context)
        if valid["code"] != part["code"]:  # put right: what decides is what it says then
            found = replace(found, codes=_named(valid, context).codes)
        fact = _result(valid, concept, found, source, date, context, has_components=has_components)
    except Unreadable as error:
        yield Unread("observations", source, error.why, found.concepts, error.when or date or _any_date(part, context))
        return
    if fact is not None:
        yield fact


def _result(
    part: Mapping[str, object],
    concept: str,
    found: Named,
    source: str,
    date: When,
    context: Context,
    *,
    has_components: bool,
) -> Fact | None:
    definition = context.guideline.observations[concept]
    interpretation, said = _interpreted(part["interpretation"]) if "interpretation" in part else ((), ())
    value = read_value(part, definition)
    if value is None:
        if has_components and not interpretation and not said:
            return None
        if codings(part.get("dataAbsentReason")) or texts(part.get("dataAbsentReason")):
            return SetAside(source, "it states no value, and why")
        if concept in _PRESENCE_IS_ENOUGH:
            value = Value("done")
        elif definition.canonical and not definition.answers:
            raise Unreadable("it states no value")
        elif not interpretation and not said:
            raise Unreadable("it states neither value nor interpretation")
        else:
            value = Value((*said, *interpretation)[0])
    if value.unusable and concept not in _PRESENCE_IS_ENOUGH and (definition.canonical or not (interpretation or said)):
        raise Unreadable(f"its value cannot be used: {value.unusable}")
    variant = found.variants.get(concept) or ""
    return Result(
        concept=concept,
        source=source,
        when=date,
        recorded=value.recorded,
        code=found.codes.get(concept) or _local_code(part),
        variant=variant,
        value=value.value,
        comparator=value.comparator,
        unit=value.unit,
        interpretation=interpretation,
        words=(*value.words, *(() if interpretation else said)),
        answers=value.answers,
        flag=value.flag,
        titre_steps=value.titre_steps,
        limits=value.limits,
        preliminary=part.get("status") == "preliminary",
        issued=moment(part.get("issued"), context.zone),
        assumption=value.assumption,
        by_text=found.by_text,
    )


def _interpretation(stated: object) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """HL7 interpretation codes, and what is said in words (which count where there is no code)."""
    codes = tuple(code.upper() for code_system, code in codings(stated) if code_system in _INTERPRETATION)
    return tuple(dict.fromkeys(codes)), tuple(text.casefold() for text in texts(stated))


_interpreted: Final = Remembered(_interpretation, catalogued)


def _local_code(part: Raw) -> str:
    """What tells one assay from another where no code was recognised: the local code, else the text."""
    return min(
        (f"{code_system}|{code}" for code_system, code in codings(part.get("code"))),
        default=min(texts(part.get("code")), default=""),
    )


def _pending(resource: Raw, source: str, context: Context) -> Iterator[Fact]:
    tests = frozenset(_PENDING_TESTS[name] for name in named(resource, context) or () if name in _PENDING_TESTS)
    if tests:
        yield ServiceOrder(source, tests, "active", _any_date(resource, context))


def _is_about_another(resource: Raw, context: Context) -> bool:
    """`focus` names what the result is about when it is not the subject: a donor, a fetus."""
    return "focus" in resource and any(
        context.references.subject({"focus": focus}, "focus") != context.references.patient
        for focus in members(resource.get("focus"))
        if "reference" in focus
    )


def _any_date(resource: Raw, context: Context) -> When | None:
    """A date for what could not be read, where one can be: what is later than the call made nothing unknown."""
    return when(resource.get("effectiveDateTime") or resource.get("effectiveInstant"), context.zone)
