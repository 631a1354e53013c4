"""The first combination on opening the record, in full: with an inhibitor or without, and with an infection."""

from __future__ import annotations

from tests.unit.build_assessment import (
    Screens,
    failure,
    lungs,
    treatment,
)
from tests.unit.cds_cards.whole_cards import (
    CAVEAT,
    REC_1,
    REC_2,
    REC_2A,
    REC_3,
    REC_3A,
    SEARCHED,
    lines,
    patient_card,
    told,
)

INFERRED = lungs("rpild", "inferred")


def test_an_infection_and_a_life_threat_open_the_card_and_no_drug_is_suggested() -> None:
    card = patient_card(
        "rec-2",
        therapy=treatment(
            "mycophenolate-mofetil", low_glucocorticoid="no high dose", complete=False, stage="incomplete"
        ),
        respiratory_failure=failure("yes"),
        infected=True,
        lung_disease=INFERRED,
    )
    assert told(card) == lines(f"""
        Life-threatening respiratory failure. Infection on record: work it up before combination therapy is completed
          (rec-2)
        critical, any
        **Work up the infection on record before the combination is completed**
        - **Infection on record**: pneumonia since 2026-02-20. While it stands, no immunosuppressant is suggested
          here, glucocorticoid included; weigh infection and disease together with infectious diseases.
        - Life-threatening respiratory failure: PaO2/FiO2 88 mmHg on 2026-02-28.
        - Could not read: MedicationRequest/unread: no drug is named. What it holds is not known; check the running
          treatment first.
        **Found**
        - Anti-MDA5 positive on 2026-01-10.
        - RPILD: inferred from ILD since 2026-02-01 and hypoxaemia 3 days later (PaO2 55 mmHg).
        - Treatment: immunosuppression that makes no combination: mycophenolate mofetil since 2026-02-09.
        - Feasible calcineurin inhibitors: cyclosporine A and tacrolimus.
        - No high dose.
        **Guideline**
        {REC_1}
        {REC_2}
        {REC_2A}
        **Evidence**
        - Gono 2012. Patients: 12 on triple therapy, of 20. Outcome: 7 of the 12 died; severity chose the therapy.
        - Muro 2013. Patients: 6 on triple therapy, of 17. Outcome: 1 of the 6 died.
        - Nara 2014. Patients: 4 on triple therapy, of 12. Outcome: 3 of the 4 died; severity chose the therapy.
        {CAVEAT}
        {SEARCHED}
        **Site policy, not the guideline**
        - A calcineurin inhibitor counts as not feasible with allergy or intolerance to it, toxicity of it or current
          eGFR below 30; an eGFR that is not known leaves it feasible.
        - Which drugs are not suggested in pregnancy, and when a safety mark applies.
        - Phase induction: no combination of known start runs.
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia.
        [CMV DNA]
        create: CMV DNA. Infection imitates a failing treatment: it raises ferritin and CRP and worsens gas exchange.
        [Beta-D-glucan]
        create: Beta-D-glucan. Infection imitates a failing treatment: it raises ferritin and CRP and worsens gas
          exchange.
        [Infection work-up with cultures, Pneumocystis and viral tests]
        create: Infection work-up with cultures, Pneumocystis and viral tests. Infection imitates a failing treatment:
          it raises ferritin and CRP and worsens gas exchange.
        [Infectious diseases consultation]
        create: Infectious diseases consultation. Infection imitates a failing treatment: it raises ferritin and CRP
          and worsens gas exchange.
    """)


