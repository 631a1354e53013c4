"""The therapies as bars, one row for each agent, with dates at the right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from cds_cards.timeline import When
from service.course.layers import Spec, layer, literal, pixels, time_axis, words
from service.course.marks import Row
from service.course.model import Bar, Course
from service.course.scales import ONE_DAY, TimeScale
from service.course.theme import LEFT, PLOT, ROW, Palette
from service.course.words import day, plain

MOST_ROWS = 16
_DAY = len("2026-02-15")
_THIN = 3.0
"""Least width of a bar in pixels: a single day must be seen on a year."""


def shown_bars(course: Course) -> list[list[Bar]]:
    """The bars that the window shows, by agent, in the order of the course; past ones give way where they are many."""
    rows = _visible_rows(course)
    kept = sorted(rows, key=lambda agent: all(bar.status == "past" for bar in rows[agent]))[:MOST_ROWS]
    return [bars for agent, bars in rows.items() if agent in kept]


def left_out(course: Course) -> list[str]:
    """A sentence on the therapies for which the picture has no row."""
    shown = {bars[0].agent for bars in shown_bars(course)}
    names = [bars[0].label for agent, bars in _visible_rows(course).items() if agent not in shown]
    return [f"{len(names)} more therapies are not drawn: {', '.join(names)}."] if names else []


def _visible_rows(course: Course) -> dict[str, list[Bar]]:
    rows: dict[str, list[Bar]] = {}
    for bar in course.bars:
        if _visible(bar, course):
            rows.setdefault(bar.agent, []).append(bar)
    return rows


def _visible(bar: Bar, course: Course) -> bool:
    ended = bar.until is not None and bar.until.end < course.window.start
    return not ended and not (bar.since is not None and bar.since.start > course.window.end)


def lanes_view(course: Course, time: TimeScale, palette: Palette) -> Spec | None:
    """The view, or None when no therapy lies in the window."""
    rows = shown_bars(course)
    if not rows:
        return None
    pieces = _all_pieces(course, time)
    names = [{"x": 4 - LEFT, "y": _middle(place), "text": plain(bars[0].label, 27)} for place, bars in enumerate(rows)]
    dates = [{"x": PLOT + 6, "y": _middle(p), "text": _dated(bars[-1], course)} for p, bars in enumerate(rows)]
    axes = layer(
        "therapies-axes",
        [{"t": time.first}],
        {"type": "point", "opacity": 0, "size": 0},
        x=time_axis(time, palette, labelled=True),
    )
    return {
        "name": "therapies",
        "width": PLOT,
        "height": len(rows) * ROW + 4,
        "view": {"stroke": palette.grid},
        "layer": [
            axes,
            *_drawn(pieces, palette),
            *words("therapies-name", names, palette),
            *words("therapies-date", dates, palette, fill=palette.muted),
        ],
    }


def pieces_shown(course: Course, time: TimeScale) -> set[str]:
    """What the bars consist of: `active`, `past`, `open`."""
    return {"open" if piece["part"] == "open" else piece["status"] for piece in _all_pieces(course, time)}


def _all_pieces(course: Course, time: TimeScale) -> list[Row]:
    rows = shown_bars(course)
    return [piece for place, bars in enumerate(rows) for bar in bars for piece in _pieces(bar, place, course, time)]


def _middle(place: int) -> float:
    return place * ROW + ROW / 2 + 2


def _pieces(bar: Bar, place: int, course: Course, time: TimeScale) -> Iterator[Row]:
    """What is sure, and what the dates, a draft or the future leave open."""
    text = f"{bar.label}: {_told(bar, course)}"
    base: Row = {"y": _middle(place) - 5, "y2": _middle(place) + 5, "description": text, "status": bar.status}
    if bar.status in ("draft", "planned"):
        begin = max(bar.since.start, course.as_of) if bar.since else course.as_of
        over = bar.until.end if bar.until and bar.until.end > begin else course.window.end
        yield {**base, **_span(time.pixel(begin), time.pixel(over)), "part": "open"}
        return
    first, sure = _start(bar, course, time)
    end, last = _end(bar, course, time)
    if bar.since is not None and sure <= end:
        yield {**base, **_span(sure, end), "part": "sure"}
    else:
        yield {**base, **_span(first, max(last, first)), "part": "open"}
        return
    if first < sure:
        yield {**base, "x": first, "to": sure, "part": "open"}
    if last > max(end, sure + _THIN):
        yield {**base, "x": end, "to": last, "part": "open"}


def _span(first: float, last: float) -> Row:
    """At least as wide as can be seen."""
    return {"x": round(first, 2), "to": round(max(last, first + _THIN), 2)}


def _exact(when: When) -> bool:
    return when.end - when.start <= ONE_DAY


def _start(bar: Bar, course: Course, time: TimeScale) -> tuple[float, float]:
    """From where it may run, and from where it surely does."""
    if bar.since is None:
        return 0.0, time.pixel(course.as_of)
    first = _midnight(bar.since.start, course)
    sure = first if _exact(bar.since) else min(bar.since.end, course.as_of)
    return time.pixel(first), time.pixel(sure)


def _end(bar: Bar, course: Course, time: TimeScale) -> tuple[float, float]:
    """Until where it surely runs, and until where it may: the future is open."""
    now = time.pixel(course.as_of)
    if bar.until is None:
        return now, now
    last = _midnight(bar.until.end, course) + timedelta(days=1)
    sure = last if _exact(bar.until) else bar.until.start
    return min(time.pixel(sure), now), time.pixel(last if bar.status == "active" else min(last, course.as_of))


def _midnight(moment: datetime, course: Course) -> datetime:
    """Therapy is counted in calendar days of the site's zone."""
    return moment.astimezone(course.zone).replace(hour=0, minute=0, second=0, microsecond=0)


