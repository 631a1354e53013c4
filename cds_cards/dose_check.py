"""A drafted dose against the upper bounds of Table 2: above, within, or not checked and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from cds_cards.criteria import Verdict
from cds_cards.dose_bounds import Basis, Comparison, amount_mg, basis_of, compare, factor_of, repeats_sooner
from cds_cards.dosing import BodySize, rounded_down
from cds_cards.guideline import Agent, Guideline, Regimen
from cds_cards.kinship import CNI
from cds_cards.record import Dose, DraftOrder
from cds_cards.series import above, figure

GLUCOCORTICOID = "glucocorticoid"
METHYLPREDNISOLONE = "methylprednisolone"
CYCLOPHOSPHAMIDE = "cyclophosphamide"
RITUXIMAB = "rituximab"
_FINEST = 0.001  # mg; what lies below is the arithmetic's, not the dose's
# by these the dose follows levels or a taper: the card warns and proposes no amount (contract, row `dose`)
_PRESCRIBERS_DOSE = frozenset({CNI, GLUCOCORTICOID})


@dataclass(frozen=True, slots=True)
class DoseCheck:
    """`why`: both amounts, or why the dose was not checked. `reported`: the regimens it was held against, as reported.

    `lowered`: mg an administration (per kg or m² by `basis`) that keeps the bound; None when none is proposed, and
    `not_lowered` says why.
    """

    status: Literal["above", "within", "not-checked"]
    why: str
    reported: tuple[str, ...] = ()
    lowered: float | None = None
    basis: Basis = "absolute"
    not_lowered: str = ""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What of the patient the check depends on. `combination_days`: (least, most) days on the running combination.

    `levelled`: agents of which a blood level is on record.
    """

    size: BodySize
    combination_days: tuple[int, int] | None
    levelled: frozenset[str]


def check_dose(draft: DraftOrder, circumstances: Circumstances, guideline: Guideline) -> DoseCheck:
    """The drafted dose against the regimens of its agent, route and schedule; a draft without a route has Table 2's.

    Nothing that cannot be computed is taken to be in range.
    """
    agent, dose = guideline.agents[draft.order.agent], draft.order.dose
    reason = next(_not_checked(draft, agent, circumstances, guideline), None)
    if reason:
        return DoseCheck("not-checked", reason)
    regimens = _same_schedule(dose, _by_route(draft, agent))
    tolerance = guideline.policy.dose_tolerance_percent
    held = _single_doses(draft) if _may_be_tablets(draft) else dose
    found = tuple(compare(held, regimen, circumstances.size, tolerance) for regimen in regimens)
    highest = _above_highest_single(agent, dose, circumstances.size, guideline)
    if highest or all(item.exceeded is Verdict.MET for item in found):
        return _above(draft, agent, found, highest, circumstances.size, guideline)
    reported = tuple(item.regimen.text for item in found)
    within = next((item.text for item in found if item.exceeded is Verdict.NOT_MET), "")
    if within:
        return DoseCheck("within", within, reported)
    return DoseCheck("not-checked", "; ".join(dict.fromkeys(item.missing for item in found if item.missing)), reported)


def _not_checked(draft: DraftOrder, agent: Agent, given: Circumstances, guideline: Guideline) -> Iterator[str]:
    """Why the contract leaves this dose unchecked; yields nothing when it is to be compared."""
    order, policy = draft.order, guideline.policy
    if any(name == "age" for name, _ in given.size.gaps):
        yield "the age is not known"
    if not agent.regimens:
        yield f"Table 2 reports no dose of {agent.name}"
    if order.dose.unread is not None:
        yield order.dose.unread
    if order.route and not _by_route(draft, agent):
        yield f"its route is {order.route}, and Table 2 reports {_routes(agent)}"
    days = given.combination_days
    if agent.agent_class == GLUCOCORTICOID and days is not None and days[0] > policy.glucocorticoid_dose_until_day:
        yield (
            f"a glucocorticoid on day {days[0]} of the combination; checked up to day "
            f"{policy.glucocorticoid_dose_until_day} (site policy)"
        )
    if agent.agent_class == CNI and agent.id in given.levelled:
        yield "a blood level is on record: the level guides the dose"
    if agent.id == METHYLPREDNISOLONE and _no_pulse(order.dose, given.size, policy.methylprednisolone_pulse_min):
        yield f"below {policy.methylprednisolone_pulse_min:g} mg a day it is no pulse (site policy)"


def _may_be_tablets(draft: DraftOrder) -> bool:
    """Cyclophosphamide every day without a route, which Table 2's route would make an infusion."""
    order = draft.order
    return not order.route and order.agent == CYCLOPHOSPHAMIDE and order.dose.daily is True


