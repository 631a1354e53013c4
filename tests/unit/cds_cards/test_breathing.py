"""Life-threatening respiratory failure: the newest ratio, ventilation, and what could not be read."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from cds_cards.disease import RespiratoryFailure, respiratory_failure
from cds_cards.gas import gases
from cds_cards.knowledge import load_guideline
from cds_cards.timeline import When
from tests.unit.cds_cards.facts import AS_OF, ago, at, procedure, record, result, unread

GUIDELINE = load_guideline()


def failing(*facts, **rest) -> RespiratoryFailure:
    policy, patient = GUIDELINE.policy, record(*facts, **rest)
    return respiratory_failure(patient, gases(patient, (55, 55), policy, AS_OF), policy, AS_OF)


def pf(value, days=1.0, **rest):
    return result("pf-ratio", value, ago(days), **rest)


@pytest.mark.parametrize(
    ("facts", "answer"),
    [
        ([pf(99.9)], "yes"),
        ([pf(100)], "no"),
        ([pf(100.1)], "no"),
        ([pf(80, 3)], "yes"),
        ([pf(80, 3.001)], "unknown"),
        ([pf(180, 3.001)], "unknown"),
        ([pf(80, 2), pf(180, 1)], "no"),
        ([pf(180, 2), pf(80, 1)], "yes"),
        ([pf(80, 1), pf(180, 1)], "yes"),  # one instant: the worse
        ([pf(80, 1, issued=ago(0.9).start), pf(180, 1, issued=ago(0.8).start)], "no"),
        ([pf(100, comparator="<")], "yes"),
        ([pf(150, comparator="<")], "unknown"),
        ([pf(100, comparator=">")], "no"),
        ([pf(80, variant="venous")], "unknown"),
        ([result("pao2", 60), result("fio2", 0.8)], "yes"),  # 75, derived
        ([result("pao2", 80), result("fio2", 0.8)], "no"),  # 100, derived
        ([result("pf-ratio", 80, at("2026-02-26"))], "unknown"),  # three days ago, or a little more
        ([result("pf-ratio", 80, at("2026-02-27"))], "yes"),
        ([result("pf-ratio", 80, at("2026-02-28")), result("pf-ratio", 200, at("2026-02-28T08:00"))], "unknown"),
        ([], "unknown"),
    ],
)
def test_the_newest_ratio(facts, answer):
    for order in list(permutations(facts)):
        assert failing(*order).life_threatening == answer


@pytest.mark.parametrize(
    ("fact", "answer"),
    [
        (procedure("invasive-ventilation", "in-progress", ago(60)), "yes"),
        (procedure("invasive-ventilation", "in-progress"), "yes"),
        (procedure("invasive-ventilation", "in-progress", ago(6), ago(1)), "no"),
        (procedure("invasive-ventilation", "completed", ago(14)), "yes"),
        (procedure("invasive-ventilation", "completed", ago(14.01)), "no"),
        (procedure("invasive-ventilation", "completed", ago(6), ago(1)), "no"),
        (procedure("invasive-ventilation", "completed"), "unknown"),
        (procedure("invasive-ventilation", "completed", ago(6), at("2026-03-01")), "unknown"),  # ends today
        (procedure("invasive-ventilation", "completed", at("2026-02-15")), "unknown"),
        (procedure("invasive-ventilation", "not-done", ago(1)), "no"),
        (procedure("invasive-ventilation", "preparation", ago(1)), "no"),
        (procedure("invasive-ventilation", "entered-in-error", ago(1)), "no"),
        (procedure("invasive-ventilation", "unknown", ago(1)), "no"),
        (procedure("ecmo", "in-progress", ago(60)), "unknown"),
        (procedure("ecmo", "completed", ago(3)), "unknown"),
        (procedure("ecmo", "completed", ago(15)), "no"),
        (procedure("plasmapheresis", "in-progress", ago(1)), "no"),
        (unread("procedures"), "unknown"),
        (unread("procedures", "ecmo"), "unknown"),
        (unread("procedures", "hrct"), "no"),
        (unread("observations", "pf-ratio"), "unknown"),
        (unread("observations", "pao2", when=ago(1)), "unknown"),
        (unread("observations", "pao2", when=ago(2)), "no"),
        (unread("observations", "fio2", when=ago(1)), "unknown"),
        (unread("observations", "fio2", when=ago(2)), "no"),
        (unread("observations", "paco2", when=ago(1)), "no"),
        (unread("observations", "ferritin"), "no"),
    ],
)
def test_support_and_what_could_not_be_read_beside_a_ratio_that_is_not_low(fact, answer):
    assert failing(pf(250), fact).life_threatening == answer


@pytest.mark.parametrize("key", ["procedures", "observations"])
@pytest.mark.parametrize("answer", ["partial", "missing"])
def test_no_needs_both_searches_in_full(key, answer):
    assert failing(pf(250), answers={key: answer}).life_threatening == "unknown"
    assert failing(pf(80), answers={key: answer}).life_threatening == "yes"


def test_failure_names_its_evidence():
    gas, tube = pf(80), procedure("invasive-ventilation", "in-progress", ago(2))
    assert failing(gas, tube).evidence == (gas.source, tube.source)
    assert failing(pf(250), tube).evidence == (tube.source,)
    assert "PaO2/FiO2 80 mmHg on 2026-02-28 (limit 100 mmHg, within 72 hours)" in failing(gas).because


@pytest.mark.parametrize(
    ("facts", "because"),
    [
        ([pf(80)], "PaO2/FiO2 80 mmHg on 2026-02-28 (limit 100 mmHg, within 72 hours)"),
        (
            [result("pao2", 60), result("fio2", 0.8)],
            "PaO2/FiO2 75 mmHg on 2026-02-28, derived from PaO2 60 mmHg at FiO2 0.8 (limit 100 mmHg, within 72 hours)",
        ),
        ([pf(80, 4)], "the newest PaO2/FiO2 80 mmHg on 2026-02-25 is not surely within 72 hours"),
        ([], "no arterial PaO2/FiO2 on record"),
    ],
)
def test_the_ratio_in_words(facts, because):
    assert failing(*facts).because.startswith(because)


@pytest.mark.parametrize(
    ("facts", "answers", "doubt"),
    [
        ([pf(150, comparator="<")], {}, "this does not settle it"),
        ([pf(250), procedure("ecmo", "in-progress", ago(60))], {}, "ventilation or ECMO may be running"),
        ([pf(250), unread("procedures")], {}, "the procedures could not be read in full"),
        ([pf(250)], {"observations": "partial"}, "a newer gas may be among what could not be read"),
        ([pf(250), unread("observations", "fio2")], {}, "a newer gas may be among what could not be read"),
    ],
)
def test_what_keeps_it_from_being_no_is_told(facts, answers, doubt):
    assert doubt in failing(*facts, answers=answers).because
    assert doubt not in failing(pf(250)).because


TUBE = "invasive ventilation runs, or began lately without a recorded end"


@pytest.mark.parametrize(
    ("facts", "answers", "answer", "because"),
    [
        (
            [pf(80)],
            {},
            "yes",
            "PaO2/FiO2 80 mmHg on 2026-02-28 (limit 100 mmHg, within 72 hours)",
        ),
        ([pf(250), procedure("invasive-ventilation", "in-progress", ago(2))], {}, "yes", TUBE),
        ([procedure("invasive-ventilation", "in-progress", ago(2))], {"observations": "missing"}, "yes", TUBE),
        (
            [pf(80), procedure("invasive-ventilation", "in-progress", ago(2))],
            {},
            "yes",
            f"PaO2/FiO2 80 mmHg on 2026-02-28 (limit 100 mmHg, within 72 hours); {TUBE}",
        ),
        (
            [result("pf-ratio", 80, at("2026-02-28")), result("pf-ratio", 90, at("2026-02-28T08:00"))],
            {},
            "yes",
            "PaO2/FiO2 80 mmHg on 2026-02-28; PaO2/FiO2 90 mmHg on 2026-02-28 (limit 100 mmHg, within 72 hours)",
        ),
        (
            [pf(250)],
            {},
            "no",
            "PaO2/FiO2 250 mmHg on 2026-02-28 (limit 100 mmHg, within 72 hours); "
            "no ventilation or ECMO running on record",
        ),
        (
            [pf(150, comparator="<")],
            {"observations": "partial", "procedures": "partial"},
            "unknown",
            "PaO2/FiO2 <150 mmHg on 2026-02-28 (limit 100 mmHg, within 72 hours); this does not settle it; "
            "the procedures could not be read in full; a newer gas may be among what could not be read",
        ),
        (
            [procedure("ecmo", "in-progress", ago(2)), unread("observations", "pf-ratio")],
            {},
            "unknown",
            "no arterial PaO2/FiO2 on record; ventilation or ECMO may be running; "
            "a newer gas may be among what could not be read",
        ),
    ],
)
def test_respiratory_failure_in_words(facts, answers, answer, because):
    for order in permutations(facts):
        found = failing(*order, answers=answers)
        assert (found.life_threatening, found.because) == (answer, because)


@pytest.mark.parametrize(
    ("status", "end", "answer"),
    [
        ("in-progress", ago(0), "no"),  # it ended this very minute
        ("completed", ago(0), "no"),
        ("in-progress", When(AS_OF, ago(-0.5).start, "today, from now"), "yes"),
        ("completed", When(AS_OF, ago(-0.5).start, "today, from now"), "unknown"),  # now at the earliest
        ("completed", When(ago(0, minutes=-1).start, ago(-0.5).start, "later today"), "yes"),
        ("completed", ago(-1), "yes"),  # tomorrow
    ],
)
def test_ventilation_that_ends_today(status, end, answer):
    assert failing(pf(250), procedure("invasive-ventilation", status, ago(6), end)).life_threatening == answer


@pytest.mark.parametrize("concept", ["invasive-ventilation", "ecmo"])
def test_a_procedure_that_could_not_be_read_may_be_the_support(concept):
    assert failing(pf(250), unread("procedures", concept)).life_threatening == "unknown"


def test_the_day_of_the_ratio_is_the_sites():
    policy = replace(GUIDELINE.policy, zone="America/Los_Angeles")
    patient = record(result("pf-ratio", 80, at("2026-02-28T02:00")))
    found = respiratory_failure(patient, gases(patient, (55, 55), policy, AS_OF), policy, AS_OF)
    assert found.because == "PaO2/FiO2 80 mmHg on 2026-02-27 (limit 100 mmHg, within 72 hours)"


def test_the_ratio_is_the_evidence_whatever_the_answer():
    gas, blood = pf(250), result("pao2", 80)
    oxygen = result("fio2", 0.4)
    assert failing(gas).evidence == (gas.source,)
    assert failing(gas, unread("procedures")).evidence == (gas.source,)
    assert failing(gas, unread("procedures")).life_threatening == "unknown"
    assert failing(blood, oxygen, answers={"procedures": "partial"}).evidence == (blood.source, oxygen.source)
    old = pf(80, 4)
    assert (failing(old).life_threatening, failing(old).evidence) == ("unknown", (old.source,))
    assert failing().evidence == ()
