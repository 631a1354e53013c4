"""Every number and grade of `cds_cards/knowledge/` against tables typed by hand from the guideline and the site policy.

The tables were typed by reading, not made from the files. A number moved by one step fails here; so does a number that
nobody typed. Numbers in the sentences of the evidence count too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pytest

from cds_cards.knowledge import load_guideline, read_files

the_guideline = cache(load_guideline)
"""As the service loads it, once."""
D, PANEL = "D", "√"

GRADES = {
    "rec-1": [D],
    "rec-2": [D],
    "rec-2a": [PANEL],
    "rec-2b": [PANEL],
    "rec-3": [D],
    "rec-3a": [PANEL],
    "rec-4": [D, PANEL],
    "rec-5": [D, PANEL],
    "rec-6": [PANEL],
    "rec-7": [PANEL],
    "rec-8": [PANEL],
    "rec-9": [PANEL],
    "rec-10": [PANEL],
}
PARTS = {
    "rec-4": {"add": D, "switch": PANEL},
    "rec-5": {"pmx-hemoperfusion": D, "plasmapheresis": D, "immunoglobulin": PANEL},
}
RISK = {
    "ferritin-over-1000": ("ferritin", 1000, "ng/mL"),
    "ferritin-over-500": ("ferritin", 500, "ng/mL"),
    "crp-over-1": ("crp", 10, "mg/L"),
    "age-over-60": ("age", 60, "a"),
}
# Table 2: low, high, unit, routes, and the numbers of the sentence shown
REGIMENS = {
    "prednisone-oral": (0.5, 1, "mg/kg/day", ["oral"], [0.5, 1]),
    "prednisolone-oral": (0.5, 1, "mg/kg/day", ["oral"], [0.5, 1]),
    "methylprednisolone-pulse": (500, 1000, "mg/day", ["iv"], [500, 1000, 3]),
    "cyclosporine": (2, 5, "mg/kg/day", ["oral", "iv"], [2, 5]),
    "tacrolimus": (0.06, 0.075, "mg/kg/day", ["oral"], [0.06, 0.075]),
    "cyclophosphamide-iv": (500, 1000, "mg/m2", ["iv"], [0.5, 1, 2, 4]),
    "mycophenolate": (1000, 3000, "mg/day", ["oral"], [1, 3]),
    "rituximab-weekly": (350, 375, "mg/m2", ["iv"], [350, 375, 2, 4]),
    "rituximab-two-doses": (1000, 1000, "mg", ["iv"], [1]),
    "basiliximab": (20, 20, "mg", ["iv"], [20]),
    "tofacitinib": (10, 10, "mg/day", ["oral"], [5]),
    "ivig": (400, 400, "mg/kg/day", ["iv"], [0.4, 2, 5]),
    "azathioprine": (2, 3, "mg/kg/day", ["oral"], [2, 3]),
    "leflunomide": (10, 20, "mg/day", ["oral"], [10, 20]),
    "methotrexate": (0, 25, "mg/week", ["oral", "sc"], [25]),
    "infliximab": (5, 5, "mg/kg", ["iv"], [5, 0, 2, 6, 8]),
    "pirfenidone": (801, 801, "mg/day", ["oral"], [267]),
}
# Table 2: the most administrations of a course, and the least days from one to the next
COURSES = {
    "methylprednisolone-pulse": (3, 1),
    "cyclophosphamide-iv": (None, 14),
    "rituximab-weekly": (4, 7),
    "rituximab-two-doses": (2, 14),
    "basiliximab": (2, 7),
    "ivig": (5, 1),
    "methotrexate": (None, 7),
    "infliximab": (None, 14),
}
# mg of prednisone for 1 mg: 5/5, 5/5, 5/4, 5/0.75, 5/20, 5/6
EQUIVALENTS = {
    "prednisone": 1,
    "prednisolone": 1,
    "methylprednisolone": 1.25,
    "dexamethasone": 6.67,
    "hydrocortisone": 0.25,
    "deflazacort": 0.833,
}
POLICY = {
    "adult_age": (18, "a"),
    "transplant_age_max": (75, "a"),
    "lab_current_days": (30, "d"),
    "clock_skew_minutes": (5, "min"),
    "ferritin_rise_percent": (30, "%"),
    "ferritin_rise_floor": (200, "ng/mL"),
    "gradient_rise": (15, "mm[Hg]"),
    "fio2_same_within": (0.05, "1"),
    "pf_fall_percent": (20, "%"),
    "assess_from_day": (7, "d"),
    "assess_until_day": (90, "d"),
    "baseline_before_days": (14, "d"),
    "baseline_after_days": (2, "d"),
    "baseline_late_days": (5, "d"),
    "follow_up_from_day": (7, "d"),
    "follow_up_after_baseline_days": (4, "d"),
    "follow_up_current_days": (14, "d"),
    "criterion_current_days": (14, "d"),
    "worsening_before_days": (14, "d"),
    "probable_criteria": (2, "{criteria}"),
    "escalation_from_day": (7, "d"),
    "interval_cyclophosphamide_days": (42, "d"),
    "interval_rituximab_days": (180, "d"),
    "interval_basiliximab_days": (28, "d"),
    "open_end_days": (90, "d"),
    "course_gap_days": (30, "d"),
    "induction_days": (90, "d"),
    "relapse_days": (30, "d"),
    "hypoxaemia_induction_days": (30, "d"),
    "rpild_days": (31, "d"),
    "prior_hypoxaemia_days": (31, "d"),
    "hypoxaemia_recent_days": (90, "d"),
    "hypoxaemia_pao2": (60, "mm[Hg]"),
    "hypoxaemia_pf": (300, "mm[Hg]"),
    "hypoxaemia_spo2": (90, "%"),
    "spo2_pair_hours": (24, "h"),
    "room_air_fio2": (0.21, "1"),
    "gradient_age_divisor": (4, "a/mm[Hg]"),
    "gradient_age_offset": (14, "mm[Hg]"),
    "hypoxaemic_days": (3, "d"),
    "life_threatening_pf": (100, "mm[Hg]"),
    "life_threatening_hours": (72, "h"),
    "ventilation_days": (14, "d"),
    "ecmo_recent_days": (30, "d"),
    "infection_days": (30, "d"),
    "infection_lab_days": (14, "d"),
    "level_first_day": (7, "d"),
    "level_early_until_day": (28, "d"),
    "level_early_days": (7, "d"),
    "level_late_days": (35, "d"),
    "tacrolimus_level_low": (10, "ng/mL"),
    "tacrolimus_level_high": (15, "ng/mL"),
    "cyclosporine_peak_low": (800, "ng/mL"),
    "cyclosporine_peak_high": (1200, "ng/mL"),
    "cni_egfr_min": (30, "mL/min/{1.73_m2}"),
    "childbearing_age_min": (12, "a"),
    "childbearing_age_max": (50, "a"),
    "men_fertility_age": (50, "a"),
    "pregnancy_status_days": (300, "d"),
    "pregnancy_test_days": (7, "d"),
    "weight_days": (90, "d"),
    "dose_tolerance_percent": (5, "%"),
    "glucocorticoid_dose_until_day": (28, "d"),
    "methylprednisolone_pulse_min": (250, "mg/d"),
    "rituximab_single_max": (1000, "mg"),
    "high_dose_glucocorticoid": (0.5, "mg/kg/d"),
    "high_dose_days": (14, "d"),
    "not_recommended_recent_days": (90, "d"),
    "imaging_recent_days": (90, "d"),
    "titre_rise_factor": (2, "{factor}"),
    "gas_window_minutes": (30, "min"),
    "barometric_pressure": (760, "mm[Hg]"),
    "water_vapour_pressure": (47, "mm[Hg]"),
    "respiratory_quotient": (0.8, "1"),
}
# name begins with; recommendations; indirect; numbers of patients; of the outcome; of what no card shows; of the draft
STUDIES = [
    ("Gono 2012", ["rec-2"], False, [12, 20], [7, 12], [8, 2], [78, 7, 12]),
    ("Muro 2013", ["rec-2"], False, [6, 17], [1, 6], [11, 3], []),
    ("Nara 2014", ["rec-2"], False, [4, 12], [3, 4], [8, 3], []),
    ("Matsushita 2017", ["rec-2"], False, [11], [11], [], []),
    ("Hozumi 2016", ["rec-2"], False, [15, 13, 5, 10], [6, 15], [], []),
    ("Nakashima 2016", ["rec-2"], True, [14], [25], [14, 71], [31.4]),
    ("Ikeda 2015", ["rec-2"], True, [10], [6, 10], [], []),
    ("Ma 2016", ["rec-2"], True, [7], [6, 7], [], []),
    ("Tanizawa 2011", ["rec-2"], True, [12, 5], [7, 12], [], []),
    ("Case reports of Table 3", ["rec-2"], False, [10], [5, 10], [5, 1, 16], []),
    ("All case reports", ["rec-2"], False, [53], [21, 40, 32, 60], [], [62]),
    ("DM-RPILD", ["rec-1", "rec-2"], True, [], [6.7, 31], [28.6, 68], []),
    ("Glucocorticoid with cyclophosphamide", ["rec-3"], False, [1], [], [], []),
    ("Mycophenolate, always in combination", ["rec-3"], False, [12], [3, 9], [], []),
    ("Rituximab with glucocorticoid and cyclophosphamide", ["rec-3"], False, [6], [4, 2], [], []),
    ("Rituximab, all reports", ["rec-3", "rec-4"], False, [13], [8, 5], [], []),
    ("Mycophenolate added", ["rec-4"], False, [1], [], [], []),
    ("Basiliximab, Zou 2014", ["rec-4"], False, [4], [3, 4], [], []),
    ("Tofacitinib added, Kurasawa 2018", ["rec-4"], False, [5], [3, 5, 80, 100], [6], []),
    ("Tofacitinib added, Kato 2019", ["rec-4"], False, [1], [], [], []),
    ("Cyclosporine exchanged for tacrolimus", ["rec-4"], False, [1], [], [], []),
    ("Tofacitinib with glucocorticoid in early ILD", [], False, [18], [18, 18, 6], [32, 25, 0.04], []),
    ("Polymyxin B hemoperfusion, Okabayashi", ["rec-5"], False, [10, 14], [9, 10], [], []),
    ("Polymyxin B hemoperfusion, the panel", ["rec-5"], False, [14], [5, 14], [], [1, 2]),
    ("Plasmapheresis", ["rec-5"], False, [10], [8, 2, 1], [], []),
    ("IV immunoglobulin", ["rec-5"], False, [22], [13], [], []),
    ("Veno-venous ECMO", ["rec-6"], False, [13], [8, 5], [], []),
    ("Lung transplantation", ["rec-7"], False, [8], [2, 6], [], []),
    ("Azathioprine", ["rec-8"], False, [5], [3, 2], [], []),
    ("Methotrexate", ["rec-8"], False, [7], [], [], []),
    ("Leflunomide", ["rec-8"], False, [7], [6], [], []),
    ("Infliximab", ["rec-9"], False, [14], [10, 10, 4, 4], [], []),
    ("Pirfenidone, Li 2016", ["rec-10"], False, [30, 22], [36.7], [27, 51.9, 0.223, 50, 50], []),
]


def numbers(text: str) -> list[float]:
    """The numbers of a sentence; those that are part of a name (`anti-MDA5`, `m²`, `rec-4`) are none."""
    found = re.findall(r"(?<![\w.-])\d[\d,]*(?:\.\d+)?(?![\w])", text)
    return [float(each.replace(",", "").rstrip(",")) for each in found]


def leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    """Every number of parsed TOML with its path (list places left out)."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, float(value)


