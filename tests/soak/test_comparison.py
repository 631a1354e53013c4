"""What the soak holds answers against: it must notice what is wrong, or it proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any
from uuid import uuid4

import orjson
import pytest

from service.settings import Settings
from service.store import AuditLog, FeedbackRow, KeyedHash, ShownCard, Store, keep_feedback
from tests.acceptance.test_fhir_faults import NO_VALUE
from tests.conftest import NOW
from tests.soak.accounts import Books
from tests.soak.clients import an_encounter
from tests.soak.connection import Broken, Reply
from tests.soak.ehrs import Errand, errand, whole
from tests.soak.judging import Wrong, judged, refused_well
from tests.soak.ledger import Ledger
from tests.soak.patients import MARK, Json, new_patient, path_of, stepped, told_of, twin
from tests.soak.truth import Answer, Truth, difference
from tests.soak.vitals import trend
from tests.unit.service.store.rows import FEEDBACK, audit_row


@pytest.fixture(scope="module")
def truth() -> Truth:
    return Truth(Settings(allow_as_of=True))


@pytest.fixture
def request_() -> Json:
    """A call with many cards."""
    return told_of(new_patient(), "refractory")


def right(truth: Truth, request: Json) -> Answer:
    return truth.of(path_of(request), orjson.dumps(request))


def reply(answer: Answer, **headers: str) -> Reply:
    named = {"content-type": "application/json"} | {k.replace("_", "-"): v for k, v in headers.items()}
    return Reply(answer, named, 0.0, 1.0, 2.0)


def changed(answer: Answer, change: Callable[[Json], Any]) -> Answer:
    body = orjson.loads(answer.body)
    change(body)
    return Answer(answer.status, orjson.dumps(body))


# ── whole calls ──


def test_the_right_answer_is_right(truth: Truth, request_: Json) -> None:
    answer = right(truth, request_)
    assert judged(whole("whole", request_), reply(Answer(200, answer.body + b"\n")), truth) == "right"


def test_the_answer_of_another_patient_is_wrong(truth: Truth, request_: Json) -> None:
    """Even of one whose chart is the same, asked with the same hook instance."""
    other = {**twin(request_, new_patient()), "hookInstance": request_["hookInstance"]}
    with pytest.raises(Wrong, match="uuid"):
        judged(whole("whole", request_), reply(right(truth, other)), truth)


def test_a_value_of_before_is_wrong(truth: Truth, request_: Json) -> None:
    before = right(truth, request_)
    after = {**stepped(request_), "hookInstance": request_["hookInstance"]}
    with pytest.raises(Wrong):
        judged(whole("whole", after), reply(before), truth)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["cards"].pop(),
        lambda body: body["cards"].reverse(),
        lambda body: body["cards"].append(body["cards"][0]),
        lambda body: body["cards"][0].update(detail=body["cards"][0]["detail"].replace("1", "2", 1)),
        lambda body: body["cards"][0].update(indicator="info"),
        lambda body: body["extension"].clear(),
        lambda body: body["extension"]["mda5-cds.assessment"]["risk"].update(level="standard"),
        lambda body: body.update(more=1),
    ],
)
def test_whatever_is_changed_is_wrong(truth: Truth, request_: Json, change: Callable[[Json], Any]) -> None:
    with pytest.raises(Wrong):
        judged(whole("whole", request_), reply(changed(right(truth, request_), change)), truth)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"cards":[]}'])
def test_no_answer_at_all_is_wrong(truth: Truth, request_: Json, body: bytes) -> None:
    assert difference(Answer(200, body), right(truth, request_))


def test_the_same_in_other_bytes_is_not_the_same(truth: Truth, request_: Json) -> None:
    answer = right(truth, request_)
    assert difference(Answer(200, orjson.dumps(orjson.loads(answer.body), option=orjson.OPT_INDENT_2)), answer)


def test_each_step_of_an_encounter_changes_the_answer(truth: Truth) -> None:
    """A memory that answered with what it knows would be caught, whichever step it overlooks."""
    for seed in range(3):
        answers = [right(truth, {**each, "hookInstance": "same"}) for each in an_encounter(Random(seed))]  # noqa: S311
        assert {each.status for each in answers} == {200}
        _, view, select, _, _, later, other, strays, one_drug, other_drug = [each.body for each in answers]
        for before, after in ((view, select), (view, later), (view, other), (view, strays), (one_drug, other_drug)):
            assert before != after


# ── what may come instead ──

OUTCOME = {"severity": "error", "code": "transient", "diagnostics": "busy"}


def refusal(status: int, text: str = "busy") -> Answer:
    issue = {**OUTCOME, "diagnostics": text}
    return Answer(status, orjson.dumps({"resourceType": "OperationOutcome", "issue": [issue]}))


def test_a_whole_call_is_never_refused(truth: Truth, request_: Json) -> None:
    for answer in (refusal(503), refusal(500), refusal(412), refusal(429)):
        with pytest.raises(Wrong):
            judged(whole("whole", request_), reply(answer, retry_after="1"), truth)


def lacks(way: str, request: Json, *keys: str) -> Errand:
    return errand(way, request, "http://127.0.0.1:1/fhir", keys)


@pytest.mark.parametrize(
    ("answer", "headers"),
    [
        (refusal(500), {}),
        (refusal(502), {"retry_after": "1"}),
        (refusal(503), {}),
        (refusal(503), {"retry_after": "0"}),
        (refusal(503, f"{MARK}-7 waits"), {"retry_after": "1"}),
        (Answer(503, b"busy"), {"retry_after": "1"}),
        (Answer(404, b"<html>"), {}),
    ],
)
def test_a_refusal_that_is_not_honest(answer: Answer, headers: dict[str, str]) -> None:
    with pytest.raises(Wrong):
        refused_well(reply(answer, **headers))


def test_a_412_names_what_was_lacking(truth: Truth, request_: Json) -> None:
    calls = lacks("honest", request_, "conditions", "procedures")
    said = "required prefetch data could not be obtained: {}; the time budget ran out"
    assert judged(calls, reply(refusal(412, said.format("conditions"))), truth) == "412"
    for named in ("observations", "conditions, observations", "procedures", ""):
        with pytest.raises(Wrong, match="412"):
            judged(calls, reply(refusal(412, said.format(named))), truth)


def test_what_an_honest_server_gave_too_late_is_unknown_and_nothing_else(truth: Truth, request_: Json) -> None:
    calls = lacks("honest", request_, "procedures", "conditions")
    prefetch = request_["prefetch"]
    without = {**request_, "prefetch": {**prefetch, "procedures": NO_VALUE}}
    denied = {**request_, "prefetch": {**prefetch, "procedures": None, "medications": None}}
    assert judged(calls, reply(right(truth, request_)), truth) == "right"
    assert judged(calls, reply(right(truth, without)), truth) == "late"
    with pytest.raises(Wrong):
        judged(calls, reply(right(truth, denied)), truth)


def test_a_server_that_failed_has_not_denied_anything(truth: Truth, request_: Json) -> None:
    """Not asked is not empty: a call whose allergies could not be fetched is not one of a patient without allergies."""
    story = told_of(new_patient(), "allergic-to-both-cni")
    calls = lacks("fails-with-500", story, "allergies")
    for value, expected in ((NO_VALUE, True), (None, False), (story["prefetch"]["allergies"], False)):
        answer = right(truth, {**story, "prefetch": {**story["prefetch"], "allergies": value}})
        if expected:
            assert judged(calls, reply(answer), truth) == "right"
        else:
            with pytest.raises(Wrong):
                judged(calls, reply(answer), truth)
    with pytest.raises(Wrong):
        judged(lacks("fails-with-500", story, "conditions"), reply(right(truth, story)), truth)


def test_what_a_liar_mixes_in_is_no_card_of_this_patient(truth: Truth, request_: Json) -> None:
    calls = lacks("others", request_, "medications")
    (came,) = [orjson.loads(body) for body in calls.obtainable()][:1]
    assert judged(calls, reply(right(truth, came)), truth) == "right"
    believed = orjson.loads(orjson.dumps(came).replace(f"Patient/{MARK}-other-than-".encode(), b"Patient/"))
    with pytest.raises(Wrong):
        judged(calls, reply(right(truth, believed)), truth)


# ── the books ──

KEY = KeyedHash(b"k" * 32)


def written(url: str, ledger: Ledger, *, rows: int = 1, patient: str = "", cards: int = 2) -> None:
    """The ledger's calls and feedback as the service would have written them; or not quite."""
    with closing(Store(url)) as store:
        log = AuditLog(store, wait_seconds=10)
        for each in ledger.evaluated * rows:
            shown = tuple(ShownCard(uuid, "rec-2", "info") for uuid in each.cards[:cards])
            instance = KEY.of(f"instance\x1f\x1f{each.instance}")
            row = audit_row(cards=shown, instance_hash=instance)
            log.record(replace(row, patient_hash=KEY.of(f"patient\x1f\x1f{patient or each.patient}")))
        log.close(10)
        keep_feedback(store, [_entry(card, at) for card, at in ledger.acknowledged])


