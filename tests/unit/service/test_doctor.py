"""`mda5-cds doctor`: each fault of a configuration is named in plain words, and one fault hides no other."""

from __future__ import annotations

import io
import json
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from cds_cards.knowledge import load_guideline
from service.doctor.examination import run_doctor
from service.doctor.network import SECONDS
from service.store import Store
from tests.database import PostgresServer, postgres_server, postgres_url

__all__ = ["postgres_server", "postgres_url"]

KNOWLEDGE = load_guideline().knowledge_version
READY = {"status": "ready", "knowledge": KNOWLEDGE, "store": "ok"}
METADATA = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}


@dataclass
class Site:
    """A server on loopback that answers what `answers` says by path: (status, body), or a location to redirect to."""

    url: str = ""
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append((self.path, dict(self.headers)))
            status, told = made.answers.get(self.path, (404, "<html>not here</html>"))
            body = told.encode() if isinstance(told, str) else json.dumps(told).encode()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", str(told))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def nobody() -> Iterator[str]:
    """A URL of this machine where nobody listens, and nobody else can begin to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A configuration in which only what a test adds can be wrong."""
    (tmp_path / "hash.key").write_bytes(b"k" * 32)
    return {
        "PATH": "/bin",
        "MDA5_CDS_DATABASE_URL": f"sqlite:///{tmp_path}/state/cds.sqlite3",
        "MDA5_CDS_HASH_KEY_FILE": str(tmp_path / "hash.key"),
    }


def key_set(*, curve: ec.EllipticCurve | None = None, secret: bool = False) -> dict[str, Any]:
    key = ec.generate_private_key(curve or ec.SECP384R1())
    jwk = ECAlgorithm.to_jwk(key if secret else key.public_key(), as_dict=True)
    return {"keys": [{**jwk, "kid": "2026-11", "use": "sig"}]}


def clients_file(folder: Path, *clients: dict[str, Any]) -> dict[str, str]:
    path = folder / "clients.json"
    path.write_text(json.dumps({"clients": clients}))
    return {"MDA5_CDS_AUTH": "jwt", "MDA5_CDS_TRUSTED_CLIENTS": str(path)}


def examined(environment: dict[str, str], **more: str) -> tuple[bool, list[str]]:
    """Whether all is well, and the lines; `more` without the prefix."""
    out = io.StringIO()
    well = run_doctor({**environment, **{f"MDA5_CDS_{name}": value for name, value in more.items()}}, out)
    lines = out.getvalue().splitlines()
    assert well is not any(line.startswith("wrong ") for line in lines)
    return well, lines


def told(lines: list[str], level: str, *words: str) -> bool:
    """Whether one line of that level has all the words."""
    return any(line.startswith(level) and all(word in line for word in words) for line in lines)


def test_the_defaults_are_well_and_said(environment: dict[str, str]) -> None:
    well, lines = examined(environment)
    assert well
    assert told(lines, "warning", "identity", "MDA5_CDS_AUTH=off", "loopback")
    assert [line for line in lines if line.startswith("warning")] == [lines[2]]
    assert lines[-1].startswith("0 wrong, 1 to know about, ")
    assert not any(line.startswith("wrong") for line in lines)


def test_a_configuration_for_go_live_is_well(environment: dict[str, str], site: Site, tmp_path: Path) -> None:
    site.answers = {
        "/mda5/health/ready": (200, READY),
        "/fhir/metadata": (200, METADATA),
        "/jwks": (200, key_set()),
    }
    (tmp_path / "keys.json").write_text(json.dumps(key_set(curve=ec.SECP256R1())))
    clients = clients_file(
        tmp_path,
        {"issuer": "https://ehr.example.org", "jwks_url": f"{site.url}/jwks", "tenants": ["north", "east"]},
        {"issuer": "https://lab.example.org", "jwks_file": "keys.json", "algorithms": ["ES256"]},
    )
    more = {
        "PUBLIC_URL": f"{site.url}/mda5",
        "FHIR_SERVERS": f"{site.url}/fhir",
        "CORS_ORIGINS": "https://a.example.org",
    }
    well, lines = examined({**environment, **clients}, **more)
    assert well
    assert not any(line.startswith("warning") for line in lines)
    assert told(lines, "ok", "identity", "JWT")
    assert told(lines, "ok", "https://ehr.example.org", "P-384", "east, north")
    assert told(lines, "ok", "https://lab.example.org", "P-256", "ES256", "any tenant")
    assert told(lines, "ok", "public URL", KNOWLEDGE)
    assert told(lines, "ok", "FHIR server", "R4")
    assert told(lines, "ok", "cors", "https://a.example.org")
    assert all("Authorization" not in headers for _, headers in site.asked)