def typed_leaves() -> set[tuple[tuple[str, ...], float]]:
    """The same from the tables of this file."""
    typed = {(("policy", key, "value"), float(value)) for key, (value, _) in POLICY.items()}
    typed |= {
        (("recommendations", "risk_factor", key, "threshold"), float(value)) for key, (_, value, _) in RISK.items()
    }
    typed |= {(("agents", key, "prednisone_equivalent", "value"), float(value)) for key, value in EQUIVALENTS.items()}
    owner = {r.id: agent.id for agent in the_guideline().agents.values() for r in agent.regimens}
    for key, (low, high, *_) in REGIMENS.items():
        typed |= {(("agents", owner[key], "regimens", "low"), float(low))}
        typed |= {(("agents", owner[key], "regimens", "high"), float(high))}
    for key, (course, apart) in COURSES.items():
        typed |= {(("agents", owner[key], "regimens", "course"), float(course))} if course else set()
        typed |= {(("agents", owner[key], "regimens", "days_apart"), float(apart))}
    return typed


def test_no_number_stands_in_the_files_that_nobody_typed_and_none_is_missing() -> None:
    # `allowed` is no clinical number: it bounds what a unit can hold at all
    found = {leaf for leaf in leaves(dict(read_files())) if leaf[0][:2] != ("policy", "allowed")}
    assert found == typed_leaves()


