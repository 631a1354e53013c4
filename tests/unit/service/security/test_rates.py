"""Request rates: each client its own, shared out over processes, refused with a time to come back."""

from __future__ import annotations

import multiprocessing
import os

import pytest

from service.errors import TooManyRequests
from service.security.rates import RequestRates, address_key, issuer_key
from tests.unit.service.security.issuer import HeldTime, at_once


def admitted(rates: RequestRates, client: str, calls: int) -> int:
    """How many of so many calls are not too many."""
    count = 0
    for _ in range(calls):
        try:
            rates.count(client)
        except TooManyRequests:
            continue
        count += 1
    return count


@pytest.mark.parametrize(("calls", "processes", "share"), [(6, 1, 6), (6, 2, 3), (7, 2, 3), (1, 8, 1)])
def test_a_process_admits_its_share(held: HeldTime, calls: int, processes: int, share: int) -> None:
    rates = RequestRates.per_minute(calls, processes)
    assert admitted(rates, "a", share) == share
    with pytest.raises(TooManyRequests) as refused:
        rates.count("a")
    assert refused.value.headers == {"Retry-After": "46"}
    rates.count("b")


def test_no_limit() -> None:
    rates = RequestRates.per_minute(None)
    rates.check("a")
    assert admitted(rates, "a", 1000) == 1000


def test_a_check_counts_nothing(held: HeldTime) -> None:
    rates = RequestRates.per_minute(2)
    for _ in range(5):
        rates.check("a")
    assert admitted(rates, "a", 3) == 2
    with pytest.raises(TooManyRequests):
        rates.check("a")


@pytest.mark.parametrize(("second", "wait"), [(1, 60), (15, 46), (59.5, 1)])
def test_a_client_comes_back_when_told(held: HeldTime, second: float, wait: int) -> None:
    held.seconds += second - 15
    rates = RequestRates.per_minute(3)
    assert admitted(rates, "a", 20) == 3
    with pytest.raises(TooManyRequests) as refused:
        rates.count("a")
    assert refused.value.headers == {"Retry-After": str(wait)}
    held.seconds += wait
    rates.count("a")
    held.seconds += 120
    assert admitted(rates, "a", 20) == 3


def test_threads_together_get_no_more(held: HeldTime) -> None:
    rates = RequestRates.per_minute(5)
    results = at_once(lambda: rates.count("a"))
    assert results.count(None) == 5
    assert sum(isinstance(result, TooManyRequests) for result in results) == 11


def _admitted_here(rates: RequestRates, answer: multiprocessing.SimpleQueue[int]) -> None:
    answer.put(admitted(rates, "a", 9))


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
def test_each_process_counts_for_itself(held: HeldTime) -> None:
    rates = RequestRates.per_minute(4)
    assert admitted(rates, "a", 9) == 4
    fork = multiprocessing.get_context("fork")
    answer = fork.SimpleQueue()
    child = fork.Process(target=_admitted_here, args=(rates, answer))
    child.start()
    assert answer.get() == 4
    child.join()
    assert (child.exitcode, os.getpid() != child.pid) == (0, True)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "address:192.0.2.7"),
        ("2001:db8:1:2:3::4", "address:2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "address:2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "address:2001:db8:1:3::/64"),
        ("fe80::1%eth0", "address:fe80::/64"),
        ("::ffff:192.0.2.7", "address:192.0.2.7"),
        ("", "address:unknown"),
        (None, "address:unknown"),
        ("unix", "address:unknown"),
    ],
)
def test_addresses(address: str | None, key: str) -> None:
    assert address_key(address) == key


def test_an_issuer_is_no_address() -> None:
    assert issuer_key("192.0.2.7") != address_key("192.0.2.7")
