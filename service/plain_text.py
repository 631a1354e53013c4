"""Text for a terminal: wrapped, without control characters, Markdown made plain."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

WIDTH = 96
# what could move the cursor, colour the screen or turn the direction of writing
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def wrap(text: str, first: str = "", later: str | None = None) -> list[str]:
    """Lines of at most `WIDTH` characters, the first indented by `first`, the others by `later` (None: the same)."""
    clean = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
    rest = first if later is None else later
    return textwrap.wrap(clean, WIDTH, initial_indent=first, subsequent_indent=rest) or [""]


def markdown_lines(text: str) -> Iterator[str]:
    """GitHub-Flavored Markdown as plain lines: emphasis and escapes dropped, lists and table rows kept."""
    for line in text.splitlines():
        if re.fullmatch(r"[|:\- ]*-[|:\- ]*", line):
            continue
        plain = re.sub(r"^#+ ", "", line.strip().strip("|").strip())
        plain = re.sub(r"\[([^\]]+)\]\(([^)]+)\)", r"\1 (\2)", plain)
        plain = re.sub(r"(?<!\\)(\*\*|__|`)", "", plain)
        plain = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", plain)
        depth = "   " + " " * (len(line) - len(line.lstrip()))
        yield from wrap(plain, depth, depth + ("  " if re.match(r"[-*+] ", plain) else ""))