@pytest.mark.parametrize("key", sorted(POLICY))
def test_policy(key: str) -> None:
    policy = the_guideline().policy
    entry = policy.entries[key]
    assert (getattr(policy, key), entry.unit) == POLICY[key]
    assert entry.value == getattr(policy, key)
    assert entry.source
    assert entry.why


def test_what_is_no_number_in_the_policy() -> None:
    policy = the_guideline().policy
    assert set(policy.entries) == set(POLICY)
    assert policy.zone == "UTC"
    assert set(policy.pregnancy_not_suggested) == {
        "cyclophosphamide",
        "mycophenolate-mofetil",
        "mycophenolic-acid",
        "rituximab",
        "tofacitinib",
        "methotrexate",
        "leflunomide",
    }
    assert policy.local_codes == {}


def test_grades_and_levels() -> None:
    recommendations = the_guideline().recommendations
    assert {key: list(each.grades) for key, each in recommendations.items()} == GRADES
    assert {key: dict(each.parts) for key, each in recommendations.items() if each.parts} == PARTS
    assert {each.evidence_level for each in recommendations.values()} == {"3"}


def test_which_text_it_is() -> None:
    guideline = the_guideline()
    assert guideline.knowledge_version == "2026.11.1"
    assert guideline.doi == "10.1016/j.semarthrit.2020.03.007"
    assert guideline.url == f"https://doi.org/{guideline.doi}"
    assert "April 2018" in guideline.search_limit
    assert "July 2019" in guideline.search_limit