def _entry(card: str, at: datetime) -> FeedbackRow:
    return replace(FEEDBACK, card=card, outcome_at=at)


@pytest.fixture
def ledger() -> Ledger:
    """Of one call with two cards, one of which was answered with feedback."""
    ledger = Ledger()
    cards = [str(uuid4()), str(uuid4())]
    answer = reply(Answer(200, b""))
    ledger.lived(answer)
    ledger.answered(answer, f"{MARK}-call", MARK, cards, timed=True)
    for acknowledged in (False, True):
        ledger.fed_back({(cards[0], NOW)}, acknowledged)
    return ledger


def found(url: str, ledger: Ledger, lost: int = 0) -> str:
    return "; ".join(Books(url, KEY).balanced(ledger, lost).wrong)


def test_books_that_agree(sqlite_url: str, ledger: Ledger) -> None:
    written(sqlite_url, ledger)
    books = Books(sqlite_url, KEY)
    assert books.balanced(ledger, 0).wrong == ()
    assert books.has_all(ledger, 9.0)


@pytest.mark.parametrize("how", [{"rows": 0}, {"patient": "another"}, {"cards": 1}])
def test_a_call_that_is_not_in_the_audit_as_it_was(sqlite_url: str, ledger: Ledger, how: dict[str, Any]) -> None:
    written(sqlite_url, ledger, **how)
    assert "1 answered calls are not in the audit, and 0 were counted as lost" in found(sqlite_url, ledger)
    if how == {"rows": 0}:
        assert not Books(sqlite_url, KEY).has_all(ledger, 9.0)
        assert found(sqlite_url, ledger, lost=1) == ""
        ledger.killed(settled=1.5, over=3.0)
        assert found(sqlite_url, ledger) == "", "it went with the worker that had answered it"
        ledger.lived(replace(reply(Answer(200, b"")), sent=4.0))
        assert found(sqlite_url, ledger), "its connection lived on: so did the worker"


