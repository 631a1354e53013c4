"""What a check found: one line for the operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`about` names what was looked at, `text` says in plain words how it is, and what to do when it is not well."""

    level: Level
    about: str
    text: str


def ok(about: str, text: str) -> Finding:
    """All is well."""
    return Finding("ok", about, text)


def warning(about: str, text: str) -> Finding:
    """The service runs so; somebody should know."""
    return Finding("warning", about, text)


def wrong(about: str, text: str) -> Finding:
    """The service does not run so, or not as it has to."""
    return Finding("wrong", about, text)