def test_risk_factors() -> None:
    found = {key: (rule.concept, rule.threshold, rule.unit) for key, rule in the_guideline().risk_factors.items()}
    assert found == RISK


def test_regimens() -> None:
    found = {
        regimen.id: (
            regimen.low,
            regimen.high,
            regimen.unit,
            list(regimen.route),
            numbers(re.sub(r"anti-MDA5", "", f"{regimen.text} {regimen.cycle}")),
        )
        for agent in the_guideline().agents.values()
        for regimen in agent.regimens
    }
    assert found == REGIMENS


def test_courses_of_pulses() -> None:
    pulses = [item for agent in the_guideline().agents.values() for item in agent.regimens if item.schedule == "pulse"]
    assert {item.id: (item.course, item.days_apart) for item in pulses} == COURSES


def test_prednisone_equivalents() -> None:
    found = {
        agent.id: agent.prednisone_equivalent.value
        for agent in the_guideline().agents.values()
        if agent.prednisone_equivalent
    }
    assert found == EQUIVALENTS


def test_every_row_of_the_evidence_is_there_and_no_other() -> None:
    studies = the_guideline().studies
    assert len(studies) == len(STUDIES)
    assert [study.name.startswith(row[0]) for study, row in zip(studies, STUDIES, strict=True)] == [True] * len(studies)


@pytest.mark.parametrize(("at", "row"), list(enumerate(STUDIES)), ids=[row[0] for row in STUDIES])
def test_study(at: int, row: tuple[str, list[str], bool, list[float], list[float], list[float], list[float]]) -> None:
    _, recommendations, indirect, patients, outcome, not_shown, differs = row
    study = the_guideline().studies[at]
    assert list(study.recommendations) == recommendations
    assert study.indirect is indirect
    assert numbers(study.patients) == patients
    assert numbers(study.outcome) == outcome
    assert numbers(study.not_shown) == not_shown
    assert numbers(study.differs) == differs


def test_what_never_stands_on_a_card() -> None:
    guideline = the_guideline()
    shown = [text for each in guideline.recommendations.values() for text in (each.title, each.advice)]
    shown += [text for study in guideline.studies for text in (study.name, study.patients, study.outcome)]
    shown += [text for agent in guideline.agents.values() for r in agent.regimens for text in (r.text, r.cycle)]
    shown += [caution.text for agent in guideline.agents.values() for caution in agent.cautions]
    for text in shown:
        # PMX flow, thousandfold misprint, "contraindicated" for "avoid", two arms beside each other
        assert not re.search(r"mL/h|100 ml|0\.4 mg|contraindicat|very high risk|\d v \d| versus ", text), text


def test_outcomes_that_mislead_alone_carry_what_belongs_to_them() -> None:
    by_name = {study.name: study for study in the_guideline().studies}
    ecmo = next(study for name, study in by_name.items() if "ECMO" in name)
    assert "through transplantation" in ecmo.outcome
    tofacitinib = by_name["Tofacitinib added, Kurasawa 2018"].outcome
    assert "varicella-zoster" in tofacitinib
    assert "cytomegalovirus" in tofacitinib
    rescue = [study for study in by_name.values() if "rec-5" in study.recommendations and "died" in study.outcome]
    assert rescue
    assert all("last resort" in study.outcome for study in rescue)