def _single_doses(draft: DraftOrder) -> Dose:
    """One administration alone: tablets bring more in a week than an infusion, and never its single dose."""
    return replace(draft.order.dose, per_day=None, per_week=None, per_cycle=None)


def _by_route(draft: DraftOrder, agent: Agent) -> tuple[Regimen, ...]:
    return tuple(item for item in agent.regimens if not draft.order.route or draft.order.route in item.route)


def _routes(agent: Agent) -> str:
    return " or ".join(dict.fromkeys(route for regimen in agent.regimens for route in regimen.route))


def _no_pulse(dose: Dose, size: BodySize, limit: float) -> bool:
    """Whether the most that a day brings is surely below the limit (mg)."""
    factor = factor_of(dose.basis, size)
    day = dose.per_day if dose.per_day is not None else dose.per_administration
    return factor is not None and day is not None and above(limit, None, day * factor) is Verdict.MET


def _same_schedule(dose: Dose, regimens: tuple[Regimen, ...]) -> tuple[Regimen, ...]:
    """Of several regimens those written as the order is (per kg, per m²), and not repeated less often; else all."""
    basis = tuple(item for item in regimens if basis_of(item) == dose.basis) if dose.basis != "absolute" else ()
    regimens = basis or regimens
    every = dose.every_days
    apart = tuple(item for item in regimens if every is not None and (item.days_apart or every) <= every)
    return apart or regimens


def _above_highest_single(agent: Agent, dose: Dose, size: BodySize, guideline: Guideline) -> str:
    """Rituximab above the highest single dose reported is always above, without any tolerance."""
    limit, once = guideline.policy.rituximab_single_max, amount_mg(dose, size)
    if agent.id != RITUXIMAB or once is None or above(once, None, limit) is not Verdict.MET:
        return ""
    most = f"above {figure(limit, 'mg')} is always too much (site policy)"
    return f"{figure(once, 'mg')} per administration drafted; {most}"


def _above(
    draft: DraftOrder,
    agent: Agent,
    found: tuple[Comparison, ...],
    highest: str,
    size: BodySize,
    guideline: Guideline,
) -> DoseCheck:
    texts = (highest, *(item.text for item in found if item.exceeded is Verdict.MET))
    why = "; ".join(dict.fromkeys(text for text in texts if text))
    check = DoseCheck("above", why, tuple(item.regimen.text for item in found), basis=draft.order.dose.basis)
    if agent.agent_class in _PRESCRIBERS_DOSE:
        return replace(check, not_lowered=f"no amount is proposed for a {agent.agent_class.replace('-', ' ')}")
    if draft.order.dose.per_administration is None or not draft.order.dose.uniform:
        return replace(check, not_lowered="the order has no single amount that could be lowered")
    if all(repeats_sooner(draft.order.dose, item.regimen) for item in found):
        # a smaller daily dose of a drug that is given once a week would still be a daily dose
        return replace(check, not_lowered="Table 2 reports single doses days apart: the schedule has to change")
    lowered = max((_lowered(draft, item, size, guideline) for item in found), default=0.0)
    if lowered <= 0:
        return replace(check, not_lowered="no smaller amount per administration of this product keeps the bound")
    return replace(check, lowered=lowered)


def _lowered(draft: DraftOrder, item: Comparison, size: BodySize, guideline: Guideline) -> float:
    """The amount per administration that keeps the regimen, rounded down to what the product gives; 0: none does."""
    dose = draft.order.dose
    once, limit = dose.per_administration or 0.0, once_at_most(dose, draft.order.agent, size, guideline)
    exact = min(once * (item.ratio if item.ratio is not None else 1.0), limit)
    fixed = basis_of(item.regimen) == dose.basis
    if dose.basis == "absolute" and draft.increment:
        amount = rounded_down(exact, draft.increment)
    else:
        amount = rounded_down(exact, _FINEST if fixed or exact == limit else None)
    if not 0 < amount < once:
        return 0.0
    kept = compare(scaled(dose, amount / once), item.regimen, size, 0.0)
    return amount if kept.exceeded is Verdict.NOT_MET else 0.0


def once_at_most(dose: Dose, agent: str, size: BodySize, guideline: Guideline) -> float:
    """The highest single dose of rituximab in the order's basis; no limit for any other agent, or of unknown size."""
    factor = factor_of(dose.basis, size)
    if agent != RITUXIMAB or factor is None:
        return float("inf")
    return guideline.policy.rituximab_single_max / factor


def scaled(dose: Dose, by: float) -> Dose:
    """The same order with every administration multiplied."""

    def times(amount: float | None) -> float | None:
        return None if amount is None else amount * by

    return replace(
        dose,
        per_administration=times(dose.per_administration),
        per_day=times(dose.per_day),
        per_week=times(dose.per_week),
        per_cycle=times(dose.per_cycle),
    )
