"""Hepatitis B and tuberculosis screening before rituximab or tofacitinib (site policy)."""

from __future__ import annotations

from cds_cards.on_record import diagnoses_of
from cds_cards.record import PatientRecord, Result

# What stands for a screened infection: every test of it, or the diagnosis itself.
_SCREENS = (("hepatitis-b", ("hbsag", "anti-hbc")), ("latent-tb", ("tb-igra",)))
SCREENED_AGENTS = frozenset({"rituximab", "tofacitinib"})


def screening_missing(record: PatientRecord) -> tuple[str, ...]:
    """The observation concepts of the tests that are not on record, ever: of `hbsag`, `anti-hbc`, `tb-igra`."""
    return tuple(
        test
        for diagnosis, tests in _SCREENS
        if not diagnoses_of(record, diagnosis)
        for test in tests
        if not any(_tells(result) for result in record.results_of(test))
    )


def screening_unknown(record: PatientRecord, missing: tuple[str, ...]) -> str:
    """Why a screening that is called missing may be on record all the same, or an empty sentence."""
    if not missing or record.read_in_full("observations", *missing):
        return ""
    return "the results are not known in full: screening for hepatitis B or tuberculosis may be on record elsewhere"


def _tells(result: Result) -> bool:
    """Whether the result says anything at all (a number, a word, a code)."""
    if result.value is not None or result.titre_steps is not None or result.flag is not None:
        return True
    return bool(result.words or result.answers or result.interpretation)
