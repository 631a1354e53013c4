"""`mda5-cds evaluate --plot`: a picture beside the cards, and one line for what cannot be done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fixtures
from tests.conftest import NOW

ROOT = Path(__file__).parents[3]
INSTANT = "2026-03-01T10:00:00Z"


@pytest.fixture
def request_file(tmp_path: Path) -> Path:
    """The refractory story as a file."""
    path = tmp_path / "request.json"
    path.write_text(json.dumps(fixtures.story("refractory").render(NOW)))
    return path


def evaluate(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    from service import cli

    try:
        code = cli.main(["evaluate", *map(str, arguments)])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize(("name", "begins"), [("course.svg", b"<svg "), ("course.PNG", b"\x89PNG")])
def test_the_suffix_decides_and_the_cards_are_printed_too(
    capsys: pytest.CaptureFixture[str], request_file: Path, name: str, begins: bytes
) -> None:
    plot = request_file.with_name(name)
    code, out, err = evaluate(capsys, request_file, "--as-of", INSTANT, "--plot", plot)
    assert (code, err) == (0, "")
    assert plot.read_bytes().startswith(begins)
    assert (0, out, "") == evaluate(capsys, request_file, "--as-of", INSTANT)
    assert "rec-4" in out


def test_the_wire_response_can_stand_beside_a_picture(capsys: pytest.CaptureFixture[str], request_file: Path) -> None:
    plot = request_file.with_name("course.svg")
    code, out, _ = evaluate(capsys, request_file, "--as-of", INSTANT, "--format", "json", "--plot", plot)
    assert code == 0
    assert json.loads(out)["cards"]
    assert "tacrolimus: running, since 2026-02-15" in plot.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["course.pdf", "course", ".svg", "course.svg.txt"])
def test_another_suffix_is_refused_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], request_file: Path, name: str
) -> None:
    code, out, err = evaluate(capsys, request_file, "--plot", request_file.with_name(name))
    assert (code, out) == (2, "")
    assert "must end in .svg or .png" in err
    assert not request_file.with_name(name).exists()


def test_a_file_that_cannot_be_written_exits_2(capsys: pytest.CaptureFixture[str], request_file: Path) -> None:
    plot = request_file.parent / "none" / "course.svg"
    code, out, err = evaluate(capsys, request_file, "--as-of", INSTANT, "--plot", plot)
    assert (code, out) == (2, "")
    assert err == f"mda5-cds: cannot write {plot}: No such file or directory\n"


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_a_time_beyond_the_calendar_is_refused(
    capsys: pytest.CaptureFixture[str], request_file: Path, year: str
) -> None:
    code, _, err = evaluate(capsys, request_file, "--as-of", f"{year}-01-01T00:00:00Z")
    assert code == 2
    assert "in the years 1000 to 8999" in err


def test_without_a_picture_the_drawing_library_is_not_loaded(request_file: Path) -> None:
    program = (
        "import sys; from service.cli import main; "
        f"code = main(['evaluate', {str(request_file)!r}]); "
        "sys.exit(code or 'vl_convert' in sys.modules)"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=request_file.parent, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stderr) == (0, "")
