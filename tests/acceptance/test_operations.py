"""What those who run the service see: health, metrics, logs, traces, and a server that survives its parts."""

from __future__ import annotations

import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import create_engine, text

import fixtures
from service.app import create_app
from service.settings import Settings
from tests.acceptance.fhir import NOW, Json, answer, call, given, post
from tests.contract.conformance import check_error
from tests.fault_server import fault_server, fhir, searchset, stalling
from tests.server import Running, running, until
from tests.unit.service.security.issuer import PUBLIC_URL, clients_file, jwk, key_set, member
from tests.unit.service.telemetry.test_metrics import samples

VIEW = "mda5-rpild-patient-view"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
NOBODY = "unidentified"


def service(**settings: Any) -> FlaskClient:
    """A service of its own, so that its counts are the test's."""
    return create_app(Settings(**settings), clock=lambda: NOW).test_client()


def counted(client: FlaskClient) -> dict[tuple[str, ...], float]:
    return samples(client.get("/metrics").text)


def test_health_needs_no_store() -> None:
    client = service(database_url="sqlite:////proc/nowhere/cards.sqlite3")
    assert client.get("/health/live").get_json() == {"status": "live"}
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.get_json()["status"], ready.get_json()["store"]) == (200, "ready", "lost")
    assert counted(client)[("store_lost",)] == 1
    assert post(client, call()).status_code == 200, "cards keep coming"


def test_health_says_what_is_loaded(client: FlaskClient) -> None:
    ready = client.get("/health/ready").get_json()
    knowledge = answer(client)["extension"]["mda5-cds.assessment"]["guideline"]["knowledgeVersion"]
    assert ready == {"status": "ready", "knowledge": knowledge, "store": "ok"}
    assert samples(client.get("/metrics").text)[("store_lost",)] == 0


def test_neither_health_nor_metrics_ask_who_is_calling(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_bytes(key_set(jwk()))
    client = service(auth="jwt", public_url=PUBLIC_URL, trusted_clients=clients_file(tmp_path, member()))
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert client.get(path).status_code == 200
    assert client.get("/cds-services").status_code == 401
    assert counted(client)[("refusals_total", "NotIdentified", "401")] == 1


def test_metrics_are_prometheus_text(client: FlaskClient) -> None:
    metrics = client.get("/metrics")
    assert metrics.content_type.startswith("text/plain; version=")
    assert "# TYPE mda5_cds_calls_total counter" in metrics.text


def test_calls_cards_and_keys_are_counted() -> None:
    client = service()
    story = fixtures.story("untreated").render(NOW)
    del story["prefetch"]["referrals"]
    story["prefetch"]["procedures"] = None
    shown = client.post(f"/cds-services/{VIEW}", json=story).get_json()["cards"]
    found = counted(client)
    assert found[("calls_total", NOBODY, VIEW, "200")] == 1
    assert found[("call_seconds_count", VIEW)] == 1
    cards = {key[1:]: count for key, count in found.items() if key[0] == "cards_total"}
    assert cards == {(card["indicator"], "live", card["source"]["topic"]["code"]): 1 for card in shown}
    states = (("patient", "given"), ("procedures", "empty"), ("referrals", "missing"))
    assert [found[("prefetch_keys_total", NOBODY, key, state)] for key, state in states] == [1, 1, 1]


def test_cards_that_silence_keeps_back_are_counted_apart() -> None:
    client = service(mode="silent")
    body = client.post(f"/cds-services/{VIEW}", json=fixtures.story("untreated").render(NOW)).get_json()
    assert body["cards"] == []
    assert {key[2] for key in counted(client) if key[0] == "cards_total"} == {"silent"}


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({}, 400, "MissingField"),
        (call(observations=...), 412, "DataUnobtainable"),
        (call(who={"resourceType": "Practitioner"}), 422, "NotAPatient"),
    ],
)
def test_refusals_are_counted_by_their_kind(body: Json, status: int, kind: str) -> None:
    client = service()
    assert client.post(f"/cds-services/{VIEW}", json=body).status_code == status
    found = counted(client)
    assert found[("refusals_total", kind, str(status))] == 1
    assert found[("calls_total", NOBODY, VIEW, str(status))] == 1


def test_feedback_is_counted_as_a_call_of_its_own() -> None:
    client = service()
    client.post(f"/cds-services/{VIEW}/feedback", json={"feedback": "none"})
    assert counted(client)[("calls_total", NOBODY, f"{VIEW}/feedback", "400")] == 1


