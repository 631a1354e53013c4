"""An installation without the extra `sandbox`, as the container image is one: what needs it says so, the rest works."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import fixtures
from service.extras import PAGE, PLOT, MissingExtra, need_sandbox
from tests.conftest import NOW

ROOT = Path(__file__).parents[3]
# to `import`, and to those who ask, a name that stands for nothing is a library that is not installed
WITHOUT = """
import sys
sys.modules.update(dict.fromkeys({libraries!r}))
from service.cli import main
sys.exit(main({arguments!r}))
"""


def run(libraries: tuple[str, ...], *arguments: object) -> subprocess.CompletedProcess[str]:
    """One command where these libraries are not installed."""
    program = WITHOUT.format(libraries=libraries, arguments=[*map(str, arguments)])
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.fixture
def request_file(tmp_path: Path) -> Path:
    """The refractory story as a file."""
    path = tmp_path / "request.json"
    path.write_text(json.dumps(fixtures.story("refractory").render(NOW)))
    return path


@pytest.mark.parametrize("library", PAGE)
def test_one_that_is_missing_is_enough(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    need_sandbox("--sandbox", PAGE)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtra, match="--sandbox needs libraries that are not installed here"):
        need_sandbox("--sandbox", PAGE)


@pytest.mark.parametrize("library", [PAGE[0], PAGE[-1]])
def test_the_page_needs_all_of_them(library: str) -> None:
    ran = run((library,), "serve", "--sandbox", "--port", "0")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("mda5-cds: --sandbox needs libraries that are not installed here")
    assert "mda5-cds[sandbox]" in ran.stderr


def test_a_picture_needs_the_drawing_library(request_file: Path) -> None:
    plot = request_file.with_name("course.svg")
    ran = run(PLOT, "evaluate", request_file, "--plot", plot)
    assert (ran.returncode, ran.stdout, plot.exists()) == (2, "", False)
    assert ran.stderr.startswith("mda5-cds: --plot needs libraries that are not installed here")


def test_cards_need_none_of_them(request_file: Path) -> None:
    ran = run(PAGE, "evaluate", request_file, "--as-of", NOW.isoformat(), "--format", "json")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout)["cards"]


def test_a_picture_alone_needs_nothing_of_the_page(request_file: Path) -> None:
    plot = request_file.with_name("course.svg")
    ran = run(tuple({*PAGE} - {*PLOT}), "evaluate", request_file, "--as-of", NOW.isoformat(), "--plot", plot)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert plot.read_text(encoding="utf-8").startswith("<svg ")


def test_the_extra_brings_them() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    owners = {packages_distributions()[library][0] for library in PAGE} - {"linkify-it-py"}
    assert {line.split("[")[0].split(">")[0] for line in extras["sandbox"]} == owners
    assert any(line.startswith("markdown-it-py[linkify]") for line in extras["sandbox"])
