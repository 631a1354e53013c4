"""Pieces of a Vega-Lite specification that all views of the picture share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from service.course.scales import TimeScale
from service.course.theme import FONT, TEXT, Palette

Spec = dict[str, Any]
Row = Mapping[str, Any]


def time_axis(time: TimeScale, palette: Palette, *, labelled: bool) -> Spec:
    """The x encoding over field `t`; the lowest view writes the dates."""
    return {
        "field": "t",
        "type": "temporal",
        "scale": {"type": "utc", "domain": [time.first, time.last], "nice": False},
        "axis": {
            "title": None,
            "values": list(time.ticks),
            "format": "%Y-%m" if time.by_month else "%Y-%m-%d",
            "labels": labelled,
            "ticks": labelled,
            "domain": False,
            "grid": True,
            "gridColor": palette.grid,
            "labelColor": palette.ink,
            "labelFontSize": TEXT,
            "labelPadding": 4,
            "labelOverlap": True,
        },
    }


def layer(name: str, rows: Sequence[Row], mark: Spec, **encoding: object) -> Spec:
    """One layer: its rows, its mark, its encoding. What has no description is hidden from screen readers."""
    shown = mark if "description" in encoding else {"aria": False, **mark}
    return {"name": name, "data": {"values": [dict(row) for row in rows]}, "mark": shown, "encoding": encoding}


def literal(field: str) -> Spec:
    """A field that holds the very colour, shape or dash."""
    return {"field": field, "type": "nominal", "scale": None}


def words(name: str, rows: Sequence[Row], palette: Palette, *, halo: bool = True, **more: object) -> list[Spec]:
    """Texts at pixels `x` and `y` from the upper left of the plot, in a halo of the paper's colour.

    Rows hold `text`, and `align` (left, center or right) where it is not left. Screen readers have the marks instead.
    """
    found = []
    for align in ("left", "center", "right"):
        placed = [row for row in rows if row.get("align", "left") == align]
        if placed:
            text: Spec = {"type": "text", "font": FONT, "fontSize": TEXT, "baseline": "middle", "align": align}
            text |= {"fill": palette.ink, **more}
            around: Spec = {**text, "stroke": palette.paper, "strokeWidth": 3, "fill": palette.paper}
            found += [_words(f"{name}-{align}-halo", placed, around)] if halo else []
            found.append(_words(f"{name}-{align}", placed, text))
    return found


def _words(name: str, rows: Sequence[Row], mark: Spec) -> Spec:
    return layer(name, rows, mark, x=pixels("x"), y=pixels("y"), text={"field": "text", "type": "nominal"})


def pixels(field: str) -> Spec:
    """A field that holds pixels from the upper left of the plot."""
    return {"field": field, "type": "quantitative", "scale": None, "axis": None}
