"""One arterial blood gas: which PaO2, PaCO2 and FiO2 belong together, and what is derived from them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cds_cards.guideline import Policy
from cds_cards.record import Result
from cds_cards.series import figure, flipped, higher_is_worse
from cds_cards.timeline import When

_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class GasValue:
    """A gradient (A-aDO2), a P/F ratio or a PaO2 in mmHg. `derived` when computed from PaO2, PaCO2 and FiO2 of one gas.

    `fio2` (fraction) of the same gas where known. `comparator` for a censored value.
    """

    value: float
    when: When
    sources: tuple[str, ...]
    recorded: str
    derived: bool = False
    comparator: str | None = None
    fio2: float | None = None


Values = tuple[GasValue, ...]


@dataclass(frozen=True, slots=True)
class GasResults:
    """The results that blood gases are made of: arterial PaO2 and PaCO2, FiO2; one for each date, oldest first."""

    pao2: tuple[Result, ...]
    paco2: tuple[Result, ...]
    fio2: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Gas:
    """A PaO2 and what belongs to the same gas, where that is known."""

    pao2: Result
    paco2: Result | None
    fio2: Result | None


def blood_gases(parts: GasResults, policy: Policy) -> tuple[Gas, ...]:
    """One for each PaO2, oldest first."""
    return tuple(
        [Gas(pao2, same_gas(pao2, parts.paco2, policy), same_gas(pao2, parts.fio2, policy)) for pao2 in parts.pao2]
    )


def gradients(reported: tuple[Result, ...], gases: Iterable[Gas], parts: GasResults, policy: Policy) -> Values:
    """A-aDO2 in mmHg: reported ones, and one derived for each other gas with PaO2, PaCO2 and FiO2."""
    return _joined(reported, gases, parts, policy, _gradient)


def ratios(reported: tuple[Result, ...], gases: Iterable[Gas], parts: GasResults, policy: Policy) -> Values:
    """PaO2/FiO2 in mmHg: reported ones, and one derived for each other gas with PaO2 and FiO2."""
    return _joined(reported, gases, parts, policy, _ratio)


def pressures(gases: Iterable[Gas]) -> Values:
    """Arterial PaO2 in mmHg."""
    return tuple(value for gas in gases if (value := _reported(gas.pao2, gas.fio2)))


Derive = Callable[[Gas, Policy], GasValue | None]


def _joined(
    reported: tuple[Result, ...], gases: Iterable[Gas], parts: GasResults, policy: Policy, derive: Derive
) -> Values:
    """Reported and derived values, oldest first; a reported one of the same gas wins over the derived one."""
    found = [_reported(result, same_gas(result, parts.fio2, policy)) for result in reported]
    found += [derive(gas, policy) for gas in gases if same_gas(gas.pao2, reported, policy) is None]
    values = (value for value in found if value is not None)
    return tuple(sorted(values, key=lambda value: (value.when.start, value.when.end, value.sources)))


def _reported(result: Result, fio2: Result | None) -> GasValue | None:
    if result.value is None:
        return None
    return GasValue(
        value=result.value,
        when=result.when,
        sources=(result.source,),
        recorded=result.recorded,
        comparator=result.comparator,
        fio2=fio2.value if fio2 else None,
    )


def _ratio(gas: Gas, policy: Policy) -> GasValue | None:
    pao2, fio2 = gas.pao2, gas.fio2
    if pao2.value is None or fio2 is None or not fio2.value:
        return None
    return GasValue(
        value=round(pao2.value / fio2.value, _DECIMALS),
        when=pao2.when,
        sources=_once(pao2, fio2),
        recorded=f"PaO2 {figure(pao2.value, pao2.unit, pao2.comparator)} at FiO2 {figure(fio2.value, None)}",
        derived=True,
        comparator=pao2.comparator,
        fio2=fio2.value,
    )


def altitude(policy: Policy) -> str:
    """The pressure that a derived gradient rests on, for a sentence."""
    return f"sea level ({figure(policy.barometric_pressure, 'mm[Hg]')}, site policy)"


def _gradient(gas: Gas, policy: Policy) -> GasValue | None:
    pao2, paco2, fio2 = gas.pao2, gas.paco2, gas.fio2
    if pao2.value is None or fio2 is None or fio2.value is None or paco2 is None or paco2.value is None:
        return None
    inspired = fio2.value * (policy.barometric_pressure - policy.water_vapour_pressure)
    alveolar = inspired - paco2.value / policy.respiratory_quotient
    taken = f"PaO2 {figure(pao2.value, pao2.unit, pao2.comparator)}, PaCO2 {figure(paco2.value, paco2.unit)}"
    return GasValue(
        value=round(alveolar - pao2.value, _DECIMALS),
        when=pao2.when,
        sources=_once(pao2, paco2, fio2),
        recorded=f"{taken}, FiO2 {figure(fio2.value, None)}, for {altitude(policy)}",
        derived=True,
        comparator=flipped(pao2.comparator),
        fio2=fio2.value,
    )


def same_gas(result: Result, others: Sequence[Result], policy: Policy) -> Result | None:
    """The one of `others` (oldest first) that belongs to the gas of `result`: the nearest, surely within the window.

    At one distance the higher value counts (more oxygen makes the lungs look worse, not better).
    """
    if not others:
        return None
    window = timedelta(minutes=policy.gas_window_minutes)
    first = bisect_left(others, result.when.start - window, key=_start)
    last = bisect_right(others, result.when.end + window, first, key=_start)
    near = [(_apart(result, other), other) for other in others[first:last]]
    fits = [(distance, other) for distance, other in near if distance <= window]
    return min(fits, key=_nearest)[1] if fits else None


def _start(result: Result) -> datetime:
    return result.when.start


def _nearest(pair: tuple[timedelta, Result]) -> tuple[timedelta, float, str]:
    return pair[0], -higher_is_worse(pair[1]), pair[1].source


def _apart(one: Result, other: Result) -> timedelta:
    """The greatest time that may lie between two results; none within one resource."""
    if one.source == other.source:
        return timedelta(0)
    return max(one.when.end - other.when.start, other.when.end - one.when.start)


def _once(*results: Result) -> tuple[str, ...]:
    return tuple(dict.fromkeys(result.source for result in results))