def test_one_fault_hides_no_other(environment: dict[str, str], nobody: str, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("induction_dayz = 30\nzone = 'Europe/Nowhere'\n")
    (tmp_path / "short.key").write_bytes(b"k" * 31)
    clients = clients_file(tmp_path, {"issuer": "https://ehr.example.org", "jwks_url": f"{nobody}/jwks"})
    well, lines = examined(
        {**environment, **clients},
        LOG_LEVEL="chatty",
        MAX_BODY_BYTES="0",
        MODES="silent",
        POLICY=str(tmp_path / "policy.toml"),
        HASH_KEY_FILE=str(tmp_path / "short.key"),
        PUBLIC_URL="http://cds.example.org",
        FHIR_SERVERS=f"{nobody}/fhir",
        DATABASE_URL=f"sqlite:///{tmp_path}/short.key/cds.sqlite3",
    )
    assert not well
    for words in (
        ("settings", "MDA5_CDS_LOG_LEVEL"),
        ("settings", "MDA5_CDS_MAX_BODY_BYTES"),
        ("settings", "MDA5_CDS_MODES", "not a setting"),
        ("policy", "induction_dayz", "did you mean induction_days?"),
        ("policy", "Europe/Nowhere"),
        ("client https://ehr.example.org", "cannot be fetched"),
        ("public URL", "not https"),
        ("database", "no folder"),
        ("hash key", "at least 32 bytes"),
    ):
        assert told(lines, "wrong", *words), words
    assert told(lines, "warning", "FHIR server", "did not answer")


def test_what_depends_on_a_faulty_variable_is_not_blamed(environment: dict[str, str]) -> None:
    _, lines = examined(environment, AUTH="jwt", TRUSTED_CLIENTS="/nowhere/clients.json")
    assert [line for line in lines if line.startswith("wrong")] == [
        "wrong    settings: MDA5_CDS_TRUSTED_CLIENTS: there is no file /nowhere/clients.json; "
        "the rest is checked without it"
    ]
    assert told(lines, "ok", "identity", "JWT")


def test_no_clients_at_all(environment: dict[str, str]) -> None:
    _, lines = examined(environment, AUTH="jwt")
    assert told(lines, "wrong", "AUTH=jwt", "TRUSTED_CLIENTS")
    assert told(lines, "warning", "public URL", "loopback only")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"MODE": "silent"}, "no card is shown"),
        ({"TOPICS_OFF": "rec-7,dose"}, "dose, rec-7"),
        ({"ALLOW_AS_OF": "true"}, "today"),
        ({"INSECURE": "true"}, "anybody who reaches the port"),
        ({"CORS_ORIGINS": "http://a.example.org"}, "http://a.example.org is not https"),
        ({"PUBLIC_URL": "http://cds.example.org"}, "not https"),
        ({"HASH_KEY_FILE": ""}, "neither patients nor users"),
        ({"DATABASE_URL": "sqlite://"}, "in memory"),
    ],
)
def test_what_should_be_known_is_said_and_is_not_wrong(
    environment: dict[str, str], more: dict[str, str], words: str
) -> None:
    well, lines = examined(environment, **more)
    assert well
    assert told(lines, "warning", words)


