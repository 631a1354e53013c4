"""The memory of facts by itself: what it gives back, how much it holds, for how long, and where."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.fhir.memory import LIFETIME_SECONDS, MOST_BYTES, FactsMemory

KNOWLEDGE = ("guideline", "vocabulary")
SAID = b'{"resourceType":"Observation"}'


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def memory(**bounds: Any) -> FactsMemory:
    return FactsMemory(Clock(), **bounds)


def kept(known: FactsMemory, *names: str, said: int = 100) -> list[str]:
    """Keeps a fact under each name in turn; those names that are known at the end."""
    for name in names:
        known.keep(name.encode(), KNOWLEDGE, (f"fact of {name}",), said)
    return [name for name in names if known.recall(name.encode(), KNOWLEDGE) is not None]


def test_what_was_kept_comes_back_as_it_is() -> None:
    known, facts = memory(), (object(), object())
    known.keep(known.digest(SAID), KNOWLEDGE, facts, len(SAID))
    assert known.recall(known.digest(SAID), KNOWLEDGE) is facts
    assert known.recall(known.digest(SAID + b" "), KNOWLEDGE) is None


def test_equal_knowledge_is_not_the_same() -> None:
    """A guideline that was loaded anew may be another one: only the very same counts."""
    known, guideline, again = memory(), ["policy"], ["policy"]
    known.keep(b"name", (guideline, "vocabulary"), ("fact",), 1)
    assert known.recall(b"name", (guideline, "vocabulary")) == ("fact",)
    assert known.recall(b"name", (again, "vocabulary")) is None
    assert known.recall(b"name", (guideline,)) is None
    known.keep(b"name", (again, "vocabulary"), ("newer",), 1)
    assert known.recall(b"name", (again, "vocabulary")) == ("newer",)
    assert known.answers == 1


def test_two_memories_name_the_same_content_differently() -> None:
    assert memory().digest(SAID) != memory().digest(SAID)


@pytest.mark.parametrize(("passed", "found"), [(LIFETIME_SECONDS - 0.001, True), (LIFETIME_SECONDS, False)])
def test_a_fact_lives_for_ten_minutes(passed: float, found: bool) -> None:
    clock = Clock()
    known = FactsMemory(clock)
    known.keep(b"name", KNOWLEDGE, ("fact",), 1)
    clock.seconds += passed
    assert (known.recall(b"name", KNOWLEDGE) is not None) is found
    assert (known.answers > 0, known.size > 0) == (found, found)


def test_to_be_asked_for_makes_nothing_younger() -> None:
    clock = Clock()
    known = FactsMemory(clock)
    known.keep(b"name", KNOWLEDGE, ("fact",), 1)
    for _ in range(10):
        clock.seconds += LIFETIME_SECONDS / 10 - 0.001
        assert known.recall(b"name", KNOWLEDGE)
    clock.seconds += 0.01
    assert known.recall(b"name", KNOWLEDGE) is None


def test_without_any_call_the_old_goes_all_the_same() -> None:
    clock = Clock()
    known = FactsMemory(clock)
    kept(known, "a", "b")
    clock.seconds += LIFETIME_SECONDS / 2
    kept(known, "c")
    known.forget_expired()
    assert known.answers == 3
    clock.seconds += LIFETIME_SECONDS / 2
    known.forget_expired()
    assert known.answers == 1
    clock.seconds += LIFETIME_SECONDS / 2
    known.forget_expired()
    assert (known.answers, known.size) == (0, 0)


def test_beyond_the_number_the_oldest_goes() -> None:
    known = memory(most_answers=2)
    assert kept(known, "a", "b", "c") == ["b", "c"]
    assert kept(known, "c", "d") == ["c", "d"]
    assert known.answers == 2


def test_beyond_the_bytes_the_oldest_go() -> None:
    known = memory(most_bytes=80_000)
    names = [f"n{number}" for number in range(40)]
    remaining = kept(known, *names)
    assert remaining == names[-len(remaining) :]
    assert 20 <= len(remaining) < 40
    assert known.size <= 80_000


def test_one_answer_may_not_push_out_all_others() -> None:
    known = memory(most_bytes=80_000)
    assert kept(known, "small", "large", said=10_000) == []
    assert kept(known, "small") == ["small"]
    assert kept(known, "large", said=9_999) == []
    assert kept(known, "small") == ["small"]


def test_to_keep_a_name_again_counts_it_once() -> None:
    known = memory()
    kept(known, "a", said=5000)
    before = known.size
    kept(known, "a", said=5000)
    assert (known.answers, known.size) == (1, before)
    kept(known, "a", said=5001)
    assert known.size == before + 1


def test_threads_share_it() -> None:
    """Whoever keeps and asks at once: nobody gets what was kept under another name, and the bounds hold."""
    known = memory(most_answers=50)

    def ask(number: int) -> bool:
        name = f"{number % 80}"
        known.keep(name.encode(), KNOWLEDGE, (name,), number % 7)
        found = known.recall(name.encode(), KNOWLEDGE)
        return found is None or found == (name,)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(4000)))
    assert known.answers == 50
    held = [known.recall(f"{number}".encode(), KNOWLEDGE) for number in range(80)]
    assert sum(facts is not None for facts in held) == 50
    for number in range(80):
        kept(known, f"{number}", said=0)
    assert known.size == 50 * (known.size // 50)


FORK = """
import os, threading, time
from service.fhir.memory import FactsMemory

known = FactsMemory(time.monotonic)
name = known.digest(b"said")
known.keep(name, (), ("fact",), 4)
assert known.recall(name, ()) == ("fact",)
held, done = threading.Event(), threading.Event()

def hold():
    with known._lock:
        held.set()
        done.wait()

threading.Thread(target=hold, daemon=True).start()
held.wait()
child = os.fork()
if child == 0:
    # the thread that holds the lock is not here to let go of it
    empty = known.answers == 0 and known.size == 0 and known.recall(name, ()) is None and known.digest(b"said") != name
    known.keep(known.digest(b"said"), (), ("the child's",), 4)
    os._exit(0 if empty and known.answers == 1 else 1)
done.set()
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, "the child"
assert known.recall(name, ()) == ("fact",)
print("both")
"""


def test_a_forked_process_begins_with_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == ("both\n", 0), done.stderr


def test_it_shows_nothing_of_what_it_holds() -> None:
    known = memory()
    known.keep(b"name", KNOWLEDGE, ("Doe-Example",), 1)
    assert "Doe" not in repr(known)
    assert "Doe" not in repr(known._kept)


def test_the_bound_is_what_the_documents_say() -> None:
    assert (MOST_BYTES, LIFETIME_SECONDS) == (64 * 2**20, 600)
