"""The five criteria of failing therapy (guideline §4), each met, not met or unknown, by the site's smallest changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from cds_cards.blood_gas import altitude
from cds_cards.criteria import Verdict, all_of, unanimous
from cds_cards.follow_up import Step, Value, last, of_flags, of_gases, of_results, reaches
from cds_cards.gas import OXYGENATION, Gases
from cds_cards.guideline import Guideline
from cds_cards.record import PatientRecord
from cds_cards.series import above, figure
from cds_cards.timeline import When, aged_at_most

FERRITIN = "ferritin"
GRADIENT = "a-a-gradient"
CLINICAL = ("respiratory-symptoms", "imaging", "clinician-impression")
CRITERIA = ("respiratory-symptoms", GRADIENT, "imaging", FERRITIN, "clinician-impression")
MMHG = "mm[Hg]"
_GASES = tuple(name for name in OXYGENATION if name != "spo2")


@dataclass(frozen=True, slots=True)
class Point:
    """A value of a trend: number and canonical unit (None for a yes-or-no criterion), date, source, whether derived.

    `sources` are all results that a derived value comes from.
    """

    value: float | None
    unit: str | None
    when: When
    source: str
    derived: bool = False
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CriterionResult:
    """One of the five criteria, with baseline and follow-up where it is a trend.

    `oxygen_differed`: the gradient was not compared, because FiO2 differed between the two times.
    """

    id: str
    verdict: Verdict
    why: str
    baseline: Point | None = None
    follow_up: Point | None = None
    oxygen_differed: bool = False


@dataclass(frozen=True, slots=True)
class _Trend:
    """A baseline, a follow-up and what the change between them decides; None where there is no such value."""

    verdict: Verdict
    baseline: Value | None
    follow_up: Value | None
    pairs: tuple[tuple[Value, Value], ...] = ()


Judge = Callable[[Value, Value], Verdict]


def criteria(
    record: PatientRecord, gases: Gases, step: Step, guideline: Guideline, too_early: bool
) -> tuple[CriterionResult, ...]:
    """The five criteria in the guideline's order. `too_early`: clinical ones count from the start of the step."""
    found = {
        FERRITIN: _ferritin(record, step),
        GRADIENT: _gradient(record, gases, step),
        **{name: _clinical(name, record, step, guideline, too_early) for name in CLINICAL},
    }
    return tuple(found[name] for name in CRITERIA)


def _ferritin(record: PatientRecord, step: Step) -> CriterionResult:
    policy = step.policy

    def risen(baseline: Value, follow_up: Value) -> Verdict:
        target = baseline.value * (100 + policy.ferritin_rise_percent) / 100
        rise = reaches(follow_up.value, follow_up.comparator, target, baseline.comparator)
        return all_of((rise, above(follow_up.value, follow_up.comparator, policy.ferritin_rise_floor)))

    trend = _trend(of_results(record.results_of(FERRITIN), step.zone), step, risen)
    rule = (
        f"a rise of at least {policy.ferritin_rise_percent:g} % to more than "
        f"{figure(policy.ferritin_rise_floor, 'ng/mL')} counts"
    )
    return _settled(FERRITIN, "ferritin", trend, rule, record, (FERRITIN,), step)


def _gradient(record: PatientRecord, gases: Gases, step: Step) -> CriterionResult:
    """The gradient at the same oxygen; where the oxygen differed or a gradient is missing, the ratio instead."""
    policy = step.policy

    def widened(baseline: Value, follow_up: Value) -> Verdict:
        target = baseline.value + policy.gradient_rise
        return reaches(follow_up.value, follow_up.comparator, target, baseline.comparator)

    trend = _trend(of_gases(gases.gradients, MMHG, step.zone, higher_is_worse=True), step, widened)
    differed = any(_oxygen_differed(*pair, step) for pair in trend.pairs)
    if trend.pairs and not differed:
        derived = any(value.derived for pair in trend.pairs for value in pair)
        rule = f"a rise of at least {figure(policy.gradient_rise, MMHG)} counts"
        rule += f"; derived for {altitude(policy)}" if derived else ""
        return _settled(GRADIENT, "A-aDO2", trend, rule, record, _GASES, step)
    ratios = of_gases(gases.ratios, MMHG, step.zone, higher_is_worse=False)
    ratio = _trend(ratios, step, lambda base, value: fallen(base, value, step))
    if not all(_oxygen_differed(*pair, step) for pair in trend.pairs):
        ratio = _Trend(Verdict.UNKNOWN, ratio.baseline, ratio.follow_up, ratio.pairs)
    reason = "FiO2 differed between the two times" if differed else "no A-aDO2 at both times"
    rule = f"{reason}, so PaO2/FiO2 is compared; a fall of at least {policy.pf_fall_percent:g} % counts"
    return _settled(GRADIENT, "PaO2/FiO2", ratio, rule, record, _GASES, step, differed)


def fallen(baseline: Value, follow_up: Value, step: Step) -> Verdict:
    """Whether PaO2/FiO2 fell by the policy's smallest fall or more."""
    target = baseline.value * (100 - step.policy.pf_fall_percent) / 100
    return reaches(target, baseline.comparator, follow_up.value, follow_up.comparator)


def _oxygen_differed(baseline: Value, follow_up: Value, step: Step) -> bool:
    if baseline.fio2 is None or follow_up.fio2 is None:
        return False
    return above(abs(follow_up.fio2 - baseline.fio2), None, step.policy.fio2_same_within) is Verdict.MET


