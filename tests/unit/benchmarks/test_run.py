"""The benchmarks run: the real service and the yardstick side by side, each answer looked at."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from benchmarks.__main__ import main
from benchmarks.bodies import patient_view
from benchmarks.profile import STAGES, Stopwatch, walk
from benchmarks.runner.answers import Answers
from benchmarks.runner.clients import Reply
from benchmarks.runner.servers import ServerFailed
from benchmarks.runner.tokens import Signer
from benchmarks.targets import TARGETS
from service.discovery import SERVICE_OF_HOOK
from service.parts import load_parts
from service.respond import respond
from service.settings import Settings
from service.wire import decode_request

pytestmark = pytest.mark.load


def test_a_quick_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--only", "fresh", "--results", str(tmp_path)]) == 0
    (file,) = tmp_path.iterdir()
    content = json.loads(file.read_text("utf-8"))
    measures = {row["measure"]: row for row in content["measures"]}
    assert {"p50, 1 client", "p99, 8 clients", "throughput, 8 clients", "CPU a request, 1 client"} <= set(measures)
    assert all(row["value"] > 0 for row in measures.values())
    judged = [measures[name] for name in TARGETS if name in measures]
    assert len(judged) == 4
    assert all(row["verdict"] in ("goal met", "met", "not met") for row in judged)
    assert all(row["ratio"] == pytest.approx(row["value"] / row["other"], rel=0.1) for row in judged if "other" in row)
    assert content["answers"]["checked"] >= 2 * 2 * 8
    assert content["answers"]["compared"] >= 2 * 2
    assert "p50, 1 client" in capsys.readouterr().out


def answered(number: int) -> tuple[Any, dict[str, Any]]:
    settings = Settings(allow_as_of=True)
    body = patient_view(number)
    request = decode_request(json.loads(body.encoded()), SERVICE_OF_HOOK["patient-view"], settings)
    return body, json.loads(orjson.dumps(respond(request, load_parts(settings))))


def test_a_wrong_answer_is_noticed() -> None:
    body, answer = answered(0)
    right = Reply(200, json.dumps(answer).encode(), 0.001)
    answers = Answers()
    answers.check([body], [right])
    assert (answers.checked, answers.compared) == (1, 1)
    another = json.dumps(answer | {"cards": answer["cards"][1:]}).encode()
    with pytest.raises(ServerFailed, match="not the one given in process"):
        answers.check([body], [replace(right, body=another)])
    none = json.dumps(answer | {"cards": []}).encode()
    with pytest.raises(ServerFailed, match="got 0 cards"):
        answers.check([body], [replace(right, body=none)])


def test_the_stages_are_the_whole_call() -> None:
    """What the profile takes apart gives the answer of `respond`."""
    body, answer = answered(5)
    watch = Stopwatch()
    assert json.loads(walk(body.encoded(), load_parts(Settings(allow_as_of=True)), watch)) == answer
    assert set(watch.spent) == set(STAGES)
    assert all(seconds > 0 for seconds in watch.spent.values())


def test_tokens_that_the_service_takes(tmp_path: Path) -> None:
    from service.app import create_app

    signer = Signer()
    settings = Settings(auth="jwt", trusted_clients=signer.trusted_clients(tmp_path), allow_as_of=True)
    client = create_app(settings).test_client()
    path = f"/cds-services/{SERVICE_OF_HOOK['patient-view'].id}"
    token = signer.token(f"http://localhost{path}")
    call = {"data": patient_view(0).encoded(), "content_type": "application/json"}
    assert client.post(path, headers={"Authorization": f"Bearer {token}"}, **call).status_code == 200
    assert client.post(path, **call).status_code == 401
