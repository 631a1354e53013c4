"""The specification: what is drawn where, in which shape, with which words; legible in both themes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from cds_cards.record import PatientRecord
from service.course import chart
from service.course.scales import TimeScale, ValueScale
from service.course.theme import PALETTES, Theme
from tests.unit.build import AS_OF, order, rec, res, unread
from tests.unit.build_assessment import knowledge
from tests.unit.service.course.charted import course, everything, rows, texts


def drawn(record: PatientRecord) -> dict[str, Any]:
    return chart(course(record))


def views(spec: dict[str, Any]) -> list[str]:
    return [view["name"] for view in spec["vconcat"]]


def test_panels_stand_over_the_therapies_and_share_one_time() -> None:
    spec = drawn(everything())
    assert views(spec) == ["moments", "ferritin", "a-a-gradient", "crp", "anti-mda5", "therapies", "legend"]
    scales = [
        layer["encoding"]["x"]["scale"]["domain"]
        for view in spec["vconcat"]
        for layer in view["layer"]
        if layer["name"].endswith("-axes")
    ]
    assert len(scales) == 5
    assert all(scale == scales[0] for scale in scales)


def test_dates_are_written_once_at_the_foot() -> None:
    def labelled(spec: dict[str, Any]) -> list[str]:
        return [
            view["name"]
            for view in spec["vconcat"]
            for layer in view["layer"]
            if (layer["encoding"].get("x", {}).get("axis") or {}).get("labels")
        ]

    assert labelled(drawn(everything())) == ["therapies"]
    assert labelled(drawn(rec(res("ferritin", 7, 2), res("crp", 7, 2)))) == ["crp"]
    assert labelled(drawn(rec())) == []


def test_each_mark_says_what_it_is() -> None:
    spec = drawn(everything())
    told = {row["description"] for name in ("counted", "hollow") for row in rows(spec, f"ferritin-{name}")}
    assert "Ferritin 1,523 ng/mL on 2026-02-27, counted; newest value that counts" in told
    assert "Ferritin >90,000 ng/mL on 2026-01-20, censored, counted" in told
    assert "Ferritin 1,900 ng/mL on 2026-03-04, not counted: dated after the time of this call" in told
    gradients = [row["description"] for row in rows(spec, "a-a-gradient-counted")]
    assert "A-aDO2 93.9 mmHg on 2026-02-22, derived, counted; FiO2 0.28" in gradients


@pytest.mark.parametrize(
    ("record", "layer", "shape"),
    [
        (rec(res("crp", 7, 2)), "crp-counted", "circle"),
        (rec(res("crp", 7, 2, comparator=">")), "crp-counted", "triangle-up"),
        (rec(res("crp", 7, 2, comparator="<=")), "crp-counted", "triangle-down"),
        (
            rec(*(res(name, value, 2) for name, value in (("pao2", 62), ("paco2", 35), ("fio2", 0.3)))),
            "a-a-gradient-counted",
            "diamond",
        ),
    ],
)
def test_shapes_tell_what_colours_do(record: PatientRecord, layer: str, shape: str) -> None:
    record_spec = drawn(_at_one_time(record))
    assert [row["shape"] for row in rows(record_spec, layer)] == [shape]


def _at_one_time(record: PatientRecord) -> PatientRecord:
    """Gases need an instant: a whole day is no gas."""
    moment = res("crp", 1, "2026-02-27T08:00:00Z").when
    return replace(record, results=tuple(replace(each, when=moment) for each in record.results))


def test_what_does_not_count_is_hollow_keyed_and_explained() -> None:
    spec = drawn(everything())
    assert len(rows(spec, "ferritin-hollow")) == 3
    assert [row["text"] for row in rows(spec, "ferritin-key-left")] == ["a", "b", "c"]
    assert any(text.startswith("a  Ferritin 1,900 ng/mL on 2026-03-04, not counted") for text in texts(spec))
    assert all(row["used"] for row in rows(spec, "ferritin-line-measured"))


def test_more_hollow_marks_than_letters_are_counted() -> None:
    broken = [unread("observations", "crp", when=day, id=f"u{day}") for day in range(12)]
    assert "4 more hollow marks are explained in the table of values." in texts(drawn(rec(*broken)))


def test_a_value_without_a_number_stands_at_the_foot() -> None:
    spec = drawn(rec(res("crp", 40, 5), unread("observations", "crp", when=2)))
    (hollow,), (counted,) = rows(spec, "crp-hollow"), rows(spec, "crp-counted")
    assert hollow["y"] > counted["y"]
    lowest = next(each for each in spec["vconcat"] if each["name"] == "crp")["layer"][0]["encoding"]["y"]
    assert hollow["y"] > lowest["scale"]["range"][0]


def test_baseline_and_follow_up_are_ringed_and_numbered() -> None:
    record = rec(res("ferritin", 820, 15), res("ferritin", 1500, 1), order("prednisone", 14), order("tacrolimus", 14))
    spec = drawn(record)
    assert [row["label"] for row in rows(spec, "ferritin-ring")] == ["820", "1,500"]
    assert {"820", "1,500"} <= set(texts(spec))


def test_the_middle_of_a_month_is_joined_to_nothing() -> None:
    spec = drawn(everything())
    assert [row["label"] for row in rows(spec, "ferritin-span")] == ["700"]
    assert "700" not in {row["label"] for row in rows(spec, "ferritin-line-measured")}


def test_a_partial_date_that_has_begun_does_not_reach_beyond_now() -> None:
    spec = drawn(rec(res("ferritin", 700, "2026")))
    (span,) = rows(spec, "ferritin-span")
    (now,) = (row for row in rows(spec, "ferritin-moment") if row["text"].startswith("now"))
    assert span["to"] == pytest.approx(now["x"], abs=0.1)


def test_limits_are_labelled_lines() -> None:
    spec = drawn(rec(res("ferritin", 700, 2)))
    assert [row["text"] for row in rows(spec, "ferritin-limit")] == ["over 500 ng/mL", "over 1,000 ng/mL"]
    label = "Limit: ferritin over 500 ng/mL (guideline final, footnote of Figure 1"
    assert rows(spec, "ferritin-limit")[0]["description"].startswith(label)
    # a panel with nothing but an unreadable value has no scale to draw a limit on
    assert not rows(drawn(rec(unread("observations", "ferritin", when=2))), "ferritin-limit")


def test_labels_of_limits_that_lie_close_do_not_lie_on_one_another() -> None:
    spec = drawn(rec(res("ferritin", 9000, 2), res("ferritin", 500, 9)))
    heights = [row["y"] for row in rows(spec, "ferritin-limit-text-left")]
    assert all(abs(one - other) >= 13 for one, other in pairwise(heights))


@pytest.mark.parametrize(("low", "log"), [(40, False), (9, True)])
def test_a_scale_over_orders_of_magnitude_is_logarithmic_and_says_so(low: float, log: bool) -> None:
    spec = drawn(rec(res("ferritin", low, 9), res("ferritin", 1100, 2)))
    assert ("log scale" in texts(spec)) is log


def test_bars_are_solid_where_sure_and_open_where_not() -> None:
    spec = drawn(everything())
    running = {row["description"] for row in rows(spec, "therapies-running")}
    assert "tacrolimus: running, since 2026-02-15" in running
    assert {row["description"] for row in rows(spec, "therapies-past")} == {
        "methylprednisolone: past, 2026-02-15 – 02-18",
        "plasmapheresis: past, 2026-02-26",
    }
    assert {row["description"] for row in rows(spec, "therapies-open")} == {
        "mycophenolate mofetil: running, start not known",
        "leflunomide: running, since 2026-01",
        "basiliximab: drafted, draft",
    }


@pytest.mark.parametrize(
    ("bar", "told"),
    [
        (order("tacrolimus", 14, "2026-03-02"), "tacrolimus: running, since 2026-02-15"),
        (order("tacrolimus", 2, by_text=True), "tacrolimus: running, since 2026-02-27, recognised by its text"),
        (order("tacrolimus", "2025-12", 30, status="stopped"), "tacrolimus: past, 2025-12 – 2026-01-30"),
        (order("tacrolimus", "2025-12-20", 30, status="stopped"), "tacrolimus: past, 2025-12-20 – 2026-01-30"),
        (order("tacrolimus", 20, "2026-02", status="stopped"), "tacrolimus: past, 2026-02-09 – 2026-02"),
        (order("tacrolimus", "2026-03-02", authored=2), "tacrolimus: ordered for later, planned 2026-03-02"),
    ],
)
def test_a_bar_tells_its_dates(bar: object, told: str) -> None:
    spec = drawn(rec(bar))  # type: ignore[arg-type]
    pieces = [row for name in ("running", "past", "open") for row in rows(spec, f"therapies-{name}")]
    assert {row["description"] for row in pieces} == {told}
    assert all(row["x"] < row["to"] for row in pieces)


def test_moments_stand_above_and_run_through_every_panel() -> None:
    spec = drawn(rec(res("crp", 7, 2), order("prednisone", 14), order("tacrolimus", 14)))
    named = ["combination since 2026-02-15", "day 7 2026-02-22", "now 2026-03-01"]
    assert [row["text"] for row in rows(spec, "moments-text-left")] == named
    for view in ("crp", "therapies"):
        assert [row["text"] for row in rows(spec, f"{view}-moment")] == named


def test_names_of_moments_never_lie_on_one_another() -> None:
    spec = drawn(rec(order("prednisone", 9), order("tacrolimus", 9), order("tofacitinib", 8)))
    placed = rows(spec, "moments-text-left")
    assert len(placed) == 4
    for place, one in enumerate(placed):
        for other in placed[place + 1 :]:
            apart = abs(one["x"] - other["x"]) >= 6.2 * min(len(one["text"]), len(other["text"]))
            assert apart or one["y"] != other["y"]


def test_a_moment_of_partial_date_is_a_band() -> None:
    spec = drawn(rec(order("prednisone", "2026-02"), order("tacrolimus", "2026-02")))
    assert next(row["text"] for row in rows(spec, "therapies-moment-band")) == "combination since 2026-02"


def test_what_is_crowded_is_thinned_and_said() -> None:
    crowd = [
        res("crp", 10 + number % 7, AS_OF - timedelta(minutes=60 * number), id=f"c{number}") for number in range(500)
    ]
    highest = res("crp", 90, AS_OF - timedelta(days=9), id="highest")
    spec = drawn(rec(*crowd, highest))
    shown = rows(spec, "crp-counted")
    assert len(shown) < 300
    assert 90 in {row["number"] for row in shown}
    assert shown[-1]["label"] == "10"
    assert any("values lie close to others and are not drawn" in text for text in texts(spec))


def test_the_legend_explains_what_occurs_and_nothing_else() -> None:
    assert [row["text"] for row in rows(drawn(rec(res("crp", 7, 2))), "legend-text-left")] == ["measured"]
    assert [row["text"] for row in rows(drawn(everything()), "legend-text-left")] == [
        "measured",
        "derived from a blood gas",
        "more than (>)",
        "less than (<)",
        "hollow: does not count",
        "span of a partial date",
        "therapy running",
        "therapy past",
        "draft, planned or date uncertain",
    ]


def test_only_so_many_rows_of_therapy_are_drawn_and_the_rest_is_said() -> None:
    spec = drawn(rec(*(order(agent, 9) for agent in sorted(knowledge().agents))))
    names = rows(spec, "therapies-name-left")
    assert len(names) == 16
    assert any(text.startswith(f"{len(knowledge().agents) - 16} more therapies are not drawn") for text in texts(spec))


def test_nothing_recorded_makes_a_picture_all_the_same() -> None:
    spec = drawn(rec())
    assert views(spec) == ["moments", "legend"]
    assert "No therapy on record." in texts(spec)
    assert spec["description"] == "Course of the disease to 2026-03-01. Values drawn: none. Therapies: none."


@pytest.mark.parametrize("days", [10, 45, 80, 150, 300])
def test_dates_on_the_axis_have_room(days: int) -> None:
    found = TimeScale.of(course(rec(res("crp", 7, days), res("crp", 7, 1))))
    assert 2 <= len(found.ticks) <= 9
    assert all(found.first <= tick <= found.last for tick in found.ticks)
    assert found.by_month is (days > 190)


@pytest.mark.parametrize(
    "numbers", [[0.0], [-5.0, 3.0], [1e-9, 1e99], [1e99], [7.0, 7.0], [0.0, 90000.0], [-1e99, 1e99]], ids=repr
)
def test_every_number_has_a_place_on_its_scale(numbers: list[float]) -> None:
    scale = ValueScale.of(numbers, [])
    assert scale is not None
    assert all(0 <= scale.height(number) <= 1 for number in numbers)
    assert 1 <= len(scale.ticks) <= 6
    assert all(scale.low <= tick <= scale.high for tick in scale.ticks)


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast_is_enough_in_both_themes(theme: Theme) -> None:
    palette = PALETTES[theme]

    def contrast(colour: str) -> float:
        light, dark = sorted((luminance(colour), luminance(palette.paper)), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    assert min(contrast(each) for each in (palette.ink, palette.muted, palette.limit)) >= 4.5
    assert min(contrast(each) for each in (palette.measured, palette.derived, palette.active, palette.past)) >= 3
