"""Kleene's tables, the unknown cell included."""

from __future__ import annotations

from itertools import product

import pytest

from cds_cards.criteria import Finding, Verdict, all_of, any_of, none_of, unanimous

M, N, U = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("one", "other", "both", "either", "neither", "same"),
    [
        (M, M, M, M, N, M),
        (M, N, N, M, N, U),
        (M, U, U, M, N, U),
        (N, N, N, N, M, N),
        (N, U, N, U, U, U),
        (U, U, U, U, U, U),
    ],
)
def test_two_verdicts(one: Verdict, other: Verdict, both: Verdict, either: Verdict, neither: Verdict, same: Verdict):
    for pair in ((one, other), (other, one)):
        assert all_of(pair) is both
        assert any_of(pair) is either
        assert none_of(pair) is neither
        assert unanimous(pair) is same


def test_nothing_to_judge():
    assert (all_of(()), any_of(()), none_of(()), unanimous(())) == (M, N, M, U)


def test_not_and_truth():
    assert [verdict.negated() for verdict in (M, N, U)] == [N, M, U]
    assert [Verdict.of(truth) for truth in (True, False, None)] == [M, N, U]


def test_an_unknown_never_decides_against_what_it_may_become():
    """Whatever the unknowns turn out to be, a decided answer stands."""
    for verdicts in product((M, N, U), repeat=3):
        settled = list(product(*[(M, N) if verdict is U else (verdict,) for verdict in verdicts]))
        for rule in (all_of, any_of, none_of):
            outcomes = {rule(case) for case in settled}
            assert rule(verdicts) is (outcomes.pop() if len(outcomes) == 1 else U)


def test_only_met_is_met():
    assert [Finding("x", verdict, "because").met for verdict in (M, N, U)] == [True, False, False]