def test_clients_without_identity_are_not_read(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "clients.json").write_text("not JSON")
    well, lines = examined(environment, TRUSTED_CLIENTS=str(tmp_path / "clients.json"))
    assert well
    assert told(lines, "warning", "TRUSTED_CLIENTS", "not read")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, key_set(curve=ec.SECP256R1())), "ES384, RS384"),
        ((200, key_set(secret=True)), "private key"),
        ((200, {"keys": []}), "no key set"),
        ((200, "<html>sign in</html>"), "not JSON"),
        ((404, "nothing"), "answered 404"),
        ((302, "https://elsewhere.example.org/jwks"), "another origin"),
    ],
)
def test_a_key_set_that_cannot_be_used(
    environment: dict[str, str], site: Site, tmp_path: Path, answer: tuple[int, Any], words: str
) -> None:
    site.answers["/jwks"] = answer
    client = {"issuer": "https://ehr.example.org", "jwks_url": f"{site.url}/jwks"}
    well, lines = examined({**environment, **clients_file(tmp_path, client)})
    assert not well
    assert told(lines, "wrong", "client https://ehr.example.org", words)


def test_a_key_that_no_token_can_name_is_mentioned(environment: dict[str, str], site: Site, tmp_path: Path) -> None:
    nameless = {name: value for name, value in key_set()["keys"][0].items() if name != "kid"}
    site.answers["/jwks"] = (200, {"keys": [*key_set()["keys"], nameless]})
    client = {"issuer": "https://ehr.example.org", "jwks_url": f"{site.url}/jwks"}
    well, lines = examined({**environment, **clients_file(tmp_path, client)})
    assert well
    assert told(lines, "warning", "key 2", "kid")
    assert told(lines, "ok", "usable keys: 1 (P-384)")


def test_every_fault_of_the_clients_file_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    clients = clients_file(tmp_path, {"issuer": "https://a.example.org"}, {"jwks_file": "none.json"})
    _, lines = examined({**environment, **clients})
    assert told(lines, "wrong", "clients", "client 1 (https://a.example.org)", "jwks_file or jwks_url")
    assert told(lines, "wrong", "clients", "client 2", "issuer")
    assert told(lines, "wrong", "clients", "client 2", "none.json")


@pytest.mark.parametrize(
    ("answers", "level", "words"),
    [
        ({"/mda5/health/ready": (200, READY)}, "ok", "this service answers"),
        ({"/mda5/health/ready": (200, READY | {"store": "lost"})}, "ok", "this service answers"),
        ({"/mda5/health/ready": (200, READY | {"knowledge": "1999.1"})}, "warning", "knowledge 1999.1"),
        ({"/mda5/health/ready": (401, "who?")}, "warning", "401"),
        ({"/mda5/health/ready": (502, "bad gateway")}, "warning", "does not reach it"),
        ({"/mda5/health/ready": (302, "https://other.example.org/")}, "wrong", "another origin"),
        ({"/mda5/health/ready": (200, {"status": "UP"})}, "wrong", "is the path right?"),
        ({"/mda5/health/ready": (200, "<html>")}, "wrong", "is the path right?"),
        ({"/mda5/health/ready": (200, [])}, "wrong", "is the path right?"),
        ({}, "wrong", "is the path right?"),
        ({"/health/ready": (200, READY)}, "wrong", "correct the path"),
        ({"/health/ready": (302, "https://other.example.org/")}, "wrong", "is the path right?"),
    ],
)
def test_who_answers_under_the_public_url(
    environment: dict[str, str], site: Site, answers: dict[str, tuple[int, Any]], level: str, words: str
) -> None:
    site.answers = answers
    well, lines = examined(environment, PUBLIC_URL=f"{site.url}/mda5/")
    assert told(lines, level, "public URL", words)
    assert well is (level != "wrong")


def test_a_public_url_that_does_not_answer(environment: dict[str, str], nobody: str) -> None:
    well, lines = examined(environment, PUBLIC_URL=nobody)
    assert well
    assert told(lines, "warning", "public URL", "did not answer from here")


@pytest.mark.parametrize(
    "url", ["https://cds.example.org/cds-services", "https://cds.example.org/cds-services/mda5-rpild-patient-view"]
)
def test_a_public_url_that_goes_too_far(environment: dict[str, str], url: str) -> None:
    well, lines = examined(environment, PUBLIC_URL=url)
    assert not well
    assert told(lines, "wrong", "leave out /cds-services")


