"""The draft of an agent that is not recommended, in full."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.build import allergy, dx, order, res, unread
from tests.unit.cds_cards.whole_cards import (
    BLANK,
    CAVEAT,
    INFERRED,
    REC_2,
    REC_4,
    REC_8,
    SEARCHED,
    YOUNG,
    cards,
    drug,
    lines,
    told,
)

GC = order("prednisone", 20)
TACROLIMUS = order("tacrolimus", 20)
LOST_DRAFT = replace(unread("drafts"), source="MedicationRequest/unreadable")
LOST_ORDER = unread("medications", "tacrolimus", id="lost")
WORSE = tuple(res(name, None, 1, flag=True) for name in ("respiratory-symptoms", "imaging", "clinician-impression"))


def test_an_order_that_could_not_be_read_may_be_the_combination_and_is_not_called_one() -> None:
    card = cards(
        drug("azathioprine", id="aza", by_text=True),
        drug("methotrexate", id="mtx", dose=BLANK),
        GC,
        LOST_ORDER,
        LOST_DRAFT,
        dx("pregnancy", onset=60),
        who=YOUNG,
        chart=INFERRED,
        allergies="partial",
    )["rec-8"]
    assert told(card) == lines(rf"""
        Azathioprine and methotrexate drafted: not recommended for induction in anti-MDA5 RPILD (rec-8)
        warning, any
        **Azathioprine and methotrexate drafted: not recommended for induction in anti-MDA5 RPILD; consider removing
          the draft**
        - Could not read: MedicationRequest/lost (its value could not be read). What it holds is not known; check the
          running treatment first.
        - Could not read among the drafts: MedicationRequest/unreadable (its value could not be read). What it orders
          is not counted; check it first.
        **Found**
        - Drafted: azathioprine (MedicationRequest/aza), recognised by its text alone: low confidence.
        - Drafted: methotrexate (MedicationRequest/mtx).
        - Treatment with the drafts: not known in full: prednisone since 2026-02-09; drafted: azathioprine,
          methotrexate.
        - Anti-MDA5 positive on 2026-02-21 (positive).
        - RPILD: inferred from ILD since 2026-02-09 and hypoxaemia 18 days later (PaO2 55 mmHg on 2026-02-27 (limit 60
          mmHg)).
        **Cautions**
        - Methotrexate: pregnancy (site policy): pregnancy on the problem list, dated 2025-12-31.
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
        - When this card warns: in the induction phase; later it informs.
        - Phase induction: not every medication order could be read, so that a combination may be running; hypoxaemia:
          PaO2 55 mmHg on 2026-02-27 (limit 60 mmHg).
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia.
        **Not known**
        - Methotrexate (MedicationRequest/mtx): dose not checked: no dosage instruction.
        - Medication orders: not all medication orders could be read: MedicationRequest/lost (its value could not be
          read).
        - Allergies were not fetched in full: an allergy to what is suggested is not excluded; not all pages of
          \`allergies\` could be fetched; what they hold is not known.
        [Remove the draft: Azathioprine and methotrexate]
        delete: Remove the draft of azathioprine (MedicationRequest/aza). Not recommended in anti-MDA5 RPILD (rec-8,
          practice point of the panel). Table 2 reports 2–3 mg/kg/day by mouth, by TPMT activity.
        delete: Remove the draft of methotrexate (MedicationRequest/mtx). Not recommended in anti-MDA5 RPILD (rec-8,
          practice point of the panel). Table 2 reports up to 25 mg a week by mouth or under the skin.
    """)


def test_where_the_combination_fails_the_agents_of_rec_4_take_the_place_of_the_draft() -> None:
    card = cards(drug("azathioprine", id="aza"), GC, TACROLIMUS, allergy("rituximab"), *WORSE)["rec-8"]
    assert told(card) == lines(f"""
        Azathioprine drafted: not recommended for induction in anti-MDA5 RPILD (rec-8)
        warning, at-most-one
        **Azathioprine drafted: not recommended for induction in anti-MDA5 RPILD; consider removing the draft**
        **Found**
        - Drafted: azathioprine (MedicationRequest/aza).
        - Treatment with the drafts: a combination: prednisone since 2026-02-09, tacrolimus since 2026-02-09;
          combination since 2026-02-09; drafted: azathioprine.
        - Anti-MDA5 positive on 2026-02-21 (positive).
        - RPILD: recorded as rapidly progressive ILD: condition on record, 2026-02-24.
        **Cautions**
        - Tofacitinib: In the five published patients, varicella-zoster reactivation in 80 % and cytomegalovirus
          infection in 100 % (guideline final, text on rec-4).
        **Guideline**
        {REC_8}
        {REC_4}
        **Evidence**
        - Azathioprine. Patients: 5. Outcome: 3 died, 2 improved.
        - Methotrexate. Patients: 7, none with RPILD. Outcome: all with a good course.
        - Leflunomide (reference 35). Patients: 7, with much else. Outcome: 6 died; its role is very hard to judge.
        {CAVEAT}
        {SEARCHED}
        **Where the guideline's two texts differ**
        - Rec-8: Within the final text, the body speaks of induction, Table 1 of treatment.
        **Site policy, not the guideline**
        - When this card warns: in the induction phase; later it informs.
        - Phase induction: the combination or its last new agent began on 2026-02-09, within 90 days.
        [Remove the draft: Azathioprine]
        delete: Remove the draft of azathioprine (MedicationRequest/aza). Not recommended in anti-MDA5 RPILD (rec-8,
          practice point of the panel). Table 2 reports 2–3 mg/kg/day by mouth, by TPMT activity.
        [Instead: add basiliximab]
        delete: Remove the draft of azathioprine (MedicationRequest/aza). Not recommended in anti-MDA5 RPILD (rec-8,
          practice point of the panel). Table 2 reports 2–3 mg/kg/day by mouth, by TPMT activity.
        create: Basiliximab: reported 20 mg IV, once a week, twice. The response to the running combination is
          inadequate (rec-4). The dose is the prescriber's decision.
        [Instead: add IV cyclophosphamide]
        delete: Remove the draft of azathioprine (MedicationRequest/aza). Not recommended in anti-MDA5 RPILD (rec-8,
          practice point of the panel). Table 2 reports 2–3 mg/kg/day by mouth, by TPMT activity.
        create: IV cyclophosphamide: reported 830–1650 mg for this patient (1.66 m², Mosteller); reported: 0.5–1 g/m²
          IV, every 2–4 weeks. The response to the running combination is inadequate (rec-4). The dose is the
          prescriber's decision.
        [Instead: add mycophenolate mofetil]
        delete: Remove the draft of azathioprine (MedicationRequest/aza). Not recommended in anti-MDA5 RPILD (rec-8,
          practice point of the panel). Table 2 reports 2–3 mg/kg/day by mouth, by TPMT activity.
        create: Mycophenolate mofetil: reported 1–3 g/day by mouth. The response to the running combination is
          inadequate (rec-4). The dose is the prescriber's decision.
        [Instead: add tofacitinib]
        delete: Remove the draft of azathioprine (MedicationRequest/aza). Not recommended in anti-MDA5 RPILD (rec-8,
          practice point of the panel). Table 2 reports 2–3 mg/kg/day by mouth, by TPMT activity.
        create: Tofacitinib: reported 5 mg twice daily by mouth. The response to the running combination is inadequate
          (rec-4). Caution: In the five published patients, varicella-zoster reactivation in 80 % and cytomegalovirus
          infection in 100 % (guideline final, text on rec-4). The dose is the prescriber's decision.
        create: HBsAg. Not on record; before tofacitinib (site policy).
        create: Anti-HBc. Not on record; before tofacitinib (site policy).
        create: Interferon-gamma release assay. Not on record; before tofacitinib (site policy).
    """)


def test_with_an_infection_the_draft_is_removed_and_the_infection_worked_up() -> None:
    card = cards(drug("adalimumab", id="ada"), GC, dx("infection", onset=2, label="pneumonia"))["rec-9"]
    assert told(card) == lines(f"""
        Adalimumab drafted: not recommended in anti-MDA5 RPILD (rec-9)
        warning, any
        **Adalimumab drafted: not recommended in anti-MDA5 RPILD; consider removing the draft**
        - **Infection on record**: pneumonia (2026-02-27). While it stands, no immunosuppressant is suggested here,
          glucocorticoid included; weigh infection and disease together with infectious diseases.
        **Found**
        - Drafted: adalimumab (MedicationRequest/ada).
        - Treatment with the drafts: immunosuppression that makes no combination: prednisone since 2026-02-09;
          drafted: adalimumab.
        - Anti-MDA5 positive on 2026-02-21 (positive).
        - RPILD: recorded as rapidly progressive ILD: condition on record, 2026-02-24.
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
        - The guideline names infliximab; other anti-TNF agents are added here as the same class.
        - Phase induction: no combination on record, running or past.
        **Not known**
        - Adalimumab (MedicationRequest/ada): dose not checked: Table 2 reports no dose of adalimumab.
        [Remove the draft: Adalimumab]
        delete: Remove the draft of adalimumab (MedicationRequest/ada). Not recommended in anti-MDA5 RPILD (rec-9,
          practice point of the panel).
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


def test_where_nothing_can_take_its_place_a_centre_is_asked() -> None:
    card = cards(
        drug("azathioprine", id="aza"),
        LOST_DRAFT,
        replace(LOST_DRAFT, source="MedicationRequest/other", why="no drug is named"),
        allergy(classes=("glucocorticoid",), id="gc"),
    )["rec-8"]
    assert told(card) == lines(f"""
        Azathioprine drafted: not recommended for induction in anti-MDA5 RPILD (rec-8)
        warning, any
        **Azathioprine drafted: not recommended for induction in anti-MDA5 RPILD; consider removing the draft**
        - No alternative of the guideline is left that suits by what is on record: ask an expert centre.
        - Could not read among the drafts: MedicationRequest/other (no drug is named); MedicationRequest/unreadable
          (its value could not be read). What it orders is not counted; check it first.
        **Found**
        - Drafted: azathioprine (MedicationRequest/aza).
        - Treatment with the drafts: immunosuppression that makes no combination; drafted: azathioprine.
        - Anti-MDA5 positive on 2026-02-21 (positive).
        - RPILD: recorded as rapidly progressive ILD: condition on record, 2026-02-24.
        **Guideline**
        {REC_8}
        {REC_2}
        **Evidence**
        - Azathioprine. Patients: 5. Outcome: 3 died, 2 improved.
        - Methotrexate. Patients: 7, none with RPILD. Outcome: all with a good course.
        - Leflunomide (reference 35). Patients: 7, with much else. Outcome: 6 died; its role is very hard to judge.
        {CAVEAT}
        {SEARCHED}
        **Where the guideline's two texts differ**
        - Rec-8: Within the final text, the body speaks of induction, Table 1 of treatment.
        **Site policy, not the guideline**
        - When this card warns: in the induction phase; later it informs.
        - Phase induction: no combination on record, running or past.
        [Remove the draft: Azathioprine]
        delete: Remove the draft of azathioprine (MedicationRequest/aza). Not recommended in anti-MDA5 RPILD (rec-8,
          practice point of the panel). Table 2 reports 2–3 mg/kg/day by mouth, by TPMT activity.
        [Consultation with a centre experienced in anti-MDA5 disease]
        create: Consultation with a centre experienced in anti-MDA5 disease. No alternative of the guideline is left
          that suits by what is on record: ask an expert centre.
    """)
