"""Three-valued criteria: met, not met, or not known, each with its reason and its evidence.

Kleene's strong logic of indeterminacy: *unknown* is never read as *no*.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The outcome of one criterion."""

    MET = "met"
    NOT_MET = "not-met"
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, truth: bool | None) -> Verdict:
        """True → met, False → not met, None → unknown."""
        if truth is None:
            return cls.UNKNOWN
        return cls.MET if truth else cls.NOT_MET

    def negated(self) -> Verdict:
        """Not: unknown stays unknown."""
        if self is Verdict.UNKNOWN:
            return self
        return Verdict.NOT_MET if self is Verdict.MET else Verdict.MET


def all_of(verdicts: Iterable[Verdict]) -> Verdict:
    """And: one not-met decides; else one unknown leaves it unknown. Empty: met."""
    found = Verdict.MET
    for verdict in verdicts:
        if verdict is Verdict.NOT_MET:
            return verdict
        if verdict is Verdict.UNKNOWN:
            found = verdict
    return found


def any_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Or: one met decides; else one unknown leaves it unknown. Empty: not met."""
    found = Verdict.NOT_MET
    for verdict in verdicts:
        if verdict is Verdict.MET:
            return verdict
        if verdict is Verdict.UNKNOWN:
            found = verdict
    return found


def none_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Nor: the negation of any_of."""
    return any_of(verdicts).negated()


def unanimous(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict all candidates share; unknown when they differ or there is none."""
    seen = set(verdicts)
    return seen.pop() if len(seen) == 1 else Verdict.UNKNOWN


@dataclass(frozen=True, slots=True)
class Finding:
    """One named statement about the patient, with what it rests on.

    `criterion` is a fixed name; `because` a clinician's sentence with values and dates; `evidence` FHIR
    references (`Observation/x`); `needs` the data-gap ids that would settle an unknown.
    """

    criterion: str
    verdict: Verdict
    because: str
    evidence: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def met(self) -> bool:
        """Whether the criterion is met (unknown is not)."""
        return self.verdict is Verdict.MET
