"""The anti-MDA5 antibody: ever positive, only negative, or not known; its titre within one assay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from cds_cards.criteria import Verdict
from cds_cards.guideline import Policy
from cds_cards.presence import positivity
from cds_cards.record import PatientRecord, Result
from cds_cards.series import below, countable, one_per_date
from cds_cards.timeline import aged_at_most

CONCEPT = "anti-mda5"
TEST = "anti-mda5-test"


@dataclass(frozen=True, slots=True)
class Titre:
    """The newest anti-MDA5 number within one assay, and the one before it (same code and unit), never across assays."""

    newest: Result
    earlier: Result | None = None

    def risen_by(self, factor: float) -> bool:
        """Whether the newest is at least `factor` times the earlier one; a censored value decides only what it can."""
        if self.earlier is None:
            return False
        old, new = _number(self.earlier), _number(self.newest)
        if old <= 0 or self.earlier.comparator not in (None, "<", "<="):
            return False  # a rise from nothing has no factor, and ">1280" has no upper bound
        return below(new, self.newest.comparator, old * factor) is Verdict.NOT_MET


@dataclass(frozen=True, slots=True)
class AntiMda5:
    """`because` names the deciding result; `later_negative` a negative after the positive.

    `undecided` lists results that tell nothing.
    """

    status: Literal["positive", "negative", "unknown"]
    because: str
    evidence: tuple[str, ...] = ()
    titre: Titre | None = None
    later_negative: Result | None = None
    undecided: tuple[str, ...] = ()


def anti_mda5(record: PatientRecord, policy: Policy, as_of: datetime) -> AntiMda5:
    """Positive if any usable result ever was; negative if there are only negatives, all of them read; else unknown."""
    zone = ZoneInfo(policy.zone)
    results = _counting(record, policy, as_of)
    told = {verdict: [r for r in results if positivity(r) is verdict] for verdict in Verdict}
    positives, negatives = told[Verdict.MET], told[Verdict.NOT_MET]
    undecided = tuple(result.source for result in told[Verdict.UNKNOWN])
    titre = _titre(results)
    if positives:
        later = [result for result in negatives if result.when.start > positives[-1].when.start]
        because = f"anti-MDA5 positive on {positives[-1].when.day(zone)} ({positives[-1].recorded})"
        if later:
            because += f"; a later negative of {later[-1].when.day(zone)} does not undo it"
        evidence = tuple(result.source for result in (*positives, *later[-1:]))
        return AntiMda5("positive", because, _once(evidence), titre, later[-1] if later else None, _once(undecided))
    evidence = _once(result.source for result in negatives)
    doubt = _doubt(record, told, zone)
    if doubt:
        return AntiMda5("unknown", doubt, evidence, titre, undecided=_once(undecided))
    because = f"anti-MDA5 negative, last on {negatives[-1].when.day(zone)}; no positive result on record"
    return AntiMda5("negative", because, evidence, titre)


def antibody_pending(record: PatientRecord, policy: Policy, as_of: datetime) -> bool:
    """Whether the test is ordered (an active order) or pending (a current preliminary result, no final one after)."""
    if any(TEST in o.concepts and o.status == "active" and not o.refused for o in record.services):
        return True
    limit = timedelta(days=policy.lab_current_days)
    return any(
        result.preliminary and aged_at_most(result.when, as_of, limit) is Verdict.MET
        for result in _counting(record, policy, as_of)
    )


def _counting(record: PatientRecord, policy: Policy, as_of: datetime) -> tuple[Result, ...]:
    results = countable(record.results_of(CONCEPT), as_of, timedelta(days=policy.lab_current_days))
    return tuple(sorted(results, key=lambda r: (r.when.start, r.when.end, r.source, r.recorded)))


def _doubt(record: PatientRecord, told: dict[Verdict, list[Result]], zone: ZoneInfo) -> str | None:
    """Why the results do not add up to a negative, or None."""
    if told[Verdict.UNKNOWN]:
        last = told[Verdict.UNKNOWN][-1]
        return f"the anti-MDA5 result of {last.when.day(zone)} ({last.recorded}) is neither positive nor negative"
    if not told[Verdict.NOT_MET]:
        unread = bool(record.unread_of("observations", CONCEPT))
        return "an anti-MDA5 result may be among what could not be read" if unread else "no anti-MDA5 result on record"
    if not record.read_in_full("observations", CONCEPT):
        negative = told[Verdict.NOT_MET][-1].when.day(zone)
        return f"anti-MDA5 negative on {negative}, but not all results could be read: a positive is not excluded"
    return None


def _titre(results: Iterable[Result]) -> Titre | None:
    """The titre of the assay that was measured last; of two measured together the one that rose."""
    assays: dict[tuple[str, str, bool], list[Result]] = {}
    for result in results:
        if result.value is not None or result.titre_steps is not None:
            assays.setdefault((result.code, result.unit or "", result.value is None), []).append(result)
    titres = [_within(key, group) for key, group in sorted(assays.items())]
    return max(titres, key=_last_and_rising, default=None)


def _last_and_rising(titre: Titre) -> tuple[datetime, bool, float, str]:
    rise = _number(titre.newest) - _number(titre.earlier) if titre.earlier else 0.0
    return titre.newest.when.start, titre.earlier is not None, rise, titre.newest.source


def _within(assay: tuple[str, str, bool], results: list[Result]) -> Titre:
    *before, last = one_per_date(results, _number)
    # Without a code nothing says that two numbers come from one assay; overlapping dates do not say which came first.
    comparable = bool(assay[0]) and bool(before) and before[-1].when.end < last.when.start
    return Titre(last, before[-1] if comparable else None)


def _number(result: Result) -> float:
    number = result.value if result.value is not None else result.titre_steps
    return float("-inf") if number is None else number


def _once(sources: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sources))
