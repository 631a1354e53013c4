"""What must hold of two replicas behind the proxy, whether they run from the source or from the image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from typing import Any

import psycopg
import requests

from service.app import create_app
from service.settings import read_settings
from tests.conftest import NOW
from tests.database import PostgresServer
from tests.deploy.proxy import Proxy
from tests.deploy.replicas import ROLE, VIEW, Callers, Fetching, line, path_of, refusal, story, went_to_the_other
from tests.server import until


def both_answer_as_one_process_does(proxy: Proxy, environment: Mapping[str, str], names: Sequence[str]) -> None:
    """To the same signed client: the same bodies to the letter, `uuid`s of the cards included.

    `environment`: the replicas' with paths of this machine, for the source in this process.
    """
    alone = create_app(replace(read_settings(environment), database_url="sqlite://")).test_client()

    def ask(name: str) -> requests.Response:
        request = story(name)
        answer = proxy.send(path_of(request), request)
        assert answer.status_code == 200, f"{name}: {answer.text}"
        return answer

    with ThreadPoolExecutor(4) as callers:
        answers = list(callers.map(ask, names))
    for name, answer in zip(names, answers, strict=True):
        request = story(name)
        headers = {"Authorization": f"Bearer {proxy.site.token(path_of(request))}"}
        assert answer.content == alone.post(path_of(request), json=request, headers=headers).data, name
    shares = Counter(line(proxy, answer)["replica"] for answer in answers)
    assert (len(shares), shares.total()) == (2, len(answers))
    assert max(shares.values()) - min(shares.values()) <= 1, "each in its turn"


def a_token_is_good_for_one_call_at_either(proxy: Proxy) -> None:
    """What one replica has taken the other knows."""
    text = proxy.site.token(VIEW)
    answers = [proxy.send(VIEW, story("untreated"), text) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 401, 401]
    assert "jti" in refusal(answers[1], 401)
    assert len({line(proxy, each)["replica"] for each in answers[:2]}) == 2


def feedback_counts_once_whoever_takes_it(proxy: Proxy, server: PostgresServer) -> None:
    """A card of one replica, feedback on it taken by the other: it stands in the one database, once."""
    shown = proxy.send(VIEW, story("refractory"))
    cards = shown.json()["cards"]
    batch = {"feedback": [_accepted(each, cards[0]) for each in cards]}
    answers = [proxy.send(f"{VIEW}/feedback", batch) for _ in range(3)]
    known = f"0 entries stored, {len(cards)} already known"
    said = [each.json()["issue"][0]["diagnostics"] for each in answers]
    assert said == [f"{len(cards)} entries stored", known, known]
    assert line(proxy, shown)["replica"] != line(proxy, answers[0])["replica"]
    with psycopg.connect(server.url(ROLE)) as connection:
        rows = connection.execute("SELECT card, outcome FROM feedback").fetchall()
    assert sorted(rows) == sorted((each["uuid"], "accepted") for each in cards)


def _accepted(card: Mapping[str, Any], first: Mapping[str, Any]) -> dict[str, Any]:
    suggestions = [{"id": first["suggestions"][0]["uuid"]}] if "suggestions" in first else []
    entry = {"card": card["uuid"], "outcome": "accepted", "outcomeTimestamp": NOW.isoformat()}
    return {**entry, "acceptedSuggestions": suggestions}


def to_stop_one_costs_no_call(
    proxy: Proxy, fetching: Fetching, stop: Callable[[], int], held_seconds: float = 0
) -> None:
    """`stop` ends one replica by SIGTERM, while calls come and each replica has one that waits for the FHIR server.

    Those that wait are held for `held_seconds` more: a server without patience would have cut them off.
    """
    callers, before = Callers(proxy), len(proxy.lines())
    fetching.hold()
    with ThreadPoolExecutor(3) as others:
        # one for each replica: nobody else calls yet
        waiting = [others.submit(partial(proxy.send, VIEW, fetching.lacking())) for _ in range(2)]
        assert all(fetching.asked.acquire(timeout=30) for _ in waiting)
        with callers.calling():
            callers.more(8)
            stopped = others.submit(stop)
            until(lambda: went_to_the_other(proxy, before), 30)
            assert not wait(waiting, held_seconds).done
            fetching.let.set()
            assert stopped.result(60) == 0
            callers.more(8)
        answers = [each.result() for each in waiting]
    assert [each.status_code for each in answers] == [200, 200]
    assert all(each.json()["extension"]["mda5-cds.assessment"]["risk"]["level"] for each in answers)
    assert len({line(proxy, each)["replica"] for each in answers}) == 2
    assert callers.ill == [[], [], [], []]
