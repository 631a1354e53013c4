"""Whether the patient is pregnant: status, condition and tests, each within the policy's days."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from cds_cards.criteria import Verdict
from cds_cards.guideline import Guideline
from cds_cards.on_record import lasting
from cds_cards.policy import Policy
from cds_cards.pregnancy_words import Says, as_says, in_words
from cds_cards.presence import positivity
from cds_cards.record import Diagnosis, PatientRecord, Result
from cds_cards.timeline import When, aged_at_most

# The meaning of a coded status stands in `knowledge/observations.toml`; "possible" and "unknown" leave it open.
_MEANINGS: dict[str, Says] = {"pregnant": "yes", "not-pregnant": "no", "undecided": "possible"}


@dataclass(frozen=True, slots=True)
class Pregnancy:
    """`status` by the newest evidence that counts; `tested`: a recent negative test stands behind a *no*."""

    status: Literal["yes", "no", "unknown"]
    why: str
    evidence: tuple[str, ...] = ()
    tested: bool = False


@dataclass(frozen=True, slots=True)
class _Sign:
    """One piece of evidence. `when` None: undated. `test`: a laboratory test rather than a status."""

    says: Says
    when: When | None
    text: str
    source: str
    test: bool = False


def pregnancy(record: PatientRecord, guideline: Guideline, as_of: datetime) -> Pregnancy:
    """By status, condition or test within the policy's days; the latest evidence wins, a conflict is pregnant."""
    signs = tuple(sorted(_signs(record, guideline, as_of), key=lambda sign: (sign.source, sign.says)))
    decisive = _latest(sign for sign in signs if sign.says != "possible")
    yes = tuple(sign for sign in decisive if sign.says == "yes")
    if yes:
        return _of("yes", yes)
    possible = tuple(sign for sign in signs if sign.says == "possible" and not _before(sign, decisive))
    if possible:
        return _of("unknown", possible)
    if record.person.sex == "male" and not decisive:
        return Pregnancy("no", "recorded sex: male")
    if not decisive:
        return Pregnancy("unknown", "no usable pregnancy status or test on record")
    return replace(_of("no", decisive), tested=any(sign.test for sign in signs if sign.says == "no"))


def _signs(record: PatientRecord, guideline: Guideline, as_of: datetime) -> Iterator[_Sign]:
    policy = guideline.policy
    zone, days = ZoneInfo(policy.zone), policy.pregnancy_status_days
    answers = guideline.observations["pregnancy-status"].answers
    meanings = {f"{answer.system}|{answer.code}": answer.variant for answer in answers}
    stated = ((result, _status_says(result, meanings)) for result in record.results_of("pregnancy-status"))
    yield from _of_results(stated, policy, as_of)
    # In a man a raised hCG speaks of a tumour, not of a pregnancy.
    tests = ("hcg",) if record.person.sex != "male" else ()
    yield from _of_results(((item, as_says(positivity(item))) for item in record.results_of(*tests)), policy, as_of)
    for diagnosis in record.diagnoses:
        if "pregnancy" in diagnosis.concepts:
            yield from _of_condition(diagnosis, days, as_of, zone)
    unread = record.unread_of("observations", "pregnancy-status", *tests) + record.unread_of("conditions", "pregnancy")
    for item in unread:
        # Only what names pregnancy itself: any unreadable resource might otherwise speak of anything.
        if item.concepts and _counts("possible", item.when, days, as_of):
            yield _Sign("possible", item.when, f"a pregnancy entry could not be read ({item.why})", item.source)


def _of_results(results: Iterable[tuple[Result, Says | None]], policy: Policy, as_of: datetime) -> tuple[_Sign, ...]:
    """Signs of one kind of result. Preliminary ones count only beside no final one."""
    found: list[tuple[bool, _Sign]] = []
    for result, says in results:
        test = result.concept == "hcg"
        days = policy.pregnancy_test_days if test and says == "no" else policy.pregnancy_status_days
        counted = _counts(says, result.when, days, as_of) if says else None
        if counted:
            what = "pregnancy test" if test else "pregnancy status"
            text = f"{what} “{result.recorded}” of {result.when.day(ZoneInfo(policy.zone))}"
            found.append((result.preliminary, _Sign(counted, result.when, text, result.source, test)))
    final = tuple(sign for preliminary, sign in found if not preliminary)
    return final or tuple(sign for _, sign in found)


def _of_condition(diagnosis: Diagnosis, days: float, as_of: datetime, zone: ZoneInfo) -> Iterator[_Sign]:
    if diagnosis.verification in ("refuted", "entered-in-error"):
        return
    if not lasting(diagnosis, as_of):
        if diagnosis.abated is not None and _counts("no", diagnosis.abated, days, as_of):
            text = f"pregnancy recorded as ended {diagnosis.abated.day(zone)}"
            yield _Sign("no", diagnosis.abated, text, diagnosis.source)
        return
    says: Says = "possible" if diagnosis.verification in ("unconfirmed", "differential") else "yes"
    counted = _counts(says, diagnosis.began, days, as_of)
    if counted:
        dates = [date for date in (diagnosis.onset, diagnosis.recorded) if date is not None]
        # The window runs from the onset; which evidence is the latest goes by when it was last stated.
        last = max(dates, key=lambda date: date.end) if dates else None
        text = f"pregnancy on the problem list, {'dated ' + last.day(zone) if last else 'undated'}"
        yield _Sign(counted, last, text, diagnosis.source)


def _counts(says: Says, when: When | None, days: float, as_of: datetime) -> Says | None:
    """What a sign says when its age is weighed: a *no* must surely be recent, a *yes* of unsettled date is possible."""
    if when is None:
        return says if says != "no" else None
    within = aged_at_most(when, as_of, timedelta(days=days))
    if within is Verdict.MET:
        return says
    return "possible" if within is Verdict.UNKNOWN and says != "no" else None


def _status_says(result: Result, meanings: Mapping[str, str]) -> Says | None:
    """By its codes, else its words, else its flag; several that differ leave it open."""
    said = {_MEANINGS[meanings[answer]] for answer in result.answers if answer in meanings}
    said = said or {says for says in map(in_words, result.words) if says is not None}
    if not said:
        return None if result.flag is None else as_says(Verdict.of(result.flag))
    return said.pop() if len(said) == 1 else "possible"


def _latest(signs: Iterable[_Sign]) -> tuple[_Sign, ...]:
    """The signs that may be the newest; undated ones always may."""
    pool = tuple(signs)
    latest = max((sign.when.start for sign in pool if sign.when is not None), default=None)
    return tuple(sign for sign in pool if sign.when is None or latest is None or sign.when.end >= latest)


def _before(sign: _Sign, decisive: tuple[_Sign, ...]) -> bool:
    """Whether the sign surely lies before all that decides."""
    return bool(decisive) and all(
        sign.when is not None and other.when is not None and sign.when.end < other.when.start for other in decisive
    )


def _of(status: Literal["yes", "no", "unknown"], signs: tuple[_Sign, ...]) -> Pregnancy:
    text = "; ".join(dict.fromkeys(sign.text for sign in signs))
    return Pregnancy(status, text, tuple(dict.fromkeys(sign.source for sign in signs)))
