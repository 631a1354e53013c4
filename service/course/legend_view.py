"""What the marks mean, which letter stands for which reason, and what the picture does not show."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from service.course.layers import Spec, layer, literal, pixels, words
from service.course.marks import Drawn, Row
from service.course.model import Course
from service.course.theme import LEFT, LINE, PLOT, RIGHT, Palette, width_of
from service.course.words import plain

MOST_KEYS = 8
_WIDTH = 140
_BELOW_AXIS = 30.0
"""Pixels from the top: the dates of the axis above reach down here."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
Drawings = Sequence[tuple[Drawn, Sequence[Row]]]


def keyed(drawings: Drawings) -> tuple[list[list[Row]], list[str]]:
    """Letters beside the hollow marks, panel by panel, and the sentences that they stand for."""
    letters: list[list[Row]] = []
    sentences: list[str] = []
    left_out = 0
    for _, found in drawings:
        mine: list[Row] = []
        for row in reversed([row for row in found if not row["used"]]):
            if len(sentences) == MOST_KEYS:
                left_out += 1
                continue
            letter = _LETTERS[len(sentences)]
            sentences.append(f"{letter}  {plain(str(row['description']), 260)}")
            mine.append({"x": row["x"] + 7, "y": row["y"] - 5, "text": letter})
        letters.append(mine)
    if left_out:
        sentences.append(f"{left_out} more hollow marks are explained in the table of values.")
    return letters, sentences


def legend_view(course: Course, drawings: Drawings, pieces: set[str], keys: Sequence[str], palette: Palette) -> Spec:
    """The legend of what occurs in the picture, then the letters, then the notes."""
    entries = _entries([row for _, found in drawings for row in found], pieces, palette)
    placed = _flowing(entries)
    first = max((row["y"] for row in placed), default=_BELOW_AXIS - LINE) + LINE + 4
    thinned = [text for drawing, _ in drawings if (text := _thinned(drawing))]
    lines = [line for text in (*keys, *thinned, *course.notes) for line in _wrapped(text)]
    texts = [{"x": 4 - LEFT, "y": first + place * LINE, "text": line} for place, line in enumerate(lines)]
    marks = _marks(placed, palette)
    named = [{"x": row["x"] + 12, "y": row["y"], "text": row["text"]} for row in placed]
    height = first + len(lines) * LINE
    sheet = layer(
        "legend-sheet",
        [{}],
        {"type": "rect", "opacity": 0},
        x={"value": -LEFT},
        x2={"value": PLOT + RIGHT},
        y={"value": 0},
        y2={"value": height},
    )
    layers = [sheet, *marks, *words("legend-text", named, palette), *words("notes", texts, palette, fill=palette.muted)]
    return {"name": "legend", "width": PLOT, "height": height, "view": {"stroke": None}, "layer": layers}


def _thinned(drawing: Drawn) -> str:
    if not drawing.thinned:
        return ""
    crowded = f"{drawing.panel.title}: {drawing.thinned:,} values lie close to others and are not drawn"
    return f"{crowded}; of each few days the highest and the lowest are."


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, subsequent_indent="    ") or [""]


def _entries(found: Sequence[Row], pieces: set[str], palette: Palette) -> list[Row]:
    """Only what occurs."""
    counted = [row for row in found if row["used"]]
    shapes = {row["shape"] for row in found}
    wanted: list[tuple[bool, Row]] = [
        (any(r["kind"] == "measured" for r in counted), _entry("measured", "circle", palette.measured)),
        (any(r["kind"] == "derived" for r in counted), _entry("derived from a blood gas", "diamond", palette.derived)),
        (any(r["ring"] for r in counted), _entry("baseline and follow-up of the response", "ring", palette.ink)),
        ("triangle-up" in shapes, _entry("more than (>)", "triangle-up", palette.measured)),
        ("triangle-down" in shapes, _entry("less than (<)", "triangle-down", palette.measured)),
        (len(counted) < len(found), _entry("hollow: does not count", "hollow", palette.muted)),
        (any(not r["exact"] for r in found), _entry("span of a partial date", "span", palette.muted)),
        ("active" in pieces, _entry("therapy running", "square", palette.active)),
        ("past" in pieces, _entry("therapy past", "square", palette.past)),
        ("open" in pieces, _entry("draft, planned or date uncertain", "open", palette.active)),
    ]
    return [entry for occurs, entry in wanted if occurs]


def _entry(text: str, shape: str, colour: str) -> Row:
    return {"text": text, "shape": shape, "color": colour}


def _flowing(entries: Sequence[Row]) -> list[Row]:
    placed: list[Row] = []
    x, y = 10.0 - LEFT, _BELOW_AXIS
    for entry in entries:
        width = width_of(entry["text"]) + 34
        if x + width > PLOT + RIGHT and placed:
            x, y = 10.0 - LEFT, y + LINE
        placed.append({**entry, "x": x, "y": y})
        x += width
    return placed


def _marks(placed: Sequence[Row], palette: Palette) -> list[Spec]:
    filled = [row for row in placed if row["shape"] not in ("ring", "hollow", "open", "span")]
    outlined = [{**row, "shape": _OUTLINES[row["shape"]]} for row in placed if row["shape"] in _OUTLINES]
    places: Spec = {"x": pixels("x"), "y": pixels("y"), "shape": literal("shape")}
    views = []
    if filled:
        mark: Spec = {"type": "point", "filled": True, "size": 62, "opacity": 1}
        views.append(layer("legend-filled", filled, mark, **places, fill=literal("color")))
    if outlined:
        mark = {"type": "point", "size": 80, "opacity": 1, "fill": palette.paper, "strokeWidth": 1.6}
        views.append(layer("legend-outlined", outlined, mark, **places, stroke=literal("color")))
    return views


_OUTLINES = {"ring": "circle", "hollow": "circle", "open": "square", "span": "stroke"}
