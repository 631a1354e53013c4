"""What the image installs, by lock, bill of materials and licence: three lists that are one."""

from __future__ import annotations

import json
import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
IMAGE = ROOT / "deploy" / "image"
_LOCKED = re.compile(r"^([\w.-]+)==([^\s;]+)(.*)$", re.MULTILINE)


def locked(name: str) -> dict[tuple[str, str], set[str]]:
    """Each library of a lock with its version, and the hashes of its files."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", "")
    return {(found[1], found[2]): set(re.findall(r"sha256:(\w+)", found[3])) for found in _LOCKED.finditer(text)}


@pytest.fixture(scope="module")
def materials() -> dict[str, Any]:
    """The bill of materials."""
    found: dict[str, Any] = json.loads((IMAGE / "sbom.cdx.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def licences() -> dict[str, Any]:
    """The script that writes the page of licences."""
    return runpy.run_path(str(IMAGE / "licences.py"))


def test_the_bill_of_materials_is_the_lock(materials: dict[str, Any]) -> None:
    listed = {
        (each["name"], each["version"]): {
            found["content"] for place in each["externalReferences"] for found in place.get("hashes", ())
        }
        for each in materials["components"]
    }
    assert listed == locked("requirements.lock")
    assert all(hashes for hashes in listed.values())
    assert {each["purl"] for each in materials["components"]} == {f"pkg:pypi/{n}@{version}" for n, version in listed}


def test_it_is_a_cyclonedx_document_of_this_version(materials: dict[str, Any]) -> None:
    text = (IMAGE / "sbom.cdx.json").read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    about = materials["metadata"]["component"]
    assert (about["name"], about["version"]) == (PROJECT["name"], PROJECT["version"])
    assert "timestamp" not in materials["metadata"], "the same lock makes the same file"
    assert "serialNumber" not in materials


def test_what_needs_no_page_and_no_picture_is_the_same_everywhere() -> None:
    image, clone, tests = map(locked, ("requirements.lock", "requirements-sandbox.lock", "requirements-test.lock"))
    assert image.items() <= clone.items() <= tests.items()
    more = {name for name, _ in clone.keys() - image.keys()}
    assert {"vl-convert-python", "markdown-it-py", "linkify-it-py", "nh3"} <= more
    assert not more & {name for name, _ in image}


def test_the_page_of_licences_is_what_the_libraries_say(licences: dict[str, Any]) -> None:
    assert licences["PAGE"].read_text(encoding="utf-8") == licences["page"]()


def test_a_licence_that_nobody_looked_at_is_no_good_one(
    licences: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "licences.md"
    own = licences["main"].__globals__
    monkeypatch.setitem(own, "PAGE", page)
    assert licences["main"]() == 0
    assert page.read_text(encoding="utf-8") == licences["page"]()
    page.unlink()
    monkeypatch.setitem(own, "PERMISSIVE", {})
    assert licences["main"]() == 1
    assert "alembic: 'MIT'" in capsys.readouterr().err
    assert not page.exists()


def test_what_is_not_permissive_is_known(licences: dict[str, Any]) -> None:
    """Of each of these somebody has judged that it may be shipped as it is; another one wants the same."""
    found = {name for name in licences["locked"]() if licences["stated"](name) in licences["OF_THE_FILES"]}
    assert found == {"certifi", "orjson", "psycopg", "psycopg-binary"}


def test_setup_installs_what_the_page_needs() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (setup,) = re.findall(r"^\$\(RUNTIME\): .*\n\t(.*)", makefile, re.MULTILINE)
    assert re.findall(r"-r (\S+)", setup) == ["requirements-sandbox.lock", "requirements-build.lock"]
