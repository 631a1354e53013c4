"""Worsening before day 7 in words: which ratio is compared with which, by the days of the site; new hypoxaemia."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cds_cards.gas import gases
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.record import Result
from cds_cards.refractoriness import refractoriness
from cds_cards.therapy import therapy
from tests.unit.build import AS_OF, Date, Fact, order, rec, res

START = datetime(2026, 2, 23, 12, tzinfo=UTC)
"""Noon of day 0; AS_OF is ten o'clock of day 6."""
NEW = "new hypoxaemia (none in the 14 days before the step of therapy): "


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


@pytest.fixture(scope="module")
def californian(guideline: Guideline) -> Guideline:
    """Of a site whose calendar day begins at eight o'clock UTC."""
    return replace(guideline, policy=replace(guideline.policy, zone="America/Los_Angeles"))


def worsening(guideline: Guideline, *facts: Fact) -> tuple[str, ...]:
    record = rec(order("prednisone", START), order("tacrolimus", START), *facts)
    breath = gases(record, (55, 55), guideline.policy, AS_OF)
    found = refractoriness(record, breath, therapy(record, breath, guideline, AS_OF), guideline, AS_OF)
    assert found.status == "too-early"
    return found.worsening


def pf(value: float, when: Date, **more: str) -> Result:
    return res("pf-ratio", value, when, **more)


def on(day: float) -> datetime:
    return START + timedelta(days=day)


@pytest.mark.parametrize(
    ("ratios", "said"),
    [
        ([(400, -1), (320, 3)], "400 mmHg on 2026-02-22 to 320 mmHg on 2026-02-26"),
        ([(500, -9), (400, -1), (390, 1), (310, 3)], "400 mmHg on 2026-02-22 to 310 mmHg on 2026-02-26"),
        ([(400, 0), (390, 1), (320, 3)], "400 mmHg on 2026-02-23 to 320 mmHg on 2026-02-26"),
        ([(400, -1), (310, 0)], "400 mmHg on 2026-02-22 to 310 mmHg on 2026-02-23"),
        ([(400, -2), (310, -1)], None),
        ([(400, -1), (320.1, 3)], None),
    ],
)
def test_a_fall_of_the_ratio_in_words(
    guideline: Guideline, ratios: list[tuple[float, float]], said: str | None
) -> None:
    found = worsening(guideline, *(pf(value, on(day)) for value, day in ratios))
    assert found == ((f"PaO2/FiO2 fell from {said}, by at least 20 %",) if said else ())


@pytest.mark.parametrize(
    ("before", "after", "falls"),
    [
        ("<", None, False),
        (">", None, True),
        (None, "<", True),
        (None, ">", False),
        (">", "<", True),
        ("<", "<", False),
    ],
)
def test_a_censored_ratio_falls_only_for_sure(
    guideline: Guideline, before: str | None, after: str | None, falls: bool
) -> None:
    facts = [res("pf-ratio", 400, on(-1), comparator=before), res("pf-ratio", 320, on(3), comparator=after)]
    said = (
        f"PaO2/FiO2 fell from {before or ''}400 mmHg on 2026-02-22 to {after or ''}320 mmHg on 2026-02-26, "
        "by at least 20 %"
    )
    assert worsening(guideline, *facts) == ((said,) if falls else ())


@pytest.mark.parametrize(("reported", "panel"), [("a", "b"), ("b", "a")])
def test_of_two_ratios_of_one_day_the_worse_is_compared(guideline: Guideline, reported: str, panel: str) -> None:
    """Whatever their names: a reported one, and one derived from a panel, both of which tell only the day."""
    base, day = pf(400, on(-1)), "2026-02-26"
    gas = [res("pao2", 93, day, id=panel), res("fio2", 0.3, day, id=panel)]
    assert worsening(guideline, base, pf(390, day, id=reported), *gas) == (
        "PaO2/FiO2 fell from 400 mmHg on 2026-02-22 to 310 mmHg on 2026-02-26, by at least 20 %",
    )


@pytest.mark.parametrize(
    ("later", "falls"),
    [
        ([(320, "2026-02-26"), (310, "2026-02-26T08:00")], True),
        ([(320, "2026-02-26"), (330, "2026-02-26T08:00")], False),
    ],
)
def test_ratios_that_may_be_the_newest_must_all_have_fallen(
    guideline: Guideline, later: list[tuple[float, str]], falls: bool
) -> None:
    found = worsening(guideline, pf(400, on(-1)), *(pf(value, when) for value, when in later))
    assert bool(found) is falls


@pytest.mark.parametrize("baseline", ["2026-02", "2026"])
def test_a_ratio_that_may_precede_the_step_is_no_sure_baseline(guideline: Guideline, baseline: str) -> None:
    assert worsening(guideline, pf(400, baseline), pf(310, on(3))) == ()
    assert worsening(guideline, pf(400, baseline), pf(500, on(1)), pf(310, on(3))) == ()


def test_new_hypoxaemia_is_told_by_its_last_moment(guideline: Guideline) -> None:
    later = [pf(250, on(2)), pf(260, on(4))]
    told = f"{NEW}PaO2/FiO2 260 mmHg on 2026-02-27 (limit 300 mmHg)"
    assert worsening(guideline, *later) == (told,)
    assert worsening(guideline, pf(250, on(-15)), *later) == (told,)
    assert worsening(guideline, pf(250, on(-14)), *later) == ()
    # the whole month may lie before the step or after it
    assert worsening(guideline, pf(250, "2026-02"), pf(250, on(4))) == (
        f"{NEW}PaO2/FiO2 250 mmHg on 2026-02-27 (limit 300 mmHg)",
    )


def test_the_days_around_the_step_are_the_sites(californian: Guideline) -> None:
    """At two o'clock UTC of the 23rd California has the 22nd, the day before the step."""
    facts = [pf(350, on(-3)), pf(400, "2026-02-23T02:00Z"), pf(310, on(2))]
    assert worsening(californian, *facts) == (
        "PaO2/FiO2 fell from 400 mmHg on 2026-02-22 to 310 mmHg on 2026-02-25, by at least 20 %",
    )
    low = [pf(250, "2026-02-23T02:00Z"), pf(250, on(2))]
    assert worsening(californian, *low) == ()
    assert worsening(californian, pf(250, "2026-02-23T09:00Z"), low[1]) == (
        f"{NEW}PaO2/FiO2 250 mmHg on 2026-02-25 (limit 300 mmHg)",
    )


def test_a_clinical_sign_stands_beside_the_others(guideline: Guideline) -> None:
    imaging = res("imaging", None, on(3), flag=True)
    assert worsening(guideline, pf(400, on(-1)), pf(250, on(3)), imaging) == (
        "PaO2/FiO2 fell from 400 mmHg on 2026-02-22 to 250 mmHg on 2026-02-26, by at least 20 %",
        f"{NEW}PaO2/FiO2 250 mmHg on 2026-02-26 (limit 300 mmHg)",
        "new or expanding ground-glass opacity or consolidation: yes on 2026-02-26",
    )
