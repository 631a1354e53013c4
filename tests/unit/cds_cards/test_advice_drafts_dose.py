"""A drafted dose above Table 2, in full: what the card says, and the lower dose where one may be proposed."""

from __future__ import annotations

from dataclasses import replace

from cds_cards.proposals import Reduce
from cds_cards.record import Dose
from tests.unit.build import allergy, dx, order, unread
from tests.unit.cds_cards.whole_cards import BLANK, INFERRED, SEARCHED, YOUNG, cards, drug, lines, told

GC = order("prednisone", 20)
TACROLIMUS = order("tacrolimus", 20)
LOST_DRAFT = replace(unread("drafts", "tacrolimus"), source="MedicationRequest/unreadable")


def test_every_reason_against_a_dose_is_told_and_none_is_proposed() -> None:
    card = cards(
        drug("mycophenolate-mofetil", id="mmf", dose=Dose(2000, 4000, 28000, daily=True), increment=500),
        drug("tacrolimus", id="tac", dose=BLANK),
        GC,
        LOST_DRAFT,
        dx("pregnancy", onset=60),
        allergy("mycophenolate-mofetil"),
        who=YOUNG,
        chart=INFERRED,
    )["dose"]
    assert told(card) == lines(f"""
        Mycophenolate mofetil: drafted dose above the reported range (Table 2)
        warning, nothing suggested
        **Mycophenolate mofetil: the drafted dose lies above the range reported in the literature**
        - Could not read among the drafts: MedicationRequest/unreadable (its value could not be read). What it orders
          is not counted; check it first.
        **Found**
        - Drafted: mycophenolate mofetil (MedicationRequest/mmf).
        - Mycophenolate mofetil: 4000 mg a day drafted, reported up to 3000 mg a day.
        - No dose of mycophenolate mofetil is proposed: allergy to mycophenolate mofetil on record; pregnancy (site
          policy): pregnancy on the problem list, dated 2025-12-31.
        - Treatment with the drafts: a combination: prednisone since 2026-02-09; drafted: mycophenolate mofetil,
          tacrolimus.
        - Anti-MDA5 positive on 2026-02-21 (positive).
        - RPILD: inferred from ILD since 2026-02-09 and hypoxaemia 18 days later (PaO2 55 mmHg on 2026-02-27 (limit 60
          mmHg)).
        **Guideline**
        - Table 2, mycophenolate mofetil: 1–3 g/day by mouth.
        - These are doses reported in the studies that the guideline reviews, for induction: no prescribing reference,
          and adjusted for nothing (kidney, interactions, age). The table carries no grade.
        **Evidence**
        {SEARCHED}
        **Site policy, not the guideline**
        - Only doses above the upper bound are named, with 5 % tolerance; a draft without a route is taken in Table
          2's; body surface area by Mosteller.
        - RPILD is inferred when the earliest ILD date lies within 31 days of hypoxaemia.
        **Not known**
        - Tacrolimus (MedicationRequest/tac): dose not checked: no dosage instruction.
    """)


def test_a_dose_by_surface_is_lowered_by_surface() -> None:
    card = cards(drug("rituximab", id="rtx", dose=Dose(500, 500, 500, basis="per-m2", daily=False)), GC, TACROLIMUS)[
        "dose"
    ]
    assert told(card) == lines(f"""
        Rituximab: drafted dose above the reported range (Table 2)
        warning, any
        **Rituximab: the drafted dose lies above the range reported in the literature**
        **Found**
        - Drafted: rituximab (MedicationRequest/rtx).
        - Rituximab: 500 mg/m² per administration drafted, reported up to 375 mg/m² per administration.
        - Treatment with the drafts: an escalated combination: prednisone since 2026-02-09, tacrolimus since
          2026-02-09; combination since 2026-02-09; drafted: rituximab.
        - Anti-MDA5 positive on 2026-02-21 (positive).
        - RPILD: recorded as rapidly progressive ILD: condition on record, 2026-02-24.
        **Guideline**
        - Table 2, rituximab: 350–375 mg/m² IV.
        - These are doses reported in the studies that the guideline reviews, for induction: no prescribing reference,
          and adjusted for nothing (kidney, interactions, age). The table carries no grade.
        **Evidence**
        {SEARCHED}
        **Site policy, not the guideline**
        - Only doses above the upper bound are named, with 5 % tolerance; a draft without a route is taken in Table
          2's; body surface area by Mosteller.
        [Lower rituximab to 375 mg/m² per administration]
        update: Lower rituximab (MedicationRequest/rtx) from 500 mg/m² to 375 mg/m² per administration, nothing else
          changed. Reported: 350–375 mg/m² IV. 500 mg/m² per administration drafted, reported up to 375 mg/m² per
          administration. The dose is the prescriber's decision.
    """)
    (action,) = card.suggestions[0].actions
    assert action.change == Reduce("MedicationRequest/rtx", 375, "per-m2")
