"""A lost database is tried in the background until it answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from service.store import StoreLost
from service.store import pulse as module
from service.store.pulse import Pulse
from tests.unit.service.store.rows import until


class Attempts:
    """What a database answers, one after the other; the last answer again and again."""

    def __init__(self, *answers: Callable[[Pulse], None]) -> None:
        self.answers = answers
        self.made = 0
        self.pulse = Pulse(self)

    def __call__(self) -> None:
        answer = self.answers[min(self.made, len(self.answers) - 1)]
        self.made += 1
        answer(self.pulse)


def answers(pulse: Pulse) -> None:
    pulse.answered()


def fails(pulse: Pulse) -> None:
    pulse.lost("no answer")
    raise StoreLost("no answer")


def errs(pulse: Pulse) -> None:
    raise ZeroDivisionError("what nobody may read")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once."""
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 60.0)  # an answer that comes at once is awaited on any machine


def test_what_is_not_known_is_asked_and_then_believed_for_a_while() -> None:
    attempts = Attempts(answers)
    assert [attempts.pulse.is_well() for _ in range(3)] == [True] * 3
    assert attempts.made == 1


def test_what_was_known_long_ago_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRESH_SECONDS", 0.1)
    attempts = Attempts(answers, fails, answers)
    assert attempts.pulse.is_well()
    time.sleep(0.11)
    assert not attempts.pulse.is_well()
    attempts.pulse.close()


def test_a_lost_database_is_refused_at_once_and_tried_until_it_answers() -> None:
    attempts = Attempts(*[fails] * 5, answers)
    attempts.pulse.lost("no answer")
    with pytest.raises(StoreLost, match="no answer"):
        attempts.pulse.check()
    until(lambda: attempts.pulse.why is None)
    attempts.pulse.check()
    assert attempts.made == 6


def test_an_error_of_the_program_ends_no_tries_and_does_not_tell(caplog: pytest.LogCaptureFixture) -> None:
    attempts = Attempts(errs, answers)
    attempts.pulse.lost("no answer")
    until(lambda: attempts.pulse.why is None)
    assert "ZeroDivisionError" in caplog.text
    assert "what nobody may read" not in caplog.text


def test_nobody_waits_long_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.05)
    attempts = Attempts(lambda pulse: (let_go.wait(20), pulse.answered())[1])
    start = time.monotonic()
    assert [attempts.pulse.is_well() for _ in range(3)] == [False] * 3  # not known is not well
    assert time.monotonic() - start < 1
    let_go.set()
    until(attempts.pulse.is_well)
    assert attempts.made == 1


def test_after_the_end_nothing_is_tried() -> None:
    attempts = Attempts(fails)
    attempts.pulse.close()
    attempts.pulse.lost("no answer")
    assert not attempts.pulse.is_well()
    assert attempts.made == 0
