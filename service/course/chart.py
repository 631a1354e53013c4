"""The picture as a Vega-Lite specification: panels over one time axis, therapies below, legend and notes last."""

from __future__ import annotations

from cds_cards.timeline import instant
from service.course.lanes_view import lanes_view, left_out, pieces_shown, shown_bars
from service.course.layers import Spec
from service.course.legend_view import keyed, legend_view
from service.course.marks import Drawn, Row, drawn, rows
from service.course.model import Course
from service.course.moments_view import moment_lines, moment_rows, moments_view
from service.course.panel_view import panel_view
from service.course.scales import TimeScale
from service.course.theme import FONT, PALETTES, Palette, Theme
from service.course.words import day

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"


def chart(course: Course, theme: Theme = "light") -> Spec:
    """The specification, complete in itself; the same course gives the same one."""
    palette, time = PALETTES[theme], TimeScale.of(course)
    drawings = [
        (drawing, rows(drawing, course, time, palette))
        for panel in course.panels
        if (drawing := drawn(panel, course, time)).values
    ]
    letters, sentences = keyed(drawings)
    lanes = lanes_view(course, time, palette)
    days = moment_rows(course, time)
    views = [
        panel_view(drawing, found, keys, time, palette, labelled=lanes is None and place == len(drawings) - 1)
        for place, ((drawing, found), keys) in enumerate(zip(drawings, letters, strict=True))
    ]
    views += [lanes] if lanes else []
    for view in views:
        # beneath the marks, above the axes
        view["layer"][1:1] = moment_lines(str(view["name"]), days, view["height"], palette)
    legend = legend_view(course, drawings, pieces_shown(course, time), [*sentences, *left_out(course)], palette)
    return _page([moments_view(course, days, palette), *views, legend], described(course, drawings), palette)


def described(course: Course, drawings: list[tuple[Drawn, list[Row]]]) -> str:
    """The picture in one sentence, for who cannot see it."""
    panels = ", ".join(f"{drawing.panel.title} ({len(drawing.values)})" for drawing, _ in drawings) or "none"
    agents = ", ".join(dict.fromkeys(bar.label for row in shown_bars(course) for bar in row)) or "none"
    at = day(instant(course.as_of), course.zone)
    return f"Course of the disease to {at}. Values drawn: {panels}. Therapies: {agents}."


def _page(views: list[Spec], description: str, palette: Palette) -> Spec:
    return {
        "$schema": _SCHEMA,
        "description": description,
        "background": palette.paper,
        "padding": 8,
        "bounds": "flush",
        "spacing": 7,
        "vconcat": views,
        "config": {
            "font": FONT,
            "axis": {"aria": False, "labelFont": FONT},
            "view": {"fill": None},
        },
    }
