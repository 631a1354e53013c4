"""`risk`: the guideline's markers, their course, and the site's level over them."""

from __future__ import annotations

from cds_cards.advice.drafting import draft_card
from cds_cards.card import Card
from cds_cards.markdown import Detail, inert
from cds_cards.plan import Plan, PlanItem
from cds_cards.record import Result
from cds_cards.wording import (
    disease_lines,
    disease_policy,
    evidence_lines,
    gap_lines,
    phase_policy,
    regimen_line,
    unread_line,
    value_missing,
    zone,
)

_COURSES: dict[bool | None, str] = {
    True: "below its baseline",
    False: "not below its baseline",
    None: "against its baseline not known",
}
_LEVELS = {
    "very-high": "very high",
    "high": "high",
    "standard": "standard",
    "indeterminate": "indeterminate",
}


def risk_card(plan: Plan, item: PlanItem) -> Card:
    """Factors, trends, treatment; KL-6 apart with its caveat."""
    risk = plan.assessment.risk
    labels = {name: rule.label for name, rule in plan.guideline.risk_factors.items()}
    present = [labels[factor.id] for factor in risk.factors if factor.status == "present"]
    level = _LEVELS[risk.level]
    unknown = [labels[factor.id] for factor in risk.factors if factor.status == "unknown"]
    markers = ", ".join(present) if present else "none present"
    detail = Detail(
        lead=f"Prognosis markers: {markers}; risk level by site policy: {level}",
        first=unread_line(plan),
        found=(
            *(f"{labels[factor.id]}: **{factor.status}**. {inert(factor.why)}" for factor in risk.factors),
            *(f"Rests on an assumption: {inert(f.assumption)}" for f in risk.factors if f.assumption),
            *_trends(plan),
            regimen_line(plan),
            *disease_lines(plan),
            *_infection(plan),
            *_kl6(plan),
        ),
        rule=(
            "Ferritin, CRP and age over these limits seem to go with a worse outcome; the guideline names no levels. "
            "Ferritin runs in parallel with activity",
            "Combination therapy is recommended especially when one of age, ferritin or CRP is over its limit",
        ),
        evidence=evidence_lines(plan, ()),
        policy=_policy(plan),
        unknown=(
            *(f"{name}: not known" for name in unknown),
            *gap_lines(plan, *(("ferritin",) if value_missing(plan, "ferritin") else ()), "crp", "age", "observations"),
        ),
    )
    named = f" ({present[0]})" if present else ""
    return draft_card(item, f"Risk markers, level by site policy: {level}{named}", detail)


def _trends(plan: Plan) -> tuple[str, ...]:
    trend = plan.assessment.ferritin
    lines = []
    if trend.newest is not None and trend.baseline is not None:
        word = _COURSES[trend.below_baseline]
        lines.append(f"Ferritin {_value(plan, trend.newest)}, {word} ({_value(plan, trend.baseline)})")
    elif trend.newest is not None:
        lines.append(f"Ferritin {_value(plan, trend.newest)}; no baseline to compare it with")
    titre = plan.assessment.anti_mda5.titre
    if titre is not None:
        earlier = f"; earlier in the same assay {_value(plan, titre.earlier)}" if titre.earlier is not None else ""
        lines.append(f"Anti-MDA5 titre {_value(plan, titre.newest)}{earlier}. There is no cut-off across assays")
    return tuple(lines)


def _kl6(plan: Plan) -> tuple[str, ...]:
    kl6 = plan.assessment.kl6
    if kl6 is None:
        return ()
    return (
        f"Apart: KL-6 {_value(plan, kl6)}, a marker of ILD; in anti-MDA5 disease it does not go with activity, effect "
        "of treatment or mortality, and counts for nothing here",
    )


def _infection(plan: Plan) -> tuple[str, ...]:
    if plan.assessment.infection.status == "present":
        return (f"Infection raises ferritin and CRP, and one is on record: {inert(plan.assessment.infection.because)}",)
    return ("Infection raises ferritin and CRP as well; that none is on record does not exclude one",)


def _value(plan: Plan, result: Result) -> str:
    assumed = f" ({inert(result.assumption)})" if result.assumption else ""
    return f"{inert(result.recorded)} on {result.when.day(zone(plan))}{assumed}"


def _policy(plan: Plan) -> tuple[str, ...]:
    days = plan.guideline.policy.lab_current_days
    top = plan.guideline.risk_factors["ferritin-over-1000"].label
    return (
        f"The levels and their order are not the guideline's: very high, {top}; high, any other marker; standard, all "
        "known and none present; else indeterminate",
        f"A laboratory value counts as current for {days:g} days",
        "This card warns when the level is very high and no combination runs, or ferritin is not known to have fallen "
        "below its baseline",
        phase_policy(plan),
        *disease_policy(plan),
    )
