"""What one qualitative result says: interpretation, then words and codes, then the number against its own limit."""

from __future__ import annotations

import pytest

from cds_cards.criteria import Verdict
from cds_cards.guideline import LOINC, SNOMED
from cds_cards.presence import in_words, positivity
from tests.unit.cds_cards.facts import result

M, N, U = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN


@pytest.mark.parametrize("code", ["POS", "A", "AA", "H", "HH", "HU", "DET", "RR"])
def test_positive_interpretations(code):
    assert positivity(result("anti-mda5", 1, limits=(None, 10), interpretation=(code,))) is M
    assert positivity(result("anti-mda5", interpretation=(code,), words=("negative",))) is M


@pytest.mark.parametrize("code", ["N", "NEG", "ND", "NR", "L"])
def test_negative_interpretations(code):
    assert positivity(result("anti-mda5", 99, limits=(None, 10), interpretation=(code,))) is N
    assert positivity(result("anti-mda5", interpretation=(code,), words=("positive",))) is N


@pytest.mark.parametrize("code", ["IND", "E", "WR", "I", "LL", "LU", "HX", "QCF", "U", "x"])
def test_undecided_interpretations(code):
    assert positivity(result("anti-mda5", 99, limits=(None, 10), interpretation=(code,))) is U
    assert positivity(result("anti-mda5", interpretation=(code,), words=("positive",))) is U


@pytest.mark.parametrize(
    ("codes", "verdict"),
    [(("H", "POS"), M), (("POS", "NEG"), U), (("POS", "WR"), U), (("H", "U"), M), (("N", "D"), N), (("Positive",), M)],
)
def test_several_interpretations(codes, verdict):
    assert positivity(result("anti-mda5", interpretation=codes)) is verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("positive", M),
        ("Strong positive", M),
        ("positive 1:320", M),
        ("POSITIVO", M),
        ("positiva", M),
        ("detected", M),
        ("anticuerpos anti-MDA5 detectados", M),
        ("reactive", M),
        ("+++", M),
        ("negative", N),
        ("Negativo", N),
        ("not detected", N),
        ("No detectado", N),
        ("no se detectan anticuerpos", N),
        ("no anti-MDA5 antibodies detected", N),
        ("none detected", N),
        ("non-reactive", N),
        ("nonreactive", N),
        ("no reactivo", N),
        ("undetectable", N),
        ("absent", N),
        ("-", N),
        ("weak positive", U),
        ("weakly positive", U),
        ("positivo débil", U),
        ("borderline", U),
        ("indeterminado", U),
        ("equivocal", U),
        ("no concluyente", U),
        ("(+)", U),
        ("+/-", U),
        ("positive?", U),
        ("false positive", U),
        ("not positive", U),
        ("not negative", U),
        ("Ro52 positive, MDA5 negative", U),
        ("previously positive", U),
        ("1:320", None),
        ("see comment", None),
        ("method: detection of antibodies", None),
        ("", None),
    ],
)
def test_words(text, verdict):
    assert in_words(text) is verdict
    assert positivity(result("anti-mda5", words=(text.lower(),))) is (verdict or U)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (f"{SNOMED}|10828004", M),
        (f"{SNOMED}|260373001", M),
        (f"{SNOMED}|260385009", N),
        (f"{SNOMED}|260415000", N),
        (f"{SNOMED}|131194007", N),
        (f"{LOINC}|LA6576-8", M),
        (f"{LOINC}|LA6577-6", N),
        (f"{LOINC}|LA11883-8", N),
        (f"{SNOMED}|82334004", U),  # indeterminate
        ("http://example.org|10828004", U),
    ],
)
def test_coded_answers(answer, verdict):
    assert positivity(result("anti-mda5", answers=(answer,))) is verdict


def test_a_code_beside_words_that_doubt_it_tells_nothing():
    assert positivity(result("anti-mda5", answers=(f"{SNOMED}|10828004",), words=("weakly positive",))) is U


@pytest.mark.parametrize(("flag", "verdict"), [(True, M), (False, N)])
def test_a_written_yes_or_no(flag, verdict):
    assert positivity(result("anti-mda5", flag=flag)) is verdict


@pytest.mark.parametrize(
    ("value", "comparator", "limits", "verdict"),
    [
        (10, None, (None, 10), N),
        (10.1, None, (None, 10), M),
        (9.9, None, (None, 10), N),
        (10.1, None, (None, None), U),
        (10.1, None, (5, None), U),
        (100, ">", (None, 10), M),
        (5, ">", (None, 10), U),
        (5, "<", (None, 10), N),
        (20, "<", (None, 10), U),
    ],
)
def test_a_number_or_titre_against_its_own_limit(value, comparator, limits, verdict):
    assert positivity(result("anti-mda5", value, comparator=comparator, limits=limits)) is verdict
    assert positivity(result("anti-mda5", titre_steps=value, comparator=comparator, limits=limits)) is verdict


def test_written_values_outrank_numbers():
    assert positivity(result("anti-mda5", 99, limits=(None, 10), words=("negative",))) is N
    assert positivity(result("anti-mda5", 99, limits=(None, 10), words=("borderline",))) is U
    assert positivity(result("anti-mda5", 99, limits=(None, 10), words=("1:320",))) is M
