"""Prefetch answers → `PatientBundle`: for every key the resources, and whether the search was answered in full."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

from cds_cards.record import Answer, Key
from service.errors import DataUnobtainable
from service.prefetch import KEYS, PATIENT_KEY, REQUIRED_KEYS
from service.wire import PrefetchAnswer

ORDER_HOOKS = frozenset({"order-select", "order-sign"})
_HARMLESS_SEVERITIES = frozenset({"warning", "information"})


class Entry(NamedTuple):
    """One resource as it came (any JSON), with its Bundle entry's fullUrl. `included`: brought along, not matched."""

    resource: object
    full_url: str | None = None
    included: bool = False


@dataclass(frozen=True, slots=True)
class PatientBundle:
    """All that came with a call. `unobtainable` are required keys (other than `patient`) without an answer; `why` not.

    `drafts` are the entries of context.draftOrders, `selections` the newly selected ones (None: all of them).
    """

    patient: Entry
    entries: Mapping[Key, tuple[Entry, ...]]
    answers: Mapping[Key, Answer]
    unobtainable: tuple[str, ...] = ()
    why: str = ""
    drafts: tuple[Entry, ...] = ()
    selections: tuple[str, ...] | None = None


def gather(prefetch: Mapping[str, PrefetchAnswer]) -> PatientBundle:
    """What the prefetch says. DataUnobtainable when there is no Patient: without one, nothing else can be judged.

    Other required keys that are missing are reported by `read_record`, which judges the Patient first.
    """
    given = {key: prefetch.get(key, PrefetchAnswer("missing")) for key in KEYS}
    unobtainable = tuple(key for key in REQUIRED_KEYS if given[key].status in ("missing", "failed"))
    patients, _ = _unpack(given[PATIENT_KEY])
    if not patients:
        keys = tuple(key for key in REQUIRED_KEYS if key == PATIENT_KEY or key in unobtainable)
        raise DataUnobtainable(keys, _why(given, keys))
    unpacked = {cast(Key, key): _unpack(answer) for key, answer in given.items()}
    return PatientBundle(
        patient=_the_patient(patients),
        entries={key: entries for key, (entries, _) in unpacked.items() if key != PATIENT_KEY},
        answers={key: answer for key, (_, answer) in unpacked.items()},
        unobtainable=unobtainable,
        why=_why(given, unobtainable),
    )


def with_drafts(bundle: PatientBundle, hook: str, context: Mapping[str, object]) -> PatientBundle:
    """The bundle with what the context of an order hook drafts; without `selections`, every draft is selected."""
    drafted = context.get("draftOrders") if hook in ORDER_HOOKS else None
    entries: list[Entry] = []
    if isinstance(drafted, dict) and drafted:
        named = isinstance(drafted.get("resourceType"), str) and drafted["resourceType"] != "Bundle"
        entries = [Entry(drafted)] if named else _bundle(drafted)[0]
    selections = context.get("selections") if hook == "order-select" else None
    selected = tuple(map(str, selections)) if isinstance(selections, list) else None
    return replace(bundle, drafts=tuple(entries), selections=selected)


def _why(given: Mapping[str, PrefetchAnswer], keys: tuple[str, ...]) -> str:
    """Why these keys have no answer: one reason for all of them, or each with its own."""
    reasons = {key: given[key].why for key in keys if given[key].why}
    if len(reasons) == len(keys) and len(set(reasons.values())) == 1:
        return reasons[keys[0]]
    return "; ".join(f"{key}: {why}" for key, why in reasons.items())


def _the_patient(entries: tuple[Entry, ...]) -> Entry:
    """A read that was answered with a Bundle holds the Patient and what it refers to."""
    patients = [entry for entry in entries if _type(entry.resource) == "Patient"]
    return (patients or entries)[0]


def _unpack(answer: PrefetchAnswer) -> tuple[tuple[Entry, ...], Answer]:
    if answer.status == "empty":
        return (), "complete"
    if answer.status != "given" or answer.value is None:
        return (), "missing"
    if _is_bundle(answer.value):
        entries, complete = _bundle(answer.value)
        return tuple(entries), "complete" if complete else "partial"
    return (Entry(answer.value),), "complete"


def _is_bundle(value: Mapping[str, object]) -> bool:
    return value.get("resourceType") == "Bundle" or ("resourceType" not in value and "entry" in value)


def _bundle(bundle: Mapping[str, object]) -> tuple[list[Entry], bool]:
    """The resources of a Bundle, and whether they are all that the search found."""
    entries: list[Entry] = []
    complete = not _announces_more(bundle)
    for item in _members(bundle.get("entry")):
        if not isinstance(item, dict):
            entries.append(Entry(item))
            continue
        resource, mode = item.get("resource"), _mode(item)
        kind = _type(resource)
        if resource is None and mode == "outcome":
            continue
        if kind == "OperationOutcome" and isinstance(resource, dict):
            complete = complete and _harmless(resource)
        elif kind in (None, "Bundle") and isinstance(resource, dict) and _is_bundle(resource):
            inner, inner_complete = _bundle(resource)
            entries += inner
            complete = complete and inner_complete
        else:
            full_url = item.get("fullUrl")
            entries.append(Entry(resource, full_url if isinstance(full_url, str) else None, mode == "include"))
    total = bundle.get("total")
    if isinstance(total, int) and not isinstance(total, bool):
        # more found than sent is more than we know
        complete = complete and total <= sum(not entry.included for entry in entries)
    return entries, complete


def _announces_more(bundle: Mapping[str, object]) -> bool:
    return any(isinstance(link, dict) and link.get("relation") == "next" for link in _members(bundle.get("link")))


def _harmless(outcome: Mapping[str, object]) -> bool:
    """Whether an outcome entry only says that nothing was found, or the like; an unreadable one may say anything."""
    issues = _members(outcome.get("issue"))
    return bool(issues) and all(
        isinstance(issue, dict) and str(issue.get("severity")) in _HARMLESS_SEVERITIES for issue in issues
    )


def _mode(entry: Mapping[str, object]) -> object:
    search = entry.get("search")
    return search.get("mode") if isinstance(search, dict) else None


def _members(value: object) -> list[object]:
    """The members of a list that are not empty; an object where a list belongs counts as a list of one."""
    listed = value if isinstance(value, list) else [value]
    return [member for member in listed if member or member not in (None, {}, [], "")]


def _type(resource: object) -> object:
    return resource.get("resourceType") if isinstance(resource, dict) else None