@pytest.mark.parametrize(
    ("answer", "level", "words"),
    [
        ((200, METADATA), "ok", "R4"),
        ((200, METADATA | {"fhirVersion": "4.3.0"}), "ok", "R4"),
        ((200, METADATA | {"fhirVersion": "3.0.2"}), "wrong", "does not speak FHIR R4"),
        ((200, METADATA | {"fhirVersion": "5.0.0"}), "wrong", "does not speak FHIR R4"),
        ((200, METADATA | {"fhirVersion": 4}), "wrong", "CapabilityStatement"),
        ((200, {"resourceType": "OperationOutcome"}), "wrong", "CapabilityStatement"),
        ((200, "<html>"), "wrong", "CapabilityStatement"),
        ((404, "nothing"), "wrong", "404"),
        ((401, "token?"), "warning", "401"),
        ((503, "later"), "warning", "503"),
        ((302, "https://other.example.org/"), "wrong", "another origin"),
    ],
)
def test_fhir_servers(environment: dict[str, str], site: Site, answer: tuple[int, Any], level: str, words: str) -> None:
    site.answers["/fhir/metadata"] = answer
    well, lines = examined(environment, FHIR_SERVERS=f"{site.url}/fhir")
    assert told(lines, level, f"FHIR server {site.url}/fhir", words)
    assert well is (level != "wrong")


def test_an_address_that_is_never_called(environment: dict[str, str]) -> None:
    _, lines = examined(environment, FHIR_SERVERS="https://169.254.169.254/fhir")
    assert told(lines, "wrong", "can never be called")


def test_no_secret_is_printed(environment: dict[str, str], nobody: str) -> None:
    port = nobody.rpartition(":")[2]
    _, lines = examined(
        environment,
        DATABASE_URL=f"postgresql://cds:geheim-word@127.0.0.1:{port}/cds",
        FHIR_SERVERS="https://me:geheim-word@ehr.example.org/fhir",
        PUBLIC_URL="https://me:geheim-word@cds.example.org",
    )
    assert told(lines, "wrong", "database")
    assert told(lines, "wrong", "FHIR_SERVERS")
    assert "geheim" not in "\n".join(lines)


def test_a_site_policy_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("induction_days = 100\n")
    well, lines = examined(environment, POLICY=str(tmp_path / "policy.toml"))
    assert well
    assert told(lines, "ok", "policy", "policy.toml")


def test_a_policy_that_is_no_toml(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text("induction_days = \n")
    well, lines = examined(environment, POLICY=str(tmp_path / "policy.toml"))
    assert not well
    assert told(lines, "wrong", "policy", "cannot be read")


def test_one_line_each(environment: dict[str, str]) -> None:
    _, lines = examined(environment, **{"X\nwrong    forged": "1"})
    assert all(line[:9].strip() in {"ok", "warning", "wrong"} for line in lines[:-2])
    assert told(lines, "wrong", "settings", "X wrong    forged")


@pytest.fixture
def database(tmp_path: Path, environment: dict[str, str]) -> Path:
    """The SQLite file of `environment`, made by the service's own store."""
    path = Path(environment["MDA5_CDS_DATABASE_URL"].removeprefix("sqlite:///"))
    store = Store(environment["MDA5_CDS_DATABASE_URL"])
    store.migrate()
    store.close()
    return path


def sql(path: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement).fetchall()


def test_a_database_that_is_not_there_yet_is_left_so(environment: dict[str, str], tmp_path: Path) -> None:
    _, lines = examined(environment)
    assert told(lines, "ok", "database", str(tmp_path), "when the service starts")
    assert not (tmp_path / "state").exists()


def test_a_database_in_use_is_tried_and_left_as_it_was(environment: dict[str, str], database: Path) -> None:
    before = sql(database, "SELECT name FROM sqlite_schema ORDER BY name")
    _, lines = examined(environment)
    assert told(lines, "ok", "database", "can be written", "up to date")
    assert sql(database, "SELECT name FROM sqlite_schema ORDER BY name") == before


def test_a_database_of_an_older_version_is_not_migrated(environment: dict[str, str], database: Path) -> None:
    for table in [name for (name,) in sql(database, "SELECT name FROM sqlite_schema WHERE type = 'table'")]:
        sql(database, f"DROP TABLE IF EXISTS {table}")
    well, lines = examined(environment)
    assert well
    assert told(lines, "ok", "database", "brought up to date when the service starts")
    assert sql(database, "SELECT name FROM sqlite_schema WHERE type = 'table'") == []


def test_a_database_of_a_newer_version(environment: dict[str, str], database: Path) -> None:
    sql(database, "UPDATE alembic_version SET version_num = 'from-the-future'")
    well, lines = examined(environment)
    assert not well
    assert told(lines, "wrong", "database", "newer")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:///{folder}/hash.key", "no SQLite database"),
        ("sqlite:///{folder}", "opened"),
        # a folder that says to root that it may be written to, and takes no file
        ("sqlite:////proc/nowhere/cards.sqlite3", "cannot be made"),
        ("mysql://cds:geheim-word@db.example.org/cds", "sqlite:///PATH or postgresql://"),
        ("not a URL: geheim-word", "cannot be read"),
        ("sqlite:///cds.sqlite3?mode=geheim-word", "without options"),
        ("postgresql://cds:geheim-word@{nobody}/cds", "cannot be reached"),
    ],
)
def test_a_database_that_cannot_be_used(
    environment: dict[str, str], tmp_path: Path, nobody: str, url: str, words: str
) -> None:
    given = url.format(folder=tmp_path, nobody=nobody.removeprefix("http://"))
    well, lines = examined(environment, DATABASE_URL=given)
    assert not well
    assert told(lines, "wrong", "database", words)
    assert "geheim" not in "\n".join(lines)


