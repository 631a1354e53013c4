"""The entries under one key: the right type, once each, the patient's own; then read, or named as unread."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cds_cards.record import Key, SetAside, Unread
from cds_cards.timeline import When
from service.fhir.gather import Entry
from service.fhir.read.context import Context, Fact
from service.fhir.read.dates import moment, when
from service.fhir.read.models import is_fhir_type
from service.fhir.read.references import source_of
from service.fhir.read.shapes import Raw
from service.fhir.read.unreadable import Unreadable

_BOOKKEEPING = frozenset({"meta", "text"})
_DATES = (
    *("effectiveDateTime", "effectiveInstant", "authoredOn", "performedDateTime", "recordedDate", "onsetDateTime"),
    *("occurrenceDateTime", "issued"),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """How one resource type is read.

    `named` is the cheap look first: the concepts or agents it may speak of, empty when that cannot be told, None when
    none is ours and it need not be read. `read` yields its facts, or raises Unreadable. `refers`: it may name its drug
    by reference; only then is it read beside the Medications that came. `read_alike`: the facts of one that is the
    patient's when the like of it was read before, else None; the same facts, sooner.
    """

    resource_type: str
    named: Callable[[Raw, Context], frozenset[str] | None]
    read: Callable[[Raw, str, Context], Iterator[Fact]]
    subject: str = "subject"
    refers: bool = False
    read_alike: Callable[[Raw, str, Context], Sequence[Fact] | None] | None = None


def read_entries(key: Key, kind: Kind, entries: Sequence[Entry], context: Context) -> list[Fact]:
    """The facts under one key."""
    facts: list[Fact] = []
    ours: list[tuple[Raw, str | None]] = []
    for entry in entries:
        resource = entry.resource
        if isinstance(resource, dict) and resource.get("resourceType") == kind.resource_type:
            ours.append((resource, entry.full_url))
        elif (misplaced := _misplaced(key, kind, entry)) is not None:
            facts.append(misplaced)
    for source, versions in _by_source(ours):
        newest = versions[0] if len(versions) == 1 else _newest(versions, context)
        facts += (
            _read(key, kind, newest, source, context) if newest else _undecided(key, kind, versions, source, context)
        )
    return facts


def _misplaced(key: Key, kind: Kind, entry: Entry) -> Fact | None:
    """What is not of the type asked for: nothing at all, another resource, or (None) one that was brought along."""
    resource = entry.resource
    if not isinstance(resource, dict) or not is_fhir_type(resource.get("resourceType")):
        return Unread(key, entry.full_url or f"an entry of {key}", "it is no FHIR resource")
    if resource["resourceType"] == "Medication" or entry.included:
        return None
    return SetAside(source_of(resource, entry.full_url), f"it is no {kind.resource_type}")


def _by_source(resources: Sequence[tuple[Raw, str | None]]) -> list[tuple[str, list[Raw]]]:
    """Resources, each with its fullUrl, by `Type/id`: the versions of one together, each content once.

    Those without an id stand alone.
    """
    identified: dict[str, list[Raw]] = {}
    anonymous: list[Raw] = []
    for resource, full_url in resources:
        if full_url is None and not resource.get("id"):
            anonymous.append(resource)
        else:
            identified.setdefault(source_of(resource, full_url), []).append(resource)
    return [
        *((source, _once(versions)) for source, versions in identified.items()),
        *((source_of(resource, None), [resource]) for resource in _once(anonymous)),
    ]


def _once(resources: list[Raw]) -> list[Raw]:
    """Each content once, bookkeeping apart (of the same content the last updated, by its text)."""
    if len(resources) == 1:
        return resources
    distinct: dict[str, Raw] = {}
    for resource in resources:
        said = {name: value for name, value in resource.items() if name not in _BOOKKEEPING}
        content = json.dumps(said, sort_keys=True, default=str)
        if content not in distinct or _stamp(resource) > _stamp(distinct[content]):
            distinct[content] = resource
    return list(distinct.values())


def _stamp(resource: Raw) -> str:
    meta = resource.get("meta")
    return str(meta.get("lastUpdated")) if isinstance(meta, dict) else ""


def _newest(versions: list[Raw], context: Context) -> Raw | None:
    """The last updated of several versions that differ; None when that cannot be told."""
    dated = [(_updated(version, context), version) for version in versions]
    known = [(date, version) for date, version in dated if date is not None]
    if len(known) < len(dated):
        return None
    latest = max(date for date, _ in known)
    newest = [version for date, version in known if date == latest]
    return newest[0] if len(newest) == 1 else None


def _updated(resource: Raw, context: Context) -> datetime | None:
    meta = resource.get("meta")
    return moment(meta.get("lastUpdated"), context.zone) if isinstance(meta, dict) else None


def _undecided(key: Key, kind: Kind, versions: list[Raw], source: str, context: Context) -> list[Fact]:
    """Two versions that differ, of which neither says that it is the newer."""
    told = [concepts for each in versions if (concepts := kind.named(each, context)) is not None]
    if not told:
        return []
    concepts = frozenset[str]().union(*told) if all(told) else frozenset[str]()
    return [Unread(key, source, "it came in two versions that differ, and neither says that it is the newer", concepts)]


def _read(key: Key, kind: Kind, resource: Raw, source: str, context: Context) -> Sequence[Fact]:
    subject = context.references.subject(resource, kind.subject)
    if subject is not None and subject != context.references.patient:
        return [SetAside(source, f"subject is {subject}")]
    if subject is not None and kind.read_alike is not None:
        facts = kind.read_alike(resource, source, context)
        if facts is not None:
            return facts
    concepts = kind.named(resource, context)
    if concepts is None:
        return (
            []
            if subject
            else [SetAside(source, "it states no subject that can be read, and nothing that is looked at")]
        )
    try:
        if subject is None:
            raise Unreadable("it states no subject that can be read")
        if resource.get("modifierExtension"):
            raise Unreadable("a modifierExtension, which may change its meaning, is not understood")
        facts = list(kind.read(resource, source, context))
        return facts if len(facts) < 2 else list(dict.fromkeys(facts))
    except Unreadable as error:
        return [Unread(key, source, error.why, concepts, error.when or _any_date(resource, context))]


def _any_date(resource: Raw, context: Context) -> When | None:
    """A date of what could not be read, where there is one: what is later than the call makes nothing unknown."""
    dates = (when(resource.get(name), context.zone) for name in _DATES)
    return next((date for date in dates if date is not None), None)
