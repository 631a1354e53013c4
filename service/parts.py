"""What every call needs and no call changes."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from time import monotonic

from cds_cards.guideline import Guideline
from cds_cards.knowledge import KnowledgeError, load_guideline
from service.fhir.access import FhirAccess, fhir_access
from service.fhir.memory import FactsMemory
from service.settings import Settings, SettingsError
from service.variables import PREFIX

Clock = Callable[[], datetime]
PARTS = "mda5-cds.parts"
"""Where the application keeps its parts, among Flask's extensions."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The settings, the checked guideline with the site's policy, the clock (an instant with zone), the way to the
    callers' FHIR servers, and the memory of facts (None: nothing is remembered)."""

    settings: Settings
    guideline: Guideline
    clock: Clock
    fhir: FhirAccess
    facts: FactsMemory | None


def utc_now() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


def load_parts(settings: Settings, clock: Clock = utc_now) -> Parts:
    """Loads and checks the knowledge; SettingsError when the site's policy file cannot be used."""
    guideline = _load_guideline(settings)
    facts = FactsMemory(monotonic) if settings.remember_facts else None
    return Parts(settings, guideline, clock, fhir_access(settings, guideline), facts)


def _load_guideline(settings: Settings) -> Guideline:
    if settings.policy is None:
        return _embedded_guideline()
    try:
        return load_guideline(_read_toml(settings.policy))
    except KnowledgeError as error:
        raise SettingsError((f"{PREFIX}POLICY: {error}",)) from error


@cache
def _embedded_guideline() -> Guideline:
    """The guideline without a site's policy: it never changes, and nobody can change it."""
    return load_guideline(None)


def _read_toml(path: Path) -> Mapping[str, object]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError((f"{PREFIX}POLICY: {path} cannot be read: {error}",)) from error
