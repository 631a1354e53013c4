"""The watch over the run's log: it finds what was planted, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.log_watch import distinctive, found, own_words, told

ROOT = Path(__file__).parents[4]
CONFTEST = """
from tests.log_watch import LogWatch

def pytest_configure(config):
    config.pluginmanager.register(LogWatch(config), "log-watch")
"""
RUN = """
import logging
from flask import Flask, request
from tests.log_watch import log_file, sensitive

log = logging.getLogger("service.planted")
app = Flask("planted")

@app.post("/")
def answer():
    {said}
    return ""

def test_call():
    body = {{"context": {{"patientId": "mrn-778899"}}, "fhirAuthorization": {{"access_token": "Sea-shell.77"}},
            "prefetch": {{"patient": {{"resourceType": "Patient", "birthDate": "1970-05-04",
                                     "name": [{{"family": "Müller-Lüdenscheidt"}}]}}}}}}
    app.test_client().post("/", json=body, headers={{"Authorization": "Bearer sent.by.nobody"}})

def test_process():
    sensitive("Told-by-hand", "Lüders-1")
    log_file("other").write_text({written!r})
"""


def run(folder: Path, *, said: str = "pass", written: str = "", more: tuple[str, ...] = ()) -> tuple[int, str]:
    """Exit code and output of a run of pytest in which a call logs and a process writes."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_planted.py").write_text(RUN.format(said=said, written=written))
    plugins = ("-p", "xdist", "-p", "no:cacheprovider")
    command = [sys.executable, "-m", "pytest", "-q", *plugins, *more, "-o", f"pythonpath={ROOT}", "."]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # the others take longer than the run
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


PLANTED = """
    log.warning("no chart for %s", request.json["context"]["patientId"])
    log.warning("who", extra={"family": "Müller-Lüdenscheidt"})
    log.warning("token Sea-shell.77 expired")
    log.warning("header %s", request.headers["Authorization"])
    logging.getLogger("sqlalchemy.x").warning("INSERT 1970-05-04")
"""


def test_planted_leaks_fail_the_run_and_are_shown(tmp_path: Path) -> None:
    status, output = run(tmp_path, said=PLANTED, written='Traceback: Told-by-hand\n{"message": "L\\u00fcders-1"}')
    assert (status, "2 passed" in output) == (1, True), output
    shown = output.split("log watch:")[1]
    for leak in ("mrn-778899", "Müller-Lüdenscheidt", "Sea-shell.77", "sent.by.nobody", "1970-05-04", "Told-by-hand"):
        assert leak in shown
    assert "Lüders-1" in shown, "written by a process that escapes what is not ASCII"


def test_workers_are_watched_too(tmp_path: Path) -> None:
    status, output = run(tmp_path, said=PLANTED, more=("-n", "2"))
    assert (status, "mrn-778899" in output.split("log watch:")[1]) == (1, True)


def test_a_clean_run_passes(tmp_path: Path) -> None:
    status, output = run(tmp_path, said="log.warning('a chart was asked for')", written="mrn-7788990")
    assert (status, "log watch" in output) == (0, False), output


@pytest.mark.parametrize("text", ["short", "untreated", "0000000", "with\nbreak", "mda5-cds"])
def test_what_proves_nothing_is_not_searched(text: str) -> None:
    assert not distinctive(text)


@pytest.mark.parametrize("text", ["mrn-12", "Müller", "123456", "first-bearer-token"])
def test_what_can_only_have_been_sent_is_searched(text: str) -> None:
    assert distinctive(text)


def test_the_telling_elements_of_a_request() -> None:
    patient = {
        "resourceType": "Patient",
        "id": "p-1",
        "identifier": [{"system": "https://ehr.example.org/mrn", "value": "MRN-1"}],
        "name": [{"use": "official", "family": "Family", "given": ["Given"]}],
        "birthDate": "1970-05-04",
    }
    observation = {"status": "final", "subject": {"reference": "https://ehr.example.org/fhir/Patient/p-2"}}
    heard = set(told({"prefetch": {"patient": patient, "observations": {"entry": [{"resource": observation}]}}}))
    assert heard == {
        *("p-1", "MRN-1", "Family", "Given", "1970-05-04"),
        *("https://ehr.example.org/fhir/Patient/p-2", "p-2"),
    }


@pytest.mark.parametrize(
    "line",
    [
        "token eyJhbGciOiJFUzM4NCJ9.eyJpc3MiOiJ4In0.c2ln",
        "Authorization: Bearer abcdefgh12",
        "GET /fhir/Patient/12",
        '{"resourceType": "Observation"}',
        '{"message": "{\\"birthDate\\": \\"1970\\"}"}',
        "postgresql://service:secret@db/cards",
    ],
)
def test_some_things_are_leaks_whoever_sent_them(line: str) -> None:
    assert found([line], set())


def test_words_are_found_whole_and_volatile_fields_are_not_searched() -> None:
    lines = ['{"time": "mrn-778899", "request_id": "mrn-778899", "message": "done"}', "xmrn-778899", "mrn-7788990"]
    assert found(lines, {"mrn-778899"}) == {}
    assert found(["of mrn-778899."], {"mrn-778899"}) == {"of mrn-778899.": "mrn-778899"}


def test_what_the_log_says_of_itself_is_no_find() -> None:
    own = own_words()
    assert {"call answered", "unrouted", "MethodNotAllowed", "BodyTooLarge"} <= own
    assert not {"Maria Garcia-Lopez", "Patient/p1"} & own
