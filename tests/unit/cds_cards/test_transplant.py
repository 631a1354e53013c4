"""Transplant referral and ECMO: what counts as addressed, running, recent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cds_cards.criteria import Verdict
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.transplant import transplant
from tests.unit.build import AS_OF, Date, dx, proc, rec, svc, unread

MET, NOT_MET, UNKNOWN = Verdict.MET, Verdict.NOT_MET, Verdict.UNKNOWN


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


def ago(days: float) -> Date:
    return AS_OF - timedelta(days=days)


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        (None, NOT_MET),
        *(
            ((svc("transplant-referral", status=status)), MET)
            for status in ("active", "on-hold", "completed", "revoked")
        ),
        *(
            ((svc("transplant-referral", status=status)), NOT_MET)
            for status in ("draft", "entered-in-error", "unknown", "cancelled")
        ),
        (svc("transplant-referral", refused=True), MET),
        (svc("transplant-referral", refused=True, status="entered-in-error"), NOT_MET),
        (svc("transplant-referral", intent="plan"), NOT_MET),
        (svc("transplant-referral", intent="proposal", refused=True), MET),
        (svc("transplant-evaluation", when=None), MET),
        (svc("hrct"), NOT_MET),
        (proc("transplant-evaluation"), MET),
        (proc("transplant-evaluation", status="not-done"), MET),
        (proc("lung-transplant", status="not-done"), MET),
        (proc("transplant-evaluation", status="entered-in-error"), NOT_MET),
        (proc("transplant-evaluation", status="unknown"), NOT_MET),
        (proc("ecmo", status="not-done"), NOT_MET),
        (dx("awaiting-lung-transplant"), MET),
        (dx("awaiting-lung-transplant", verification="refuted"), NOT_MET),
    ],
)
def test_addressed(fact: Any, expected: Verdict, guideline: Guideline) -> None:
    found = transplant(rec(*([fact] if fact else [])), guideline, AS_OF)
    assert found.addressed is expected
    assert found.evidence == ((fact.source,) if expected is MET else ())
    # where something may be missing, absence is unknown, and what is there still counts
    incomplete: list[dict[str, Any]] = [{"referrals": "missing"}, {"referrals": "partial"}, {"procedures": "missing"}]
    for answers in incomplete:
        again = transplant(rec(*([fact] if fact else []), **answers), guideline, AS_OF)
        assert again.addressed is (MET if expected is MET else UNKNOWN)


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        (unread("referrals"), UNKNOWN),
        (unread("referrals", "transplant-referral"), UNKNOWN),
        (unread("referrals", "hrct"), NOT_MET),
        (unread("procedures", "ecmo"), NOT_MET),
    ],
)
def test_an_unreadable_referral_is_unknown(broken: Any, expected: Verdict, guideline: Guideline) -> None:
    assert transplant(rec(broken), guideline, AS_OF).addressed is expected


@pytest.mark.parametrize(
    ("fields", "running", "recent"),
    [
        ({"status": "in-progress", "start": ago(3)}, True, True),
        ({"status": "in-progress", "start": ago(100)}, True, True),
        ({"status": "in-progress", "start": None}, True, True),
        ({"status": "in-progress", "start": ago(9), "end": ago(1)}, False, True),
        ({"status": "in-progress", "start": ago(9), "end": ago(-1)}, True, True),
        ({"status": "in-progress", "start": ago(99), "end": ago(31)}, False, False),
        ({"status": "completed", "start": ago(60), "end": ago(30)}, False, True),
        ({"status": "completed", "start": ago(60), "end": ago(30.01)}, False, False),
        ({"status": "completed", "start": ago(10)}, False, True),
        ({"status": "completed", "start": ago(31)}, False, False),
        ({"status": "completed", "start": "2026"}, False, False),
        ({"status": "completed", "start": None}, False, False),
        ({"status": "stopped", "start": ago(5)}, False, True),
        ({"status": "on-hold", "start": ago(5)}, False, True),
        ({"status": "preparation", "start": ago(1)}, False, False),
        ({"status": "not-done", "start": ago(1)}, False, False),
        ({"status": "entered-in-error", "start": ago(1)}, False, False),
        ({"status": "unknown", "start": ago(1)}, False, False),
    ],
)
def test_ecmo(fields: dict[str, Any], running: bool, recent: bool, guideline: Guideline) -> None:
    found = transplant(rec(proc("ecmo", **fields)), guideline, AS_OF)
    assert (found.ecmo_running, found.ecmo_recent) == (running, recent)
    assert found.ecmo_why


def test_the_limit_is_the_policys_and_what_is_not_known_is_said(guideline: Guideline) -> None:
    moved = replace(guideline, policy=replace(guideline.policy, ecmo_recent_days=29))
    assert not transplant(rec(proc("ecmo", start=ago(30))), moved, AS_OF).ecmo_recent
    assert "could" in transplant(rec(procedures="missing"), guideline, AS_OF).ecmo_why
    assert "does not settle" in transplant(rec(proc("ecmo", start="2026")), guideline, AS_OF).ecmo_why


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ([], "no referral, evaluation or refusal of lung transplantation on record"),
        ([svc("transplant-referral", when=9)], "referred for lung transplantation on 2026-02-20"),
        ([svc("transplant-referral", when=None)], "referred for lung transplantation"),
        (
            [svc("transplant-referral", when=9, status="revoked")],
            "referral for lung transplantation refused on 2026-02-20",
        ),
        (
            [svc("transplant-referral", when=9, refused=True)],
            "referral for lung transplantation refused on 2026-02-20",
        ),
        ([proc("transplant-evaluation", start=9)], "evaluated for lung transplantation on 2026-02-20"),
        (
            [proc("lung-transplant", start=9, status="not-done")],
            "lung transplantation or its evaluation not done on 2026-02-20",
        ),
        ([dx("awaiting-lung-transplant", onset=9)], "awaiting lung transplantation on 2026-02-20"),
        (
            [proc("transplant-evaluation", start=9), dx("awaiting-lung-transplant", onset=2)],
            "awaiting lung transplantation on 2026-02-27; evaluated for lung transplantation on 2026-02-20",
        ),
    ],
)
def test_the_referral_in_words(facts: list[Any], why: str, guideline: Guideline) -> None:
    for order in (facts, facts[::-1]):
        assert transplant(rec(*order), guideline, AS_OF).addressed_why == why


@pytest.mark.parametrize(
    ("answers", "where"),
    [({"referrals": "partial"}, "referrals"), ({"referrals": "missing", "procedures": "missing"}, None)],
)
def test_what_could_not_be_read_of_referrals_is_named(answers: Any, where: str | None, guideline: Guideline) -> None:
    why = transplant(rec(**answers), guideline, AS_OF).addressed_why
    assert why.startswith("no referral for lung transplantation was seen, but not all could be read: ")
    named = why.rpartition(": ")[2].split(", ")
    assert set(named) == ({where} if where else {"referrals", "procedures"})


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"status": "in-progress", "start": 3}, "ECMO in progress since 2026-02-26"),
        ({"status": "in-progress", "start": None}, "ECMO in progress"),
        ({"start": 60, "end": 20}, "ECMO until 2026-02-09 (within 30 days)"),
        ({"start": 20}, "ECMO of 2026-02-09 (within 30 days)"),
        ({"start": 60}, "ECMO of 2025-12-31 (more than 30 days ago)"),
        ({"start": None}, "ECMO without a date (its date does not settle whether within 30 days)"),
        ({"start": "2026"}, "ECMO of 2026 (its date does not settle whether within 30 days)"),
    ],
)
def test_ecmo_in_words(fields: dict[str, Any], why: str, guideline: Guideline) -> None:
    found = transplant(rec(proc("ecmo", id="e", **fields)), guideline, AS_OF)
    assert (found.ecmo_why, found.ecmo_evidence) == (why, ("Procedure/e",))


def test_every_ecmo_is_told_in_a_fixed_order(guideline: Guideline) -> None:
    facts = [proc("ecmo", start=20, id="b"), proc("ecmo", start=3, status="in-progress", id="a")]
    for order in (facts, facts[::-1]):
        found = transplant(rec(*order), guideline, AS_OF)
        assert found.ecmo_why == "ECMO in progress since 2026-02-26; ECMO of 2026-02-09 (within 30 days)"
        assert found.ecmo_evidence == ("Procedure/a", "Procedure/b")
    assert transplant(rec(), guideline, AS_OF).ecmo_why == "no ECMO on record"
    assert transplant(rec(procedures="partial"), guideline, AS_OF).ecmo_why == (
        "no ECMO was seen, but not all procedures could be read"
    )


@pytest.mark.parametrize("end", [AS_OF, AS_OF - timedelta(seconds=1)])
def test_ecmo_runs_until_its_end(end: Any, guideline: Guideline) -> None:
    found = transplant(rec(proc("ecmo", status="in-progress", start=9, end=end)), guideline, AS_OF)
    assert (found.ecmo_running, found.ecmo_recent) == (False, True)


@pytest.mark.parametrize(
    "other",
    [
        svc("hrct", id="a"),
        svc("transplant-referral", status="draft", id="a"),
        proc("ecmo", id="a"),
        proc("lung-transplant", status="unknown", id="a"),
        proc("lung-transplant", id="a"),
        dx("awaiting-lung-transplant", verification="refuted", id="a"),
    ],
)
def test_what_addresses_nothing_hides_nothing_behind_it(other: Any, guideline: Guideline) -> None:
    for fact in (
        svc("transplant-referral", id="b"),
        proc("transplant-evaluation", id="b"),
        proc("lung-transplant", status="not-done", id="b"),
        dx("awaiting-lung-transplant", id="b"),
    ):
        for order in ((other, fact), (fact, other)):
            found = transplant(rec(*order), guideline, AS_OF)
            assert (found.addressed, found.evidence) == (MET, (fact.source,))


@pytest.mark.parametrize("other", [proc("plasmapheresis", id="a"), proc("ecmo", status="not-done", id="a")])
def test_ecmo_counts_behind_what_is_none(other: Any, guideline: Guideline) -> None:
    ended, runs = proc("ecmo", start=9, id="b"), proc("ecmo", start=3, status="in-progress", id="c")
    for order in ((other, ended, runs), (runs, ended, other)):
        found = transplant(rec(*order), guideline, AS_OF)
        assert (found.ecmo_running, found.ecmo_evidence) == (True, ("Procedure/b", "Procedure/c"))


def test_the_days_in_words_are_those_of_the_site(guideline: Guideline) -> None:
    """At three in the morning, UTC, it is the evening of the day before in New York."""
    site = replace(guideline, policy=replace(guideline.policy, zone="America/New_York"))
    night = "2026-02-20T03:00:00Z"
    for fact, said in (
        (svc("transplant-referral", when=night), "referred for lung transplantation on 2026-02-19"),
        (proc("transplant-evaluation", start=night), "evaluated for lung transplantation on 2026-02-19"),
        (
            proc("lung-transplant", start=night, status="not-done"),
            "lung transplantation or its evaluation not done on 2026-02-19",
        ),
        (dx("awaiting-lung-transplant", onset=night), "awaiting lung transplantation on 2026-02-19"),
    ):
        assert transplant(rec(fact), site, AS_OF).addressed_why == said
    for ecmo, said in (
        (proc("ecmo", start=9, end=night), "ECMO until 2026-02-19 (within 30 days)"),
        (proc("ecmo", start=night), "ECMO of 2026-02-19 (within 30 days)"),
        (proc("ecmo", start=night, status="in-progress"), "ECMO in progress since 2026-02-19"),
    ):
        assert transplant(rec(ecmo), site, AS_OF).ecmo_why == said


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (unread("procedures", "ecmo"), "no ECMO was seen, but not all procedures could be read"),
        (unread("procedures"), "no ECMO was seen, but not all procedures could be read"),
        (unread("procedures", "plasmapheresis"), "no ECMO on record"),
        (unread("referrals"), "no ECMO on record"),
    ],
)
def test_no_ecmo_is_said_only_where_none_can_be_unread(broken: Any, why: str, guideline: Guideline) -> None:
    assert transplant(rec(broken), guideline, AS_OF).ecmo_why == why
