"""Feedback JSON → entries: what is kept, what is refused and by which name, and what clients get away with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.errors import InvalidField, MissingField
from service.feedback.entries import MAX_ENTRIES, FeedbackEntry, decode_feedback
from service.feedback.fields import MAX_ID, MAX_MEMBERS, MAX_WORDS
from service.feedback.override import OverrideReason

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
CARD = "4e0a3a1e-3283-4575-ab82-028d55fe2719"
NON_ADHERENCE = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
CODING = {"code": "patient-refuses", "system": NON_ADHERENCE, "display": "Patient refuses"}
REASON = OverrideReason("patient-refuses", NON_ADHERENCE, "Patient refuses")


def accepted(**changes: Any) -> dict[str, Any]:
    entry = {
        "card": CARD,
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": "s1"}],
        "outcomeTimestamp": "2026-03-01T09:00:00Z",
    }
    return {key: value for key, value in (entry | changes).items() if value is not ...}


def overridden(**changes: Any) -> dict[str, Any]:
    return accepted(**{"outcome": "overridden", "acceptedSuggestions": ...} | changes)


def kept(entry: Any) -> FeedbackEntry:
    decoded = decode_feedback({"feedback": [entry]}, NOW)
    assert decoded.refused == ()
    return decoded.entries[0]


def refusal(entry: Any) -> str:
    decoded = decode_feedback({"feedback": [entry]}, NOW)
    assert decoded.entries == ()
    assert decoded.refused[0].status == 400
    return decoded.refused[0].diagnostics


def test_an_accepted_entry_is_read() -> None:
    at = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
    assert kept(accepted()) == FeedbackEntry("feedback[0]", CARD, "accepted", at, False, ("s1",))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "feedback is required"),
        ({"feedback": None}, "feedback is required"),
        ({"feedback": []}, "feedback is required"),
        ({"feedback": ""}, "feedback must be an array"),
        ({"feedback": "x"}, "feedback must be an array"),
        ({"feedback": 7}, "feedback must be an array"),
        ({"feedback": accepted()}, "feedback must be an array"),
        (accepted(), "feedback is required"),
        ({"feedback": [accepted()] * (MAX_ENTRIES + 1)}, "more than"),
    ],
)
def test_a_body_without_an_array_of_entries_is_refused(body: dict[str, Any], words: str) -> None:
    with pytest.raises((MissingField, InvalidField), match=words):
        decode_feedback(body, NOW)


def test_as_many_entries_as_allowed_are_read() -> None:
    assert len(decode_feedback({"feedback": [accepted()] * MAX_ENTRIES}, NOW).entries) == MAX_ENTRIES


def test_a_bad_entry_is_named_and_the_others_are_kept() -> None:
    decoded = decode_feedback({"feedback": [accepted(), 7, accepted(outcome="ignored"), overridden()]}, NOW)
    assert [entry.where for entry in decoded.entries] == ["feedback[0]", "feedback[3]"]
    assert [error.diagnostics for error in decoded.refused] == [
        "feedback[1] must be an object",
        "feedback[2].outcome must be accepted or overridden",
    ]


@pytest.mark.parametrize("field", ["card", "outcome", "outcomeTimestamp"])
@pytest.mark.parametrize("value", [..., None, "", " ", 7, True, [], {}, ["x"]])
def test_a_required_field_is_named(field: str, value: Any) -> None:
    assert f"feedback[0].{field} " in refusal(accepted(**{field: value}))


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (CARD.upper(), CARD),
        (f"urn:uuid:{CARD}", CARD),
        (f" {CARD} ", CARD),
        ("any-text", "any-text"),
        ("x" * MAX_ID, "x" * MAX_ID),
    ],
)
def test_cards_are_told_apart_whatever_their_case(sent: str, read: str) -> None:
    assert kept(accepted(card=sent)).card == read


@pytest.mark.parametrize("card", ["x" * (MAX_ID + 1), "a\x00b", "a\nb", "urn:uuid:"])
def test_what_cannot_be_a_card_is_refused(card: str) -> None:
    assert refusal(accepted(card=card)).startswith("feedback[0].card must be")


@pytest.mark.parametrize("outcome", ["Accepted", "ignored", "dismissed"])
def test_no_other_outcome_is_known(outcome: str) -> None:
    assert refusal(accepted(outcome=outcome)) == "feedback[0].outcome must be accepted or overridden"


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("2026-03-01T09:00:00Z", "2026-03-01T09:00:00"),
        ("2026-03-01t09:00:00z", "2026-03-01T09:00:00"),
        ("2026-03-01 09:00:00Z", "2026-03-01T09:00:00"),
        ("2026-03-01T10:00:00+01:00", "2026-03-01T09:00:00"),
        ("2026-02-28T23:00:00-10:00", "2026-03-01T09:00:00"),
        ("2026-03-01T09:00:00-00:00", "2026-03-01T09:00:00"),
        ("2026-03-01T09:00:00.105Z", "2026-03-01T09:00:00.105000"),
        ("2026-03-01T09:00:00.123456789Z", "2026-03-01T09:00:00.123456"),
        ("2025-12-31T23:59:60Z", "2025-12-31T23:59:59"),
    ],
)
def test_an_rfc_3339_instant_becomes_utc(sent: str, read: str) -> None:
    assert kept(accepted(outcomeTimestamp=sent)).outcome_at == datetime.fromisoformat(read).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "sent",
    [
        "2026-03-01T09:00:00",
        "2026-03-01",
        "2026-03-01T09:00Z",
        "20260301T090000Z",
        "2026-W09-7T09:00:00Z",
        "2026-13-01T09:00:00Z",
        "2026-02-29T09:00:00Z",
        "2026-03-01T24:30:00Z",
        "2026-03-01T09:00:00+25:00",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "2026-03-01T09:00:00Z UTC",
        "1772355600",
        "yesterday",
        "٢٠٢٦-03-01T09:00:00Z",
    ],
)
def test_anything_less_is_refused(sent: str) -> None:
    words = refusal(accepted(outcomeTimestamp=sent))
    assert words.startswith("feedback[0].outcomeTimestamp must be an RFC 3339 instant")
    assert sent not in words


@pytest.mark.parametrize(
    ("after", "doubtful"),
    [
        (timedelta(minutes=5), False),
        (timedelta(minutes=5, microseconds=1), True),
        (-timedelta(days=365), False),
        (-timedelta(days=365, microseconds=1), True),
    ],
)
def test_a_clock_that_cannot_be_right_is_flagged(after: timedelta, doubtful: bool) -> None:
    assert kept(accepted(outcomeTimestamp=(NOW + after).isoformat())).doubtful is doubtful


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ([{"id": "s1"}, {"id": "s2", "extra": 1}], ("s1", "s2")),
        ({"id": "s1"}, ("s1",)),
        ([{"id": "s1"}, None], ("s1",)),
        ([{"id": f"s{n}"} for n in range(MAX_MEMBERS)], tuple(f"s{n}" for n in range(MAX_MEMBERS))),
    ],
)
def test_accepted_suggestions_are_read(given: Any, ids: tuple[str, ...]) -> None:
    assert kept(accepted(acceptedSuggestions=given)).suggestions == ids


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (..., "acceptedSuggestions is required"),
        (None, "acceptedSuggestions is required"),
        ([], "acceptedSuggestions is required"),
        ([None], "acceptedSuggestions is required"),
        ("s1", "acceptedSuggestions must be an object"),
        (["s1"], "acceptedSuggestions[0] must be an object"),
        ([{"id": "s1"}, {}], "acceptedSuggestions[1].id is required"),
        ([{"id": 7}], "acceptedSuggestions[0].id must be a non-empty string"),
        ([{"id": "x" * (MAX_ID + 1)}], "acceptedSuggestions[0].id must be"),
        ([{"id": "s"}] * (MAX_MEMBERS + 1), "acceptedSuggestions has more than"),
    ],
)
def test_accepting_names_what_was_accepted(given: Any, words: str) -> None:
    assert f"feedback[0].{words}" in refusal(accepted(acceptedSuggestions=given))


def test_overriding_accepts_nothing() -> None:
    assert kept(overridden(acceptedSuggestions=[{"id": "s1"}])).suggestions == ()


@pytest.mark.parametrize(
    ("given", "reasons"),
    [
        ({"reason": CODING}, (REASON,)),
        (
            {"reason": CODING, "userComment": " no "},
            (OverrideReason(REASON.code, REASON.system, REASON.display, "no"),),
        ),
        ({"userComment": "no"}, (OverrideReason(comment="no"),)),
        ({"reason": None, "userComment": "no"}, (OverrideReason(comment="no"),)),
        ({"reason": {"code": "x"}}, (OverrideReason("x"),)),
        ({"reason": {"code": "x", "system": None, "display": ""}, "extra": [1]}, (OverrideReason("x"),)),
        ({"reason": {"display": "Said so"}, "userComment": "no"}, (OverrideReason(comment="Said so: no"),)),
        ({"reason": {"display": "Said so"}}, (OverrideReason(comment="Said so"),)),
        (..., ()),
        (None, ()),
        ({}, ()),
        ("", ()),
        ({"reason": None, "userComment": " "}, ()),
        ({"extension": {"com.example.flag": True}}, ()),
    ],
)
def test_an_override_gives_reason_comment_both_or_neither(given: Any, reasons: tuple[OverrideReason, ...]) -> None:
    assert kept(overridden(overrideReason=given)).reasons == reasons


OTHER = {"code": "other", "system": "urn:site"}


@pytest.mark.parametrize(
    ("given", "reasons"),
    [
        ([{"reason": CODING}], (REASON,)),
        ({"reason": CODING}, (REASON,)),
        ([CODING], (REASON,)),
        (CODING, (REASON,)),
        ([CODING, {"reason": OTHER}], (REASON, OverrideReason("other", "urn:site"))),
        ([CODING, CODING, None, {}], (REASON,)),
        ([{"code": "x", "display": "a"}, {"code": "x", "display": "b"}], (OverrideReason("x", None, "b"),)),
        ([{"display": "a"}, {"display": "b"}], (OverrideReason(comment="a"), OverrideReason(comment="b"))),
        (
            {"reason": OTHER | {"extension": {"com.example.display": "Not now", "com.example.id": "7"}}},
            (OverrideReason("other", "urn:site", "Not now"),),
        ),
        (
            [{"reason": OTHER, "extension": {"com.example.text": "Not now"}}],
            (OverrideReason("other", "urn:site", "Not now"),),
        ),
        (
            [OTHER | {"extension": [{"url": "urn:display", "valueString": "Not now"}, {"url": "x"}, 7]}],
            (OverrideReason("other", "urn:site", "Not now"),),
        ),
        (
            {"reason": OTHER | {"extension": {"com.example.a": "x", "com.example.b": "y"}}},
            (OverrideReason("other", "urn:site"),),
        ),
        ([{"extension": {"com.example.display": "Not now"}}], (OverrideReason(comment="Not now"),)),
    ],
)
def test_reasons_as_epic_sends_them(given: Any, reasons: tuple[OverrideReason, ...]) -> None:
    assert kept(overridden(overrideReasons=given)).reasons == reasons


def test_a_reason_under_both_spellings_is_one() -> None:
    assert kept(overridden(overrideReason={"reason": CODING}, overrideReasons=[CODING])).reasons == (REASON,)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("too busy", "overrideReason must be an object"),
        (["too busy"], "overrideReason[0] must be an object"),
        ({"reason": "too busy"}, "overrideReason.reason must be a Coding"),
        ({"reason": {"system": "urn:site"}}, "overrideReason.reason.code is required"),
        ({"reason": {"code": 7}}, "overrideReason.reason.code must be a non-empty string"),
        ({"reason": {"code": "x" * (MAX_ID + 1)}}, "overrideReason.reason.code must be"),
        ({"reason": {"code": "x", "system": {"a": 1}}}, "overrideReason.reason.system must be a non-empty string"),
        ({"userComment": 7}, "overrideReason.userComment must be a string"),
        ({"reason": {"other": 1}}, "overrideReason needs reason or userComment"),
        ({"other": 1}, "overrideReason needs reason or userComment"),
        ([{"reason": CODING}] * (MAX_MEMBERS + 1), "overrideReason has more than"),
    ],
)
def test_a_reason_that_says_nothing_usable_is_refused(given: Any, words: str) -> None:
    told = refusal(overridden(overrideReason=given))
    assert f"feedback[0].{words}" in told
    assert "too busy" not in told


def test_a_reason_of_an_accepted_card_is_no_reason_to_refuse() -> None:
    assert kept(accepted(overrideReason="too busy")).reasons == ()


@pytest.mark.parametrize(
    ("length", "cut"), [(MAX_WORDS, ()), (MAX_WORDS + 1, ("feedback[0].overrideReason.userComment",))]
)
def test_a_long_comment_keeps_its_beginning(length: int, cut: tuple[str, ...]) -> None:
    entry = kept(overridden(overrideReason={"userComment": "x" * length}))
    assert entry.reasons[0].comment == "x" * MAX_WORDS
    assert entry.cut == cut