def test_a_row_that_the_service_says_it_lost_and_did_not(sqlite_url: str, ledger: Ledger) -> None:
    written(sqlite_url, ledger)
    assert "0 answered calls are not in the audit, and 1 were counted as lost" in found(sqlite_url, ledger, lost=1)


def test_a_row_too_many(sqlite_url: str, ledger: Ledger) -> None:
    written(sqlite_url, ledger, rows=2)
    assert found(sqlite_url, ledger) == "1 rows that nobody asked for"
    ledger.left(f"{MARK}-call", MARK)
    assert found(sqlite_url, ledger) == "", "somebody asked, and did not wait for the answer"


def test_feedback_that_was_acknowledged_and_is_gone(sqlite_url: str, ledger: Ledger) -> None:
    written(sqlite_url, ledger)
    ledger.fed_back({("another", NOW)}, acknowledged=True)
    assert found(sqlite_url, ledger) == "1 acknowledged entries of feedback are not there"


def test_feedback_kept_twice_or_sent_by_nobody(sqlite_url: str, ledger: Ledger) -> None:
    written(sqlite_url, ledger)
    ((card, at),) = ledger.acknowledged
    with closing(Store(sqlite_url)) as store:
        keep_feedback(store, [replace(_entry(card, at), outcome="accepted"), _entry("another", at)])
    assert "1 entries of feedback are there more than once" in found(sqlite_url, ledger)
    assert "1 entries of feedback that nobody sent" in found(sqlite_url, ledger)


def test_a_connection_that_no_killed_worker_explains(ledger: Ledger) -> None:
    ledger.killed(settled=10.0, over=12.0)
    for opened, at in ((9.0, 11.0), (9.0, 99.0), (11.5, 12.5)):
        ledger.broke("whole", Broken(opened, at))
    assert ledger.unexplained() == []
    for opened, at in ((9.0, 9.5), (12.5, 13.0)):
        ledger.broke("whole", Broken(opened, at))
    assert len(ledger.unexplained()) == 2


# ── growth ──


def test_growth_is_told_from_noise() -> None:
    rng = Random(7)  # noqa: S311
    noise = [rng.gauss(0, 4_000) for _ in range(150)]
    flat = trend([(2.0 * n, 200_000 + up) for n, up in enumerate(noise)])
    peaked = trend([(2.0 * n, 200_000 + (90_000 if n % 10 == 9 else up)) for n, up in enumerate(noise)])
    growing = trend([(2.0 * n, 200_000 + 200 * n + up) for n, up in enumerate(noise)])
    for each in (flat, peaked):
        assert abs(each.growth) < 3_000
    assert 25_000 < growing.growth < 35_000
    assert 2_000 < growing.scatter < 4_000
