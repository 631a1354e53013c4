"""What was read lately of the very same content is not read again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import orjson

from service.fhir.gather import Entry
from service.fhir.memory import ClientMemory
from service.fhir.read.context import Context

_AS_DECODED = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
_FoundT = TypeVar("_FoundT")


def recalled_or_read(
    memory: ClientMemory | None,
    key: str,
    entries: Sequence[Entry],
    context: Context,
    read: Callable[[], tuple[_FoundT, ...]],
) -> tuple[_FoundT, ...]:
    """What `read` makes of the entries under `key` in this context, or made of the same ones before."""
    if memory is None or not entries:
        return read()
    said = _all_that_is_read(memory.client, key, entries, context)
    if said is None:
        return read()
    name, basis = memory.facts.digest(said), (context.guideline, context.vocabulary)
    known = memory.facts.recall(name, basis)
    if known is not None:
        return cast(tuple[_FoundT, ...], known)
    found = read()
    memory.facts.keep(name, basis, found, len(said))
    return found


def _all_that_is_read(client: str, key: str, entries: Sequence[Entry], context: Context) -> bytes | None:
    """Everything that reading depends on, as JSON that can be read in one way only; None for what JSON cannot say.

    Guideline and vocabulary are compared by identity instead: they are frozen, and a service has one of each.
    """
    known, born = context.references, context.born
    everything = (
        client,
        key,
        known.patient,
        sorted(known.patient_urls),
        sorted(known.other_urls.items()),
        tuple(known.medications.items()),
        str(context.zone),
        (born.start.isoformat(), born.end.isoformat(), born.text) if born is not None else None,
        [(entry.resource, entry.full_url, entry.included) for entry in entries],
    )
    try:
        return orjson.dumps(everything, option=_AS_DECODED)
    except TypeError:
        return None
