"""The pages themselves: their links lead somewhere, their examples are true, and the site builds from them alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cds_cards.knowledge import load_guideline
from tests.pages import DOCS, ROOT, fences, links, name_of, paths, slugs, spans

# folders and files that a page may name as code
_PLACE = re.compile(r"(?:service|cds_cards|fixtures|tests|docs|deploy|benchmarks)/[\w./-]*|\.ci/run")

every_page = pytest.mark.parametrize("path", paths(), ids=name_of)


@every_page
def test_links_lead_somewhere(path: Path) -> None:
    for link in links(path):
        if re.match(r"[a-z]+:", link):
            assert re.match(r"https://|http://127\.0\.0\.1", link), link
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.is_relative_to(ROOT), link
        assert file.exists(), link
        assert not anchor or anchor in slugs(file), link


@every_page
def test_files_that_a_page_names_are_there(path: Path) -> None:
    for span in spans(path):
        if _PLACE.fullmatch(span):
            assert (ROOT / span).exists(), span


@every_page
def test_examples_are_what_they_say(path: Path) -> None:
    for block in fences(path, "json"):
        assert isinstance(json.loads(block), dict)
    for block in fences(path, "toml"):
        load_guideline(tomllib.loads(block))


@pytest.mark.load  # not again under the second Python: the site is made once, and takes some seconds
def test_the_site_builds_without_a_warning_and_without_anything_from_elsewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", str(tmp_path / "read")]
    built = subprocess.run([*command, str(DOCS), str(tmp_path / "site")], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    for page in DOCS.glob("*.md"):
        html = (tmp_path / "site" / f"{page.stem}.html").read_text(encoding="utf-8")
        loaded = re.findall(r"""<(?:script|img|iframe|link)\b[^>]*?(?:src|href)=["'](\w+:|//)[^"']*""", html)
        assert loaded == [], page.name
    assert "A-aDO₂" in (tmp_path / "site" / "glossary.html").read_text(encoding="utf-8")
