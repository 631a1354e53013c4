"""What the checker reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Violation:
    """A row of the checklist that does not hold, and where."""

    row: str
    where: str
    what: str


def is_text(value: Any) -> bool:
    """Whether `value` is a string that says something."""
    return isinstance(value, str) and bool(value.strip())


def is_absolute_url(value: Any) -> bool:
    """Whether `value` is an http(s) URL with a host."""
    return isinstance(value, str) and urlsplit(value).scheme in {"http", "https"} and bool(urlsplit(value).hostname)


def check_coding(coding: Any, where: str) -> Iterator[Violation]:
    """W9: a Coding has a code and a system."""
    for part in ("code", "system"):
        if not isinstance(coding, Mapping) or not is_text(coding.get(part)):
            yield Violation("W9", f"{where}.{part}", "is missing")
