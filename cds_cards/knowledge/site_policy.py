"""`policy.toml` with a hospital's own file over it → `Policy`. An unknown key or an impossible value is a fault."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from zoneinfo import ZoneInfo

from cds_cards.coding import Code
from cds_cards.knowledge.fields import Fields, Table
from cds_cards.policy import Number, Policy

_TEXTS = ("zone", "pregnancy_not_suggested", "local_codes")
_WHOLE = frozenset(each.name for each in fields(Policy) if each.type == "int")
_NUMBERS = tuple(each.name for each in fields(Policy) if each.type in ("int", "float"))
_SITE = "site policy, this hospital's file"

# Pairs that make no sense the other way round: (the lower, the higher).
_ORDER = (
    ("adult_age", "transplant_age_max"),
    ("assess_from_day", "assess_until_day"),
    ("follow_up_from_day", "assess_until_day"),
    ("baseline_after_days", "baseline_late_days"),
    ("life_threatening_pf", "hypoxaemia_pf"),
    ("level_first_day", "level_early_until_day"),
    ("tacrolimus_level_low", "tacrolimus_level_high"),
    ("cyclosporine_peak_low", "cyclosporine_peak_high"),
    ("childbearing_age_min", "childbearing_age_max"),
    ("water_vapour_pressure", "barometric_pressure"),
)


@dataclass(frozen=True, slots=True)
class _Allowed:
    """What a unit can hold at all, and the keys for which zero makes sense."""

    by_unit: Mapping[str, tuple[float, float]]


def policy(ours: Table, site: Table, concepts: tuple[str, ...], faults: list[str]) -> Policy:
    """Our policy with the site's over it; `concepts` are the observations that local codes may name."""
    allowed = _allowed(ours.get("allowed"), faults)
    for key in ours:
        if key not in (*_NUMBERS, *_TEXTS, "allowed"):
            faults.append(f"policy.{key}: nothing reads this key")
    _unknown(site, faults)
    entries = {key: _entry(key, ours, site, allowed, faults) for key in _NUMBERS}
    values: dict[str, Any] = {key: number.value for key, number in entries.items()}
    _ordered(values, faults)
    return Policy(
        **values,
        zone=_zone(ours, site, faults),
        pregnancy_not_suggested=_names(ours, site, faults),
        local_codes=_local_codes(ours, site, concepts, faults),
        entries=entries,
    )


def _allowed(table: object, faults: list[str]) -> _Allowed:
    found: dict[str, tuple[float, float]] = {}
    for unit, span in Fields(table, "policy.allowed", faults).table.items():
        if isinstance(span, list) and len(span) == 2 and all(isinstance(end, int | float) for end in span):
            found[unit] = (span[0], span[1])
        else:
            faults.append(f"policy.allowed: {unit} must be [least, most]")
    return _Allowed(found)


def _unknown(site: Table, faults: list[str]) -> None:
    known = (*_NUMBERS, *_TEXTS)
    for key in site:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            faults.append(f"site policy: {key} is no policy of ours" + (f"; did you mean {near[0]}?" if near else ""))


def _entry(key: str, ours: Table, site: Table, allowed: _Allowed, faults: list[str]) -> Number:
    row = Fields(ours.get(key), f"policy.{key}", faults)
    zero = row.flag("may_be_zero")
    number = Number(_plain(row.number("value", zero=zero)), row.text("unit"), row.text("source"), row.text("why"))
    row.done()
    _possible(f"policy.{key}", key, number, allowed, faults)
    if key not in site:
        return number
    stated = site[key]
    if not isinstance(stated, Mapping):
        stated = {"value": stated}
    own = Fields(stated, f"site policy: {key}", faults)
    if own.text("unit", number.unit) != number.unit:
        own.fault(f"unit must be {number.unit}")
    moved = Number(
        _plain(own.number("value", zero=zero)), number.unit, own.text("source", _SITE), own.text("why", number.why)
    )
    own.done()
    _possible(f"site policy: {key}", key, moved, allowed, faults)
    return moved


def _plain(value: float) -> float:
    """7.0 as 7, so that days stay whole numbers and sentences read well."""
    return int(value) if math.isfinite(value) and value == int(value) else value


def _possible(place: str, key: str, number: Number, allowed: _Allowed, faults: list[str]) -> None:
    span = allowed.by_unit.get(number.unit)
    if span is None:
        faults.append(f"{place}: nothing says what {number.unit or 'a number without unit'} can hold")
    elif math.isfinite(number.value) and not span[0] <= number.value <= span[1]:
        faults.append(f"{place} = {number.value:g} {number.unit} lies outside {span[0]:g} to {span[1]:g}")
    if key in _WHOLE and math.isfinite(number.value) and number.value != int(number.value):
        faults.append(f"{place} = {number.value:g} must be a whole number")


def _ordered(values: Mapping[str, float], faults: list[str]) -> None:
    for low, high in _ORDER:
        if values[low] >= values[high]:
            faults.append(f"policy: {low} = {values[low]:g} must be below {high} = {values[high]:g}")


def _stated(key: str, ours: Table, site: Table, faults: list[str]) -> Fields:
    """Our row, or the site's: `key = value` or `[key]` with a value."""
    if key not in site:
        row = Fields(ours.get(key), f"policy.{key}", faults)
        row.text("source")
        row.text("why")
        return row
    stated = site[key]
    row = Fields(stated if isinstance(stated, Mapping) else {"value": stated}, f"site policy: {key}", faults)
    row.text("why", "")
    row.get("value")
    row.done()
    return row


def _zone(ours: Table, site: Table, faults: list[str]) -> str:
    row = _stated("zone", ours, site, faults)
    name = row.text("value")
    if name:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            row.fault(f"{name!r} is no time zone (an IANA name such as Europe/Madrid)")
    return name


def _names(ours: Table, site: Table, faults: list[str]) -> tuple[str, ...]:
    row = _stated("pregnancy_not_suggested", ours, site, faults)
    if row.get("value") is None:
        row.fault("value is missing")
    return row.texts("value")


def _local_codes(
    ours: Table, site: Table, concepts: tuple[str, ...], faults: list[str]
) -> Mapping[str, tuple[Code, ...]]:
    found: dict[str, tuple[Code, ...]] = {}
    place = "site policy: local_codes" if "local_codes" in site else "policy.local_codes"
    table = Fields(site.get("local_codes", ours.get("local_codes")), place, faults)
    for concept in table.table:
        if concept not in concepts:
            near = difflib.get_close_matches(concept, concepts, n=1)
            table.fault(f"{concept} is no result that the rules read" + (f"; did you mean {near[0]}?" if near else ""))
        found[concept] = tuple(_local_code(row) for row in table.tables(concept))
    return found


def _local_code(row: Fields) -> Code:
    read = Code(row.text("system"), row.text("code"), row.text("display", ""), row.text("variant", ""))
    row.done()
    return read
