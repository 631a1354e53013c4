"""Every number of the site's policy: value, unit, meaning, source, reason, and what a hospital may set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, cast

from cds_cards.guideline import Guideline
from cds_cards.knowledge import read_files
from docs.generate.markdown import bullets, joined, named, table
from docs.generate.words import Words, amount, figure

_HEADING = re.compile(r"^# ── (?P<title>.+) ──$")
_KEY = re.compile(r"^\[(?P<key>\w+)\]$")


def section(guideline: Guideline, words: Words) -> str:
    """The policy by subject, what is no number, and the arithmetic."""
    tables = (
        part
        for title, keys in subjects().items()
        if set(keys) & set(guideline.policy.entries)
        for part in (f"### {title}", _table(keys, guideline, words))
    )
    return joined(
        "## Every number that is ours",
        words.paragraph("numbers"),
        words.paragraph("changing"),
        *tables,
        "### What is no number",
        _not_numbers(guideline, words),
        "### Arithmetic",
        bullets(_formulas(guideline)),
    )


def subjects() -> Mapping[str, tuple[str, ...]]:
    """The keys of `policy.toml` under the headings that its comments give them."""
    found: dict[str, list[str]] = {}
    title = ""
    for line in files("cds_cards.knowledge").joinpath("policy.toml").read_text("utf-8").splitlines():
        if heading := _HEADING.match(line):
            title = heading["title"]
        elif (key := _KEY.match(line)) and title:
            found.setdefault(title, []).append(key["key"])
    return {name: tuple(keys) for name, keys in found.items()}


def _table(keys: tuple[str, ...], guideline: Guideline, words: Words) -> str:
    return table(
        ("meaning", "value", "why, and source", "may be", "name"), (_row(key, guideline, words) for key in keys)
    )


def _row(key: str, guideline: Guideline, words: Words) -> tuple[str, ...]:
    number = guideline.policy.entries[key]
    return (
        words.numbers[key],
        f"**{amount(number.value, number.unit)}**",
        f"{number.why} ({number.source})",
        _span(key, number.unit),
        f"`{key}`",
    )


def _span(key: str, unit: str) -> str:
    least, most = _entry("allowed")[unit]
    if least == 0 and not _entry(key).get("may_be_zero"):
        return f"up to {figure(most)}"
    return f"{figure(least)}–{figure(most)}"


def _entry(key: str) -> Mapping[str, Any]:
    """A table of `policy.toml`, which was checked when it was loaded."""
    return cast(Mapping[str, Any], read_files()["policy"][key])


def _not_numbers(guideline: Guideline, words: Words) -> str:
    policy = guideline.policy
    values = {
        "zone": policy.zone,
        "pregnancy_not_suggested": ", ".join(guideline.agents[name].name for name in policy.pregnancy_not_suggested),
        "local_codes": named(policy.local_codes) or "none",
    }
    return table(
        ("meaning", "value", "why", "name"),
        (
            (words.numbers["not_numbers"][key], value, _entry(key).get("why", ""), f"`{key}`")
            for key, value in values.items()
        ),
    )


def _formulas(guideline: Guideline) -> Iterator[str]:
    policy = guideline.policy
    pressure, vapour = figure(policy.barometric_pressure), figure(policy.water_vapour_pressure)
    quotient = figure(policy.respiratory_quotient)
    yield (
        f"A-aDO₂ = FiO₂ × ({pressure} − {vapour}) − PaCO₂ / {quotient} − PaO₂, in mmHg, from one arterial blood gas. "
        "A value that the laboratory reports of the same gas wins."
    )
    yield "PaO₂/FiO₂ likewise."
    yield "Body surface by Mosteller: the root of height (cm) × weight (kg) / 3,600, in m²."
    yield "Units: the factors under [units that are converted](#units-that-are-converted)."
