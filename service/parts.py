"""What every call needs and no call changes."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cds_cards.guideline import Guideline
from cds_cards.knowledge import KnowledgeError, load_guideline
from service.settings import PREFIX, Settings, SettingsError

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Parts:
    """The settings, the checked guideline with the site's policy, and the clock (an instant with zone)."""

    settings: Settings
    guideline: Guideline
    clock: Clock


def utc_now() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


def load_parts(settings: Settings, clock: Clock = utc_now) -> Parts:
    """Loads and checks the knowledge; SettingsError when the site's policy file cannot be used."""
    return Parts(settings, _load_guideline(settings), clock)


def _load_guideline(settings: Settings) -> Guideline:
    if settings.policy is None:
        return load_guideline(None)
    try:
        return load_guideline(_read_toml(settings.policy))
    except KnowledgeError as error:
        raise SettingsError((f"{PREFIX}POLICY: {error}",)) from error


def _read_toml(path: Path) -> Mapping[str, object]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError((f"{PREFIX}POLICY: {path} cannot be read: {error}",)) from error
