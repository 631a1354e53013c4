"""One arterial blood gas: which PaO2, PaCO2 and FiO2 belong together, and what is derived from them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from cds_cards.guideline import REMEMBERED, Policy
from cds_cards.record import Result
from cds_cards.series import figure, flipped, higher_is_worse
from cds_cards.timeline import When

_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class GasValue:
    """A gradient (A-aDO2), a P/F ratio or a PaO2 in mmHg. `derived` when computed from PaO2, PaCO2 and FiO2 of one gas.

    `fio2` (fraction) of the same gas where known. `comparator` for a censored value. `origin`: the reported result, or
    the gas; `altitude`: for which a gradient was derived, in words.
    """

    value: float
    when: When
    sources: tuple[str, ...]
    origin: Result | Gas
    comparator: str | None = None
    fio2: float | None = None
    altitude: str = ""

    @property
    def derived(self) -> bool:
        """Whether it was computed."""
        return isinstance(self.origin, Gas)

    @property
    def recorded(self) -> str:
        """As reported, or what it was computed from. Written when it is asked for: mostly it is not."""
        return self.origin.told(self.altitude) if isinstance(self.origin, Gas) else self.origin.recorded


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

    def told(self, altitude: str) -> str:
        """What a ratio, or a gradient for this altitude, was computed from."""
        paco2, fio2 = (_figure(part, unit) for part, unit in ((self.paco2, True), (self.fio2, False)))
        pao2 = f"PaO2 {_figure(self.pao2, True)}"
        return f"{pao2}, PaCO2 {paco2}, FiO2 {fio2}, for {altitude}" if altitude else f"{pao2} at FiO2 {fio2}"


@dataclass(frozen=True, slots=True)
class _Around:
    """Results (oldest first) among which the gases of many others are looked for, with their starts."""

    results: Sequence[Result]
    starts: Sequence[datetime]
    window: timedelta

    @classmethod
    def of(cls, results: Sequence[Result], policy: Policy) -> _Around:
        """By the policy's window."""
        window = timedelta(minutes=policy.gas_window_minutes)
        return cls(results, [result.when.start for result in results], window)

    def same_gas(self, result: Result) -> Result | None:
        """The one that belongs to the gas of `result`: the nearest, surely within the window.

        At one distance the higher value counts (more oxygen makes the lungs look worse, not better).
        """
        if not self.starts:
            return None
        first = bisect_left(self.starts, result.when.start - self.window)
        last = bisect_right(self.starts, result.when.end + self.window, first)
        near = [(_apart(result, other), other) for other in self.results[first:last]]
        fits = [(distance, other) for distance, other in near if distance <= self.window]
        return min(fits, key=_nearest)[1] if fits else None


def blood_gases(parts: GasResults, policy: Policy) -> tuple[Gas, ...]:
    """One for each PaO2, oldest first."""
    paco2, fio2 = _Around.of(parts.paco2, policy), _Around.of(parts.fio2, policy)
    return tuple([Gas(pao2, paco2.same_gas(pao2), fio2.same_gas(pao2)) for pao2 in parts.pao2])


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
    fio2, stated = _Around.of(parts.fio2, policy), _Around.of(reported, policy)
    found = [_reported(result, fio2.same_gas(result)) for result in reported]
    values = [value for value in found if value is not None]
    derived = [(gas, value) for gas in gases if (value := derive(gas, policy)) is not None]
    values += [value for gas, value in derived if stated.same_gas(gas.pao2) is None]
    return tuple(sorted(values, key=lambda value: (value.when.start, value.when.end, value.sources)))


def _reported(result: Result, fio2: Result | None) -> GasValue | None:
    if result.value is None:
        return None
    return GasValue(
        value=result.value,
        when=result.when,
        sources=(result.source,),
        origin=result,
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
        origin=gas,
        comparator=pao2.comparator,
        fio2=fio2.value,
    )


def _figure(part: Result | None, with_unit: bool) -> str:
    if part is None or part.value is None:
        return ""
    return figure(part.value, part.unit if with_unit else None, part.comparator)


def altitude(policy: Policy) -> str:
    """The pressure that a derived gradient rests on, for a sentence."""
    return _sea_level(policy.barometric_pressure)


@lru_cache(REMEMBERED)
def _sea_level(pressure: float) -> str:
    return f"sea level ({figure(pressure, 'mm[Hg]')}, site policy)"


def _gradient(gas: Gas, policy: Policy) -> GasValue | None:
    pao2, paco2, fio2 = gas.pao2, gas.paco2, gas.fio2
    if pao2.value is None or fio2 is None or fio2.value is None or paco2 is None or paco2.value is None:
        return None
    inspired = fio2.value * (policy.barometric_pressure - policy.water_vapour_pressure)
    alveolar = inspired - paco2.value / policy.respiratory_quotient
    return GasValue(
        value=round(alveolar - pao2.value, _DECIMALS),
        when=pao2.when,
        sources=_once(pao2, paco2, fio2),
        origin=gas,
        comparator=flipped(pao2.comparator),
        fio2=fio2.value,
        altitude=altitude(policy),
    )


def same_gas(result: Result, others: Sequence[Result], policy: Policy) -> Result | None:
    """The one of `others` (oldest first) that belongs to the gas of `result`."""
    return _Around.of(others, policy).same_gas(result)


def _nearest(pair: tuple[timedelta, Result]) -> tuple[timedelta, float, str]:
    return pair[0], -higher_is_worse(pair[1]), pair[1].source


def _apart(one: Result, other: Result) -> timedelta:
    """The greatest time that may lie between two results; none within one resource."""
    if one.source == other.source:
        return timedelta(0)
    return max(one.when.end - other.when.start, other.when.end - one.when.start)


def _once(*results: Result) -> tuple[str, ...]:
    return tuple(dict.fromkeys(result.source for result in results))