def test_fetches_are_counted_and_carry_the_callers_trace() -> None:
    with fault_server(lambda _: fhir(searchset(given("42316")))) as server:
        client = service(fhir_servers=(server.base,))
        access = {"access_token": "t.o.k.e.n", "token_type": "Bearer", "expires_in": 300, "scope": "x", "subject": "y"}
        lacking = {**call(administrations=...), "fhirServer": server.base, "fhirAuthorization": access}
        headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        assert client.post(f"/cds-services/{VIEW}", json=lacking, headers=headers).status_code == 200
    (asked,) = server.calls
    assert re.fullmatch(f"00-{TRACE}-[0-9a-f]{{16}}-01", asked.headers["traceparent"])
    assert "00f067aa0ba902b7" not in asked.headers["traceparent"]
    assert counted(client)[("fhir_fetch_seconds_count", "administrations", "ok")] == 1


@pytest.mark.parametrize("path", ["/cds-services", "/health/live", "/metrics", "/nowhere"])
def test_every_answer_has_an_id_of_its_own(client: FlaskClient, path: str) -> None:
    ids = {client.get(path, headers={"X-Request-ID": "theirs"}).headers["X-Request-ID"] for _ in range(2)}
    assert len(ids) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)


def test_a_log_line_names_the_call_and_nothing_of_it(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    request = call(referrals=...)
    client.post(f"/cds-services/{VIEW}?patient=p1", json=request, headers={"traceparent": f"00-{TRACE}-{'1' * 16}-00"})
    (line,) = [vars(record) for record in caplog.records if "route" in vars(record)]
    assert (line["status"], line["route"], line["missing"]) == (200, "/cds-services/<service_id>", ["referrals"])
    assert not [record for record in caplog.records if "p1" in record.getMessage()]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two processes of the service that know a FHIR server which takes calls and never answers."""
    with (
        fault_server(stalling) as ehr,
        running(tmp_path_factory.mktemp("home"), workers=2, FHIR_SERVERS=ehr.base, FHIR_BUDGET_SECONDS="5") as server,
    ):
        yield server, ehr


def lacking(base: str) -> Json:
    """A call that has to wait for the FHIR server."""
    access = {"access_token": "tok-en.tok-en", "token_type": "Bearer", "expires_in": 300, "scope": "x", "subject": "y"}
    return {**call(observations=...), "fhirServer": base, "fhirAuthorization": access}


def test_nobody_waits_behind_calls_that_wait_for_their_fhir_server(server: Any) -> None:
    service, ehr = server
    with ThreadPoolExecutor(20) as callers:
        waiting = [callers.submit(send, service, lacking(ehr.base)) for _ in range(20)]
        until(lambda: ehr.connections >= 6, 20)
        begun = time.monotonic()
        answers = [service.get(path).status_code for path in ("/health/live", "/health/ready", "/metrics") * 3]
        full = [send(service, call()).status_code for _ in range(4)]
        assert time.monotonic() - begun < 4
        refused = [each.result() for each in waiting]
    assert (set(answers), set(full)) == ({200}, {200})
    assert {each.status_code for each in refused} == {412, 503}
    for each in refused:
        assert check_error(each.status_code, each.headers, each.content) == []
        assert ("Retry-After" in each.headers) == (each.status_code == 503)


def send(service: Running, body: Json) -> Any:
    return service.http.post(service.url(f"/cds-services/{VIEW}"), json=body, timeout=30)


def test_what_waits_for_a_lost_store_is_counted_over_all_processes(tmp_path: Path) -> None:
    with running(tmp_path, workers=2, DATABASE_URL="sqlite:////proc/nowhere/cards.sqlite3") as server:
        assert [send_once(server, call()) for _ in range(20)] == [200] * 20
        until(lambda: waiting(server) == [20] * 6, 10)
        assert server.get("/health/ready").json()["store"] == "lost"


def send_once(server: Running, body: Json) -> int:
    """The status of a call on a connection of its own, so that any process may get it."""
    url = server.url(f"/cds-services/{VIEW}")
    return server.http.post(url, json=body, timeout=30, headers={"Connection": "close"}).status_code


def waiting(server: Running) -> list[float]:
    """What six readings of the metrics say of the rows that wait."""
    return [samples(server.get("/metrics").text)[("audit_rows_waiting",)] for _ in range(6)]


def test_what_was_answered_is_in_the_store_when_the_server_has_stopped(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path / 'cards.sqlite3'}"
    with running(tmp_path, DATABASE_URL=database) as server:
        story = fixtures.story("untreated").render(NOW)
        assert [send(server, {**story, "hookInstance": f"stop-{n}"}).status_code for n in range(5)] == [200] * 5
        assert server.stop(signal.SIGTERM) == 0
    engine = create_engine(database)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM calls")).scalar() == 5
    engine.dispose()