def test_a_postgresql_that_is_empty_and_one_that_is_in_use(environment: dict[str, str], postgres_url: str) -> None:
    _, lines = examined(environment, DATABASE_URL=postgres_url)
    assert told(lines, "ok", "database", "PostgreSQL", "brought up to date when the service starts")
    with psycopg.connect(postgres_url) as connection:
        tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        assert connection.execute(tables).fetchone() == (0,)
    store = Store(postgres_url)
    store.migrate()
    store.close()
    _, lines = examined(environment, DATABASE_URL=postgres_url)
    assert told(lines, "ok", "database", "PostgreSQL", "up to date")
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM used_tokens").fetchone() == (0,)


def test_a_postgresql_that_may_be_read_only(
    environment: dict[str, str], postgres_server: PostgresServer, postgres_url: str
) -> None:
    name = postgres_url.rpartition("/")[2]
    postgres_server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    well, lines = examined(environment, DATABASE_URL=postgres_url)
    assert not well
    assert told(lines, "wrong", "database", "read-only")


def test_a_postgresql_with_another_password(
    environment: dict[str, str], postgres_server: PostgresServer, postgres_url: str
) -> None:
    secret = postgres_server.password
    well, lines = examined(environment, DATABASE_URL=postgres_url.replace(f":{secret}@", ":geheim-word@"))
    assert not well
    assert told(lines, "wrong", "database", "refuses this user or password")
    assert "geheim" not in "\n".join(lines)


def test_what_changes_nothing_is_said(environment: dict[str, str], tmp_path: Path) -> None:
    clients = clients_file(tmp_path, {"issuer": "https://ehr.example.org", "jwks_file": "keys.json"})
    (tmp_path / "keys.json").write_text(json.dumps(key_set()))
    well, lines = examined({**environment, **clients}, INSECURE="true", RESPONSE_EXTENSION="false")
    assert well
    assert told(lines, "warning", "INSECURE", "changes nothing")
    assert told(lines, "ok", "extension", "left out")


def test_a_silent_network_does_not_hold_it_up(environment: dict[str, str], tmp_path: Path) -> None:
    """Servers that take the connection and say nothing: every check gives up, and they wait side by side."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(16)
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        clients = clients_file(tmp_path, {"issuer": "https://ehr.example.org", "jwks_url": f"{url}/jwks"})
        more = {"PUBLIC_URL": url, "FHIR_SERVERS": f"{url}/a {url}/b {url}/c"}
        start = time.monotonic()
        _, lines = examined({**environment, **clients}, **more)
        assert time.monotonic() - start < 2 * SECONDS
    assert told(lines, "wrong", "client https://ehr.example.org", "time budget")
    assert sum(told([line], "warning", "did not answer from here: the time budget ran out") for line in lines) == 4
