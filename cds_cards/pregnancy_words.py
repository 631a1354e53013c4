"""What a written pregnancy status says, in English or Spanish."""

from __future__ import annotations

import re
from typing import Literal

from cds_cards import presence
from cds_cards.criteria import Verdict
from cds_cards.presence import word_set

Says = Literal["yes", "no", "possible"]

_NOUNS = word_set("pregnancy embarazo")
_NAMES = _NOUNS | word_set("pregnant embarazada gestante gravid")
_NEGATORS = word_set("no not non without sin")
_NEGATIVE = _NEGATORS | word_set("none negative neg negativo negativa absent ausente")
_PLAIN = word_set(
    """a at currently is now patient present presently she the this time today actualmente ahora está esta hoy la
    paciente"""
)
"""What may stand in a plain denial; beside any other word a negation may belong to that: *not sure if pregnant*."""
_DOUBT = word_set(
    """cannot could denied denies exclude excluded history if may maybe might past pending planned planning possible
    possibly previous prior probable probably rule ruled suspected trying unknown unsure whether yet antecedente
    antecedentes descarta descartado descartar niega pendiente posible posiblemente previa previo probablemente quizas
    quizás si sospecha"""
)


def in_words(text: str) -> Says | None:
    """A *no* is a plain denial only; what else is denied or doubted is possible. None: it says nothing of this."""
    tokens = re.findall(r"[^\W\d_]+", text.lower())
    named = next((place for place, token in enumerate(tokens) if token in _NAMES), None)
    if named is None:
        verdict = presence.in_words(text)
        return None if verdict is None else as_says(verdict) or "possible"
    if _DOUBT & {*tokens}:
        return "possible"
    before, after = tokens[:named], tokens[named + 1 :]
    if _plain_denial([*before, *after]):
        return "no"
    # "pregnant, no complication" is a yes
    denied = _NEGATORS & {*before} or (tokens[named] in _NOUNS and _NEGATIVE & {*after})
    return "possible" if denied else "yes"


def _plain_denial(others: list[str]) -> bool:
    """Whether the words beside that of pregnancy are one negation and nothing that it may belong to."""
    negations = [token for token in others if token in _NEGATIVE]
    return len(negations) == 1 and {*others} <= _PLAIN | _NEGATIVE


def as_says(verdict: Verdict) -> Says | None:
    """A verdict in these words; None for one that is open."""
    if verdict is Verdict.UNKNOWN:
        return None
    return "yes" if verdict is Verdict.MET else "no"
