"""The command line: exit codes, what goes to which stream, and that a user's slip is told in one line."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fixtures
from service import cli
from service.parts import utc_now
from tests.contract.conformance import check_response

ROOT = Path(__file__).parents[3]


def request_body() -> dict[str, Any]:
    """A patient-view of an adult with nothing on record."""
    return {
        "hook": "patient-view",
        "hookInstance": "00000000-0000-4000-8000-000000000001",
        "context": {"patientId": "p1", "userId": "Practitioner/1"},
        "prefetch": {
            "patient": {"resourceType": "Patient", "id": "p1", "birthDate": "1960-01-01"},
            **dict.fromkeys(("observations", "medications", "conditions")),
        },
    }


@pytest.fixture
def request_file(tmp_path: Path) -> Path:
    """The request as a file."""
    path = tmp_path / "request.json"
    path.write_text(json.dumps(request_body()))
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one command."""
    try:
        code = cli.main(arguments)
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_evaluate_prints_an_honest_reason_for_silence(capsys: pytest.CaptureFixture[str], request_file: Path) -> None:
    code, out, err = run(capsys, "evaluate", str(request_file))
    assert (code, err) == (0, "")
    assert "WHAT WAS FOUND" in out
    assert "Nothing to say, because the anti-MDA5 antibody is unknown" in out


def test_evaluate_gives_the_wire_response(capsys: pytest.CaptureFixture[str], request_file: Path) -> None:
    code, out, _ = run(capsys, "evaluate", str(request_file), "--format", "json", "--as-of", "2026-01-31T10:00:00Z")
    assert code == 0
    assert check_response(200, None, out.encode(), request_body()) == []
    assert json.loads(out)["extension"]["mda5-cds.assessment"]["asOf"] == "2026-01-31T10:00:00Z"


def test_evaluate_reads_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    typed = io.TextIOWrapper(io.BytesIO(json.dumps(request_body()).encode()))
    monkeypatch.setattr(sys, "stdin", typed)
    code, out, _ = run(capsys, "evaluate", "-", "--format", "json")
    assert code == 0
    assert json.loads(out)["cards"] == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hook": "patient-open"}, "hook must be one of patient-view, order-select, order-sign"),
        ({"hook": None}, "hook must be one of"),
        ({"hookInstance": ""}, "hookInstance is required"),
        ({"prefetch": {}}, "could not be obtained: patient, observations, medications, conditions"),
        ({"prefetch": {"patient": 7}}, "not a FHIR Patient"),
    ],
)
def test_what_http_would_refuse_exits_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    path = tmp_path / "request.json"
    path.write_text(json.dumps(request_body() | changes))
    code, out, err = run(capsys, "evaluate", str(path))
    assert (code, out) == (2, "")
    assert err.startswith("mda5-cds: ")
    assert words in err
    assert "Traceback" not in err


def test_a_file_that_is_not_there_or_no_json_exits_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = run(capsys, "evaluate", str(tmp_path / "none.json"))
    assert code == 2
    assert "cannot read" in err
    (tmp_path / "text.json").write_text("hello")
    code, _, err = run(capsys, "evaluate", str(tmp_path / "text.json"))
    assert code == 2
    assert "not valid JSON" in err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("unknown",),
        ("evaluate",),
        ("evaluate", "x.json", "--as-of", "yesterday"),
        ("evaluate", "x.json", "--format", "html"),
        ("serve", "--port", "high"),
        ("fixtures", "show", "nobody"),
        ("demo", "nobody"),
    ],
)
def test_bad_usage_exits_2(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err


def test_bad_settings_exit_2(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MDA5_CDS_AUTH", "jwt")
    monkeypatch.setenv("MDA5_CDS_MODE", "quiet")
    code, _, err = run(capsys, "fixtures")
    assert code == 2
    assert "AUTH=jwt needs MDA5_CDS_TRUSTED_CLIENTS" in err
    assert "MDA5_CDS_MODE" in err


def test_serve_beyond_loopback_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "serve", "--host", "0.0.0.0")  # noqa: S104 - refused before anything is bound
    assert code == 2
    assert "MDA5_CDS_INSECURE=true" in err


@pytest.mark.parametrize("arguments", [("fixtures",), ("fixtures", "list")])
def test_fixtures_are_listed_with_their_story(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    code, out, _ = run(capsys, *arguments)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(fixtures.names())
    assert fixtures.story(fixtures.names()[0]).story in out


def test_a_fixture_is_shown_as_a_request(capsys: pytest.CaptureFixture[str]) -> None:
    name = fixtures.names()[0]
    code, out, _ = run(capsys, "fixtures", "show", name)
    assert code == 0
    assert json.loads(out)["hook"] == fixtures.story(name).hook


def test_fixtures_are_written_as_files_that_evaluate_reads(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "fixtures", "write", str(tmp_path / "new" / "folder"))
    assert (code, out) == (0, "")
    written = sorted((tmp_path / "new" / "folder").iterdir())
    assert {path.stem for path in written} == set(fixtures.names())
    assert run(capsys, "evaluate", str(written[0]))[0] == 0


def test_a_folder_that_cannot_be_written_exits_2(capsys: pytest.CaptureFixture[str], request_file: Path) -> None:
    code, _, err = run(capsys, "fixtures", "write", str(request_file))
    assert code == 2
    assert "cannot write" in err


def test_a_reader_that_goes_away_is_no_failure() -> None:
    command = [sys.executable, "-m", "service", "fixtures", "show", fixtures.names()[0]]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, cwd=ROOT, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_demo_prints_the_cards_of_several_stories(capfd: pytest.CaptureFixture[str]) -> None:
    code = cli.main(["demo"])
    out = capfd.readouterr().out
    assert code == 0
    assert out.count("CARDS: ") >= 4
    assert out.endswith("The demo's server has stopped.\n")


def test_a_demo_whose_server_does_not_start_exits_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    code, _, err = run(capsys, "demo")
    assert code == 1
    assert "the server did not start" in err


def test_a_fixture_is_dated_relative_to_now() -> None:
    name = fixtures.names()[0]
    assert fixtures.story(name).render(utc_now())["hook"] == fixtures.story(name).hook