def test_mycophenolic_acid_stands_where_cyclophosphamide_would() -> None:
    card = patient_card(
        "rec-2",
        therapy=treatment("mycophenolic-acid"),
        found=Screens(feasible=("tacrolimus",), marked=frozenset({"tacrolimus"})),
        lung_disease=INFERRED,
    )
    assert told(card) == lines(f"""
        No combination therapy runs: glucocorticoid + calcineurin inhibitor is the first option
        warning, at-most-one
        **Complete the first-option combination: high-dose glucocorticoid + calcineurin inhibitor, ± IV
          cyclophosphamide**
        **Found**
        - Anti-MDA5 positive on 2026-01-10.
        - RPILD: inferred from ILD since 2026-02-01 and hypoxaemia 3 days later (PaO2 55 mmHg).
        - Treatment: immunosuppression that makes no combination: mycophenolic acid since 2026-02-09.
        - Feasible calcineurin inhibitor: tacrolimus.
        - Cyclosporine A is not feasible: eGFR 22 on 2026-02-25 (cyclosporine).
        **Cautions**
        - Tacrolimus: Avoid in young women or men who want children (fertility) (Table 1, row 2): woman, 30 years.
        - High-dose glucocorticoid was also given as methylprednisolone pulses (500–1,000 mg/day IV on 3 consecutive
          days).
        - Mycophenolate already runs, so no cyclophosphamide is suggested beside it; glucocorticoid, calcineurin
          inhibitor and mycophenolate together from the onset lack evidence.
        - IV immunoglobulin is usually part of the initial approach, as an adjuvant.
        **Guideline**
        {REC_1}
        {REC_2}
        {REC_2A}
        **Evidence**
        - Gono 2012. Patients: 12 on triple therapy, of 20. Outcome: 7 of the 12 died; severity chose the therapy.
        - Muro 2013. Patients: 6 on triple therapy, of 17. Outcome: 1 of the 6 died.
        - Nara 2014. Patients: 4 on triple therapy, of 12. Outcome: 3 of the 4 died; severity chose the therapy.
        {CAVEAT}
        {SEARCHED}
        **Site policy, not the guideline**
        - A calcineurin inhibitor counts as not feasible with allergy or intolerance to it, toxicity of it or current
          eGFR below 30; an eGFR that is not known leaves it feasible.
        - Which drugs are not suggested in pregnancy, and when a safety mark applies.
        - Phase induction: no combination of known start runs.
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia.
        [Prednisone + tacrolimus (caution, see text)]
        create: Prednisone: reported 30–60 mg/day for this patient (60 kg); reported: 0.5–1 mg/kg/day by mouth.
          First-option combination in anti-MDA5 RPILD (rec-2, weak evidence from case series). The dose is the
          prescriber's decision.
        create: Tacrolimus: reported 3.6–4.5 mg/day for this patient (60 kg); reported: 0.06–0.075 mg/kg/day by mouth.
          First-option combination in anti-MDA5 RPILD (rec-2, weak evidence from case series). Caution: Avoid in young
          women or men who want children (fertility) (Table 1, row 2). The dose is the prescriber's decision.
    """)


def test_where_nothing_of_the_first_option_suits_a_centre_is_asked() -> None:
    card = patient_card(
        "rec-2",
        found=Screens(
            excluded={
                "prednisone": "allergy",
                "prednisolone": "allergy",
                "methylprednisolone": "allergy",
                "immunoglobulin": "allergy",
            }
        ),
    )
    assert told(card) == lines(f"""
        No combination therapy runs: glucocorticoid + calcineurin inhibitor is the first option
        warning, any
        **Complete the first-option combination: high-dose glucocorticoid + calcineurin inhibitor, ± IV
          cyclophosphamide**
        - Nothing is left to suggest by what is on record (unsuitable, or ordered already): ask an expert centre.
        **Found**
        - Anti-MDA5 positive on 2026-01-10.
        - RPILD: recorded as rapidly progressive ILD: RP-ILD, 2026-02-01.
        - Treatment: no systemic immunosuppression on record.
        - Feasible calcineurin inhibitors: cyclosporine A and tacrolimus.
        **Guideline**
        {REC_1}
        {REC_2}
        {REC_2A}
        **Evidence**
        - Gono 2012. Patients: 12 on triple therapy, of 20. Outcome: 7 of the 12 died; severity chose the therapy.
        - Muro 2013. Patients: 6 on triple therapy, of 17. Outcome: 1 of the 6 died.
        - Nara 2014. Patients: 4 on triple therapy, of 12. Outcome: 3 of the 4 died; severity chose the therapy.
        {CAVEAT}
        {SEARCHED}
        **Site policy, not the guideline**
        - A calcineurin inhibitor counts as not feasible with allergy or intolerance to it, toxicity of it or current
          eGFR below 30; an eGFR that is not known leaves it feasible.
        - Which drugs are not suggested in pregnancy, and when a safety mark applies.
        - Phase induction: no combination of known start runs.
        [Consultation with a centre experienced in anti-MDA5 disease]
        create: Consultation with a centre experienced in anti-MDA5 disease. Nothing is left to suggest by what is on
          record (unsuitable, or ordered already): ask an expert centre.
    """)


