"""GitHub-flavoured Markdown that Sphinx with MyST renders the same."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 118


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, an empty cell shown as a dash. ValueError for a cell that would break it."""
    lines = [tuple(head), ("---",) * len(head), *(tuple(cell or "–" for cell in row) for row in rows)]
    for line in lines:
        if len(line) != len(head) or any("|" in cell or "\n" in cell for cell in line):
            raise ValueError(f"no row of a table of {len(head)} columns: {line}")
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def paragraph(text: str) -> str:
    """Text, wrapped anew."""
    return _wrapped(text, "", "")


def bullets(lines: Iterable[str]) -> str:
    """A list, each item wrapped."""
    return "\n".join(_wrapped(line, "* ", "  ") for line in lines)


def numbered(lines: Iterable[str]) -> str:
    """A numbered list, each item wrapped."""
    return "\n".join(_wrapped(line, f"{place}. ", "   ") for place, line in enumerate(lines, 1))


def quoted(text: str) -> str:
    """Markdown as a quotation."""
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def named(names: Iterable[str]) -> str:
    """Names as code, separated by commas."""
    return ", ".join(f"`{name}`" for name in names)


def either(names: Sequence[str]) -> str:
    """`a, b or c`."""
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else "".join(names)


def joined(*parts: str) -> str:
    """The parts, a blank line between them; empty ones are left out."""
    return "\n\n".join(part for part in parts if part)


def _wrapped(text: str, first: str, later: str) -> str:
    return textwrap.fill(
        " ".join(text.split()),
        WIDTH,
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )
