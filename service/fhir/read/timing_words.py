"""Directions in words: do they tell of a dose every day? Only for orders whose timing is not coded."""

from __future__ import annotations

from collections.abc import Iterable

from service.fhir.read.words import Phrases

_DAILY = (
    *("daily", "every day", "each day", "once a day", "twice a day", "a day", "per day", "qd", "bid", "tid", "qid"),
    *("diario", "diaria", "diariamente", "cada dia", "al dia", "por dia", "every morning", "every night"),
    *("every 24 hours", "every 12 hours", "every 8 hours", "every 6 hours", "q24h", "q12h", "q8h", "q6h"),
    *("cada 24 horas", "cada 12 horas", "cada 8 horas", "cada 24 h", "cada 12 h", "cada 8 h"),
)
_RARER = (
    *("weekly", "week", "weeks", "monthly", "month", "months", "semana", "semanas", "semanal", "mes", "meses"),
    *("mensual", "once only", "single dose", "dosis unica", "every other day", "dias alternos", "alternate days"),
    *("days", "dias", "qod", "one time", "cycle", "ciclo"),
)
_TIMING = Phrases({"daily": _DAILY, "rarer": _RARER})


def daily_in_words(directions: Iterable[str]) -> bool | None:
    """True daily, False rarer; None when the words tell neither, or both ("daily for three days")."""
    found = {name for text in directions for name in _TIMING.named_in(text)}
    return found == {"daily"} if len(found) == 1 else None
