"""Identifiers prove themselves: LOINC by Luhn's mod 10, SNOMED CT by Verhoeff, RxNorm, ATC and ICD by their shape."""

from __future__ import annotations

import re

from cds_cards.coding import ATC, ICD10, ICD10CM, ICD10PCS, LOINC, RXNORM, SNOMED

_LOINC = re.compile(r"\d{1,7}-\d", re.ASCII)
_LOINC_ANSWER = re.compile(r"L[AL]\d{1,7}-\d", re.ASCII)
_SCTID = re.compile(r"[1-9]\d{5,17}", re.ASCII)
_SHAPES = {
    RXNORM: re.compile(r"[1-9]\d{0,7}", re.ASCII),
    ATC: re.compile(r"[A-DGHJLMNPRSV]\d\d[A-Z]{2}\d\d", re.ASCII),
    ICD10CM: re.compile(r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?", re.ASCII),
    ICD10: re.compile(r"[A-Z]\d\d(\.\d{1,2})?", re.ASCII),
    ICD10PCS: re.compile(r"[0-9A-HJ-NP-Z]{7}", re.ASCII),
}
_NAMES = {RXNORM: "RxNorm", ATC: "ATC", ICD10CM: "ICD-10-CM", ICD10: "ICD-10", ICD10PCS: "ICD-10-PCS"}

# The dihedral group of order ten and Verhoeff's permutation of the digits.
_PRODUCT = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
_PERMUTATION = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def loinc_ok(code: str) -> bool:
    """Whether `code` is a LOINC number whose last digit is its mod-10 check digit (answers, `LA…`: the form alone)."""
    if not _LOINC.fullmatch(code):
        return bool(_LOINC_ANSWER.fullmatch(code))
    digits = [int(character) for character in code if character.isdigit()]
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def snomed_ok(code: str) -> bool:
    """Whether `code` is a SNOMED CT identifier of a concept whose last digit is its Verhoeff check digit."""
    if not _SCTID.fullmatch(code) or code[-3:-1] not in ("00", "10"):
        return False
    check, permutation = 0, tuple(range(10))
    for character in reversed(code):
        check = _PRODUCT[check][permutation[int(character)]]
        permutation = tuple(_PERMUTATION[digit] for digit in permutation)
    return check == 0


def fault(system: str, code: str) -> str:
    """Why `code` cannot be one of `system`, or ""; a system without a known form is not judged."""
    if system == LOINC:
        return "" if loinc_ok(code) else "is no LOINC number (check digit)"
    if system == SNOMED:
        return "" if snomed_ok(code) else "is no SNOMED CT identifier (Verhoeff check digit)"
    shape = _SHAPES.get(system)
    return "" if shape is None or shape.fullmatch(code) else f"has not the form of {_NAMES[system]}"
