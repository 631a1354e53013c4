"""The two readings of the dates: where nothing is open they are one, and which drugs ran together."""

from __future__ import annotations

from datetime import date
from random import Random

import pytest

from cds_cards.combination import Readings, read
from cds_cards.courses import Clock
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.record import Administration, MedicationOrder
from tests.unit.build import AS_OF, Date, given, order

AGENTS = ("prednisone", "methylprednisolone", "tacrolimus", "cyclosporine", "cyclophosphamide", "rituximab")
STATUSES = ("active", "active", "completed", "stopped", "on-hold")
WHOLE: tuple[Date, ...] = (0, 3, 20, 40, 95, 400, "2026-02-20T08:00:00Z", "2026-02-20T23:30:00Z")
PARTIAL: tuple[Date, ...] = (
    "2026-03",
    "2026-02",
    "2025-12",
    "2025",
    "2026-03-01",
    "2026-03-02",
    "2026-03-01T10:04:00Z",
)


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


def both(orders: list[MedicationOrder], doses: list[Administration], guideline: Guideline) -> tuple[Readings, Readings]:
    """As it is read, and with the narrowest reading made whatever the dates are (in the place of the widest)."""
    widest, narrowest = (Clock.at(AS_OF, guideline.policy, widest=widest) for widest in (True, False))
    return read(orders, doses, guideline, (widest, narrowest)), read(orders, doses, guideline, (narrowest, narrowest))


@pytest.mark.parametrize("seed", range(40))
def test_the_narrowest_reading_is_the_same_whether_or_not_it_is_read_apart(guideline: Guideline, seed: int) -> None:
    drawn = Random(seed)  # noqa: S311
    dates: tuple[Date | None, ...] = WHOLE if seed % 2 else (*WHOLE, *PARTIAL, None)
    ends = (None, None, *(each for each in dates if each is not None))
    orders = [
        order(
            drawn.choice(AGENTS),
            drawn.choice(dates),
            drawn.choice(ends),
            status=drawn.choice(STATUSES),
            id=str(number),
            authored=drawn.choice(dates),
        )
        for number in range(drawn.randint(0, 7))
    ]
    days = [each for each in dates if each is not None]
    doses = [given(drawn.choice(AGENTS), drawn.choice(days), id=str(number)) for number in range(drawn.randint(0, 4))]
    usual, apart = both(orders, doses, guideline)
    assert usual.narrowest == apart.widest


@pytest.mark.parametrize(
    ("start", "end", "one"),
    [
        pytest.param(20, None, True, id="whole day"),
        pytest.param(20, 3, True, id="whole days"),
        pytest.param("2026-02", None, False, id="a month"),
        pytest.param(20, "2026-02", False, id="ends in some month"),
        pytest.param(3, 20, False, id="ends before it starts"),
        pytest.param(None, None, False, id="undated"),
        pytest.param(0, None, True, id="today"),
        pytest.param(-1, None, False, id="tomorrow"),
        pytest.param("2026-03-01T10:00:00Z", None, True, id="this very minute"),
        pytest.param("2026-03-01T10:01:00Z", None, False, id="in a minute"),
        pytest.param(20, 20, True, id="ends on the day on which it starts"),
        pytest.param(20, 21, False, id="ends the day before it starts"),
        pytest.param(20, -20, True, id="ends in 20 days"),
    ],
)
def test_one_reading_where_the_dates_leave_nothing_open(
    guideline: Guideline, start: Date | None, end: Date | None, one: bool
) -> None:
    usual, _ = both([order("tacrolimus", start, end)], [], guideline)
    assert (usual.widest is usual.narrowest) is one


@pytest.mark.parametrize("dose", ["2026-02", "2025"])
def test_a_dose_of_some_day_of_a_month_is_read_twice(guideline: Guideline, dose: str) -> None:
    usual, _ = both([order("tacrolimus", 20)], [given("rituximab", dose)], guideline)
    assert usual.widest is not usual.narrowest


def test_of_several_combinations_the_last_past_one_and_the_running_one_count(guideline: Guideline) -> None:
    orders = [
        order("prednisone", 400, 300, status="completed", id="1"),
        order("prednisone", 200, 100, status="completed", id="2"),
        order("prednisone", 20, id="3"),
        order("tacrolimus", 390, 350, status="completed", id="4"),
        order("cyclosporine", 180, 110, status="completed", id="5"),
        order("tacrolimus", 10, id="6"),
    ]
    usual, _ = both(orders, [], guideline)
    assert (usual.widest.past, usual.widest.since) == (date(2025, 9, 2), date(2026, 2, 19))
