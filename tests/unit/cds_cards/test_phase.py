"""Induction or maintenance: each reason alone, at its limit, and in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from cds_cards.gas import Gases
from cds_cards.hypoxaemia import HypoxaemiaEvent
from cds_cards.knowledge import load_guideline
from cds_cards.phase import CombinationAge, age_in_days, phase
from tests.unit.build import AS_OF, Date, Fact, at, dx, rec

POLICY = load_guideline().policy
ORDERS = ("MedicationRequest/a", "MedicationRequest/b")
OLD = CombinationAge("running", (91, 91), "2025-11-30", ORDERS)


def judge(age: CombinationAge, *facts: Fact, hypoxaemia: tuple[HypoxaemiaEvent, ...] = ()) -> Any:
    return phase(age, rec(*facts), Gases((), (), (), hypoxaemia), POLICY, AS_OF)


def low(when: Date, because: str = "PaO2 50 mmHg", source: str = "Observation/o") -> HypoxaemiaEvent:
    return HypoxaemiaEvent(at(when), because, (source,))


def ago(days: float) -> Date:
    return AS_OF - timedelta(days=days)


@pytest.mark.parametrize(
    ("age", "expected", "why", "evidence"),
    [
        (CombinationAge("none"), "induction", "no combination on record, running or past", ()),
        (
            CombinationAge("unread", (200, 200), "2025-08-13", ORDERS),
            "induction",
            "not every medication order could be read, so that a combination may be running",
            (),
        ),
        (
            CombinationAge("running", None, "", ORDERS),
            "induction",
            "the start of the combination is not known",
            ORDERS,
        ),
        (
            CombinationAge("running", (90, 90), "2025-12-01", ORDERS),
            "induction",
            "the combination or its last new agent began on 2025-12-01, within 90 days",
            ORDERS,
        ),
        (
            CombinationAge("past", (59, 90), "2025-12", ORDERS),
            "induction",
            "the last combination began on 2025-12, within 90 days",
            ORDERS,
        ),
        (
            CombinationAge("running", (90, 91), "2025-12", ORDERS),
            "induction",
            "the combination or its last new agent began on 2025-12, possibly within 90 days",
            ORDERS,
        ),
        (
            OLD,
            "maintenance",
            "the combination or its last new agent began on 2025-11-30, more than 90 days ago; neither a relapse of "
            "the lung disease within 30 days nor hypoxaemia within 30 days on record",
            ORDERS,
        ),
        (
            CombinationAge("past", (91, 400), "2025", ORDERS[:1]),
            "maintenance",
            "the last combination on record began on 2025, more than 90 days ago; neither a relapse of the lung "
            "disease within 30 days nor hypoxaemia within 30 days on record",
            ORDERS[:1],
        ),
    ],
)
def test_the_age_of_the_combination(age: CombinationAge, expected: str, why: str, evidence: tuple[str, ...]) -> None:
    assert judge(age) == (expected, why, evidence)


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({"clinical": "relapse", "onset": ago(30)}, True),
        ({"clinical": "recurrence", "onset": ago(30)}, True),
        ({"clinical": "relapse", "onset": ago(30.01)}, False),
        ({"clinical": "relapse", "onset": ago(400), "recorded": ago(30)}, True),
        ({"clinical": "relapse", "onset": ago(400), "recorded": ago(31)}, False),
        ({"clinical": "relapse", "onset": "2026-01"}, True),
        ({"clinical": "relapse", "onset": None}, True),
        ({"clinical": "active", "onset": ago(1)}, False),
        ({"clinical": "remission", "onset": ago(1)}, False),
        ({"clinical": "relapse", "onset": ago(1), "verification": "refuted"}, False),
    ],
)
def test_a_relapse_of_the_lung_disease(fields: dict[str, Any], counts: bool) -> None:
    found, why, evidence = judge(OLD, dx("ild", id="d", **fields))
    assert found == ("induction" if counts else "maintenance")
    assert ("of the lung disease recorded" in why) is counts
    assert evidence == (("Condition/d",) if counts else ORDERS)
    assert judge(OLD, dx("dermatomyositis", **fields))[0] == "maintenance"


def test_a_relapse_in_words() -> None:
    both = dx("ild", clinical="relapse", onset=ago(40), recorded=ago(9))
    assert judge(OLD, both)[1] == "relapse of the lung disease recorded (2026-01-20, 2026-02-20)"
    undated = dx("ild", clinical="recurrence", onset=None)
    assert judge(OLD, undated)[1] == "recurrence of the lung disease recorded (without a date)"


@pytest.mark.parametrize(("when", "counts"), [(ago(30), True), (ago(30.01), False), ("2026-01", True), ("2025", False)])
def test_hypoxaemia_of_these_days(when: Date, counts: bool) -> None:
    found = judge(OLD, hypoxaemia=(low(when),))
    assert found[0] == ("induction" if counts else "maintenance")
    assert not counts or found[1:] == ("hypoxaemia: PaO2 50 mmHg", ("Observation/o",))


def test_the_newest_hypoxaemia_is_told() -> None:
    events = (low(ago(9), "an older one", "Observation/1"), low(ago(2), "the newest", "Observation/2"))
    for order in (events, events[::-1]):
        assert judge(OLD, hypoxaemia=order)[1:] == ("hypoxaemia: the newest", ("Observation/2",))
    alike = (low(ago(2), "A", "Observation/1"), low(ago(2), "B", "Observation/2"))
    assert judge(OLD, hypoxaemia=alike)[1] == judge(OLD, hypoxaemia=alike[::-1])[1] == "hypoxaemia: B"


def test_all_reasons_are_told_and_each_reference_once() -> None:
    relapses = [dx("ild", clinical="relapse", onset=ago(2), id=name) for name in ("b", "a")]
    young = CombinationAge("running", (20, 20), "2026-02-09", ORDERS)
    found, why, evidence = judge(young, *relapses, hypoxaemia=(low(ago(1), source=ORDERS[0]),))
    assert found == "induction"
    assert why == (
        "the combination or its last new agent began on 2026-02-09, within 90 days; "
        "relapse of the lung disease recorded (2026-02-27); relapse of the lung disease recorded (2026-02-27); "
        "hypoxaemia: PaO2 50 mmHg"
    )
    assert evidence == (*ORDERS, "Condition/a", "Condition/b")


def test_an_age_in_days_is_least_and_most() -> None:
    assert age_in_days((date(2026, 2, 1), date(2026, 2, 9)), date(2026, 3, 1)) == (20, 28)


@pytest.mark.parametrize(
    "other",
    [
        dx("dermatomyositis", clinical="relapse", onset=2, id="a"),
        dx("ild", clinical="active", onset=2, id="a"),
        dx("ild", clinical="relapse", onset=2, id="a", verification="entered-in-error"),
        dx("ild", clinical="relapse", onset=400, id="a"),
    ],
)
def test_a_relapse_counts_behind_conditions_that_are_none(other: Fact) -> None:
    for facts in ((other, dx("ild", clinical="relapse", onset=2, id="b")), (other,)):
        found, why, evidence = judge(OLD, *facts)
        expected = ("induction", ("Condition/b",)) if len(facts) > 1 else ("maintenance", ORDERS)
        assert (found, evidence) == expected
        assert len(facts) == 1 or why == "relapse of the lung disease recorded (2026-02-27)"


def test_the_days_of_a_relapse_are_those_of_the_site() -> None:
    policy = replace(POLICY, zone="America/New_York")
    relapse = dx("ild", clinical="relapse", onset="2026-02-20T03:00:00Z", recorded="2026-02-20T06:00:00Z")
    found = phase(OLD, rec(relapse), Gases((), (), (), ()), policy, AS_OF)
    assert found[1] == "relapse of the lung disease recorded (2026-02-19, 2026-02-20)"
