"""The value of an Observation: a number in the canonical unit, a titre, words, coded answers or a yes/no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from math import inf, nextafter
from typing import Any, TypeAlias

from cds_cards.guideline import ObservationConcept
from service.fhir.read import numbers
from service.fhir.read.codes import CRITERIA, codings, members, texts
from service.fhir.read.numbers import Written
from service.fhir.read.remembered import Remembered, catalogued
from service.fhir.read.shapes import Raw
from service.fhir.read.unreadable import Unreadable
from service.fhir.units import Unusable, amount, same_unit

_TITRE_UNITS = frozenset({"{titer}", "{titre}", "titer", "titre", "titulo", "título", "1:{titer}"})
_TITRE = "{titer}"
_NO_NUMBERS = frozenset({"valueBoolean", "valueCodeableConcept", "valueRatio"})
_SHOWN = 120
"""Longest piece of a recorded text that a sentence repeats."""

Limits: TypeAlias = tuple[float | None, float | None]
Convert: TypeAlias = Callable[[Written], float | None]


@dataclass(frozen=True, slots=True)
class Value:
    """What an Observation says, for `Result`. `unusable`: it states a number that cannot be compared, and why."""

    recorded: str
    value: float | None = None
    comparator: str | None = None
    unit: str | None = None
    words: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    flag: bool | None = None
    titre_steps: float | None = None
    limits: Limits = (None, None)
    assumption: str | None = None
    unusable: str = ""


def read_value(part: Raw, concept: ObservationConcept) -> Value | None:
    """The value[x] of a valid Observation; None when there is none. Unreadable: a kind that says nothing here."""
    # a valid Observation has one
    element = "valueQuantity" if "valueQuantity" in part else next((name for name in part if name[:5] == "value"), None)
    if element is None:
        return None
    content = part[element]
    is_number_only = bool(concept.canonical) and not concept.answers
    if element in _NO_NUMBERS and is_number_only:
        raise Unreadable(f"{element} holds nothing that could be compared")
    if concept.id in CRITERIA and element != "valueBoolean":
        raise Unreadable("a clinical criterion is a valueBoolean")
    if element == "valueBoolean" and isinstance(content, bool):
        return Value("yes" if content else "no", flag=content)
    if element == "valueCodeableConcept":
        return _coded(content)
    if element == "valueString" and isinstance(content, str):
        return _string(content, part, concept, is_number_only=is_number_only)
    if element == "valueRatio" and isinstance(content, dict) and not concept.canonical:
        return _ratio(content, part)
    number = _number(element, content)
    if number is None:
        raise Unreadable(f"{element} holds nothing that could be compared")
    return _numeric(number, part, concept)


def _number(element: str, content: object) -> Written | None:
    if element == "valueQuantity" and isinstance(content, dict):
        return numbers.quantity(content)
    whole = numbers.decimal(content) if element == "valueInteger" else None
    return Written(whole) if whole is not None else None


def _coded(content: object) -> Value:
    words = texts(content)
    answers = tuple(f"{code_system}|{code}" for code_system, code in codings(content))
    if not words and not answers:
        raise Unreadable("valueCodeableConcept has neither code nor text")
    recorded = words[0] if words else answers[0].rpartition("|")[2]
    return Value(_short(recorded), words=tuple(word.casefold() for word in words), answers=answers)


def _string(text: str, part: Raw, concept: ObservationConcept, *, is_number_only: bool) -> Value:
    if not concept.canonical:
        steps = numbers.titre(text)
        if steps is not None:
            return _titre(steps[0], steps[1], text, part)
    number = numbers.written(text)
    if number is not None:
        read = _numeric(number, part, concept)
        return replace(read, words=(text.strip().casefold(),)) if not concept.canonical else read
    if is_number_only:
        raise Unreadable("valueString is not a number with a unit that can be read in one way only")
    return Value(_short(text.strip()), words=(text.strip().casefold(),))


def _ratio(content: Raw, part: Raw) -> Value:
    pair = [content.get(name) for name in ("numerator", "denominator")]
    over, under = (numbers.quantity(each) if isinstance(each, dict) else None for each in pair)
    if over is None or under is None or over.number != 1 or under.number < 1 or over.comparator is not None:
        raise Unreadable("valueRatio is no titre of the form 1:n")
    return _titre(float(under.number), under.comparator, f"{under.comparator or ''}1:{under.number:f}", part)


def _titre(steps: float, comparator: str | None, text: str, part: Raw) -> Value:
    return Value(
        _short(text.strip()),
        value=steps,
        comparator=comparator,
        unit=_TITRE,
        titre_steps=steps,
        limits=_titre_limits(part["referenceRange"]) if "referenceRange" in part else (None, None),
    )


def _numeric(number: Written, part: Raw, concept: ObservationConcept) -> Value:
    if concept.canonical:
        return _converted(number, part, concept)
    label = number.code or number.unit
    if label is not None and label.casefold() in _TITRE_UNITS:
        return replace(_titre(float(number.number), number.comparator, number.shown, part), recorded=number.shown)
    if label is None:
        return Value(number.shown, unusable="it is a number without a unit")
    return Value(
        number.shown,
        value=float(number.number),
        comparator=number.comparator,
        unit=label,
        limits=_limits_in_unit([part["referenceRange"], label]) if "referenceRange" in part else (None, None),
    )


def _converted(number: Written, part: Raw, concept: ObservationConcept) -> Value:
    read = amount(concept.id, number.number, number.code, number.unit)
    if isinstance(read, Unusable):
        return Value(number.shown, unusable=read.why)
    return Value(
        number.shown,
        value=read.value,
        comparator=number.comparator,
        unit=read.unit,
        limits=_canonical_limits([part["referenceRange"], concept.id, number.code or "", number.unit or ""])
        if "referenceRange" in part
        else (None, None),
        assumption=read.assumption,
    )


def _limits(ranges: object, convert: Convert) -> Limits:
    """The laboratory's own limits, when it states one pair of them."""
    pairs = {_pair(each, convert) for each in members(ranges) if _is_normal_range(each)} - {(None, None)}
    return pairs.pop() if len(pairs) == 1 else (None, None)


