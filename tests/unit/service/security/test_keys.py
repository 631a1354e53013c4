"""Keys between calls: how often a key set is asked for, and what holds while it cannot be had."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from service.errors import Unavailable
from service.security.clients import TrustedClient
from service.security.jwks import VerificationKey
from service.security.keys import (
    MAX_BYTES,
    PLACES,
    ClientKeys,
    KeysUnreachable,
    fetch_key_set,
    in_background,
    load_keys,
)
from tests.server import until
from tests.unit.service.security.issuer import ISSUER, Clock, KeyServer, at_once, jwk, key_set

HOUR, DAY = 3600, 86400


class Failures:
    """Counts."""

    def __init__(self) -> None:
        self.heard = 0

    def __call__(self) -> None:
        self.heard += 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def failures() -> Failures:
    return Failures()


def at_the_spot(work: Callable[[], None]) -> None:
    """What runs aside runs before the call goes on."""
    work()


def served(server: KeyServer, clock: Clock, failures: Failures | None = None, **more: object) -> ClientKeys:
    client = TrustedClient(ISSUER, server.url)
    return ClientKeys(client, clock, on_failure=failures or Failures(), **{"aside": at_the_spot, **more})  # type: ignore[arg-type]


def kids(found: tuple[VerificationKey, ...]) -> list[str]:
    return [key.kid for key in found]


def test_a_key_set_is_fetched_when_first_needed_and_kept(key_server: KeyServer, clock: Clock) -> None:
    keys = served(key_server, clock)
    assert key_server.asked == 0
    for _ in range(3):
        assert kids(keys.with_kid("key-1")) == ["key-1"]
    assert key_server.asked == 1


def test_a_new_kid_is_looked_up_at_once_but_once_a_minute(key_server: KeyServer, clock: Clock) -> None:
    keys = served(key_server, clock)
    keys.with_kid("key-1")
    key_server.body = key_set(jwk(), jwk(which=1, kid="key-2"))
    assert kids(keys.with_kid("key-2")) == ["key-2"]
    key_server.body = key_set(jwk(which=2, kid="key-3"))
    clock.forward(seconds=59.9)
    assert keys.with_kid("key-3") == ()
    assert key_server.asked == 2
    clock.forward(seconds=0.1)
    assert kids(keys.with_kid("key-3")) == ["key-3"]
    assert keys.with_kid("key-1") == ()
    assert key_server.asked == 3


def test_a_kid_not_in_keys_just_fetched_for_it_waits_a_minute(key_server: KeyServer, clock: Clock) -> None:
    keys = served(key_server, clock)
    assert [keys.with_kid("key-9") for _ in range(3)] == [(), (), ()]
    assert key_server.asked == 1
    clock.forward(minutes=1)
    assert keys.with_kid("key-9") == ()
    assert key_server.asked == 2


def test_a_failed_lookup_counts_and_the_old_keys_serve_on(
    key_server: KeyServer, clock: Clock, failures: Failures
) -> None:
    keys = served(key_server, clock, failures)
    keys.with_kid("key-1")
    key_server.status = 500
    assert [keys.with_kid("key-2") for _ in range(3)] == [(), (), ()]
    assert (key_server.asked, failures.heard) == (2, 1)
    assert kids(keys.with_kid("key-1")) == ["key-1"]


@pytest.mark.parametrize(("age", "asked"), [(HOUR - 1, 1), (HOUR, 2), (DAY - 1, 2)])
def test_keys_of_an_hour_are_asked_for_again(key_server: KeyServer, clock: Clock, age: float, asked: int) -> None:
    keys = served(key_server, clock)
    keys.with_kid("key-1")
    clock.forward(seconds=age)
    for _ in range(3):
        assert kids(keys.with_kid("key-1")) == ["key-1"]
    assert key_server.asked == asked


def test_a_key_that_was_withdrawn_goes_within_the_hour(key_server: KeyServer, clock: Clock) -> None:
    keys = served(key_server, clock)
    keys.with_kid("key-1")
    key_server.body = key_set(jwk(which=1, kid="key-2"))
    clock.forward(hours=1)
    keys.with_kid("key-2")
    assert keys.with_kid("key-1") == ()


def test_old_keys_serve_on_for_a_day(
    key_server: KeyServer, clock: Clock, failures: Failures, caplog: pytest.LogCaptureFixture
) -> None:
    keys = served(key_server, clock, failures)
    keys.with_kid("key-1")
    key_server.status = 503
    clock.forward(seconds=DAY - 1)
    with caplog.at_level(logging.WARNING):
        assert kids(keys.with_kid("key-1")) == ["key-1"]
        assert kids(keys.with_kid("key-1")) == ["key-1"]
    assert (key_server.asked, failures.heard) == (2, 1)
    assert caplog.messages == [f"the keys of client {ISSUER} could not be refreshed: the server answered 503"]
    clock.forward(seconds=1)
    with pytest.raises(Unavailable) as refused:
        keys.with_kid("key-1")
    assert refused.value.headers == {"Retry-After": "59"}
    clock.forward(minutes=1)
    key_server.status = 200
    assert kids(keys.with_kid("key-1")) == ["key-1"]


def test_no_keys_at_all(key_server: KeyServer, clock: Clock, failures: Failures) -> None:
    key_server.status = 404
    keys = served(key_server, clock, failures)
    for _ in range(3):
        with pytest.raises(Unavailable, match="keys of this client cannot be obtained") as refused:
            keys.with_kid("key-1")
        assert refused.value.headers == {"Retry-After": "60"}
    assert (key_server.asked, failures.heard) == (1, 1)
    key_server.status = 200
    clock.forward(minutes=1)
    assert kids(keys.with_kid("key-1")) == ["key-1"]


def test_a_clock_that_is_set_back_stops_nothing(key_server: KeyServer, clock: Clock) -> None:
    keys = served(key_server, clock)
    keys.with_kid("key-1")
    clock.forward(seconds=-2)
    assert kids(keys.with_kid("key-1")) == ["key-1"]
    assert key_server.asked == 1
    clock.forward(days=-400)
    assert kids(keys.with_kid("key-1")) == ["key-1"]
    assert key_server.asked == 2


def test_threads_that_need_the_same_keys_ask_once(key_server: KeyServer, clock: Clock) -> None:
    keys = served(key_server, clock, places=threading.Semaphore(16))
    assert [kids(found) for found in at_once(lambda: keys.with_kid("key-1"))] == [["key-1"]] * 16
    assert key_server.asked == 1
    key_server.body = key_set(jwk(which=1, kid="key-2"))
    assert [kids(found) for found in at_once(lambda: keys.with_kid("key-2"))] == [["key-2"]] * 16
    assert key_server.asked == 2


def test_a_stalled_key_server_holds_up_few_and_nobody_with_a_known_kid(key_server: KeyServer, clock: Clock) -> None:
    keys = served(key_server, clock)
    keys.with_kid("key-1")
    key_server.released.clear()
    found: list[object] = []
    refused: list[Unavailable] = []

    def ask() -> None:
        try:
            found.append(keys.with_kid("key-2"))
        except Unavailable as error:
            refused.append(error)

    waiting = threading.Thread(target=at_once, args=(ask, 8))
    waiting.start()
    until(lambda: len(refused) == 8 - PLACES, 20)
    assert kids(keys.with_kid("key-1")) == ["key-1"]
    key_server.released.set()
    waiting.join()
    assert found == [()] * PLACES
    assert {error.headers["Retry-After"] for error in refused} == {"1"}
    assert key_server.asked == 2


def test_keys_are_refreshed_aside(key_server: KeyServer, clock: Clock) -> None:
    works: list[Callable[[], None]] = []
    keys = served(key_server, clock, aside=works.append)
    keys.with_kid("key-1")
    clock.forward(hours=1)
    assert kids(keys.with_kid("key-1")) == kids(keys.with_kid("key-1")) == ["key-1"]
    assert (key_server.asked, len(works)) == (1, 2)
    for work in works:
        work()
    assert key_server.asked == 2
    keys.with_kid("key-1")
    assert len(works) == 2


def test_one_refresh_at_a_time(key_server: KeyServer, clock: Clock) -> None:
    threads: list[threading.Thread] = []

    def aside(work: Callable[[], None]) -> None:
        threads.append(threading.Thread(target=work))
        threads[-1].start()

    keys = served(key_server, clock, aside=aside)
    keys.with_kid("key-1")
    clock.forward(hours=1)
    key_server.released.clear()
    keys.with_kid("key-1")
    until(lambda: key_server.asked == 2, 20)
    for _ in range(5):
        assert kids(keys.with_kid("key-1")) == ["key-1"]
    key_server.released.set()
    for thread in threads:
        thread.join()
    assert (len(threads), key_server.asked) == (1, 2)


def test_the_background_is_a_thread_of_its_own() -> None:
    ran = threading.Event()
    in_background(ran.set)
    assert ran.wait(10)


def test_a_file_is_read_at_the_start_and_again_for_a_new_kid(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(key_set())
    keys = ClientKeys(TrustedClient(ISSUER, path), clock)
    path.write_bytes(key_set(jwk(which=1, kid="key-2")))
    assert kids(keys.with_kid("key-1")) == ["key-1"]
    assert kids(keys.with_kid("key-2")) == ["key-2"]
    path.write_bytes(key_set(jwk(which=2, kid="key-3")))
    assert keys.with_kid("key-3") == ()
    clock.forward(minutes=1)
    assert kids(keys.with_kid("key-3")) == ["key-3"]


def test_a_file_that_went_away(tmp_path: Path) -> None:
    with pytest.raises(KeysUnreachable, match="cannot be read: No such file"):
        load_keys(TrustedClient(ISSUER, tmp_path / "absent.json"))


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (200, b"x" * (MAX_BYTES + 1), "larger than"),
        (500, b"", "answered 500"),
        (204, b"", "answered 204"),
        (302, b"", "answered 302"),
    ],
)
def test_what_a_key_server_must_not_answer(key_server: KeyServer, status: int, body: bytes, says: str) -> None:
    key_server.status, key_server.body = status, body
    with pytest.raises(KeysUnreachable, match=says):
        fetch_key_set(key_server.url)


def test_a_key_set_of_the_largest_size(key_server: KeyServer) -> None:
    key_server.body = b"x" * MAX_BYTES
    assert fetch_key_set(key_server.url) == key_server.body


@pytest.mark.parametrize("body", [b"<html>", key_set(jwk(private=True)), b'{"keys": []}'])
def test_a_useless_key_set_is_none(key_server: KeyServer, clock: Clock, body: bytes) -> None:
    key_server.body = body
    with pytest.raises(Unavailable):
        served(key_server, clock).with_kid("key-1")


def test_nobody_listens() -> None:
    with pytest.raises(KeysUnreachable):
        fetch_key_set("http://127.0.0.1:1/keys")