def test_without_a_feasible_inhibitor_the_alternatives_are_combined() -> None:
    card = patient_card(
        "rec-3",
        therapy=treatment(
            "prednisone",
            complete=False,
            stage="glucocorticoid-only",
            low_glucocorticoid="prednisone 10 mg/day is no high dose",
        ),
        found=Screens(feasible=(), marked=frozenset({"cyclophosphamide"}), excluded={"rituximab": "allergy"}),
        respiratory_failure=failure("yes"),
    )
    assert told(card) == lines(f"""
        No combination runs and no calcineurin inhibitor is feasible: alternatives of rec-3
        warning, at-most-one
        **No calcineurin inhibitor is feasible: glucocorticoid with cyclophosphamide and/or mycophenolate**
        - Life-threatening respiratory failure: PaO2/FiO2 88 mmHg on 2026-02-28.
        - Could not read: MedicationRequest/unread: no drug is named. What it holds is not known; check the running
          treatment first.
        **Found**
        - Anti-MDA5 positive on 2026-01-10.
        - RPILD: recorded as rapidly progressive ILD: RP-ILD, 2026-02-01.
        - Treatment: a glucocorticoid and nothing else: prednisone since 2026-02-09.
        - Cyclosporine A is not feasible: eGFR 22 on 2026-02-25 (cyclosporine).
        - Tacrolimus is not feasible: eGFR 22 on 2026-02-25 (tacrolimus).
        - Rituximab is not suggested: allergy of rituximab.
        - Prednisone 10 mg/day is no high dose.
        **Cautions**
        - Cyclophosphamide: Avoid in young women or men who want children (fertility) (Table 1, row 2): woman, 30
          years.
        **Guideline**
        {REC_1}
        {REC_3}
        {REC_3A}
        **Evidence**
        - Glucocorticoid with cyclophosphamide (reference 32). Patients: 1. Outcome: survived.
        - Mycophenolate, always in combination (references 47–50, 52). Patients: 12. Outcome: 3 died, 9 improved.
        - Rituximab with glucocorticoid and cyclophosphamide, with or without mycophenolate, no calcineurin inhibitor.
          Patients: 6. Outcome: 4 died, 2 improved; without comparison, so the numbers do not tell its effect.
        {CAVEAT}
        {SEARCHED}
        **Site policy, not the guideline**
        - A calcineurin inhibitor counts as not feasible with allergy or intolerance to it, toxicity of it or current
          eGFR below 30; an eGFR that is not known leaves it feasible.
        - Which drugs are not suggested in pregnancy, and when a safety mark applies.
        - Phase induction: no combination of known start runs.
        [Prednisone (running) + mycophenolate mofetil]
        create: Mycophenolate mofetil: reported 1–3 g/day by mouth. Combination where no calcineurin inhibitor is
          feasible (rec-3, weak evidence from case series). The dose is the prescriber's decision.
        [Prednisone (running) + IV cyclophosphamide (caution, see text)]
        create: IV cyclophosphamide: reported 820–1630 mg for this patient (1.63 m², Mosteller); reported: 0.5–1 g/m²
          IV, every 2–4 weeks. Combination where no calcineurin inhibitor is feasible (rec-3, weak evidence from case
          series). Caution: Avoid in young women or men who want children (fertility) (Table 1, row 2). The dose is
          the prescriber's decision.
    """)


def test_without_a_feasible_inhibitor_an_infection_is_worked_up_first() -> None:
    card = patient_card(
        "rec-3",
        therapy=treatment("prednisone"),
        found=Screens(feasible=(), marked=frozenset({"cyclophosphamide"})),
        infected=True,
        lung_disease=INFERRED,
    )
    assert told(card) == lines(f"""
        Infection on record: work it up before combination therapy; no calcineurin inhibitor is feasible (rec-3)
        warning, any
        **Work up the infection on record before the combination is started**
        - **Infection on record**: pneumonia since 2026-02-20. While it stands, no immunosuppressant is suggested
          here, glucocorticoid included; weigh infection and disease together with infectious diseases.
        **Found**
        - Anti-MDA5 positive on 2026-01-10.
        - RPILD: inferred from ILD since 2026-02-01 and hypoxaemia 3 days later (PaO2 55 mmHg).
        - Treatment: a glucocorticoid and nothing else: prednisone since 2026-02-09.
        - Cyclosporine A is not feasible: eGFR 22 on 2026-02-25 (cyclosporine).
        - Tacrolimus is not feasible: eGFR 22 on 2026-02-25 (tacrolimus).
        **Guideline**
        {REC_1}
        {REC_3}
        {REC_3A}
        **Evidence**
        - Glucocorticoid with cyclophosphamide (reference 32). Patients: 1. Outcome: survived.
        - Mycophenolate, always in combination (references 47–50, 52). Patients: 12. Outcome: 3 died, 9 improved.
        - Rituximab with glucocorticoid and cyclophosphamide, with or without mycophenolate, no calcineurin inhibitor.
          Patients: 6. Outcome: 4 died, 2 improved; without comparison, so the numbers do not tell its effect.
        {CAVEAT}
        {SEARCHED}
        **Site policy, not the guideline**
        - A calcineurin inhibitor counts as not feasible with allergy or intolerance to it, toxicity of it or current
          eGFR below 30; an eGFR that is not known leaves it feasible.
        - Which drugs are not suggested in pregnancy, and when a safety mark applies.
        - Phase induction: no combination of known start runs.
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia.
        [CMV DNA]
        create: CMV DNA. Infection imitates a failing treatment: it raises ferritin and CRP and worsens gas exchange.
        [Beta-D-glucan]
        create: Beta-D-glucan. Infection imitates a failing treatment: it raises ferritin and CRP and worsens gas
          exchange.
        [Infection work-up with cultures, Pneumocystis and viral tests]
        create: Infection work-up with cultures, Pneumocystis and viral tests. Infection imitates a failing treatment:
          it raises ferritin and CRP and worsens gas exchange.
        [Infectious diseases consultation]
        create: Infectious diseases consultation. Infection imitates a failing treatment: it raises ferritin and CRP
          and worsens gas exchange.
    """)
