"""The configuration: `MDA5_CDS_*` variables, checked once at start, all problems named together."""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

from cds_cards.card import Topic

PREFIX = "MDA5_CDS_"
DEFAULT_CANONICAL = "https://mda5-cds.example.org"
DEFAULT_MAX_BODY_BYTES = 16 * 1024 * 1024
DEFAULT_MAX_NESTING = 64

CARD_TOPICS: frozenset[str] = frozenset(get_args(Topic))
# read by the test suite, not by the service: allowed to stand in the environment
_NOT_OURS = frozenset({"TEST_ALL"})


class SettingsError(Exception):
    """The configuration cannot be used. `problems` has one sentence each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may set. Sizes in bytes, nesting in levels of JSON; `canonical` without a trailing slash."""

    canonical: str = DEFAULT_CANONICAL
    policy: Path | None = None
    topics_off: frozenset[str] = frozenset()
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    max_nesting: int = DEFAULT_MAX_NESTING
    response_extension: bool = True
    allow_as_of: bool = False
    insecure: bool = False
    log_level: str = "INFO"


@dataclass(slots=True)
class _Variables:
    """The `MDA5_CDS_*` variables not read yet, without the prefix, and the problems met so far."""

    values: dict[str, str]
    problems: list[str] = field(default_factory=list)

    def text(self, name: str, default: str) -> str:
        return self.values.pop(name, "").strip() or default

    def flag(self, name: str, default: bool) -> bool:
        text = self.text(name, str(default)).lower()
        if text not in {"true", "false"}:
            self.problems.append(f"{PREFIX}{name} must be true or false")
        return text == "true"

    def positive(self, name: str, default: int) -> int:
        text = self.text(name, str(default))
        if text.isascii() and text.isdigit() and int(text) > 0:
            return int(text)
        self.problems.append(f"{PREFIX}{name} must be a whole number above 0")
        return default


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings that `environment` makes; SettingsError with every problem found."""
    given = {key.removeprefix(PREFIX): value for key, value in environment.items() if key.startswith(PREFIX)}
    variables = _Variables({name: value for name, value in given.items() if name not in _NOT_OURS})
    _check_auth(variables)
    settings = Settings(
        canonical=_canonical(variables),
        policy=_policy(variables),
        topics_off=_topics_off(variables),
        max_body_bytes=variables.positive("MAX_BODY_BYTES", DEFAULT_MAX_BODY_BYTES),
        max_nesting=variables.positive("MAX_NESTING", DEFAULT_MAX_NESTING),
        response_extension=variables.flag("RESPONSE_EXTENSION", True),
        allow_as_of=variables.flag("ALLOW_AS_OF", False),
        insecure=variables.flag("INSECURE", False),
        log_level=_log_level(variables),
    )
    unknown = sorted(variables.values)
    variables.problems += [f"{PREFIX}{name} is not a setting of this version" for name in unknown]
    if variables.problems:
        raise SettingsError(tuple(variables.problems))
    return settings


def check_listening(settings: Settings, host: str) -> None:
    """Refuses to listen beyond this machine while callers are not identified; SettingsError says what to do."""
    if settings.insecure or is_loopback(host):
        return
    raise SettingsError(
        (
            f"refusing to listen on {host}: callers are not identified ({PREFIX}AUTH=off), so only loopback is "
            f"allowed; set {PREFIX}INSECURE=true only where something in front of the service keeps strangers out",
        )
    )


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine and nobody else; an unknown name is not."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _check_auth(variables: _Variables) -> None:
    auth = variables.text("AUTH", "off")
    if auth == "jwt":
        variables.problems.append(f"{PREFIX}AUTH=jwt is not available in this version; it knows only off")
    elif auth != "off":
        variables.problems.append(f"{PREFIX}AUTH must be off")


def _canonical(variables: _Variables) -> str:
    text = variables.text("CANONICAL", DEFAULT_CANONICAL).rstrip("/")
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        variables.problems.append(f"{PREFIX}CANONICAL must be an absolute http(s) URL")
    return text


def _policy(variables: _Variables) -> Path | None:
    text = variables.text("POLICY", "")
    if not text:
        return None
    path = Path(text)
    if not path.is_file():
        variables.problems.append(f"{PREFIX}POLICY: there is no file {path}")
    return path


def _topics_off(variables: _Variables) -> frozenset[str]:
    listed = {topic.strip() for topic in variables.text("TOPICS_OFF", "").split(",")} - {""}
    for topic in sorted(listed - CARD_TOPICS):
        variables.problems.append(
            f"{PREFIX}TOPICS_OFF: there is no topic {topic}; topics: {', '.join(sorted(CARD_TOPICS))}"
        )
    return frozenset(listed)


def _log_level(variables: _Variables) -> str:
    level = variables.text("LOG_LEVEL", "INFO").upper()
    if level not in logging.getLevelNamesMapping():
        variables.problems.append(f"{PREFIX}LOG_LEVEL must be DEBUG, INFO, WARNING, ERROR or CRITICAL")
    return level
