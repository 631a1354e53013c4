"""A hospital's own policy file: what it moves, and what is said of a line that cannot be used."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cds_cards.guideline import Code
from cds_cards.knowledge import KnowledgeError, build_guideline, load_guideline, read_files
from cds_cards.policy import Number

LAB = {"system": "https://lab.example.org", "code": "FER"}


@pytest.mark.parametrize(
    ("site", "problem"),
    [
        ({"qwertz": 21}, "site policy: qwertz is no policy of ours"),
        (
            {"lab_current_day": 21},
            "site policy: lab_current_day is no policy of ours; did you mean lab_current_days?",
        ),
        ({"lab_current_days": {"value": 21, "wyh": "x"}}, "site policy: lab_current_days: wyh is no field here"),
        ({"lab_current_days": 0}, "site policy: lab_current_days: value = 0 must be a finite number above zero"),
        ({"zone": {"value": "UTC", "why": 2}}, "site policy: zone: why must be a text"),
        ({"local_codes": "FER"}, "site policy: local_codes: a table was expected"),
        ({"local_codes": {"qwertz": []}}, "site policy: local_codes: qwertz is no result that the rules read"),
        (
            {"local_codes": {"feritin": []}},
            "site policy: local_codes: feritin is no result that the rules read; did you mean ferritin?",
        ),
        ({"local_codes": {"ferritin": [{"code": "FER"}]}}, "site policy: local_codes.ferritin[0]: system is missing"),
        ({"local_codes": {"ferritin": [LAB | {"x": "y"}]}}, "site policy: local_codes.ferritin[0]: x is no field here"),
    ],
)
def test_a_line_that_cannot_be_used_is_the_only_problem(site: dict[str, object], problem: str) -> None:
    with pytest.raises(KnowledgeError) as caught:
        load_guideline(site)
    assert caught.value.problems == (problem,)


def test_what_a_hospital_states_of_its_number_stands_and_the_rest_is_ours() -> None:
    ours = load_guideline().policy.entries["lab_current_days"]
    entries = [
        load_guideline({"lab_current_days": stated}).policy.entries["lab_current_days"]
        for stated in (21, {"value": 21.0, "unit": "d"}, {"value": 21, "source": "our board", "why": "our laboratory"})
    ]
    by_file = Number(21, "d", "site policy, this hospital's file", ours.why)
    assert entries == [by_file, by_file, Number(21, "d", "our board", "our laboratory")]


def test_a_hospital_may_say_why_its_zone_or_its_list_is_another() -> None:
    site: dict[str, object] = {
        "zone": {"value": "Asia/Tokyo", "why": "our clock"},
        "pregnancy_not_suggested": {"value": ["tofacitinib"], "why": "our board"},
    }
    policy = load_guideline(site).policy
    assert (policy.zone, policy.pregnancy_not_suggested) == ("Asia/Tokyo", ("tofacitinib",))


def test_zero_is_ours_to_state_where_it_makes_sense() -> None:
    knowledge: dict[str, Any] = copy.deepcopy({name: dict(table) for name, table in read_files().items()})
    knowledge["policy"]["clock_skew_minutes"]["value"] = 0
    assert build_guideline(knowledge).policy.clock_skew_minutes == 0
    knowledge["policy"]["lab_current_days"]["value"] = 0
    with pytest.raises(KnowledgeError) as caught:
        build_guideline(knowledge)
    assert caught.value.problems == ("policy.lab_current_days: value = 0 must be a finite number above zero",)


def test_a_local_code_is_as_it_is_written() -> None:
    site: dict[str, object] = {"local_codes": {"ferritin": [LAB, LAB | {"code": "F2", "display": "F", "variant": "v"}]}}
    assert load_guideline(site).policy.local_codes == {
        "ferritin": (Code(LAB["system"], "FER", "", ""), Code(LAB["system"], "F2", "F", "v"))
    }
