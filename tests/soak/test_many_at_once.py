"""32 clients, each with a patient of its own, at once: every answer is that patient's, byte for byte.

The patients come in fours whose charts are the same down to the ids of their resources, and each encounter goes on in
small steps: whatever is remembered of one call must not answer another.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest

from service.settings import read_settings
from service.variables import PREFIX
from tests.server import running
from tests.soak.connection import Connection
from tests.soak.patients import CHARTS, ORDERED, Json, called, encounter, new_patient, path_of, stranger_to, twin
from tests.soak.truth import Answer, Truth, difference

pytestmark = pytest.mark.load

CLIENTS, ALIKE = 32, 4
STEPS = (0, 1, 2, 3, 4, 7, 8, 9)
"""Of an encounter: somebody else, the hooks, a dose, a value, results that strayed in, and what an order refers to."""
SETTINGS = {"ALLOW_AS_OF": "true"}
Sent = tuple[str, bytes]


def bodies(number: int) -> list[list[Sent]]:
    """For each client the calls of its encounter, in turn."""
    found = []
    for one in range(number // ALIKE):
        # charts from everywhere in the list, each with the drafts of another story
        chart, ordered = CHARTS[one * 11 % len(CHARTS)], ORDERED[one * 7 % len(ORDERED)]
        stranger = stranger_to(chart, CHARTS[(one * 11 + 5) % len(CHARTS)])
        requests = list(encounter(new_patient(), chart, ordered, stranger))
        for other in range(ALIKE):
            patient = new_patient()
            alike = [called(_alike(requests[step], patient, step) if other else requests[step]) for step in STEPS]
            found.append([_sent(each) for each in alike])
    return found


def _alike(request: Json, patient: str, step: int) -> Json:
    """The same of another patient; the stranger of the first step stays the same."""
    return twin(request, patient) if step else request


def _sent(request: Json) -> Sent:
    return path_of(request), orjson.dumps(request)


def wrong(sent: Sequence[Sent], answers: Sequence[Answer], truth: Truth) -> list[str]:
    """What is not as it is in this process."""
    found = (difference(answer, truth.of(*each)) for each, answer in zip(sent, answers, strict=True))
    return [each for each in found if each]


def settings() -> Mapping[str, str]:
    """As the service reads them."""
    return {PREFIX + name: value for name, value in SETTINGS.items()}


def test_32_clients_with_32_patients(tmp_path: Path) -> None:
    calls, truth = bodies(CLIENTS), Truth(read_settings(settings()))
    at_once = threading.Barrier(CLIENTS)
    with running(tmp_path, 2, **SETTINGS) as service, ThreadPoolExecutor(CLIENTS) as clients:

        def work(mine: list[Sent]) -> list[Answer]:
            connection = Connection(service.port)
            at_once.wait(30)
            try:
                return [connection.send("POST", *each, {"Content-Type": "application/json"}).answer for each in mine]
            finally:
                connection.close()

        answers = list(clients.map(work, calls))
    found = [each for mine, got in zip(calls, answers, strict=True) for each in wrong(mine, got, truth)]
    assert not found, f"{len(found)} wrong answers, the first: {found[0]}"
    assert all(answer.status == 200 for got in answers for answer in got)


def test_an_answer_of_somebody_else_or_of_before_is_found() -> None:
    truth = Truth(read_settings(settings()))
    one, alike = bodies(ALIKE)[:2]
    right = [truth.of(*each) for each in one]
    assert wrong(one, right, truth) == []
    assert len(wrong(alike[1:], right[1:], truth)) == len(STEPS) - 1, "the same chart, another patient"
    for step, before in ((4, 1), (5, 1), (7, 6)):
        assert len(wrong(one, [*right[:step], right[before], *right[step + 1 :]], truth)) == 1
