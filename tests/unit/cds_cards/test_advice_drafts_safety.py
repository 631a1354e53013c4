"""Safety at order entry in full: what each card about pregnancy, allergy and interaction says and suggests."""

from __future__ import annotations

from dataclasses import replace

from tests.unit.build import allergy, dx, order, person, unread
from tests.unit.cds_cards.whole_cards import (
    BLANK,
    INFERRED,
    NO_GRADE,
    REC_2,
    REC_3,
    REC_4,
    SEARCHED,
    YOUNG,
    cards,
    drug,
    lines,
    told,
)

GC = order("prednisone", 20)
TACROLIMUS = order("tacrolimus", 20)
CYCLOPHOSPHAMIDE = drug("cyclophosphamide", id="cyc", dose=BLANK)
MYCOPHENOLATE = drug("mycophenolate-mofetil", id="mmf")
LOST_DRAFT = replace(unread("drafts", "tacrolimus"), source="MedicationRequest/unreadable")
LOST_ORDER = unread("medications", "tacrolimus", id="lost")


def test_where_a_pregnancy_is_possible_a_test_comes_first() -> None:
    card = cards(CYCLOPHOSPHAMIDE, GC, LOST_DRAFT, who=YOUNG, chart=INFERRED)["safety-pregnancy"]
    assert told(card) == lines(f"""
        Cyclophosphamide drafted: a pregnancy is possible
        warning, any
        **Cyclophosphamide drafted: a pregnancy is possible**
        - Could not read among the drafts: MedicationRequest/unreadable (its value could not be read). What it orders
          is not counted; check it first.
        **Found**
        - Woman, 35 years; no sterilisation or menopause on record; no usable pregnancy status or test on record.
        - Drafted: cyclophosphamide (MedicationRequest/cyc).
        - Treatment with the drafts: a combination: prednisone since 2026-02-09; drafted: cyclophosphamide.
        - Anti-MDA5 positive on 2026-02-21 (positive).
        - RPILD: inferred from ILD since 2026-02-09 and hypoxaemia 18 days later (PaO2 55 mmHg on 2026-02-27 (limit 60
          mmHg)).
        **Cautions**
        - Cyclophosphamide: Avoid in young women or men who want children (fertility) (guideline final, Table 1, rows
          2 and 3; applying it when the agent is added (rec-4) is site policy).
        **Guideline**
        {REC_2}
        {REC_3}
        **Evidence**
        {SEARCHED}
        **Site policy, not the guideline**
        - Childbearing potential: women of 12 to 50 years, unless sterilised or post-menopausal on record.
        - A pregnancy status counts 300 days, a negative test 7; men are asked below 50 years. Refusing in pregnancy
          goes beyond the marks of Table 1.
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia.
        **Not known**
        - Cyclophosphamide (MedicationRequest/cyc): dose not checked: no dosage instruction.
        [Pregnancy test (hCG)]
        create: Pregnancy test (hCG). Cyclophosphamide drafted: a pregnancy is possible and no current negative
          test is on record.
    """)


def test_in_pregnancy_all_of_these_drafts_are_removed_together() -> None:
    card = cards(MYCOPHENOLATE, drug("rituximab", id="rtx"), GC, TACROLIMUS, dx("pregnancy", onset=60), who=YOUNG)[
        "safety-pregnancy"
    ]
    assert told(card) == lines(f"""
        Mycophenolate mofetil and rituximab drafted in pregnancy
        critical, any
        **Mycophenolate mofetil and rituximab drafted in pregnancy**
        **Found**
        - Pregnancy on the problem list, dated 2025-12-31.
        - Drafted: mycophenolate mofetil (MedicationRequest/mmf).
        - Drafted: rituximab (MedicationRequest/rtx).
        - Treatment with the drafts: an escalated combination: prednisone since 2026-02-09, tacrolimus since
          2026-02-09; combination since 2026-02-09; drafted: mycophenolate mofetil, rituximab.
        - Anti-MDA5 positive on 2026-02-21 (positive).
        - RPILD: recorded as rapidly progressive ILD: condition on record, 2026-02-24.
        **Cautions**
        - Mycophenolate mofetil: Avoid where a pregnancy is possible: it harms the unborn child (guideline final,
          Table 1, row 3; applying it when the agent is added (rec-4) is site policy).
        - Rituximab: Avoid where a pregnancy is possible: it harms the unborn child (guideline final, Table 1, row 3;
          applying it when the agent is added (rec-4) is site policy).
        **Guideline**
        {REC_3}
        **Evidence**
        {SEARCHED}
        **Site policy, not the guideline**
        - Childbearing potential: women of 12 to 50 years, unless sterilised or post-menopausal on record.
        - A pregnancy status counts 300 days, a negative test 7; men are asked below 50 years. Refusing in pregnancy
          goes beyond the marks of Table 1.
        **Not known**
        - Rituximab (MedicationRequest/rtx): dose not checked: it is a daily order, and Table 2 reports single doses
          days apart.
        [Remove the draft: Mycophenolate mofetil and rituximab]
        delete: Remove the draft of mycophenolate mofetil (MedicationRequest/mmf). Pregnancy on record: pregnancy on
          the problem list, dated 2025-12-31. Table 2 reports 1–3 g/day by mouth.
        delete: Remove the draft of rituximab (MedicationRequest/rtx). Pregnancy on record: pregnancy on the problem
          list, dated 2025-12-31. Table 2 reports 350–375 mg/m² IV or 1 g IV.
    """)


