"""Childbearing potential, the intention to have children, and men's fertility (site policy)."""

from __future__ import annotations

from datetime import datetime, timedelta

from cds_cards.conditions import confirmed
from cds_cards.criteria import Verdict
from cds_cards.disease import Population
from cds_cards.guideline import Guideline
from cds_cards.on_record import diagnoses_of, lasting
from cds_cards.policy import Policy
from cds_cards.pregnancy import Pregnancy
from cds_cards.record import PatientRecord
from cds_cards.series import newest
from cds_cards.timeline import aged_at_most

_NO_INTENTION_WORDS = frozenset({"no, i don't want to become pregnant", "no desire to become pregnant", "no"})


def childbearing(
    record: PatientRecord, population: Population, pregnant: Pregnancy, policy: Policy, as_of: datetime
) -> tuple[bool, str]:
    """Childbearing potential by the policy, and why. Unknown age or sex does not exclude it."""
    if pregnant.status == "yes":
        return True, pregnant.why
    sex = record.person.sex
    if sex == "male":
        return False, "recorded sex: male"
    least, most = policy.childbearing_age_min, policy.childbearing_age_max
    age = population.age
    if age is not None and (age[1] < least or age[0] > most):
        return False, f"{years(age)}, outside {least:g} to {most:g} years (site policy)"
    ended = _ended(record, as_of)
    if ended:
        return False, ended
    who = "woman" if sex == "female" else f"recorded sex: {sex or 'none'}; childbearing potential is not excluded"
    return True, f"{who}, {years(age)}; no sterilisation or menopause on record"


def no_intention(record: PatientRecord, guideline: Guideline, as_of: datetime) -> bool:
    """Whether the newest statement says that no pregnancy is intended (it ages as a pregnancy status does)."""
    stated = newest(record.results_of("pregnancy-intention"))
    limit = timedelta(days=guideline.policy.pregnancy_status_days)
    answers = guideline.observations["pregnancy-intention"].answers
    no = {f"{code.system}|{code.code}" for code in answers if code.variant == "no"}
    return bool(stated) and all(
        aged_at_most(item.when, as_of, limit) is Verdict.MET
        and bool(no & set(item.answers) or _NO_INTENTION_WORDS & {word.strip() for word in item.words})
        for item in stated
    )


def fertile_man(record: PatientRecord, population: Population, policy: Policy) -> bool:
    """A man below the policy's age; an unknown age does not exclude it."""
    return record.person.sex == "male" and (population.age is None or population.age[0] < policy.men_fertility_age)


def years(age: tuple[int, int] | None) -> str:
    """An age for a sentence."""
    if age is None:
        return "age unknown"
    return f"{age[0]} years" if age[0] == age[1] else f"{age[0]} to {age[1]} years"


def _ended(record: PatientRecord, as_of: datetime) -> str:
    """Why childbearing potential has ended, from conditions or a completed sterilisation, or an empty sentence."""
    for concept, text in (("sterilised", "sterilised"), ("postmenopausal", "post-menopausal")):
        for item in diagnoses_of(record, concept):
            # Only a sure entry takes a warning away.
            if confirmed(item) and lasting(item, as_of):
                return f"{text} on record{' (recognised by its text)' if item.by_text else ''}"
    done = any("sterilised" in item.concepts and item.status == "completed" for item in record.procedures)
    return "sterilised on record" if done else ""
