"""What the documentation says exists, and what exists is documented; its links lead somewhere; the site builds."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException

import fixtures
from service import worker
from service.app import create_app
from service.cli import _parser
from service.errors import ServiceError
from service.prefetch import KEYS, REQUIRED_KEYS
from service.settings import (
    _NOT_OURS,
    DEFAULT_REQUESTS_PER_MINUTE,
    Settings,
    read_settings,
)
from service.variables import PREFIX
from tests.pages import ROOT, commands, first_column, name_of, paths, spans, table

PAGES = paths()
REFERENCE = "reference.md"
VARIABLES = {PREFIX + field.name.upper(): field.name for field in fields(Settings) if field.name != "sandbox"}
_ROUTE = re.compile(r"(?:(GET|POST) )?(/(?:cds-services|health|metrics|openapi|sandbox)?[\w/{}.-]*)(?:\?.*)?")
_WHOLE_TEXT = {path: path.read_text(encoding="utf-8") for path in PAGES}

every_page = pytest.mark.parametrize("path", PAGES, ids=name_of)


@pytest.fixture(scope="module")
def sandbox() -> Flask:
    return create_app(Settings(sandbox=True))


# ── settings ──


def test_every_setting_has_its_row_and_no_other() -> None:
    assert sorted(first_column(REFERENCE, "Settings")) == sorted(VARIABLES)


@pytest.mark.parametrize("variable", VARIABLES)
def test_the_default_of_a_setting(variable: str) -> None:
    (row,) = [row for row in table(REFERENCE, "Settings") if row[0].code == (variable,)]
    value = getattr(read_settings({"HOME": "$HOME", variable: ""}), VARIABLES[variable])
    nothing = value in (None, (), frozenset())
    written = f"{value:g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else value
    assert row[1].text == ("–" if nothing else f"`{written}`")


def test_the_rate_of_identified_clients() -> None:
    (row,) = [row for row in table(REFERENCE, "Settings") if row[0].code == (f"{PREFIX}REQUESTS_PER_MINUTE",)]
    assert f"default is {DEFAULT_REQUESTS_PER_MINUTE}" in row[2].text


@every_page
def test_no_page_names_a_setting_that_is_none(path: Path) -> None:
    known = {*VARIABLES, *(PREFIX + name for name in _NOT_OURS), PREFIX}
    assert set(re.findall(rf"{PREFIX}[A-Z_]*", _WHOLE_TEXT[path])) <= known


# ── routes ──


def _routes(app: Flask) -> set[str]:
    return {
        f"{method} {_braces(rule.rule)}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def _braces(rule: str) -> str:
    return re.sub(r"<(?:\w+:)?(?:service_)?(\w+)>", r"{\1}", rule)


def test_every_route_has_its_row_and_no_other(app: Flask, sandbox: Flask) -> None:
    assert set(first_column(REFERENCE, "Routes", 0)) == _routes(app)
    assert set(first_column(REFERENCE, "Routes", 1)) == _routes(sandbox) - _routes(app)
    assert _routes(sandbox) > _routes(app)


def test_which_routes_need_a_token(sandbox: Flask, tmp_path: Path) -> None:
    """Asked of the service itself: without a token a guarded route is a 401 before anything else of the call."""
    guarded = create_app(Settings(auth="jwt", sandbox=True, trusted_clients=_clients(tmp_path)))
    for row in (*table(REFERENCE, "Routes", 0), *table(REFERENCE, "Routes", 1)):
        method, route = row[0].code[0].split()
        path = route.replace("{id}", "mda5-rpild-patient-view").replace("{name}", "page.css")
        status = guarded.test_client().open(path, method=method, json={} if method == "POST" else None).status_code
        assert (status == 401) == (row[2].text == "needed"), row[0].text


def _clients(folder: Path) -> Path:
    """A file with one client, whose keys nobody needs."""
    file = folder / "clients.json"
    file.write_text(json.dumps({"clients": [{"issuer": "https://e.example", "jwks_url": "https://e.example/k"}]}))
    return file


@every_page
def test_no_page_names_a_route_that_is_none(path: Path, sandbox: Flask) -> None:
    known = _routes(sandbox)
    # a page may speak of `/health` or of what ends in `/feedback`
    parts = {part for _, route in map(str.split, known) for part in (*_beginnings(route), f"/{route.rsplit('/')[-1]}")}
    for span in spans(path):
        if (found := _ROUTE.fullmatch(span)) and not span.startswith("/var/"):
            method, route = found[1], re.sub(r"mda5-rpild-[\w-]+", "{id}", found[2])
            assert f"{method} {route}" in known if method else route in parts, span


def _beginnings(route: str) -> Iterator[str]:
    words = route.split("/")
    return ("/".join(words[:end]) or "/" for end in range(2, len(words) + 1))


@every_page
def test_what_is_called_in_an_example_is_there(path: Path, sandbox: Flask) -> None:
    router = sandbox.url_map.bind("127.0.0.1")
    for url in re.findall(r"http://127\.0\.0\.1:800[01](/[\w/-]*)", _WHOLE_TEXT[path]):
        methods = [method for method in ("GET", "POST") if _matches(router, url, method)]
        assert methods, url


def _matches(router: object, url: str, method: str) -> bool:
    try:
        router.match(url, method)  # type: ignore[attr-defined]
    except HTTPException:
        return False
    return True


def test_the_statuses_of_refusals() -> None:
    own = {kind.status for kind in _kinds(ServiceError)}
    of_the_server = {status for status, *_ in (*worker._REFUSALS.values(), worker._MALFORMED, worker._TOO_MANY)}
    documented = [int(row[0].text) for row in table("integrating.md", "6. Errors, and what to do")]
    # 405 is the router's, 500 is what nobody foresaw
    assert documented == sorted(own | of_the_server | {405, 500})


def _kinds(kind: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for below in kind.__subclasses__():
        if hasattr(below, "status"):
            yield below
        yield from _kinds(below)


def test_the_prefetch_keys() -> None:
    rows = table("integrating.md", "2. What the EHR sends: prefetch")
    assert {row[0].code[0]: "(required)" in row[0].text for row in rows} == {key: key in REQUIRED_KEYS for key in KEYS}


# ── commands ──


def _commands() -> Mapping[str, argparse.ArgumentParser]:
    """The commands that do something when nothing follows them but their arguments."""
    found: dict[str, argparse.ArgumentParser] = {}

    def walk(name: str, parser: argparse.ArgumentParser) -> None:
        below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        if not below:
            found[name] = parser
        for action in below:
            for word, sub in action.choices.items():
                walk(f"{name} {word}", sub)

    walk("mda5-cds", _parser())
    return found


def _arguments(parser: argparse.ArgumentParser) -> set[str]:
    """Long options, and what stands for the positional ones."""
    options = {option for action in parser._actions for option in action.option_strings if option.startswith("--")}
    positional = {str(action.metavar) for action in parser._actions if not action.option_strings}
    return (options | positional) - {"--help"}


def test_every_command_has_its_row_with_all_that_it_takes() -> None:
    documented = {row[0].code[0]: set(row[1].code) for row in table(REFERENCE, "Commands")}
    assert documented == {name: _arguments(parser) for name, parser in _commands().items()}


@every_page
def test_what_the_reader_is_told_to_type_exists(path: Path) -> None:
    for line in commands(path):
        words = [word for word in shlex.split(line.split(" > ")[0], comments=True) if "=" not in word]
        if words[0].endswith("mda5-cds"):
            _check_command(words[1:], line)
        elif words[0] == "make":
            assert words[1:] == [] or words[1] in _targets(), line


def _check_command(words: list[str], line: str) -> None:
    known = _commands()
    name = next(
        (" ".join(("mda5-cds", *words[:n])) for n in (2, 1) if " ".join(("mda5-cds", *words[:n])) in known), None
    )
    whole_group = words and any(each.startswith(f"mda5-cds {words[0]} ") for each in known) and len(words) == 1
    assert name or whole_group or words == ["COMMAND"], line
    options = {word.split("=")[0] for word in words if word.startswith("--")}
    assert not name or options <= _arguments(known[name]) | {"--help"}, line
    if name == "mda5-cds fixtures show":
        assert {*words[2:]} <= {*fixtures.names(), "NAME"}, line


def _targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^#   make ([\w-]+)", text, re.MULTILINE))


def test_every_target_of_the_makefile_is_explained() -> None:
    documented = [code.removeprefix("make ") for code in first_column("contributing.md", "Commands")]
    assert set(documented) == _targets()
