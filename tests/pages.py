"""The documentation as Markdown reads it: its tables, headings, links, code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
_MARKDOWN = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text as typed, and what stands in it as code."""

    text: str
    code: tuple[str, ...]


def paths() -> tuple[Path, ...]:
    """Every page that people read: those of docs/ and those at the root."""
    return (*sorted(DOCS.glob("*.md")), *sorted(ROOT.glob("*.md")))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tokens(path: Path) -> tuple[Token, ...]:
    return tuple(_MARKDOWN.parse(path.read_text(encoding="utf-8")))


def table(page: str, heading: str, nth: int = 0) -> list[list[Cell]]:
    """The rows, without the heading's, of the `nth` table below a heading of a page of docs/."""
    return list(_tables(_section(tokens(DOCS / page), heading)))[nth]


def first_column(page: str, heading: str, nth: int = 0) -> list[str]:
    """The code of the first column; fails on a row that names nothing, or two things."""
    return [code for row in table(page, heading, nth) for (code,) in [row[0].code]]


def slugs(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    found: dict[str, int] = {}
    for heading in _headings(tokens(path)):
        text = "".join(child.content for child in heading.children or [] if child.type in ("text", "code_inline"))
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return {slug if not again else f"{slug}-{again}" for slug, most in found.items() for again in range(most + 1)}


def links(path: Path) -> Iterator[str]:
    """Where the links of a page lead, as typed."""
    for token in _inline(tokens(path)):
        if token.type == "link_open":
            yield str(token.attrs["href"])


def spans(path: Path) -> list[str]:
    """What stands as code in the running text of a page."""
    return [token.content for token in _inline(tokens(path)) if token.type == "code_inline"]


def fences(path: Path, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return [token.content for token in tokens(path) if token.type == "fence" and token.info == language]


def commands(path: Path) -> Iterator[str]:
    """What a page has the reader type: the lines after `$ `, and code in the text that begins with a command."""
    for block in fences(path, "console"):
        yield from (line[2:] for line in block.splitlines() if line.startswith("$ "))
    yield from (span for span in spans(path) if re.match(r"(\S*/)?(mda5-cds|make) ", span))


def _inline(of_page: tuple[Token, ...]) -> Iterator[Token]:
    for token in of_page:
        yield from token.children or []


def _headings(of_page: tuple[Token, ...]) -> Iterator[Token]:
    return (inline for opened, inline in pairwise(of_page) if opened.type == "heading_open")


def _section(of_page: tuple[Token, ...], heading: str) -> list[Token]:
    """From a heading to the next one of its level or above."""
    place = next(
        number
        for number, token in enumerate(of_page)
        if token.type == "heading_open" and of_page[number + 1].content == heading
    )
    level = of_page[place].tag
    ends = (
        number
        for number, token in enumerate(of_page)
        if number > place and token.type == "heading_open" and token.tag <= level
    )
    return list(of_page[place : next(ends, len(of_page))])


def _tables(section: list[Token]) -> Iterator[list[list[Cell]]]:
    rows: list[list[Cell]] = []
    for opened, inline in pairwise(section):
        if opened.type == "table_open":
            rows = []
        elif opened.type == "tr_open":
            rows.append([])
        elif opened.type == "td_open":
            code = tuple(child.content for child in inline.children or [] if child.type == "code_inline")
            rows[-1].append(Cell(inline.content, code))
        elif opened.type == "table_close":
            yield rows[1:]
    if section and section[-1].type == "table_close":
        yield rows[1:]
