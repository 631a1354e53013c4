"""A drafted regimen in full: what is left to complete it, what it asks for, and what speaks against it."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.build import allergy, order, res, unread
from tests.unit.cds_cards.whole_cards import (
    BLANK,
    CAVEAT,
    INFERRED,
    REC_1,
    REC_2,
    REC_2A,
    REC_2B,
    REC_3,
    REC_3A,
    SEARCHED,
    YOUNG,
    cards,
    drug,
    lines,
    section,
    told,
)

GC = order("prednisone", 20)
LOST_DRAFT = replace(unread("drafts"), source="MedicationRequest/unreadable")
LOST_ORDER = unread("medications", "tacrolimus", id="lost")
LOW_EGFR = res("egfr", 20)


def test_a_drafted_glucocorticoid_alone_is_completed() -> None:
    card = cards(drug("prednisone", id="gc", dose=BLANK), LOST_DRAFT, chart=INFERRED)["rec-2"]
    assert told(card) == lines(f"""
        With the drafted orders no combination is complete: glucocorticoid + calcineurin inhibitor is the first option
          (rec-2)
        warning, at-most-one
        **Complete the first-option combination: high-dose glucocorticoid + calcineurin inhibitor, ± IV
          cyclophosphamide**
        - Could not read among the drafts: MedicationRequest/unreadable (its value could not be read). What it orders
          is not counted; check it first.
        **Found**
        - Drafted: prednisone (MedicationRequest/gc).
        - Anti-MDA5 positive on 2026-02-21 (positive).
        - RPILD: inferred from ILD since 2026-02-09 and hypoxaemia 18 days later (PaO2 55 mmHg on 2026-02-27 (limit 60
          mmHg)).
        - Treatment with the drafts: a glucocorticoid and nothing else; drafted: prednisone.
        - Feasible calcineurin inhibitors: cyclosporine A and tacrolimus.
        **Cautions**
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
        - Phase induction: no combination on record, running or past; hypoxaemia: PaO2 55 mmHg on 2026-02-27 (limit 60
          mmHg).
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia.
        **Not known**
        - Prednisone (MedicationRequest/gc): dose not checked: no dosage instruction.
        - Current oxygenation: no arterial PaO2/FiO2 on record.
        [Prednisone (drafted) + cyclosporine A]
        create: Cyclosporine A: reported 120–300 mg/day for this patient (60 kg); reported: 2–5 mg/kg/day by mouth or
          IV. First-option combination in anti-MDA5 RPILD (rec-2, weak evidence from case series). The dose is the
          prescriber's decision.
        [Prednisone (drafted) + tacrolimus]
        create: Tacrolimus: reported 3.6–4.5 mg/day for this patient (60 kg); reported: 0.06–0.075 mg/kg/day by mouth.
          First-option combination in anti-MDA5 RPILD (rec-2, weak evidence from case series). The dose is the
          prescriber's decision.
        [Prednisone (drafted) + cyclosporine A + IV cyclophosphamide]
        create: Cyclosporine A: reported 120–300 mg/day for this patient (60 kg); reported: 2–5 mg/kg/day by mouth or
          IV. First-option combination in anti-MDA5 RPILD (rec-2, weak evidence from case series). The dose is the
          prescriber's decision.
        create: IV cyclophosphamide: reported 830–1650 mg for this patient (1.66 m², Mosteller); reported: 0.5–1 g/m²
          IV, every 2–4 weeks. First-option combination in anti-MDA5 RPILD (rec-2, weak evidence from case series).
          The dose is the prescriber's decision.
        [Prednisone (drafted) + tacrolimus + IV cyclophosphamide]
        create: Tacrolimus: reported 3.6–4.5 mg/day for this patient (60 kg); reported: 0.06–0.075 mg/kg/day by mouth.
          First-option combination in anti-MDA5 RPILD (rec-2, weak evidence from case series). The dose is the
          prescriber's decision.
        create: IV cyclophosphamide: reported 830–1650 mg for this patient (1.66 m², Mosteller); reported: 0.5–1 g/m²
          IV, every 2–4 weeks. First-option combination in anti-MDA5 RPILD (rec-2, weak evidence from case series).
          The dose is the prescriber's decision.
    """)


def test_where_nothing_suits_a_centre_is_asked() -> None:
    card = cards(
        drug("prednisone", id="gc", dose=BLANK),
        LOW_EGFR,
        allergy("cyclophosphamide"),
        allergy("mycophenolate-mofetil", "rituximab", id="two"),
    )["rec-3"]
    assert told(card) == lines(f"""
        With the drafted orders no combination is complete and no calcineurin inhibitor is feasible: alternatives of
          rec-3
        warning, any
        **No calcineurin inhibitor is feasible: glucocorticoid with cyclophosphamide and/or mycophenolate**
        - Nothing is left to suggest by what is on record (unsuitable, or ordered already): ask an expert centre.
        **Found**
        - Drafted: prednisone (MedicationRequest/gc).
        - Anti-MDA5 positive on 2026-02-21 (positive).
        - RPILD: recorded as rapidly progressive ILD: condition on record, 2026-02-24.
        - Treatment with the drafts: a glucocorticoid and nothing else; drafted: prednisone.
        - Cyclosporine A is not feasible: eGFR 20 mL/min/1.73 m² on 2026-03-01, below 30 (site policy).
        - Tacrolimus is not feasible: eGFR 20 mL/min/1.73 m² on 2026-03-01, below 30 (site policy).
        - Cyclophosphamide is not suggested: allergy to cyclophosphamide on record.
        - Mycophenolate mofetil is not suggested: allergy to mycophenolate mofetil on record.
        - Rituximab is not suggested: allergy to rituximab on record.
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
        - Phase induction: no combination on record, running or past.
        **Not known**
        - Prednisone (MedicationRequest/gc): dose not checked: no dosage instruction.
        - Current oxygenation: no arterial PaO2/FiO2 on record.
        [Consultation with a centre experienced in anti-MDA5 disease]
        create: Consultation with a centre experienced in anti-MDA5 disease. Nothing is left to suggest by what is on
          record (unsuitable, or ordered already): ask an expert centre.
    """)


def test_rituximab_without_an_inhibitor_is_named_and_nothing_suggested() -> None:
    card = cards(
        drug("rituximab", id="rtx", dose=BLANK),
        GC,
        order("cyclophosphamide", 10),
        LOST_DRAFT,
        who=YOUNG,
        chart=INFERRED,
        administrations="partial",
    )["rec-3"]
    assert told(card) == lines(rf"""
        Rituximab drafted on glucocorticoid + cyclophosphamide without a calcineurin inhibitor: caution (rec-3)
        info, nothing suggested
        **Rituximab on glucocorticoid and cyclophosphamide without a calcineurin inhibitor: with caution**
        - Could not read among the drafts: MedicationRequest/unreadable (its value could not be read). What it orders
          is not counted; check it first.
        **Found**
        - Drafted: rituximab (MedicationRequest/rtx).
        - Treatment with the drafts: an escalated combination: cyclophosphamide since 2026-02-19, prednisone since
          2026-02-09; combination since 2026-02-19; drafted: rituximab.
        - Anti-MDA5 positive on 2026-02-21 (positive).
        - RPILD: inferred from ILD since 2026-02-09 and hypoxaemia 18 days later (PaO2 55 mmHg on 2026-02-27 (limit 60
          mmHg)).
        **Cautions**
        - Rituximab: On glucocorticoid and cyclophosphamide without a calcineurin inhibitor only with caution: 4 of
          the 6 published patients died, and nothing compares them (guideline final, text on rec-3).
        - Rituximab: Avoid where a pregnancy is possible: it harms the unborn child (guideline final, Table 1, row 3;
          applying it when the agent is added (rec-4) is site policy): woman, 35 years; no sterilisation or menopause
          on record.
        - A pregnancy test is due before it.
        **Guideline**
        {REC_3}
        **Evidence**
        - Glucocorticoid with cyclophosphamide (reference 32). Patients: 1. Outcome: survived.
        - Mycophenolate, always in combination (references 47–50, 52). Patients: 12. Outcome: 3 died, 9 improved.
        - Rituximab with glucocorticoid and cyclophosphamide, with or without mycophenolate, no calcineurin inhibitor.
          Patients: 6. Outcome: 4 died, 2 improved; without comparison, so the numbers do not tell its effect.
        - Rituximab, all reports. Patients: 13. Outcome: 8 died, 5 improved; without comparison, so the numbers do not
          tell its effect.
        {CAVEAT}
        {SEARCHED}
        **Site policy, not the guideline**
        - A dose of cyclophosphamide counts for 42 days.
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia.
        **Not known**
        - Rituximab (MedicationRequest/rtx): dose not checked: no dosage instruction.
        - Medication orders: not all pages of \`administrations\` could be fetched; what they hold is not known.
    """)


def test_both_levels_are_ordered_and_what_speaks_against_the_inhibitors_is_told() -> None:
    card = cards(
        drug("tacrolimus", id="tac"),
        drug("cyclosporine", id="csa", dose=BLANK),
        GC,
        LOW_EGFR,
        LOST_DRAFT,
        LOST_ORDER,
        chart=INFERRED,
        referrals="missing",
    )["rec-2b"]
    assert told(card) == lines(f"""
        Cyclosporine A and tacrolimus drafted: order a blood level as well (rec-2b)
        info, any
        **Cyclosporine A and tacrolimus drafted: order a blood level as well**
        - Could not read: MedicationRequest/lost (its value could not be read). What it holds is not known; check the
          running treatment first.
        - Could not read among the drafts: MedicationRequest/unreadable (its value could not be read). What it orders
          is not counted; check it first.
        **Found**
        - Drafted: cyclosporine A (MedicationRequest/csa).
        - Drafted: tacrolimus (MedicationRequest/tac).
        - No open order of its level is on record or among the drafts.
        - Treatment with the drafts: a combination: prednisone since 2026-02-09; drafted: cyclosporine A, tacrolimus.
        - Anti-MDA5 positive on 2026-02-21 (positive).
        - RPILD: inferred from ILD since 2026-02-09 and hypoxaemia 18 days later (PaO2 55 mmHg on 2026-02-27 (limit 60
          mmHg)).
        **Cautions**
        - Cyclosporine A: eGFR 20 mL/min/1.73 m² on 2026-03-01, below 30 (site policy).
        - Tacrolimus: eGFR 20 mL/min/1.73 m² on 2026-03-01, below 30 (site policy).
        **Guideline**
        {REC_2B}
        **Evidence**
        {SEARCHED}
        **Where the guideline's two texts differ**
        - The superseded draft prints other targets; the final text decides.
        **Site policy, not the guideline**
        - Due: one older than 7 days in the first 28 days of the drug, then 35; none before its day 7.
        - Tacrolimus, whole blood, trough or untimed: above 15 ng/mL always, below 10 in induction only.
        - Cyclosporine is judged by its 2-hour level only; others are shown.
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia.
        **Not known**
        - The service requests on record are not known in full: a level may be ordered already.
        - Cyclosporine A (MedicationRequest/csa): dose not checked: no dosage instruction.
        - Medication orders: not all medication orders could be read: MedicationRequest/lost (its value could not be
          read).
        [Cyclosporine blood level, 2 hours after the dose]
        create: Cyclosporine blood level, 2 hours after the dose. Blood levels guide the dose and limit toxicity
          (rec-2b).
        [Tacrolimus whole-blood level, trough]
        create: Tacrolimus whole-blood level, trough. Blood levels guide the dose and limit toxicity (rec-2b).
    """)


def test_the_level_of_what_is_drafted_again_is_told_and_no_other() -> None:
    running = (GC, order("tacrolimus", 20), order("cyclosporine", 9))
    levels = (res("tacrolimus-level", 17, 1, variant="trough"), res("cyclosporine-level", 700, 1, variant="peak"))
    found = section(cards(drug("tacrolimus", id="tac"), *running, *levels)["rec-2b"], "Found")
    assert found[:3] == [
        "Drafted: tacrolimus (MedicationRequest/tac).",
        "No open order of its level is on record or among the drafts.",
        "Tacrolimus: 17 ng/mL (trough) of 2026-02-28: above the range, 10 to 15 ng/mL (site policy).",
    ]
    assert found[3].startswith("Treatment with the drafts: ")
