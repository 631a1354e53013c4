"""The days that the rules count from: named above the panels, and a line through each."""

from __future__ import annotations

from collections.abc import Sequence

from service.course.layers import Spec, layer, literal, pixels, words
from service.course.marks import Row
from service.course.model import Course, Moment
from service.course.scales import ONE_DAY, TimeScale
from service.course.theme import LEFT, LINE, PLOT, RIGHT, Palette, width_of
from service.course.words import day

_GAP = 10
_DASHES = {"combination": [1, 0], "last-step": [8, 3], "assess-from": [2, 3], "now": [1, 0]}


def moment_rows(course: Course, time: TimeScale) -> list[Row]:
    """The moments within the window, with their place in pixels."""
    return [_row(moment, course, time) for moment in course.moments if course.window.holds(moment.when)]


def _row(moment: Moment, course: Course, time: TimeScale) -> Row:
    exact = moment.when.end - moment.when.start <= ONE_DAY
    text = f"{moment.label} {day(moment.when, course.zone)}"
    return {
        "x": round(time.pixel(moment.when.start), 2),
        "to": round(time.pixel(moment.when.start if exact else moment.when.end), 2),
        "dash": _DASHES[moment.id],
        "wide": 1.8 if moment.id == "now" else 1.3,
        "text": text,
        "description": text,
    }


def moment_lines(name: str, rows: Sequence[Row], height: float, palette: Palette) -> list[Spec]:
    """A line for each, and a band where its date leaves it open."""
    bands = [row for row in rows if row["to"] != row["x"]]
    views = []
    if bands:
        band: Spec = {"type": "rect", "fill": palette.muted, "opacity": 0.18}
        span = {"x": pixels("x"), "x2": {"field": "to"}, "y": {"value": 0}, "y2": {"value": height}}
        views.append(layer(f"{name}-moment-band", bands, band, **span))
    mark: Spec = {"type": "rule", "stroke": palette.ink, "opacity": 0.75}
    drawn = {"strokeDash": literal("dash"), "strokeWidth": literal("wide")}
    places = {"x": pixels("x"), "y": {"value": 0}, "y2": {"value": height}}
    return [*views, layer(f"{name}-moment", rows, mark, **places, **drawn)]


def moments_view(course: Course, rows: Sequence[Row], palette: Palette) -> Spec:
    """The names of the moments, in as many lines as they need, and the day of the picture at the left."""
    placed = _stacked(rows)
    lines = max((row["line"] for row in placed), default=0) + 1
    height = lines * LINE + 6
    texts = [{**row, "y": height - 13 - row["line"] * LINE} for row in placed]
    title = [{"x": 4 - LEFT, "y": height - 13, "text": "Course of the disease"}]
    # a mark without colour as wide as the picture: texts in the margins never change its width
    sheet = layer(
        "sheet",
        [{}],
        {"type": "rect", "opacity": 0},
        x={"value": -LEFT},
        x2={"value": PLOT + RIGHT},
        y={"value": 0},
        y2={"value": height},
    )
    ticks = layer(
        "moments-tick",
        [{**row, "y": height - 3} for row in placed],
        {"type": "rule", "stroke": palette.ink},
        x=pixels("at"),
        y=pixels("y"),
        y2={"value": height},
    )
    named = layer(
        "moments-named",
        [{**row, "y": height - 2} for row in placed],
        {
            "type": "point",
            "shape": "triangle-down",
            "filled": True,
            "size": 34,
            "opacity": 1,
            "fill": palette.ink,
            "ariaRoleDescription": "moment",
        },
        x=pixels("at"),
        y=pixels("y"),
        description=literal("description"),
    )
    layers = [
        sheet,
        *words("sheet-title", title, palette, fontWeight="bold"),
        ticks,
        named,
        *words("moments-text", texts, palette),
    ]
    return {"name": "moments", "width": PLOT, "height": height, "view": {"stroke": None}, "layer": layers}


def _stacked(rows: Sequence[Row]) -> list[Row]:
    """Each text over its moment, on the lowest line where it is free; `at` keeps the place of the moment."""
    ends: list[float] = []
    placed: list[Row] = []
    for row in sorted(rows, key=lambda row: row["x"]):
        at, width = row["x"], width_of(row["text"])
        # a text does not cover the mark of the moment before it
        clear = placed[-1]["at"] + _GAP if placed and placed[-1]["at"] + _GAP <= at else 0.0
        left = min(max(at - width / 2, clear), PLOT + RIGHT - width - 4)
        line = next((place for place, end in enumerate(ends) if end + _GAP <= left), len(ends))
        ends[line : line + 1] = [left + width]
        placed.append({**row, "at": at, "x": left, "line": line, "align": "left"})
    return placed
