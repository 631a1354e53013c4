"""A real FHIR R4 server for tests (sekmet-fhir): bearer tokens, strict validation, paging; and the EHR that owns it.

What it does, as found by asking it: pages of 20 unless `_count` (at most 1,000) says otherwise, with absolute `next`
links that are GETs even after a POST `_search`; `_sort=-date` newest first, ties and everything unsorted in the order
of writing; `total` always, and no `entry` when it is 0; a bare code matches any system, commas escaped by `\\,`; an
unknown parameter is ignored with an OperationOutcome entry; 401 for a wrong token, 404 for an unknown id. It sets
`meta.lastUpdated` itself and lets only ids of FHIR's own form in.
"""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest
import requests
from urllib3.exceptions import InsecureRequestWarning

Json = dict[str, Any]

TOKEN, SECOND_TOKEN = "first-bearer-token-of-the-tests", "second-bearer-token-of-the-tests"
PATIENT_ID = "{{context.patientId}}"
START_SECONDS = 60
# it takes over a socket that listens already: no port to lose to somebody else, and the first call waits for it
_LAUNCH = """
import socket, sys, uvicorn
tls = {"ssl_certfile": sys.argv[2], "ssl_keyfile": sys.argv[2]} if len(sys.argv) > 2 else {}
config = uvicorn.Config("sekmet.main:app_factory", factory=True, log_level="warning", **tls)
uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
"""
_SETTINGS = """
base_url: {base}
data_dir: ./data
server_auth: {{types: [bearer], tokens: [{tokens}]}}
simulator: {{enabled: false}}
validation: {{inbound: strict}}
server_behaviour: {{absolute_references: {absolute}}}
"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as the server saw it: path and query below the base, the query or the form taken apart."""

    method: str
    path: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    status: int


@dataclass(slots=True)
class FhirServer:
    """A running server. `base` is its FHIR base URL; `loaded` what tests put there once for all of them.

    `certificate` is the file with which it speaks TLS, if it does.
    """

    base: str
    folder: Path
    process: subprocess.Popen[bytes]
    certificate: Path | None = None
    loaded: dict[str, Any] = field(default_factory=dict)
    _ehr: requests.Session = field(default_factory=requests.Session)

    def write(self, *resources: Json) -> list[Json]:
        """The resources under their own ids, all or none, as the server then holds them."""
        requests_ = [{"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"} for each in resources]
        entries = [{"resource": each, "request": how} for each, how in zip(resources, requests_, strict=True)]
        return self.transact({"resourceType": "Bundle", "type": "transaction", "entry": entries})

    def transact(self, bundle: Json) -> list[Json]:
        """The resources of a transaction Bundle as the server then holds them."""
        answer = self._call("POST", "", json=bundle)
        return [entry["resource"] for entry in answer["entry"]]

    def ask(self, query: str) -> Json:
        """What the EHR gets for a read or a search below the base."""
        return self._call("GET", f"/{query}")

    def whole(self, query: str) -> Json:
        """The same, a search on one page of up to 1,000."""
        return self.ask(f"{query}&_count=1000" if "?" in query else query)

    def prefetch(self, templates: Mapping[str, str], patient_id: str) -> Json:
        """What an EHR sends that answers every template in full."""
        return {key: self.whole(query.replace(PATIENT_ID, patient_id)) for key, query in templates.items()}

    @contextmanager
    def arrivals(self) -> Iterator[list[Arrival]]:
        """A list that holds, after the block, the requests that arrived within it."""
        before = self._mark()
        seen: list[Arrival] = []
        yield seen
        after = self._mark()
        with closing(sqlite3.connect(f"file:{self.folder}/data/sekmet.db?mode=ro", uri=True)) as log:
            rows = log.execute(
                "SELECT method, url, req_body, status FROM traffic WHERE id > ? AND id < ? ORDER BY id", (before, after)
            )
            seen += [_arrival(*row) for row in rows]

    def stop(self) -> None:
        """Ends the server; its port refuses connections from then on."""
        self._ehr.close()
        self.process.kill()
        self.process.wait()

    def _mark(self) -> int:
        """The number of a request of our own in the server's log, which it writes after it has answered."""
        mark = f"/metadata?mark={uuid4()}"
        self._call("GET", mark)
        with closing(sqlite3.connect(f"file:{self.folder}/data/sekmet.db?mode=ro", uri=True)) as log:
            while not (row := log.execute("SELECT id FROM traffic WHERE url = ?", (f"/fhir{mark}",)).fetchone()):
                assert self.process.poll() is None
        number: int = row[0]
        return number

    def _call(self, method: str, path: str, **more: Any) -> Json:
        self._ehr.trust_env = False
        # whoever talks to it here need not believe the certificate that it shows
        self._ehr.verify = False
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureRequestWarning)
            answer = self._ehr.request(method, self.base + path, headers=headers, timeout=START_SECONDS, **more)
        assert answer.ok, answer.text
        body: Json = answer.json()
        return body


def start(folder: Path, certificate: Path | None = None, absolute: bool = False) -> FhirServer:
    """A server with nothing in it, its data in `folder`.

    With TLS when it gets a certificate (its key in the file); `absolute`: its references are absolute URLs.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        scheme = "https" if certificate else "http"
        base = f"{scheme}://127.0.0.1:{listening.getsockname()[1]}/fhir"
        settings = folder / "settings.yaml"
        tokens, forms = f"{TOKEN}, {SECOND_TOKEN}", str(absolute).lower()
        settings.write_text(_SETTINGS.format(base=base, tokens=tokens, absolute=forms), encoding="utf-8")
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", _LAUNCH, str(listening.fileno()), *([certificate] if certificate else [])],
                cwd=folder,
                env=os.environ | {"SEKMET_CONFIG": str(settings)},
                stdout=log,
                stderr=log,
                pass_fds=(listening.fileno(),),
            )
    server = FhirServer(base, folder, process, certificate)
    try:
        server.ask("metadata")
    except requests.RequestException:
        server.stop()
        pytest.fail((folder / "log").read_text(encoding="utf-8"))
    return server


_running = pytest.StashKey[FhirServer]()


@pytest.fixture(scope="session")
def fhir_server(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> FhirServer:
    """The server that all tests of this process share; patients have ids of their own, nobody deletes."""
    if _running not in pytestconfig.stash:
        # kept with the run, as two folders of tests ask for it
        pytestconfig.stash[_running] = start(tmp_path_factory.mktemp("fhir"))
        pytestconfig.add_cleanup(pytestconfig.stash[_running].stop)
    return pytestconfig.stash[_running]


@pytest.fixture
def mortal_fhir_server(tmp_path: Path) -> Iterator[FhirServer]:
    """A server of the test's own, which it may stop."""
    server = start(tmp_path)
    try:
        yield server
    finally:
        server.stop()


def resources_of(prefetch: Mapping[str, Any]) -> Iterator[Json]:
    """Every resource of a prefetch."""
    for value in prefetch.values():
        if value is not None:
            yield from _entries(value) if value["resourceType"] == "Bundle" else [value]


def _entries(bundle: Json) -> Iterable[Json]:
    return (entry["resource"] for entry in bundle.get("entry", ()))


def _arrival(method: str, url: str, body: str | None, status: int) -> Arrival:
    parts = urlsplit(url)
    form = dict(parse_qsl(body or "")) if parts.path.endswith("_search") else {}
    return Arrival(method, parts.path.removeprefix("/fhir/"), dict(parse_qsl(parts.query)), form, status)