def test_a_man_of_unknown_age_is_asked_about_the_wish_for_children() -> None:
    card = cards(CYCLOPHOSPHAMIDE, GC, who=person("male", None), observations="partial")["safety-pregnancy"]
    assert told(card) == lines(rf"""
        Cyclophosphamide drafted for a man: ask about the wish for children before it
        info, nothing suggested
        **Cyclophosphamide drafted for a man: ask about the wish for children before it**
        **Found**
        - A man below 50 years, or of unknown age.
        - Drafted: cyclophosphamide (MedicationRequest/cyc).
        - Treatment with the drafts: a combination: prednisone since 2026-02-09; drafted: cyclophosphamide.
        - Anti-MDA5 positive on 2026-02-21 (positive).
        - RPILD: recorded as rapidly progressive ILD: condition on record, 2026-02-24.
        **Cautions**
        - Cyclophosphamide: Avoid in young women or men who want children (fertility) (guideline final, Table 1, rows
          2 and 3; applying it when the agent is added (rec-4) is site policy).
        **Guideline**
        {REC_2}
        {REC_3}
        **Evidence**
        {SEARCHED}
        **Site policy, not the guideline**
        - Childbearing potential: women of 12 to 50 years, unless sterilised or post-menopausal on record.
        - A pregnancy status counts 300 days, a negative test 7; men are asked below 50 years. Refusing in pregnancy
          goes beyond the marks of Table 1.
        **Not known**
        - Cyclophosphamide (MedicationRequest/cyc): dose not checked: the age is not known.
        - Age: the age is not known; the birth date is not known; age unknown: no dose is computed.
        - Some results: the results are not known in full: screening for hepatitis B or tuberculosis may be on record
          elsewhere; not all pages of \`observations\` could be fetched; what they hold is not known.
    """)


def test_only_what_a_critical_allergy_speaks_against_is_removed() -> None:
    card = cards(
        CYCLOPHOSPHAMIDE,
        drug("rituximab", id="rtx"),
        GC,
        LOST_DRAFT,
        allergy("cyclophosphamide", id="cyc"),
        allergy("rituximab", id="rtx-1", severe=True),
        allergy("rituximab", id="rtx-2", kind="intolerance", criticality="high"),
        chart=INFERRED,
        allergies="partial",
    )["safety-allergy"]
    assert told(card) == lines(rf"""
        Cyclophosphamide and rituximab drafted: an allergy or intolerance is on record
        critical, any
        **Cyclophosphamide and rituximab drafted: an allergy or intolerance is on record**
        - Could not read among the drafts: MedicationRequest/unreadable (its value could not be read). What it orders
          is not counted; check it first.
        **Found**
        - Allergy to cyclophosphamide on record (type not stated): AllergyIntolerance/cyc.
        - Allergy to rituximab on record (type not stated, a severe reaction): AllergyIntolerance/rtx-1.
        - Intolerance to rituximab on record (type intolerance, criticality high): AllergyIntolerance/rtx-2.
        - Drafted: cyclophosphamide (MedicationRequest/cyc).
        - Drafted: rituximab (MedicationRequest/rtx).
        - Treatment with the drafts: a combination: prednisone since 2026-02-09; drafted: cyclophosphamide, rituximab.
        - Anti-MDA5 positive on 2026-02-21 (positive).
        - RPILD: inferred from ILD since 2026-02-09 and hypoxaemia 18 days later (PaO2 55 mmHg on 2026-02-27 (limit 60
          mmHg)).
        **Guideline**
        {NO_GRADE}
        **Evidence**
        {SEARCHED}
        **Site policy, not the guideline**
        - Critical: an entry of type allergy, of high criticality, or with a severe reaction; any other warns.
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia.
        **Not known**
        - Cyclophosphamide (MedicationRequest/cyc): dose not checked: no dosage instruction.
        - Rituximab (MedicationRequest/rtx): dose not checked: it is a daily order, and Table 2 reports single doses
          days apart.
        - Allergies were not fetched in full: an allergy to what is suggested is not excluded; not all pages of
          \`allergies\` could be fetched; what they hold is not known.
        [Remove the draft: Rituximab]
        delete: Remove the draft of rituximab (MedicationRequest/rtx). An allergy to it is on record. Table 2 reports
          350–375 mg/m² IV or 1 g IV.
    """)


