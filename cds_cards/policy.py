"""Site policy: the numbers that are ours, not the guideline's, each with unit, source and reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from cds_cards.coding import Code


@dataclass(frozen=True, slots=True)
class Number:
    """A number with its unit, its source (guideline section, or "site policy") and the reason for it."""

    value: float
    unit: str
    source: str
    why: str


@dataclass(frozen=True, slots=True)
class Policy:
    """What is ours, not the guideline's: each number of `policy.toml` as an attribute (days, mmHg, ng/mL, %, years).

    `entries` keeps each with unit, source and reason. A hospital's own file may move any of them.
    """

    # population
    adult_age: float
    transplant_age_max: float
    # currency of values
    lab_current_days: float
    clock_skew_minutes: float
    # trends and their clock
    ferritin_rise_percent: float
    ferritin_rise_floor: float
    gradient_rise: float
    fio2_same_within: float
    pf_fall_percent: float
    assess_from_day: int
    assess_until_day: int
    baseline_before_days: int
    baseline_after_days: int
    baseline_late_days: int
    follow_up_from_day: int
    follow_up_after_baseline_days: int
    follow_up_current_days: float
    criterion_current_days: float
    worsening_before_days: int
    probable_criteria: int
    # stages and running intervals
    escalation_from_day: int
    interval_cyclophosphamide_days: int
    interval_rituximab_days: int
    interval_basiliximab_days: int
    open_end_days: int
    course_gap_days: int
    # phase
    induction_days: float
    relapse_days: float
    hypoxaemia_induction_days: float
    # lung disease
    rpild_days: int
    prior_hypoxaemia_days: int
    hypoxaemia_recent_days: float
    hypoxaemia_pao2: float
    hypoxaemia_pf: float
    hypoxaemia_spo2: float
    spo2_pair_hours: float
    room_air_fio2: float
    gradient_age_divisor: float
    gradient_age_offset: float
    hypoxaemic_days: float
    # respiratory failure
    life_threatening_pf: float
    life_threatening_hours: float
    ventilation_days: float
    ecmo_recent_days: float
    # infection
    infection_days: float
    infection_lab_days: float
    # calcineurin inhibitor levels
    level_first_day: int
    level_early_until_day: int
    level_early_days: float
    level_late_days: float
    tacrolimus_level_low: float
    tacrolimus_level_high: float
    cyclosporine_peak_low: float
    cyclosporine_peak_high: float
    # suitability
    cni_egfr_min: float
    childbearing_age_min: float
    childbearing_age_max: float
    men_fertility_age: float
    pregnancy_status_days: float
    pregnancy_test_days: float
    # doses
    weight_days: float
    dose_tolerance_percent: float
    glucocorticoid_dose_until_day: int
    methylprednisolone_pulse_min: float
    rituximab_single_max: float
    high_dose_glucocorticoid: float
    high_dose_days: int
    # cards
    not_recommended_recent_days: float
    imaging_recent_days: float
    titre_rise_factor: float
    # derived gases
    gas_window_minutes: float
    barometric_pressure: float
    water_vapour_pressure: float
    respiratory_quotient: float
    # not numbers
    zone: str
    pregnancy_not_suggested: tuple[str, ...]
    local_codes: Mapping[str, tuple[Code, ...]]
    entries: Mapping[str, Number]

    @property
    def skew(self) -> timedelta:
        """The clock skew granted between the EHR and us."""
        return timedelta(minutes=self.clock_skew_minutes)
