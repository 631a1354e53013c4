"""One panel of the picture: name and scale at the left, limits at the right, values over time between them."""

from __future__ import annotations

from collections.abc import Sequence

from service.course.layers import Spec, layer, literal, pixels, time_axis, words
from service.course.marks import TOP, Drawn, Row, labels
from service.course.scales import TimeScale
from service.course.theme import LEFT, PLOT, TEXT, Palette

_LINE = 13
"""Least distance of two labels in the margin, in pixels."""
_MANY = 60
"""Marks of a panel from which they are drawn small."""


def panel_view(
    drawing: Drawn, found: Sequence[Row], keys: Sequence[Row], time: TimeScale, palette: Palette, *, labelled: bool
) -> Spec:
    """The view of one panel. `keys`: the letters of marks that the notes explain; `labelled`: dates at its foot."""
    name = drawing.panel.id
    layers = [
        _frame(drawing, time, palette, labelled=labelled),
        *_limits(drawing, palette),
        *_lines(name, found, palette),
        *_marks(name, found, palette),
        *words(f"{name}-title", _title(drawing), palette, fontWeight="bold", fontSize=TEXT + 1),
        *words(f"{name}-unit", _unit(drawing), palette, fill=palette.muted),
        *words(f"{name}-label", labels(found), palette, fontWeight="bold"),
        *words(f"{name}-word", _said_at_foot(found), palette),
        *words(f"{name}-key", keys, palette, halo=False, fontStyle="italic"),
    ]
    return {"name": name, "width": PLOT, "height": drawing.tall, "view": {"stroke": palette.grid}, "layer": layers}


def _frame(drawing: Drawn, time: TimeScale, palette: Palette, *, labelled: bool) -> Spec:
    """The axes, by a layer that draws nothing."""
    encoding: Spec = {"x": time_axis(time, palette, labelled=labelled)}
    scale = drawing.scale
    if scale is not None:
        encoding["y"] = {
            "field": "v",
            "type": "quantitative",
            "scale": {
                "type": "log" if scale.log else "linear",
                "domain": [scale.low, scale.high],
                "range": [drawing.bottom, TOP],
                "nice": False,
                "zero": False,
            },
            "axis": {
                "title": None,
                "values": list(scale.ticks),
                "format": ",.10~g",
                "gridColor": palette.grid,
                "domain": False,
                "ticks": False,
                "labelColor": palette.ink,
                "labelFontSize": TEXT,
                "labelLimit": 70,
            },
        }
    return layer(
        f"{drawing.panel.id}-axes", [{"t": time.first, "v": scale.high if scale else 0}], _POINTLESS, **encoding
    )


_POINTLESS: Spec = {"type": "point", "size": 0, "opacity": 0}


def _limits(drawing: Drawn, palette: Palette) -> list[Spec]:
    scale = drawing.scale
    if scale is None or not drawing.panel.thresholds:
        return []
    name = drawing.panel.id
    lines = [
        {
            "y": round(drawing.at(limit.value, scale), 2),
            "description": f"Limit: {limit.label} ({limit.source})",
            "text": limit.short,
        }
        for limit in drawing.panel.thresholds
    ]
    mark = {
        "type": "rule",
        "stroke": palette.limit,
        "strokeDash": [6, 3],
        "strokeWidth": 1.4,
        "ariaRoleDescription": "limit",
    }
    rule = layer(
        f"{name}-limit",
        lines,
        mark,
        x={"value": 0},
        x2={"value": PLOT},
        y=pixels("y"),
        description=literal("description"),
    )
    return [rule, *words(f"{name}-limit-text", _apart(lines), palette, fill=palette.limit)]


def _apart(lines: Sequence[Row]) -> list[Row]:
    """The labels of limits, moved up where they would lie on one another."""
    placed: list[Row] = []
    lowest = float("inf")
    for line in sorted(lines, key=lambda line: line["y"], reverse=True):
        lowest = min(line["y"], lowest - _LINE)
        placed.append({"x": PLOT + 6, "y": lowest, "text": line["text"]})
    return placed


def _lines(name: str, found: Sequence[Row], palette: Palette) -> list[Spec]:
    """Counted values joined, the measured and the derived ones apart; and the spans of partial dates."""
    views = []
    for kind, dash in (("measured", [1, 0]), ("derived", [4, 2])):
        joined = [row for row in found if row["kind"] == kind and _is_joined(row)]
        if len(joined) > 1:
            mark: Spec = {"type": "line", "strokeWidth": 1.2, "strokeDash": dash, "stroke": joined[0]["color"]}
            views.append(layer(f"{name}-line-{kind}", joined, mark, x=pixels("x"), y=pixels("y"), order=_IN_ORDER))
    spans = [row for row in found if not row["exact"]]
    if spans:
        mark = {"type": "rule", "stroke": palette.muted, "strokeWidth": 1.5}
        views.append(layer(f"{name}-span", spans, mark, x=pixels("from"), x2={"field": "to"}, y=pixels("y")))
    return views


def _is_joined(row: Row) -> bool:
    """A counted number of an exact day: a line through the middle of a month would claim too much."""
    return bool(row["used"] and row["exact"]) and row["number"] is not None


_IN_ORDER: Spec = {"field": "t", "type": "quantitative"}


def _marks(name: str, found: Sequence[Row], palette: Palette) -> list[Spec]:
    places = {
        "x": pixels("x"),
        "y": pixels("y"),
        "shape": literal("shape"),
        "description": literal("description"),
    }
    counted = [row for row in found if row["used"]]
    hollow = [row for row in found if not row["used"]]
    ringed = [row for row in counted if row["ring"]]
    views = []
    if ringed:
        ring: Spec = {"type": "point", "shape": "circle", "size": 190, "filled": False, "stroke": palette.ink}
        views.append(layer(f"{name}-ring", ringed, {**ring, "strokeWidth": 1.6}, x=pixels("x"), y=pixels("y")))
    if counted:
        mark: Spec = {"type": "point", "filled": True, "size": 62 if len(counted) <= _MANY else 22, "opacity": 1}
        mark["ariaRoleDescription"] = "counted value"
        views.append(layer(f"{name}-counted", counted, mark, **places, fill=literal("color")))
    if hollow:
        mark = {"type": "point", "size": 62, "opacity": 1, "fill": palette.paper, "stroke": palette.muted}
        mark |= {"strokeWidth": 1.6, "ariaRoleDescription": "value that does not count"}
        views.append(layer(f"{name}-hollow", hollow, mark, **places))
    return views


def _title(drawing: Drawn) -> list[Row]:
    return [{"x": 4 - LEFT, "y": 10, "text": drawing.panel.title}]


def _unit(drawing: Drawn) -> list[Row]:
    told = [drawing.panel.unit, "log scale" if drawing.scale and drawing.scale.log else ""]
    return [{"x": 4 - LEFT, "y": 26 + 14 * place, "text": text} for place, text in enumerate(filter(None, told))]


def _said_at_foot(found: Sequence[Row]) -> list[Row]:
    """What counts without being a number: `positive`."""
    said = [row for row in found if row["used"] and row["number"] is None]
    return [{"x": row["x"] + 8, "y": row["y"], "text": row["said"]} for row in said[-3:]]