def test_every_pair_that_does_not_go_together_is_named() -> None:
    card = cards(
        drug("tofacitinib", id="tof", dose=BLANK),
        drug("basiliximab", id="bas", by_text=True),
        order("rituximab", 9),
        GC,
        TACROLIMUS,
        LOST_ORDER,
        LOST_DRAFT,
        chart=INFERRED,
    )["safety-interaction"]
    assert told(card) == lines(f"""
        Drafted together: basiliximab with tofacitinib, rituximab with tofacitinib
        warning, nothing suggested
        **To be given together: basiliximab with tofacitinib, rituximab with tofacitinib. Review before signing**
        - Could not read: MedicationRequest/lost (its value could not be read). What it holds is not known; check the
          running treatment first.
        - Could not read among the drafts: MedicationRequest/unreadable (its value could not be read). What it orders
          is not counted; check it first.
        **Found**
        - A JAK inhibitor beside a biologic: basiliximab (drafted) and tofacitinib (drafted).
        - A JAK inhibitor beside a biologic: rituximab (runs) and tofacitinib (drafted).
        - Drafted: basiliximab (MedicationRequest/bas), recognised by its text alone: low confidence.
        - Drafted: tofacitinib (MedicationRequest/tof).
        - Treatment with the drafts: an escalated combination: prednisone since 2026-02-09, rituximab since
          2026-02-20, tacrolimus since 2026-02-09; combination since 2026-02-09; drafted: basiliximab, tofacitinib.
        - Anti-MDA5 positive on 2026-02-21 (positive).
        - RPILD: inferred from ILD since 2026-02-09 and hypoxaemia 18 days later (PaO2 55 mmHg on 2026-02-27 (limit 60
          mmHg)).
        **Cautions**
        - Tofacitinib: Whether it is safe beside a biologic has not been studied (guideline final, Table 1, row 4).
        **Guideline**
        {REC_4}
        **Evidence**
        {SEARCHED}
        **Site policy, not the guideline**
        - Two calcineurin inhibitors together, and tofacitinib beside any biologic, are named; rituximab and
          basiliximab count for 180 and 28 days after a dose.
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia.
        **Not known**
        - Basiliximab (MedicationRequest/bas): dose not checked: it is a daily order, and Table 2 reports single doses
          days apart.
        - Tofacitinib (MedicationRequest/tof): dose not checked: no dosage instruction.
        - Medication orders: not all medication orders could be read: MedicationRequest/lost (its value could not be
          read).
    """)


def test_two_calcineurin_inhibitors_are_no_matter_of_the_guideline() -> None:
    card = cards(drug("tacrolimus", id="tac"), GC, order("cyclosporine", 9))["safety-interaction"]
    assert told(card) == lines(f"""
        Drafted together: cyclosporine A with tacrolimus
        warning, nothing suggested
        **To be given together: cyclosporine A with tacrolimus. Review before signing**
        **Found**
        - Two calcineurin inhibitors together: cyclosporine A (runs) and tacrolimus (drafted).
        - Drafted: tacrolimus (MedicationRequest/tac).
        - Treatment with the drafts: a combination: cyclosporine A since 2026-02-20, prednisone since 2026-02-09;
          combination since 2026-02-20; drafted: tacrolimus.
        - Anti-MDA5 positive on 2026-02-21 (positive).
        - RPILD: recorded as rapidly progressive ILD: condition on record, 2026-02-24.
        **Guideline**
        {NO_GRADE}
        **Evidence**
        {SEARCHED}
        **Site policy, not the guideline**
        - Two calcineurin inhibitors together, and tofacitinib beside any biologic, are named; rituximab and
          basiliximab count for 180 and 28 days after a dose.
    """)
