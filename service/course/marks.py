"""The marks of one panel's values: which are drawn, where, in which shape, and what each says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cds_cards.timeline import When
from service.course.model import Course, Panel, Value
from service.course.scales import ONE_DAY, TimeScale, ValueScale
from service.course.theme import BARE, PANEL, PLOT, Palette, width_of
from service.course.words import amount, day, plain

FOOT = 13
"""Pixels at the foot of a panel for what has a date and no number."""
TOP = 4
_CROWDED = 240
"""From so many values on a panel shows the highest and lowest of each few pixels only."""
_BUCKET = 5.0
_FEW = 5
_UP, _DOWN = (">", ">="), ("<", "<=")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The values of a panel that the picture shows, and the scale they stand on. `thinned`: how many are left out."""

    panel: Panel
    values: tuple[Value, ...]
    scale: ValueScale | None
    thinned: int

    @property
    def tall(self) -> int:
        """Height of the panel in pixels; one without numbers has a foot only."""
        return PANEL if self.scale is not None else BARE

    @property
    def foot(self) -> int:
        """Height in pixels of the place for values without a number."""
        return FOOT if self.scale is None or any(value.number is None for value in self.values) else 0

    @property
    def bottom(self) -> int:
        """Pixel of the scale's lower end."""
        return self.tall - self.foot - TOP

    def height(self, value: Value) -> float:
        """Pixels from the top of the panel."""
        if value.number is None or self.scale is None:
            return self.tall - FOOT / 2 if self.scale else self.tall / 2
        return self.at(value.number, self.scale)

    def at(self, number: float, scale: ValueScale) -> float:
        """Pixels from the top for a number on the scale."""
        return self.bottom - scale.height(number) * (self.bottom - TOP)


def drawn(panel: Panel, course: Course, time: TimeScale) -> Drawn:
    """What lies in the window, thinned where it is crowded."""
    inside = [value for value in panel.values if value.when is not None and course.window.holds(value.when)]
    kept = _thinned(inside, time)
    numbers = [v.number for v in inside if v.used and v.number is not None]
    numbers = numbers or [v.number for v in inside if v.number is not None]
    scale = ValueScale.of(numbers, [limit.value for limit in panel.thresholds])
    return Drawn(panel, tuple(kept), scale, len(inside) - len(kept))


def _thinned(values: Sequence[Value], time: TimeScale) -> list[Value]:
    if len(values) <= _CROWDED:
        return list(values)
    buckets: dict[tuple[int, str, bool], list[Value]] = {}
    for value in values:
        if value.when is not None:
            place = int(time.pixel(value.when.start) // _BUCKET)
            buckets.setdefault((place, value.kind, value.used), []).append(value)
    kept: set[int] = set()
    for group in buckets.values():
        ordered = sorted(group, key=lambda value: value.number if value.number is not None else 0.0)
        kept |= {id(ordered[0]), id(ordered[-1])}
    last = max((place for place, value in enumerate(values) if value.used), default=-1)
    return [value for place, value in enumerate(values) if id(value) in kept or value.roles or place == last]


def rows(drawing: Drawn, course: Course, time: TimeScale, palette: Palette) -> list[Row]:
    """One for each value: time `t` in wall-clock milliseconds, pixels `x` and `y`, shape, colour, description."""
    return [
        {**_place(value.when, course, time), **_look(value, drawing, course, palette)}
        for value in drawing.values
        if value.when is not None
    ]


def _place(stated: When, course: Course, time: TimeScale) -> Row:
    """In the middle of a partial date; what began before the call did not happen after it."""
    when = stated.until(max(course.as_of, stated.start))
    exact = when.end - when.start <= ONE_DAY
    middle = when.start if exact else when.start + (when.end - when.start) / 2
    return {
        "t": time.at(middle),
        "x": round(time.pixel(middle), 2),
        "from": round(time.pixel(when.start), 2),
        "to": round(time.pixel(when.end), 2),
        "exact": exact,
    }


def _look(value: Value, drawing: Drawn, course: Course, palette: Palette) -> Row:
    return {
        "y": round(drawing.height(value), 2),
        "used": value.used,
        "kind": value.kind,
        "number": value.number,
        "ring": bool({"baseline", "follow-up"} & set(value.roles)),
        "roles": list(value.roles),
        "said": plain(value.said, 40),
        "label": _number(value, drawing.panel),
        "shape": _shape(value),
        "color": palette.derived if value.kind == "derived" else palette.measured,
        "description": described(value, drawing.panel, course),
    }


def _number(value: Value, panel: Panel) -> str:
    """For the label beside a mark; the unit stands at the left of the panel."""
    if value.number is None or panel.unit == "titre":
        return plain(value.said, 40)
    oxygen = f" (FiO2 {amount(value.fio2)})" if value.fio2 is not None else ""
    return f"{amount(value.number, value.comparator, 1 if panel.unit == 'mmHg' else 3)}{oxygen}"


def _shape(value: Value) -> str:
    if value.comparator in _UP:
        return "triangle-up"
    if value.comparator in _DOWN:
        return "triangle-down"
    return "diamond" if value.kind == "derived" else "circle"


def described(value: Value, panel: Panel, course: Course) -> str:
    """`Ferritin 1,523 ng/mL on 2026-02-27, counted`."""
    dated = f" on {day(value.when, course.zone)}" if value.when else " without a date"
    derived = ", derived" if value.kind == "derived" else ""
    censored = ", censored" if value.comparator is not None else ""
    told = value.why if value.used else f"not counted: {value.why}"
    return f"{panel.title} {plain(value.said, 60)}{dated}{derived}{censored}, {told}"


def labels(found: Iterable[Row]) -> list[Row]:
    """Numbers beside the marks where they are few, else beside those that the assessment rests on, else the last."""
    counting = [row for row in found if row["used"] and row["number"] is not None]
    few = len(counting) <= _FEW
    judged = [row for row in counting if row["roles"] or few] or counting[-1:]
    placed: list[Row] = []
    for row in sorted(judged, key=lambda row: (not row["exact"], -row["x"])):
        label = _label(row)
        if not any(_overlap(label, other) for other in placed):
            placed.append(label)
    return placed


def _label(row: Row) -> Row:
    x, y, text = row["x"], row["y"], row["label"]
    half = width_of(text) / 2
    align = "right" if x + half > PLOT else "left" if x - half < 0 else "center"
    shift = {"right": 6.0, "left": -6.0, "center": 0.0}[align]
    return {"x": x + shift, "y": y - 14 if y > 20 else y + 16, "text": text, "align": align}


def _overlap(one: Row, other: Row) -> bool:
    apart = abs(one["y"] - other["y"])
    spans = [_span(row) for row in (one, other)]
    return apart < 12 and spans[0][0] < spans[1][1] and spans[1][0] < spans[0][1]


def _span(row: Row) -> tuple[float, float]:
    x, width = row["x"], width_of(row["text"])
    left = {"left": x, "center": x - width / 2, "right": x - width}[row["align"]]
    return left, left + width