def _limits_of_titre(ranges: object) -> Limits:
    return _limits(ranges, lambda limit: float(limit.number))


def _limits_in_one_unit(stated: Any) -> Limits:
    """Of [reference ranges, unit]."""
    ranges, unit = stated

    def in_same_unit(limit: Written) -> float | None:
        its_own = limit.code or limit.unit
        return float(limit.number) if its_own is None or same_unit(its_own, unit) else None

    return _limits(ranges, in_same_unit)


def _limits_in_canonical_unit(stated: Any) -> Limits:
    """Of [reference ranges, concept, the number's unit code, its unit]."""
    ranges, concept, code, unit = stated

    def in_canonical(limit: Written) -> float | None:
        its_own = limit.code or limit.unit
        converted = amount(concept, limit.number, limit.code if its_own else code, limit.unit if its_own else unit)
        return None if isinstance(converted, Unusable) else converted.value

    return _limits(ranges, in_canonical)


_titre_limits = Remembered(_limits_of_titre, catalogued)
_limits_in_unit = Remembered(_limits_in_one_unit, catalogued)
_canonical_limits = Remembered(_limits_in_canonical_unit, catalogued)


def _is_normal_range(reference_range: Raw) -> bool:
    """Untyped, or typed as normal: a treatment or critical range is no limit of health."""
    kinds = codings(reference_range.get("type"))
    return not kinds or any(code == "normal" for _, code in kinds)


def _pair(reference_range: Raw, convert: Convert) -> Limits:
    stated = [reference_range.get(name) for name in ("low", "high")]
    low, high = (numbers.quantity(each) if isinstance(each, dict) else None for each in stated)
    text = reference_range.get("text")
    if low is None and high is None and isinstance(text, str):
        low, high = _in_text(text) or (None, None)
    return _bound(low, convert), _bound(high, convert)


def _in_text(text: str) -> tuple[Written | None, Written | None] | None:
    steps = numbers.titre(text)
    if steps is None:
        return numbers.limits_in(text)
    limit = Written(Decimal(int(steps[0])), steps[1], unit=_TITRE)
    return (None, limit) if steps[1] in ("<", "<=") else None


def _bound(limit: Written | None, convert: Convert) -> float | None:
    """FHIR's limits are included; the value at `< 20` is already beyond it."""
    converted = convert(limit) if limit is not None else None
    if converted is None or limit is None:
        return None
    beyond = {"<": -inf, ">": inf}.get(limit.comparator or "")
    return converted if beyond is None else nextafter(converted, beyond)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
