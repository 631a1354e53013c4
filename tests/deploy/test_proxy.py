"""What the proxy of deploy/ takes, passes on, refuses and logs, before two replicas from the source."""

from __future__ import annotations

import json
import os
import shutil
import signal
import ssl
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from service.settings import DEFAULT_MAX_BODY_BYTES
from tests.contract.conformance import check_error
from tests.deploy.proxy import proxy
from tests.deploy.replicas import VIEW, free_ports, line, refusal, story
from tests.deploy.source_replicas import Deployed
from tests.deploy.trial import CALL, Site
from tests.log_watch import sensitive
from tests.server import until

pytestmark = pytest.mark.load


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/metrics", "/health/live", "/health/ready", "/openapi.json", "/sandbox", "/cds-services/"),
        *("/cds-services/other", f"{VIEW}/other", f"{VIEW}%0a", "/cds-services/../metrics"),
        *("/cds-services/%2e%2e/health/ready", f"{VIEW}/../../metrics", "//metrics"),
    ],
)
def test_nothing_but_the_services_is_there_from_outside(deployed: Deployed, path: str) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = deployed.proxy.raw(head.encode())
    first, _, body = answer.decode().partition("\r\n\r\n")
    assert first.startswith("HTTP/1.1 404 ")
    assert check_error(404, {"Content-Type": "application/json"}, body.encode()) == []
    request_id = first.partition("X-Request-ID: ")[2].split("\r\n")[0]
    assert deployed.proxy.logged(request_id)["replica"] == ""


def test_what_a_caller_types_is_neither_passed_on_nor_logged(deployed: Deployed) -> None:
    typed = "Margit-Musterfrau-1961"
    sensitive(typed)
    query = {"patient": typed}
    answer = deployed.proxy.send(VIEW, story("untreated"), params=query, headers={"X-Request-ID": typed})
    assert answer.status_code == 200
    lost = deployed.proxy.send(f"/{typed}", {}, headers={"Referer": typed, "X-Forwarded-For": typed})
    assert refusal(lost, 404)
    called, refused = line(deployed.proxy, answer), line(deployed.proxy, lost)
    assert (called["route"], called["status"]) == (VIEW, 200)
    assert (refused["route"], refused["status"]) == ("", 404)
    logs = (deployed.proxy.log, *(each.log for each in deployed.replicas))
    assert not [log for log in logs if typed in log.read_text("utf-8")]


def test_what_the_proxy_cannot_take(deployed: Deployed) -> None:
    proxy = deployed.proxy
    with proxy.http.get(f"http://127.0.0.1:{proxy.port}/cds-services", timeout=30) as clear:
        assert "TLS" in refusal(clear, 400)
    assert refusal(proxy.send(VIEW, {}, headers={"Cookie": "c" * 9000}), 431)
    assert refusal(proxy.send(VIEW, {}, params={"q": "x" * 9000}), 414)
    head, _, body = proxy.raw(b"no HTTP\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert check_error(400, {"Content-Type": "application/json"}, body) == []


def test_a_body_at_the_limit_and_above(deployed: Deployed) -> None:
    body = json.dumps(story("untreated")).encode()
    as_json = {"Content-Type": "application/json"}
    most = body + b" " * (DEFAULT_MAX_BODY_BYTES - len(body))
    assert deployed.proxy.send(VIEW, data=most, headers=as_json).status_code == 200
    for too_much in (most + b" ", iter([most, b" "])):
        answer = deployed.proxy.send(VIEW, data=too_much, headers=as_json)
        assert refusal(answer, 413)
        assert line(deployed.proxy, answer)["replica"] == "", "refused here"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/jsonx"},
        {},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_what_is_not_json_is_refused_before_it_is_read(deployed: Deployed, headers: Mapping[str, str]) -> None:
    for body in (b"{}", b" " * DEFAULT_MAX_BODY_BYTES):
        assert refusal(deployed.proxy.send(VIEW, data=body, token="", headers=headers), 415)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "Application/JSON;charset=utf-8"},
        {"Content-Type": "application/json ; charset=utf-8"},
        {"Content-Type": "application/fhir+json"},
        {"Content-Type": "application/json", "Content-Encoding": "identity"},
    ],
)
def test_json_is_json_however_it_is_named(deployed: Deployed, headers: Mapping[str, str]) -> None:
    body = json.dumps(story("untreated")).encode()
    assert deployed.proxy.send(VIEW, data=body, headers=headers).status_code == 200


def test_slow_senders_hold_nobody_up(deployed: Deployed) -> None:
    """More than both replicas have threads, and strangers all: each keeps its half of a body for itself."""
    path = "/cds-services/mda5-rpild-order-sign/feedback"
    half = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{{"
    with ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(closing(deployed.proxy.connect())).sendall(half.encode())
        with ThreadPoolExecutor(4) as callers:
            sent = [callers.submit(deployed.proxy.send, VIEW, story("untreated")) for _ in range(8)]
        assert [each.result().status_code for each in sent] == [200] * 8

    def theirs() -> list[str]:
        return [each["replica"] for each in deployed.proxy.lines() if each["route"] == path]

    until(lambda: len(theirs()) == 20, 30)
    assert set(theirs()) == {""}, "nothing of them was passed on"


def test_the_script_calls_as_the_trial_ehr(deployed: Deployed) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl (Debian: curl)")
    environment = {**os.environ, "SITE": str(deployed.site.folder)}
    request = json.dumps(story("refractory"), indent=2)
    ran = subprocess.run([str(CALL)], env=environment, input=request, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout) == deployed.proxy.send(VIEW, story("refractory")).json()


def test_nobody_there(deployed: Deployed, tmp_path: Path) -> None:
    with proxy(deployed.site, tmp_path / "alone", free_ports(1)[0], [1, 2]) as alone:
        answer = alone.send(VIEW, story("untreated"))
        assert "send it again" in refusal(answer, 502)
        assert answer.headers["Retry-After"] == "1"
        assert line(alone, answer)["replica_status"] == "502, 502", "both were tried"


def test_a_new_certificate_is_taken_without_a_stop(deployed: Deployed, tmp_path: Path) -> None:
    fresh = Site.prepared(tmp_path / "site", free_ports(1)[0])
    ports = [each.port for each in deployed.replicas]
    with proxy(deployed.site, tmp_path / "proxy", fresh.port, ports) as renewed:
        assert renewed.send("/cds-services").status_code == 200
        mounted = tmp_path / "proxy" / "configuration" / "tls"
        mounted.unlink()
        mounted.symlink_to(fresh.folder / "tls")
        renewed.process.send_signal(signal.SIGHUP)
        expected = (fresh.folder / "tls" / "certificate.pem").read_text()
        until(lambda: ssl.get_server_certificate(("127.0.0.1", fresh.port)) == expected, 30)
        renewed.http.close()
        renewed.http.verify = str(fresh.authority)
        assert renewed.send("/cds-services").status_code == 200
