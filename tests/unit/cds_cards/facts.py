"""Facts with a source of their own each, for tables that need many alike; over the builders all unit tests share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any

from cds_cards.record import Answer, Diagnosis, Key, PatientRecord, Procedure, Result, ServiceOrder, Unread
from cds_cards.timeline import When, instant
from tests.unit import build
from tests.unit.build import AS_OF, Fact, at

__all__ = ["AS_OF", "ago", "at", "condition", "ild", "procedure", "record", "result", "service", "unread"]

_ids = count(1)


def ago(days: float = 0, **rest: float) -> When:
    """The instant so long before AS_OF."""
    return instant(AS_OF - timedelta(days=days, **rest))


def result(concept: str, value: float | None = None, when: When | None = None, **rest: Any) -> Result:
    """A final result of yesterday in the canonical unit, arterial where that matters."""
    rest.setdefault("recorded", "as written") if value is None else None
    return build.res(concept, value, when or ago(1), id=rest.pop("id", _new()), **rest)


def condition(*concepts: str, began: When | None = None, **rest: Any) -> Diagnosis:
    """A condition; active and confirmed unless told otherwise, `began` is its onset."""
    rest.setdefault("verification", "confirmed")
    return build.dx(*concepts, onset=began, id=rest.pop("id", _new()), **rest)


def ild(began: When | None, **rest: Any) -> Diagnosis:
    """An interstitial lung disease."""
    return condition("ild", began=began, **rest)


def procedure(concept: str, status: str, start: When | None = None, end: When | None = None) -> Procedure:
    """A procedure."""
    return build.proc(concept, status=status, start=start, end=end, id=_new())


def service(concept: str, status: str = "active", when: When | None = None, **rest: Any) -> ServiceOrder:
    """A service order."""
    return build.svc(concept, status=status, when=when, id=_new(), **rest)


def unread(key: Key, *concepts: str, when: When | None = None) -> Unread:
    """A resource that could not be read; without concepts it may have told anything."""
    return build.unread(key, *concepts, when=when, id=_new())


def record(
    *facts: Fact,
    born: str | None = "1970-05-05",
    deceased: bool | None = False,
    answers: Mapping[Key, Answer] | None = None,
) -> PatientRecord:
    """A record of these facts; every search answered in full unless `answers` says otherwise."""
    return build.rec(*facts, who=build.person(born=born, deceased=deceased), **(answers or {}))


def _new() -> str:
    return f"n{next(_ids)}"
