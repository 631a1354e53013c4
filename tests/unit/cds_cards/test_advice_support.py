"""ECMO, transplantation, levels and agents that are not recommended, in full, on opening the record."""

from __future__ import annotations

from dataclasses import replace

from cds_cards.disease import Population
from tests.unit.build_assessment import (
    failure,
    level,
    lungs,
    support,
    treatment,
)
from tests.unit.cds_cards.whole_cards import (
    CAVEAT,
    REC_2B,
    REC_8,
    SEARCHED,
    lines,
    patient_card,
    told,
)

INFERRED = lungs("rpild", "inferred")


def test_an_ecmo_centre_is_called_before_ecmo_is_on_record() -> None:
    card = patient_card(
        "rec-6",
        therapy=treatment("prednisone", complete=False, stage="glucocorticoid-only"),
        respiratory_failure=failure("yes"),
        transplant=replace(support(), ecmo_why=""),
        lung_disease=INFERRED,
    )
    assert told(card) == lines(f"""
        Life-threatening respiratory failure: contact an ECMO and transplant centre now
        critical, any
        **Contact an ECMO and lung transplant centre now**
        - Could not read: MedicationRequest/unread: no drug is named. What it holds is not known; check the running
          treatment first.
        **Found**
        - Respiratory failure: PaO2/FiO2 88 mmHg on 2026-02-28.
        - Treatment: a glucocorticoid and nothing else: prednisone since 2026-02-09.
        - Anti-MDA5 positive on 2026-01-10.
        - RPILD: inferred from ILD since 2026-02-01 and hypoxaemia 3 days later (PaO2 55 mmHg).
        **Guideline**
        - Veno-venous ECMO as a bridge (rec-6). In life-threatening respiratory failure that does not respond:
          veno-venous ECMO in a highly specialised centre, while the response is awaited or as a bridge to
          transplantation. It is the last option and always a bridge. Grade: practice point, panel consensus (grade
          √).
        **Evidence**
        - Veno-venous ECMO (references 12, 55, 70–74). Patients: 13 that can be counted. Outcome: 8 died; 5 survived,
          all of them through transplantation.
        {CAVEAT}
        {SEARCHED}
        **Site policy, not the guideline**
        - Life-threatening: the newest arterial PaO2/FiO2, at most 72 hours old, below 100 mmHg, or invasive
          ventilation. This asks for contact earlier than the guideline, which speaks of refractory failure.
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia.
        [Urgent contact with an ECMO and lung transplant centre]
        create: Urgent contact with an ECMO and lung transplant centre. Life-threatening respiratory failure;
          veno-venous ECMO is a bridge, to response or to transplantation (rec-6).
    """)


def test_a_bridge_makes_the_referral_urgent_at_any_age_that_is_not_settled() -> None:
    card = patient_card(
        "rec-7",
        population=Population("in", "adult", (74, 76)),
        transplant=support("unknown", running=True),
        lung_disease=INFERRED,
    )
    assert told(card) == lines(f"""
        Anti-MDA5-positive ILD; whether a transplant referral exists is not known: refer early (rec-7)
        warning, any
        **Refer for lung transplant evaluation: early, not as a last step**
        **Found**
        - Anti-MDA5 positive on 2026-01-10.
        - RPILD: inferred from ILD since 2026-02-01 and hypoxaemia 3 days later (PaO2 55 mmHg).
        - Age 74 to 76 years.
        - Referral: referral unknown.
        - Why urgent: ECMO since 2026-02-27.
        **Guideline**
        - Refer early for lung transplantation (rec-7). Lung transplantation is an option when the disease does not
          respond. Referral belongs at the time the lung disease is diagnosed, in every anti-MDA5-positive ILD.
          Reflux, kidney disease, active myositis and malignancy complicate it. Grade: practice point, panel consensus
          (grade √).
        **Evidence**
        - Lung transplantation (references 72–74, 80, 81). Patients: 8 that can be counted. Outcome: 2 failed, 6
          survived.
        {CAVEAT}
        {SEARCHED}
        **Site policy, not the guideline**
        - Silent above 75 years, and once a referral, an evaluation or a refusal is on record.
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia.
        **Not known**
        - Whether a referral or an evaluation exists already is not known in full.
        [Referral to a transplant centre]
        create: Referral to a transplant centre. Anti-MDA5-positive ILD: early referral, at the time the lung disease
          is diagnosed (rec-7).
    """)


