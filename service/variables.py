"""The `MDA5_CDS_*` variables of the environment, read one by one; problems are collected, not raised."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

PREFIX = "MDA5_CDS_"


@dataclass(slots=True)
class Variables:
    """The variables not read yet, without the prefix, and one sentence for each problem met so far."""

    values: dict[str, str]
    problems: list[str] = field(default_factory=list)

    def text(self, name: str, default: str = "") -> str:
        """The text, trimmed; an empty one counts as not set."""
        return self.values.pop(name, "").strip() or default

    def choice(self, name: str, default: str, *others: str) -> str:
        """One of the given words."""
        text = self.text(name, default)
        if text in {default, *others}:
            return text
        self.problem(name, f"must be {' or '.join((default, *others))}")
        return default

    def flag(self, name: str, default: bool) -> bool:
        """`true` or `false`."""
        text = self.text(name, str(default)).lower()
        if text not in {"true", "false"}:
            self.problem(name, "must be true or false")
        return text == "true"

    def positive(self, name: str, default: int) -> int:
        """A whole number above 0."""
        return self.optional_positive(name) or default

    def optional_positive(self, name: str) -> int | None:
        """A whole number above 0, or None when not set."""
        text = self.text(name)
        if not text:
            return None
        if text.isascii() and text.isdigit() and int(text) > 0:
            return int(text)
        self.problem(name, "must be a whole number above 0")
        return None

    def seconds(self, name: str, default: float) -> float:
        """A time above 0, in seconds."""
        text = self.text(name, str(default))
        try:
            seconds = float(text)
        except ValueError:
            seconds = math.nan
        if math.isfinite(seconds) and seconds > 0:
            return seconds
        self.problem(name, "must be a number of seconds above 0")
        return default

    def file(self, name: str) -> Path | None:
        """A file that is there."""
        text = self.text(name)
        if not text:
            return None
        path = Path(text)
        if not path.is_file():
            self.problem(name, f"there is no file {path}", separator=": ")
        return path

    def words(self, name: str) -> tuple[str, ...]:
        """What stands between commas and blanks, each once, in order."""
        return tuple(dict.fromkeys(self.text(name).replace(",", " ").split()))

    def problem(self, name: str, what: str, separator: str = " ") -> None:
        """Notes that the variable cannot be used."""
        self.problems.append(f"{PREFIX}{name}{separator}{what}")


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine and nobody else; an unknown name is not."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def absolute_url(text: str) -> SplitResult | None:
    """The parts of an absolute http(s) URL without user, query and fragment; None when it is none."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return None
    if not usable or "@" in parts.netloc or parts.query or parts.fragment or not text.isprintable() or " " in text:
        return None
    return parts


def is_protected(parts: SplitResult) -> bool:
    """Whether what is sent there cannot be read on the way: https, or a server on this machine."""
    return parts.scheme == "https" or is_loopback(parts.hostname or "")
