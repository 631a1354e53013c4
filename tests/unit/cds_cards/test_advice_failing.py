"""A failing combination in full: what is added, exchanged or tried as rescue, and what is left out."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.build_assessment import (
    Screens,
    level,
    lungs,
    response,
    treatment,
)
from tests.unit.cds_cards.whole_cards import (
    CAVEAT,
    REC_4,
    SEARCHED,
    lines,
    patient_card,
    told,
)

INFERRED = lungs("rpild", "inferred")
PAIR = treatment("prednisone", "tacrolimus")
ADDED = ("cyclophosphamide", "mycophenolate-mofetil", "rituximab", "basiliximab", "tofacitinib")


def test_where_every_agent_is_barred_rec_4_asks_a_centre() -> None:
    card = patient_card(
        "rec-4",
        therapy=replace(
            PAIR, courses=(), days_assessed=(18, 20), low_glucocorticoid="prednisone 10 mg/day is no high dose"
        ),
        refractoriness=response("probable", "mmnuu"),
        found=Screens(feasible=("tacrolimus",), excluded=dict.fromkeys(ADDED, "allergy")),
        lung_disease=INFERRED,
    )
    assert told(card) == lines(f"""
        Probable lack of response (2 of 5 criteria met, 1 not met, 2 not known): add an agent or switch one (rec-4)
        warning, any
        **No adequate response: add one of these agents, or switch one immunosuppressant**
        - Nothing is left to suggest by what is on record (given already, or unsuitable): ask an expert centre.
        - Infection imitates a failing treatment: it raises ferritin and CRP and worsens gas exchange; look for it.
          That none is on record does not exclude one.
        - Is the calcineurin inhibitor's level adequate? Check it where one runs.
        - Is the glucocorticoid dose adequate? Prednisone 10 mg/day is no high dose.
        **Found**
        - Probable lack of response by site policy: 2 of 5 criteria met, 1 not met, 2 not known; the cited definition
          asks for all five.
        - Respiratory symptoms: **met**. Respiratory-symptoms from 2026-02-10 to 2026-02-28.
        - Gas exchange: **met**. A-a-gradient from 2026-02-10 to 2026-02-28.
        - Imaging: **not met**. Imaging from 2026-02-10 to 2026-02-28.
        - Ferritin: **not known**. Ferritin from 2026-02-10 to 2026-02-28.
        - Clinician's impression: **not known**. Clinician-impression from 2026-02-10 to 2026-02-28.
        - Treatment: a combination; combination since 2026-02-09.
        - Anti-MDA5 positive on 2026-01-10.
        - RPILD: inferred from ILD since 2026-02-01 and hypoxaemia 3 days later (PaO2 55 mmHg).
        **Cautions**
        - Cyclophosphamide is not suggested: allergy of cyclophosphamide.
        - Mycophenolate mofetil is not suggested: allergy of mycophenolate-mofetil.
        - Rituximab is not suggested: allergy of rituximab.
        - Basiliximab is not suggested: allergy of basiliximab.
        - Tofacitinib is not suggested: allergy of tofacitinib.
        **Guideline**
        {REC_4}
        **Evidence**
        - Rituximab, all reports. Patients: 13. Outcome: 8 died, 5 improved; without comparison, so the numbers do not
          tell its effect.
        - Mycophenolate added (reference 50). Patients: 1. Outcome: improved.
        - Basiliximab, Zou 2014. Patients: 4, after glucocorticoid, cyclosporine and IV immunoglobulin. Outcome:
          effective in 3 of 4.
        - Tofacitinib added, Kurasawa 2018. Patients: 5. Outcome: 3 of 5 survived; varicella-zoster reactivation in 80
          %, cytomegalovirus infection in 100 %.
        - Tofacitinib added, Kato 2019. Patients: 1. Outcome: responded.
        - Cyclosporine exchanged for tacrolimus, Yoshida. Patients: 1, refractory. Outcome: died.
        {CAVEAT}
        {SEARCHED}
        **Site policy, not the guideline**
        - Response is judged from day 7 to day 90 of the last step of therapy.
        - What counts as worse: ferritin +30 % and above 200 ng/mL; A-aDO2 +15 mmHg, or PaO2/FiO2 −20 % where the
          oxygen differed or no gradient is known.
        - The status by fewer than five criteria, and its use outside triple therapy.
        - Phase induction: the combination is 20 days old.
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia.
        [Consultation with a centre experienced in anti-MDA5 disease]
        create: Consultation with a centre experienced in anti-MDA5 disease. Nothing is left to suggest by what is on
          record (given already, or unsuitable): ask an expert centre.
    """)


def test_what_carries_a_caution_comes_last_and_switches_stop_what_runs() -> None:
    card = patient_card(
        "rec-4",
        therapy=treatment("prednisone", "tacrolimus", "cyclophosphamide", complete=False),
        refractoriness=replace(response("refractory", "mmmmm"), triple=True),
        found=Screens(marked=frozenset({"mycophenolate-mofetil"}), excluded={"basiliximab": "allergy"}),
        levels=(level("tacrolimus"),),
    )
    assert told(card) == lines(f"""
        All 5 refractoriness criteria met: add an agent or switch one (rec-4)
        warning, at-most-one
        **No adequate response: add one of these agents, or switch one immunosuppressant**
        - Could not read: MedicationRequest/unread: no drug is named. What it holds is not known; check the running
          treatment first.
        - Infection imitates a failing treatment: it raises ferritin and CRP and worsens gas exchange; look for it.
          That none is on record does not exclude one.
        - Is the calcineurin inhibitor's level adequate (tacrolimus: 12 ng/mL)? Check it where one runs.
        - Is the glucocorticoid dose adequate?
        **Found**
        - All five criteria of a cited study (Kurasawa 2018) are met on day 20 of the last step of therapy.
        - Respiratory symptoms: **met**. Respiratory-symptoms from 2026-02-10 to 2026-02-28.
        - Gas exchange: **met**. A-a-gradient from 2026-02-10 to 2026-02-28.
        - Imaging: **met**. Imaging from 2026-02-10 to 2026-02-28.
        - Ferritin: **met**. Ferritin from 2026-02-10 to 2026-02-28.
        - Clinician's impression: **met**. Clinician-impression from 2026-02-10 to 2026-02-28.
        - Treatment: a combination: cyclophosphamide since 2026-02-09, prednisone since 2026-02-09, tacrolimus since
          2026-02-09; combination since 2026-02-09.
        - Anti-MDA5 positive on 2026-01-10.
        - RPILD: recorded as rapidly progressive ILD: RP-ILD, 2026-02-01.
        **Cautions**
        - Mycophenolate mofetil: Avoid in young women or men who want children (fertility) (Table 1, row 2): woman, 30
          years.
        - Basiliximab is not suggested: allergy of basiliximab.
        **Guideline**
        {REC_4}
        **Evidence**
        - Rituximab, all reports. Patients: 13. Outcome: 8 died, 5 improved; without comparison, so the numbers do not
          tell its effect.
        - Mycophenolate added (reference 50). Patients: 1. Outcome: improved.
        - Basiliximab, Zou 2014. Patients: 4, after glucocorticoid, cyclosporine and IV immunoglobulin. Outcome:
          effective in 3 of 4.
        - Tofacitinib added, Kurasawa 2018. Patients: 5. Outcome: 3 of 5 survived; varicella-zoster reactivation in 80
          %, cytomegalovirus infection in 100 %.
        - Tofacitinib added, Kato 2019. Patients: 1. Outcome: responded.
        - Cyclosporine exchanged for tacrolimus, Yoshida. Patients: 1, refractory. Outcome: died.
        {CAVEAT}
        {SEARCHED}
        **Site policy, not the guideline**
        - Response is judged from day 7 to day 90 of the last step of therapy.
        - What counts as worse: ferritin +30 % and above 200 ng/mL; A-aDO2 +15 mmHg, or PaO2/FiO2 −20 % where the
          oxygen differed or no gradient is known.
        - The status by fewer than five criteria, and its use outside triple therapy.
        - Phase induction: the combination is 20 days old.
        [Add rituximab]
        create: Rituximab: reported 575–610 mg for this patient (1.63 m², Mosteller); reported: 350–375 mg/m² IV, once
          a week, 2–4 times; or 1 g IV, twice, two weeks apart. The response to the running combination is inadequate
          (refractory; rec-4). The dose is the prescriber's decision.
        [Add tofacitinib]
        create: Tofacitinib: reported 5 mg twice daily by mouth. The response to the running combination is inadequate
          (refractory; rec-4). The dose is the prescriber's decision.
        [Switch tacrolimus to cyclosporine A]
        create: Cyclosporine A: reported 120–300 mg/day for this patient (60 kg); reported: 2–5 mg/kg/day by mouth or
          IV. The response to the running combination is inadequate (refractory; rec-4). The dose is the prescriber's
          decision.
        update: Stop tacrolimus (MedicationRequest/tacrolimus): replaced by cyclosporine A. The response to the
          running combination is inadequate (refractory; rec-4).
        [Add mycophenolate mofetil (caution, see text)]
        create: Mycophenolate mofetil: reported 1–3 g/day by mouth. The response to the running combination is
          inadequate (refractory; rec-4). Caution: Avoid in young women or men who want children (fertility) (Table 1,
          row 2). The dose is the prescriber's decision.
        [Switch cyclophosphamide to mycophenolate mofetil (caution, see text)]
        create: Mycophenolate mofetil: reported 1–3 g/day by mouth. The response to the running combination is
          inadequate (refractory; rec-4). Caution: Avoid in young women or men who want children (fertility) (Table 1,
          row 2). The dose is the prescriber's decision.
        update: Stop cyclophosphamide (MedicationRequest/cyclophosphamide): replaced by mycophenolate mofetil. The
          response to the running combination is inadequate (refractory; rec-4).
    """)


def test_rec_5_leaves_out_what_was_given_and_names_the_infection() -> None:
    card = patient_card(
        "rec-5",
        therapy=replace(PAIR, days_assessed=None, rescue_given=frozenset({"plasmapheresis"})),
        refractoriness=response("probable", "mmmnn"),
        infected=True,
        hypoxaemic_why="",
        found=Screens(excluded={"immunoglobulin": "allergy"}),
        lung_disease=INFERRED,
    )
    assert told(card) == lines(f"""
        Probable lack of response (3 of 5 criteria met, 2 not met, 0 not known): consider rescue (PMX, plasmapheresis,
          IVIG) (rec-5)
        info, any
        **No adequate response to combined immunosuppression: consider rescue, alone or in sequence**
        - **Infection on record**: pneumonia since 2026-02-20.
        - Infection imitates a failing treatment: it raises ferritin and CRP and worsens gas exchange; look for it.
        - Is the calcineurin inhibitor's level adequate? Check it where one runs.
        - Is the glucocorticoid dose adequate?
        **Found**
        - Probable lack of response by site policy: 3 of 5 criteria met, 2 not met, 0 not known; the cited definition
          asks for all five.
        - Respiratory symptoms: **met**. Respiratory-symptoms from 2026-02-10 to 2026-02-28.
        - Gas exchange: **met**. A-a-gradient from 2026-02-10 to 2026-02-28.
        - Imaging: **met**. Imaging from 2026-02-10 to 2026-02-28.
        - Ferritin: **not met**. Ferritin from 2026-02-10 to 2026-02-28.
        - Clinician's impression: **not met**. Clinician-impression from 2026-02-10 to 2026-02-28.
        - Treatment: a combination: prednisone since 2026-02-09, tacrolimus since 2026-02-09; combination since
          2026-02-09.
        - Anti-MDA5 positive on 2026-01-10.
        - RPILD: inferred from ILD since 2026-02-01 and hypoxaemia 3 days later (PaO2 55 mmHg).
        **Cautions**
        - Intravenous immunoglobulin is not suggested: allergy of immunoglobulin.
        **Guideline**
        - No response to combined immunosuppression: rescue (rec-5). When combined immunosuppression fails: polymyxin
          B hemoperfusion, plasmapheresis or IV immunoglobulin (as an adjuvant), alone or one after the other. Grade:
          polymyxin B hemoperfusion: weak evidence (case series), recommended (grade D); plasmapheresis: weak evidence
          (case series), recommended (grade D); IV immunoglobulin: practice point, panel consensus (grade √).
        **Evidence**
        - Polymyxin B hemoperfusion, Okabayashi 2017. Patients: 10 anti-MDA5-positive, of 14. Outcome: 9 of 10 died; a
          last resort, so the number says nothing of its effect.
        - Polymyxin B hemoperfusion, the panel's pool. Patients: 14 anti-MDA5-positive. Outcome: 5 of 14 survived; a
          last resort.
        - Plasmapheresis (references 12, 48, 55, 64, 69). Patients: 10. Outcome: 8 died, 2 survived, 1 of them also
          with polymyxin B; a last resort.
        - IV immunoglobulin, always with other drugs. Patients: 22. Outcome: 13 alive at the end of therapy.
        {CAVEAT}
        {SEARCHED}
        **Site policy, not the guideline**
        - Response is judged from day 7 to day 90 of the last step of therapy.
        - What counts as worse: ferritin +30 % and above 200 ng/mL; A-aDO2 +15 mmHg, or PaO2/FiO2 −20 % where the
          oxygen differed or no gradient is known.
        - The status by fewer than five criteria, and its use outside triple therapy.
        - Phase induction: the combination is 20 days old.
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia.
        - When this card warns: an escalated or rescue regimen, or hypoxaemia within days.
        [Polymyxin B hemoperfusion]
        create: Polymyxin B hemoperfusion. The response to combined immunosuppression is inadequate (rec-5).
    """)


def test_after_every_rescue_a_centre_is_asked() -> None:
    card = patient_card(
        "rec-5",
        therapy=treatment(
            "prednisone",
            "tacrolimus",
            "immunoglobulin",
            complete=False,
            rescue_given=frozenset({"plasmapheresis", "pmx-hemoperfusion"}),
        ),
        refractoriness=response("probable", "mmmnn"),
    )
    assert told(card) == lines(f"""
        Probable lack of response (3 of 5 criteria met, 2 not met, 0 not known): consider rescue (PMX, plasmapheresis,
          IVIG) (rec-5)
        info, any
        **No adequate response to combined immunosuppression: consider rescue, alone or in sequence**
        - Nothing is left to suggest by what is on record (given already, or unsuitable): ask an expert centre.
        - Infection imitates a failing treatment: it raises ferritin and CRP and worsens gas exchange; look for it.
          That none is on record does not exclude one.
        - Is the calcineurin inhibitor's level adequate? Check it where one runs.
        - Is the glucocorticoid dose adequate?
        **Found**
        - Probable lack of response by site policy on day 20 of the last step of therapy: 3 of 5 criteria met, 2 not
          met, 0 not known; the cited definition asks for all five.
        - Respiratory symptoms: **met**. Respiratory-symptoms from 2026-02-10 to 2026-02-28.
        - Gas exchange: **met**. A-a-gradient from 2026-02-10 to 2026-02-28.
        - Imaging: **met**. Imaging from 2026-02-10 to 2026-02-28.
        - Ferritin: **not met**. Ferritin from 2026-02-10 to 2026-02-28.
        - Clinician's impression: **not met**. Clinician-impression from 2026-02-10 to 2026-02-28.
        - Treatment: a combination: intravenous immunoglobulin since 2026-02-09, prednisone since 2026-02-09,
          tacrolimus since 2026-02-09; combination since 2026-02-09.
        - Could not read: MedicationRequest/unread: no drug is named. What it holds is not known; check the running
          treatment first.
        - Oxygenation: SpO2 96 % on 2026-02-28.
        - Anti-MDA5 positive on 2026-01-10.
        - RPILD: recorded as rapidly progressive ILD: RP-ILD, 2026-02-01.
        **Guideline**
        - No response to combined immunosuppression: rescue (rec-5). When combined immunosuppression fails: polymyxin
          B hemoperfusion, plasmapheresis or IV immunoglobulin (as an adjuvant), alone or one after the other. Grade:
          polymyxin B hemoperfusion: weak evidence (case series), recommended (grade D); plasmapheresis: weak evidence
          (case series), recommended (grade D); IV immunoglobulin: practice point, panel consensus (grade √).
        **Evidence**
        - Polymyxin B hemoperfusion, Okabayashi 2017. Patients: 10 anti-MDA5-positive, of 14. Outcome: 9 of 10 died; a
          last resort, so the number says nothing of its effect.
        - Polymyxin B hemoperfusion, the panel's pool. Patients: 14 anti-MDA5-positive. Outcome: 5 of 14 survived; a
          last resort.
        - Plasmapheresis (references 12, 48, 55, 64, 69). Patients: 10. Outcome: 8 died, 2 survived, 1 of them also
          with polymyxin B; a last resort.
        - IV immunoglobulin, always with other drugs. Patients: 22. Outcome: 13 alive at the end of therapy.
        {CAVEAT}
        {SEARCHED}
        **Site policy, not the guideline**
        - Response is judged from day 7 to day 90 of the last step of therapy.
        - What counts as worse: ferritin +30 % and above 200 ng/mL; A-aDO2 +15 mmHg, or PaO2/FiO2 −20 % where the
          oxygen differed or no gradient is known.
        - The status by fewer than five criteria, and its use outside triple therapy.
        - Phase induction: the combination is 20 days old.
        - When this card warns: an escalated or rescue regimen, or hypoxaemia within days.
        [Consultation with a centre experienced in anti-MDA5 disease]
        create: Consultation with a centre experienced in anti-MDA5 disease. Nothing is left to suggest by what is on
          record (given already, or unsuitable): ask an expert centre.
    """)