def test_in_maintenance_only_a_level_above_the_range_speaks() -> None:
    card = patient_card(
        "rec-2b",
        therapy=treatment("prednisone", "tacrolimus", "cyclosporine", day=200, phase="maintenance", complete=False),
        levels=(
            level("cyclosporine", "met", "below"),
            level("tacrolimus", "not-met", "above", ("taken 3 hours after the dose",)),
        ),
        lung_disease=INFERRED,
    )
    assert told(card) == lines(f"""
        Tacrolimus: level above the range; check dose, interactions and kidney function (rec-2b)
        warning, any
        **Tacrolimus: level above the range; check dose, interactions and kidney function**
        - Could not read: MedicationRequest/unread: no drug is named. What it holds is not known; check the running
          treatment first.
        **Found**
        - Tacrolimus: 12 ng/mL.
        - Taken 3 hours after the dose.
        - Treatment: a combination: cyclosporine A since 2025-08-13, prednisone since 2025-08-13, tacrolimus since
          2025-08-13; combination since 2025-08-13.
        - Anti-MDA5 positive on 2026-01-10.
        - RPILD: inferred from ILD since 2026-02-01 and hypoxaemia 3 days later (PaO2 55 mmHg).
        **Guideline**
        {REC_2B}
        **Evidence**
        {SEARCHED}
        **Where the guideline's two texts differ**
        - The superseded draft prints other targets; the final text decides.
        **Site policy, not the guideline**
        - Due: one older than 7 days in the first 28 days of the drug, then 35; none before its day 7.
        - Tacrolimus, whole blood, trough or untimed: above 15 ng/mL always, below 10 in induction only.
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia.
        [Tacrolimus whole-blood level, trough]
        create: Tacrolimus whole-blood level, trough. Blood levels guide the dose and limit toxicity (rec-2b).
    """)


def test_two_agents_in_place_of_a_combination_are_reviewed_together() -> None:
    card = patient_card(
        "rec-8",
        therapy=treatment("methotrexate", "azathioprine", complete=False, stage="incomplete"),
        lung_disease=INFERRED,
    )
    assert told(card) == lines(f"""
        Azathioprine and methotrexate: not recommended for induction in anti-MDA5 RPILD; review with its prescriber
        warning, nothing suggested
        **Azathioprine and methotrexate: review with its prescriber**
        - Could not read: MedicationRequest/unread: no drug is named. What it holds is not known; check the running
          treatment first.
        **Found**
        - Treatment: immunosuppression that makes no combination: azathioprine since 2026-02-09, methotrexate since
          2026-02-09.
        - It stands in place of a combination.
        - Anti-MDA5 positive on 2026-01-10.
        - RPILD: inferred from ILD since 2026-02-01 and hypoxaemia 3 days later (PaO2 55 mmHg).
        **Guideline**
        {REC_8}
        **Evidence**
        - Azathioprine. Patients: 5. Outcome: 3 died, 2 improved.
        - Methotrexate. Patients: 7, none with RPILD. Outcome: all with a good course.
        - Leflunomide (reference 35). Patients: 7, with much else. Outcome: 6 died; its role is very hard to judge.
        {CAVEAT}
        {SEARCHED}
        **Where the guideline's two texts differ**
        - Rec-8: Within the final text, the body speaks of induction, Table 1 of treatment.
        **Site policy, not the guideline**
        - Shown when it stands in place of a combination or began at most 90 days ago.
        - Phase induction: no combination of known start runs.
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia.
    """)


def test_the_other_anti_tnf_agents_are_said_to_be_our_addition() -> None:
    card = patient_card(
        "rec-9",
        therapy=treatment("prednisone", "tacrolimus", "etanercept", "adalimumab", complete=False),
        lung_disease=INFERRED,
    )
    assert told(card) == lines(f"""
        Adalimumab and etanercept: not recommended in anti-MDA5 RPILD; review with its prescriber
        warning, nothing suggested
        **Adalimumab and etanercept: review with its prescriber**
        - Could not read: MedicationRequest/unread: no drug is named. What it holds is not known; check the running
          treatment first.
        **Found**
        - Treatment: a combination: adalimumab since 2026-02-09, etanercept since 2026-02-09, prednisone since
          2026-02-09, tacrolimus since 2026-02-09; combination since 2026-02-09.
        - Anti-MDA5 positive on 2026-01-10.
        - RPILD: inferred from ILD since 2026-02-01 and hypoxaemia 3 days later (PaO2 55 mmHg).
        **Guideline**
        - Infliximab: not recommended (rec-9). Infliximab is not recommended; anti-TNF agents can themselves cause
          serious interstitial lung disease. Naming the other anti-TNF agents here is site policy. Grade: practice
          point, panel consensus (grade √).
        **Evidence**
        - Infliximab (reference 9). Patients: 14, not anti-MDA5. Outcome: given early: 10 of 10 with a favourable
          course; after respiratory failure: 4 of 4 died.
        {CAVEAT}
        {SEARCHED}
        **Site policy, not the guideline**
        - The guideline names infliximab; other anti-TNF agents are added here.
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia.
    """)