def _told(bar: Bar, course: Course) -> str:
    by_text = ", recognised by its text" if bar.by_text else ""
    return f"{_WORDS[bar.status]}, {_dated(bar, course)}{by_text}"


_WORDS = {"active": "running", "past": "past", "draft": "drafted", "planned": "ordered for later"}


def _dated(bar: Bar, course: Course) -> str:
    since = day(bar.since, course.zone) if bar.since else ""
    if bar.status == "draft":
        return f"draft {since}".strip()
    if bar.status == "planned":
        return f"planned {since}".strip()
    if not since:
        return "start not known"
    if bar.status == "past" and bar.until is not None:
        return _from_to(since, day(bar.until, course.zone))
    return f"since {since}"


def _from_to(first: str, last: str) -> str:
    """`2026-02-15 – 02-17`; one day stands alone."""
    if first == last:
        return first
    same_year = len(first) == len(last) == _DAY and first[:4] == last[:4]
    return f"{first} – {last[5:] if same_year else last}"


def _drawn(pieces: Sequence[Row], palette: Palette) -> list[Spec]:
    places: Spec = {
        "x": pixels("x"),
        "x2": {"field": "to"},
        "y": pixels("y"),
        "y2": {"field": "y2"},
        "description": literal("description"),
    }
    views = []
    for name, status, colour in (("running", "active", palette.active), ("past", "past", palette.past)):
        rows = [row for row in pieces if row["part"] == "sure" and row["status"] == status]
        if rows:
            mark: Spec = {"type": "rect", "fill": colour, "cornerRadius": 2, "ariaRoleDescription": f"therapy, {name}"}
            views.append(layer(f"therapies-{name}", rows, mark, **places))
    rows = [row for row in pieces if row["part"] == "open"]
    if rows:
        mark = {
            "type": "rect",
            "fill": palette.paper,
            "stroke": palette.active,
            "strokeWidth": 1.4,
            "strokeDash": [4, 2],
        }
        mark |= {"ariaRoleDescription": "therapy, drafted, planned or of uncertain date"}
        views.append(layer("therapies-open", rows, mark, **places))
    return views
