"""Whether a qualitative result is positive: by its interpretation, else its coded or written value, else its own limit.

The codes are vocabulary, not numbers: HL7 v3 ObservationInterpretation 4.0.0; SNOMED CT qualifier values as HL7's US
Public Health Library uses them for results; LOINC answers of the lists LL2021-5 and LL744-4. Words: English, Spanish.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from cds_cards.criteria import Verdict, unanimous
from cds_cards.guideline import LOINC, SNOMED
from cds_cards.record import Result
from cds_cards.series import above

_POSITIVE_FLAGS = frozenset({"POS", "A", "AA", "H", "HH", "HU", "DET", "RR"})
_NEGATIVE_FLAGS = frozenset({"N", "NEG", "ND", "NR", "L"})
_TREND_FLAGS = frozenset({"U", "D", "B", "W"})
"""A change against the last result: beside a deciding flag they take nothing from it, alone they decide nothing."""

_ANSWERS = {
    f"{SNOMED}|10828004": Verdict.MET,  # Positive
    f"{SNOMED}|260373001": Verdict.MET,  # Detected
    f"{SNOMED}|52101004": Verdict.MET,  # Present
    f"{SNOMED}|11214006": Verdict.MET,  # Reactive
    f"{SNOMED}|260385009": Verdict.NOT_MET,  # Negative
    f"{SNOMED}|260415000": Verdict.NOT_MET,  # Not detected
    f"{SNOMED}|2667000": Verdict.NOT_MET,  # Absent
    f"{SNOMED}|131194007": Verdict.NOT_MET,  # Non-reactive
    f"{LOINC}|LA6576-8": Verdict.MET,  # Positive
    f"{LOINC}|LA11882-0": Verdict.MET,  # Detected
    f"{LOINC}|LA9633-4": Verdict.MET,  # Present
    f"{LOINC}|LA6577-6": Verdict.NOT_MET,  # Negative
    f"{LOINC}|LA11883-8": Verdict.NOT_MET,  # Not detected
    f"{LOINC}|LA9634-2": Verdict.NOT_MET,  # Absent
}


def word_set(text: str) -> frozenset[str]:
    """The words of a text, each once."""
    return frozenset(text.split())


_FOUND = word_set(
    """detected detectable detectado detectada detectados detectadas detecta detectan reactive reactivo reactiva
    present presente presentes"""
)
"""Words of finding something: *not* before them makes them negative."""
_POSITIVE = word_set("""positive positivo positiva positivos positivas pos seropositive seropositivo seropositiva""")
_NEGATIVE = word_set(
    """negative negativo negativa negativos negativas neg seronegative seronegativo seronegativa undetected
    undetectable indetectable indetectables nonreactive absent ausente ausentes"""
)
_NEGATORS = word_set("no not non none sin without")
_DOUBT = word_set(
    """weak weakly borderline equivocal indeterminate inconclusive conclusive doubtful questionable grey gray trace low
    faint slight slightly intermediate possible possibly probable probably suspected presumptive false pending invalid
    insufficient unable unclear unknown repeat limit below under control previous previously prior history
    debil debiles debilmente limite limitrofe dudoso dudosa indeterminado indeterminada equivoco equivoca inconcluso
    inconclusa concluyente bajo baja leve levemente ligero ligeramente intermedio intermedia posible posiblemente
    probablemente sospecha presunto presuntivo falso falsa pendiente invalido invalida insuficiente repetir desconocido
    previo previa previamente antecedente"""
)
_SIGNS = dict.fromkeys(("+", "++", "+++", "++++", "2+", "3+", "4+"), Verdict.MET) | {"-": Verdict.NOT_MET}
_DOUBTFUL_SIGN = re.compile(r"\?|±|\+/-|-/\+|\(\+\)")
_REACH = 4
"""How many words before a finding its negation may stand: *no anti-MDA5 antibodies detected*."""


def positivity(result: Result) -> Verdict:
    """Met: positive; not met: negative; unknown: the result tells nothing.

    The interpretation decides first (undecided ones included), then the coded or written value, then the number or
    titre against the result's own upper limit.
    """
    if result.interpretation:
        return _by_interpretation(result)
    said = tuple(_said(result))
    return unanimous(said) if said else _by_number(result)


def _by_interpretation(result: Result) -> Verdict:
    verdicts = {_flag(code.strip()) for code in result.interpretation if code.strip().upper() not in _TREND_FLAGS}
    return unanimous(verdicts)


def _flag(code: str) -> Verdict:
    if code.upper() in _POSITIVE_FLAGS:
        return Verdict.MET
    if code.upper() in _NEGATIVE_FLAGS:
        return Verdict.NOT_MET
    # A laboratory that flags in words ("Positive") is read; any other code is undecided.
    return in_words(code) or Verdict.UNKNOWN


def _said(result: Result) -> Iterator[Verdict]:
    if result.flag is not None:
        yield Verdict.of(result.flag)
    yield from (_ANSWERS[answer] for answer in result.answers if answer in _ANSWERS)
    yield from (verdict for verdict in map(in_words, result.words) if verdict is not None)


def in_words(text: str) -> Verdict | None:
    """What a written result says; unknown when it doubts or contradicts itself, None when it says nothing of this."""
    letters = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter)).strip()
    if plain in _SIGNS:
        return _SIGNS[plain]
    tokens = re.findall(r"[a-z0-9]+", plain)
    if _DOUBT & set(tokens) or _DOUBTFUL_SIGN.search(plain):
        return Verdict.UNKNOWN
    seen = {verdict for place in range(len(tokens)) if (verdict := _word(tokens, place)) is not None}
    return unanimous(seen) if seen else None


def _word(tokens: list[str], place: int) -> Verdict | None:
    denied = bool(_NEGATORS & set(tokens[max(0, place - _REACH) : place]))
    if tokens[place] in _FOUND:
        return Verdict.NOT_MET if denied else Verdict.MET
    if tokens[place] in _POSITIVE:
        return Verdict.UNKNOWN if denied else Verdict.MET
    if tokens[place] in _NEGATIVE:
        return Verdict.UNKNOWN if denied else Verdict.NOT_MET
    return None


def _by_number(result: Result) -> Verdict:
    number = result.value if result.value is not None else result.titre_steps
    if number is None or result.limits[1] is None:
        return Verdict.UNKNOWN
    if result.comparator is None:
        # exact, for nothing was computed here: the limit "< 20" lies a hair below 20
        return Verdict.of(number > result.limits[1])
    return above(number, result.comparator, result.limits[1])