def _trend(pool: tuple[Value, ...], step: Step, judge: Judge) -> _Trend:
    """The verdict that all values agree on which may be baseline and follow-up."""
    baselines = step.baseline(pool)
    follow_ups = [(base, step.follow_up(pool, base)) for base in baselines.values]
    pairs = tuple((base, value) for base, choice in follow_ups for value in choice.values)
    sure = baselines.sure and all(choice.sure for _, choice in follow_ups)
    verdict = unanimous(judge(*pair) for pair in pairs) if pairs and sure else Verdict.UNKNOWN
    shown = follow_ups[-1][1].shown if follow_ups else None
    if shown is None:
        # without a baseline the sentence still names the newest value
        shown = last(pool, lambda value: step.from_day(value.days, step.policy.follow_up_from_day)).shown
    return _Trend(verdict, baselines.shown, shown, pairs)


def _settled(
    name: str,
    label: str,
    trend: _Trend,
    rule: str,
    record: PatientRecord,
    concepts: tuple[str, ...],
    step: Step,
    oxygen_differed: bool = False,
) -> CriterionResult:
    """With the sentence; what could not be read keeps a criterion from being called *not met*."""
    verdict, doubt = trend.verdict, ""
    if verdict is Verdict.NOT_MET and trend.baseline is not None:
        doubt = _doubt(record, concepts, trend.baseline.when)
        verdict = Verdict.UNKNOWN if doubt else verdict
    said = _said(label, trend, step)
    baseline, follow_up = (_point(value) if trend.pairs else None for value in (trend.baseline, trend.follow_up))
    return CriterionResult(
        name,
        verdict,
        "; ".join(part for part in (said, rule, doubt) if part),
        baseline,
        follow_up,
        oxygen_differed,
    )


def _said(label: str, trend: _Trend, step: Step) -> str:
    policy = step.policy
    if trend.pairs and trend.baseline is not None and trend.follow_up is not None:
        said = f"{label} {_named(trend.baseline, step)}, then {_named(trend.follow_up, step)}"
        return said if trend.verdict is not Verdict.UNKNOWN else f"{said}: this does not settle it"
    if trend.baseline is not None:
        return (
            f"{label}: no follow-up at least {policy.follow_up_from_day:g} days after the step of therapy, at least "
            f"{policy.follow_up_after_baseline_days:g} days after the baseline ({_named(trend.baseline, step)}) and at "
            f"most {policy.follow_up_current_days:g} days old"
        )
    newest = f" (newest {_named(trend.follow_up, step)})" if trend.follow_up is not None else ""
    return (
        f"{label}: no baseline from {policy.baseline_before_days:g} days before to {policy.baseline_late_days:g} days "
        f"after the step of therapy{newest}"
    )


def _named(value: Value, step: Step) -> str:
    notes = [note for note in ("derived" if value.derived else "", value.assumption or "") if note]
    noted = f" ({'; '.join(notes)})" if notes else ""
    return f"{figure(value.value, value.unit, value.comparator)}{noted} on {value.when.day(step.zone)}"


def _doubt(record: PatientRecord, concepts: tuple[str, ...], since: When) -> str:
    """What may hold a newer value, or another baseline, than those that were compared."""
    if record.answers.get("observations") != "complete":
        return "not all observations could be fetched, so that this is not called unchanged"
    unread = record.unread_of("observations", *concepts)
    newer = sorted({item.source for item in unread if item.when is None or item.when.end >= since.start})
    return f"could not be read and may tell otherwise: {', '.join(newer)}" if newer else ""


def _clinical(name: str, record: PatientRecord, step: Step, guideline: Guideline, too_early: bool) -> CriterionResult:
    """The newest yes or no that is late enough after the step and not too old."""
    policy = step.policy
    from_day, limit = (0 if too_early else policy.follow_up_from_day), timedelta(days=policy.criterion_current_days)
    choice = last(
        of_flags(record.results_of(name), step.zone),
        lambda value: all_of((step.from_day(value.days, from_day), aged_at_most(value.when, step.as_of, limit))),
    )
    label, newest = guideline.observations[name].label, choice.shown
    if newest is None:
        return CriterionResult(
            name,
            Verdict.UNKNOWN,
            f"{label}: nothing recorded from day {from_day} of the step of therapy and within {limit.days} days",
        )
    verdict = unanimous(Verdict.of(value.flag) for value in choice.values) if choice.sure else Verdict.UNKNOWN
    doubt = _doubt(record, (name,), newest.when) if verdict is Verdict.NOT_MET else ""
    said = f"{label}: {'yes' if newest.flag else 'no'} on {newest.when.day(step.zone)}"
    if verdict is Verdict.UNKNOWN:
        doubt = "its date leaves open whether it counts, or another value of that time differs"
    return CriterionResult(
        name,
        Verdict.UNKNOWN if doubt else verdict,
        f"{said}; {doubt}" if doubt else said,
        follow_up=_point(newest),
    )


def _point(value: Value | None) -> Point | None:
    if value is None:
        return None
    number = None if value.flag is not None else value.value
    return Point(number, value.unit, value.when, value.sources[0], value.derived, value.sources)


def names(results: Iterable[CriterionResult], verdict: Verdict) -> Iterator[str]:
    """The ids of the criteria with this verdict."""
    return (item.id for item in results if item.verdict is verdict)
