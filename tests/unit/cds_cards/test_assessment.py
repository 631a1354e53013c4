"""What the assessment as a whole passes on: answers, what was ignored, signs of a relapse, the instant of the call."""

from __future__ import annotations

from datetime import timedelta

from cds_cards.assessment import Assessment, Ignored, assess
from cds_cards.knowledge import load_guideline
from cds_cards.record import SetAside
from tests.unit.build import AS_OF, Fact, person, proc, rec, res, unread

GUIDELINE = load_guideline()
KEYS = (
    *("patient", "observations", "medications", "conditions", "allergies", "procedures", "referrals"),
    *("administrations", "drafts"),
)


def judged(*facts: Fact) -> Assessment:
    return assess(rec(*facts, allergies="missing", procedures="partial"), GUIDELINE, AS_OF)


def test_how_each_search_was_answered_is_passed_on() -> None:
    assert judged().answers == dict.fromkeys(KEYS, "complete") | {"allergies": "missing", "procedures": "partial"}


def test_what_was_ignored_is_named_once_with_its_reason() -> None:
    facts = [
        SetAside("Observation/b", "it is another patient's"),
        SetAside("Observation/b", "it is another patient's"),
        unread("observations", "crp", id="c"),
        unread("observations", "ferritin", id="c"),
        unread("observations", "ferritin", id="a", why="its unit is not known"),
        SetAside("Observation/a", "it was entered in error"),
        res("ferritin", 900, AS_OF + timedelta(days=1), id="d"),
    ]
    assert judged(*facts).ignored == (
        Ignored("Observation/a", "it was entered in error"),
        Ignored("Observation/a", "its unit is not known"),
        Ignored("Observation/b", "it is another patient's"),
        Ignored("Observation/c", "its value could not be read"),
        Ignored("Observation/d", "dated 2026-03-02T10:00:00+00:00, after the time of this call"),
    )


def test_a_preliminary_antibody_gives_way_to_a_final_one_of_these_days() -> None:
    early = res("anti-mda5", None, 1, words=("positive",), preliminary=True)
    assert judged(early).anti_mda5.status == "positive"
    assert judged(early, res("anti-mda5", None, 2, words=("negative",))).anti_mda5.status == "negative"
    assert judged(early, res("anti-mda5", None, 40, words=("negative",))).anti_mda5.status == "positive"


def test_a_titre_that_doubled_lately_is_a_sign_of_a_relapse() -> None:
    first, doubled = res("anti-mda5", 50, 100, code="x|1"), res("anti-mda5", 100, 2, code="x|1")
    assert judged(first, doubled).relapse_signs == (
        "anti-MDA5 titre from 50 on 2025-11-21 to 100 on 2026-02-27, same assay",
    )
    assert judged(first, res("anti-mda5", 100, 40, code="x|1")).relapse_signs == ()


def test_a_gradient_on_room_air_is_held_against_the_limit_of_this_age() -> None:
    when = "2026-02-28T08:00:00Z"
    facts = [res("a-a-gradient", 29, when), res("fio2", 0.21, when)]
    (event,) = judged(*facts).gases.hypoxaemia
    assert "limit" in event.because
    unborn = assess(rec(*facts, who=person(born=None)), GUIDELINE, AS_OF)
    assert unborn.gases.hypoxaemia == ()


def test_a_preliminary_gas_gives_way_to_a_final_one_of_these_days() -> None:
    early = res("pf-ratio", 150, 1, preliminary=True)
    assert [each.value for each in judged(early).gases.ratios] == [150]
    assert [each.value for each in judged(early, res("pf-ratio", 350, 2)).gases.ratios] == [350]


def test_ecmo_runs_until_the_instant_of_the_call() -> None:
    assert judged(proc("ecmo", status="in-progress", start=3)).transplant.ecmo_running
    assert judged(proc("ecmo", status="in-progress", start=3)).transplant.ecmo_recent
    ended = judged(proc("ecmo", start=400, end=390))
    assert not ended.transplant.ecmo_running
    assert not ended.transplant.ecmo_recent
