"""Risk, response, diagnosis and what is not known, in full, on opening the record."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.build_assessment import (
    antibody,
    level,
    lungs,
    response,
    risk,
    treatment,
)
from tests.unit.cds_cards.whole_cards import (
    REC_4,
    SEARCHED,
    lines,
    patient_card,
    told,
)

INFERRED = lungs("rpild", "inferred")
PAIR = treatment("prednisone", "tacrolimus")


def test_the_risk_tells_each_factor_and_the_gaps_behind_it() -> None:
    card = patient_card(
        "risk",
        therapy=treatment("prednisone", complete=False, stage="glucocorticoid-only"),
        risk=risk("high", ("ferritin-over-1000", "ferritin-over-500")),
        gap_ids=("ferritin", "crp", "age", "observations", "weight"),
        lung_disease=INFERRED,
    )
    assert told(card) == lines(f"""
        Risk markers, level by site policy: high (C-reactive protein over 10 mg/L (1 mg/dL))
        info, nothing suggested
        **Prognosis markers: C-reactive protein over 10 mg/L (1 mg/dL); risk level by site policy: high**
        - Could not read: MedicationRequest/unread: no drug is named. What it holds is not known; check the running
          treatment first.
        **Found**
        - Ferritin over 1,000 ng/mL: **unknown**. ferritin over 1,000 ng/mL judged by the value of 2026-02-25.
        - Ferritin over 500 ng/mL: **unknown**. ferritin over 500 ng/mL judged by the value of 2026-02-25.
        - C-reactive protein over 10 mg/L (1 mg/dL): **present**. C-reactive protein over 10 mg/L (1 mg/dL) judged by
          the value of 2026-02-25.
        - Age over 60 years: **absent**. age over 60 years judged by the value of 2026-02-25.
        - Treatment: a glucocorticoid and nothing else: prednisone since 2026-02-09.
        - Anti-MDA5 positive on 2026-01-10.
        - RPILD: inferred from ILD since 2026-02-01 and hypoxaemia 3 days later (PaO2 55 mmHg).
        - Infection raises ferritin and CRP as well; that none is on record does not exclude one.
        **Guideline**
        - Ferritin, CRP and age over these limits seem to go with a worse outcome; the guideline names no levels.
          Ferritin runs in parallel with activity.
        - Combination therapy is recommended especially when one of age, ferritin or CRP is over its limit.
        **Evidence**
        {SEARCHED}
        **Site policy, not the guideline**
        - The levels and their order are not the guideline's: very high, ferritin over 1,000 ng/mL; high, any other
          marker; standard, all known and none present; else indeterminate.
        - A laboratory value counts as current for 30 days.
        - This card warns when the level is very high and no combination runs, or ferritin is not known to have fallen
          below its baseline.
        - Phase induction: no combination of known start runs.
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia.
        **Not known**
        - Ferritin over 1,000 ng/mL: not known.
        - Ferritin over 500 ng/mL: not known.
        - Ferritin not known.
        - Crp not known.
        - Age not known.
        - Some results: observations not known.
    """)


def test_a_possible_relapse_with_an_infection_on_record() -> None:
    card = patient_card(
        "refractoriness",
        therapy=treatment("prednisone", "tacrolimus", day=200, phase="maintenance"),
        refractoriness=replace(response("not-assessable", "uuuuu"), worsening=("new hypoxaemia",)),
        relapse_signs=("ferritin 800 ng/mL",),
        infected=True,
        lung_disease=INFERRED,
    )
    assert told(card) == lines(f"""
        Possible relapse in maintenance: an activity marker is raised
        info, any
        **Possible relapse: look at the lungs, and for other causes of the raised marker**
        - **Infection on record**: pneumonia since 2026-02-20. While it stands, no immunosuppressant is suggested
          here, glucocorticoid included; weigh infection and disease together with infectious diseases.
        - Infection imitates a failing treatment: it raises ferritin and CRP and worsens gas exchange; look for it.
        - Is the calcineurin inhibitor's level adequate? Check it where one runs.
        - Is the glucocorticoid dose adequate?
        **Found**
        - Ferritin 800 ng/mL.
        - Response: status not-assessable.
        - Treatment: a combination: prednisone since 2025-08-13, tacrolimus since 2025-08-13; combination since
          2025-08-13.
        - Anti-MDA5 positive on 2026-01-10.
        - RPILD: inferred from ILD since 2026-02-01 and hypoxaemia 3 days later (PaO2 55 mmHg).
        **Guideline**
        - Ferritin runs in parallel with activity, and a rising anti-MDA5 titre is a marker of relapse; the guideline
          gives no cut-off and no grade for this.
        **Evidence**
        {SEARCHED}
        **Site policy, not the guideline**
        - Signs of a relapse: current ferritin over 500 ng/mL, or the titre times 2 within one assay.
        - Phase maintenance: the combination is 200 days old.
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia.
        [Arterial blood gas with the inspired oxygen fraction noted (PaO2, PaCO2, FiO2)]
        create: Arterial blood gas with the inspired oxygen fraction noted (PaO2, PaCO2, FiO2). To judge the response
          to the combination.
        [Ferritin]
        create: Ferritin. To judge the response to the combination.
        [High-resolution CT of the chest]
        create: High-resolution CT of the chest. To judge the response to the combination.
        [Infection work-up with cultures, Pneumocystis and viral tests]
        create: Infection work-up with cultures, Pneumocystis and viral tests. Infection imitates a failing treatment.
        [Consultation with a centre experienced in anti-MDA5 disease]
        create: Consultation with a centre experienced in anti-MDA5 disease. To judge the response to the combination.
    """)


def test_between_day_85_and_day_91_the_response_is_still_judged() -> None:
    card = patient_card(
        "refractoriness",
        therapy=replace(PAIR, days_assessed=(85, 91)),
        refractoriness=replace(response("not-assessable", "uuunn"), worsening=("new hypoxaemia",)),
    )
    assert told(card) == lines(f"""
        The response to the combination cannot be assessed: what decides is not known
        info, any
        **Whether the combination works cannot be told from the data at hand: obtain what is missing**
        - Infection imitates a failing treatment: it raises ferritin and CRP and worsens gas exchange; look for it.
          That none is on record does not exclude one.
        - Is the calcineurin inhibitor's level adequate? Check it where one runs.
        - Is the glucocorticoid dose adequate?
        **Found**
        - Response: status not-assessable.
        - Respiratory symptoms: **not known**. Respiratory-symptoms from 2026-02-10 to 2026-02-28.
        - Gas exchange: **not known**. A-a-gradient from 2026-02-10 to 2026-02-28.
        - Imaging: **not known**. Imaging from 2026-02-10 to 2026-02-28.
        - Ferritin: **not met**. Ferritin from 2026-02-10 to 2026-02-28.
        - Clinician's impression: **not met**. Clinician-impression from 2026-02-10 to 2026-02-28.
        - Treatment: a combination: prednisone since 2026-02-09, tacrolimus since 2026-02-09; combination since
          2026-02-09.
        - Anti-MDA5 positive on 2026-01-10.
        - RPILD: recorded as rapidly progressive ILD: RP-ILD, 2026-02-01.
        **Guideline**
        - There is no single definition; one cited study (Kurasawa 2018) asked for all five criteria at least one week
          after triple therapy was instituted.
        {REC_4}
        **Evidence**
        {SEARCHED}
        **Site policy, not the guideline**
        - The clock: from day 7 to day 90 of the last step of therapy; later worsening is called relapse.
        - The statuses by fewer than five criteria, and their use outside triple therapy.
        - Phase induction: the combination is 20 days old.
        [Arterial blood gas with the inspired oxygen fraction noted (PaO2, PaCO2, FiO2)]
        create: Arterial blood gas with the inspired oxygen fraction noted (PaO2, PaCO2, FiO2). To judge the response
          to the combination.
        [Ferritin]
        create: Ferritin. To judge the response to the combination.
        [High-resolution CT of the chest]
        create: High-resolution CT of the chest. To judge the response to the combination.
        [Infection work-up with cultures, Pneumocystis and viral tests]
        create: Infection work-up with cultures, Pneumocystis and viral tests. Infection imitates a failing treatment.
        [Consultation with a centre experienced in anti-MDA5 disease]
        create: Consultation with a centre experienced in anti-MDA5 disease. To judge the response to the combination.
    """)


def test_the_lungs_and_the_antibody_are_ordered_with_their_reasons() -> None:
    card = patient_card(
        "diagnosis",
        anti_mda5=antibody("unknown"),
        lung_disease=lungs("ild", unsettled=True),
        gap_ids=("anti-mda5", "lung-disease", "observations"),
    )
    assert told(card) == lines(f"""
        Dermatomyositis without a conclusive anti-MDA5 result: order the antibody
        info, any
        **Dermatomyositis without a conclusive anti-MDA5 result: order the antibody**
        - Record when symptoms and lung disease began: the dates decide whether the course is rapid.
        **Found**
        - Anti-MDA5 unknown on 2026-01-10.
        - Lung disease (ild): lung disease ild, looked up on 2026-02-01.
        - Dermatomyositis on record: yes.
        **Guideline**
        - From features of dermatomyositis to the anti-MDA5 antibody, to HRCT and lung function, to RPILD or not (our
          reading of the guideline's diagnostic figure; it carries no grade).
        **Evidence**
        {SEARCHED}
        **Site policy, not the guideline**
        - Once positive, the antibody stays positive; weak, borderline and indeterminate results tell nothing.
        - Imaging and lung function are not asked for again within 90 days.
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia that is at most 90 days old.
        **Not known**
        - Anti-MDA5 antibody: anti-mda5 not known.
        - Lung disease: lung-disease not known.
        - Some results: observations not known.
        [Anti-MDA5 antibody test]
        create: Anti-MDA5 antibody test. Dermatomyositis whose anti-MDA5 status is not known.
        [High-resolution CT of the chest]
        create: High-resolution CT of the chest. Anti-MDA5 disease goes with ILD; what the lungs show decides the
          treatment.
        [Lung function]
        create: Lung function. Anti-MDA5 disease goes with ILD; what the lungs show decides the treatment.
    """)


def test_a_recent_scan_is_not_asked_for_again() -> None:
    card = patient_card("diagnosis", lung_disease=lungs("ild", unsettled=True), imaging_recent=True)
    assert told(card) == lines(f"""
        ILD with hypoxaemia whose dates do not settle whether its course is rapid: settle them
        info, nothing suggested
        **ILD with hypoxaemia whose dates do not settle whether its course is rapid: settle them**
        - Record when symptoms and lung disease began: the dates decide whether the course is rapid.
        **Found**
        - Anti-MDA5 positive on 2026-01-10.
        - Lung disease (ild): lung disease ild, looked up on 2026-02-01.
        - Dermatomyositis on record: yes.
        **Guideline**
        - From features of dermatomyositis to the anti-MDA5 antibody, to HRCT and lung function, to RPILD or not (our
          reading of the guideline's diagnostic figure; it carries no grade).
        **Evidence**
        {SEARCHED}
        **Site policy, not the guideline**
        - Once positive, the antibody stays positive; weak, borderline and indeterminate results tell nothing.
        - Imaging and lung function are not asked for again within 90 days.
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia that is at most 90 days old.
    """)


def test_five_deciding_gaps_are_named_and_counted() -> None:
    card = patient_card(
        "data-gap",
        therapy=treatment("prednisone", "tacrolimus", complete=False),
        lung_disease=INFERRED,
        levels=(level("tacrolimus"),),
        gap_ids=(
            "ferritin",
            "crp",
            "medications",
            "respiratory-failure",
            "egfr",
            "calcineurin-level",
            "a-a-gradient",
            "imaging",
            "allergies",
        ),
    )
    assert told(card) == lines(f"""
        Not known: course of ferritin, CRP, medication orders, current oxygenation and 3 more
        info, any
        **What decides the treatment advice is not known in full: obtain it**
        - Could not read: MedicationRequest/unread: no drug is named. What it holds is not known; check the running
          treatment first.
        **Found**
        - Anti-MDA5 positive on 2026-01-10.
        - RPILD: inferred from ILD since 2026-02-01 and hypoxaemia 3 days later (PaO2 55 mmHg).
        - Treatment: a combination: prednisone since 2026-02-09, tacrolimus since 2026-02-09; combination since
          2026-02-09.
        **Guideline**
        - What is not known is never taken for absent; advice that hangs on it is held back or says so.
        **Evidence**
        {SEARCHED}
        **Site policy, not the guideline**
        - A laboratory value counts as current for 30 days, PaO2/FiO2 for respiratory failure for 72 hours, a clinical
          criterion for 14 days.
        **Not known**
        - **Course of ferritin**: ferritin not known.
        - **CRP**: crp not known.
        - **Medication orders**: medications not known.
        - **Current oxygenation**: respiratory-failure not known.
        - **eGFR**: egfr not known.
        - **Calcineurin inhibitor level**: calcineurin-level not known.
        - **Course of gas exchange**: a-a-gradient not known.
        - **Course of imaging**: imaging not known.
        - **Allergies**: allergies not known.
        [Ferritin]
        create: Ferritin. Not known and needed: course of ferritin.
        [C-reactive protein]
        create: C-reactive protein. Not known and needed: CRP.
        [Arterial blood gas with the inspired oxygen fraction noted (PaO2, PaCO2, FiO2)]
        create: Arterial blood gas with the inspired oxygen fraction noted (PaO2, PaCO2, FiO2). Not known and needed:
          current oxygenation, course of gas exchange.
        [eGFR (creatinine)]
        create: eGFR (creatinine). Not known and needed: eGFR.
        [Tacrolimus whole-blood level, trough]
        create: Tacrolimus whole-blood level, trough. Not known and needed: calcineurin inhibitor level.
        [High-resolution CT of the chest]
        create: High-resolution CT of the chest. Not known and needed: course of imaging.
    """)
