"""The page and what it loads: no script or style of its own, and a policy that lets none run."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.headers import SECURITY_HEADERS
from service.sandbox.page import PAGE, POLICY, read_assets
from service.settings import Settings

ASSETS = read_assets()
KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml; charset=utf-8",
}
LOADED = sorted(set(ASSETS) - {PAGE})


@pytest.fixture(scope="module")
def page_client() -> FlaskClient:
    from service.app import create_app

    return create_app(Settings(sandbox=True)).test_client()


def addresses(text: str) -> Iterator[str]:
    """What the page loads, and what its modules and its style sheet load in turn."""
    yield from re.findall(r"""(?:\ssrc|<link[^>]*\shref)="([^"]+)\"""", text)
    yield from re.findall(r"""(?:from|import)\s*\(?["']([^"']+)["']""", text)
    yield from re.findall(r"""url\(["']?(?!data:)([^"')]+)""", text)


@pytest.mark.parametrize("path", ["/", *(f"/sandbox/assets/{name}" for name in LOADED)])
def test_the_headers_of_the_page_and_its_files(page_client: FlaskClient, path: str) -> None:
    answer = page_client.get(path)
    assert answer.status_code == 200
    expected = {**SECURITY_HEADERS, "Content-Security-Policy": POLICY}
    assert {name: answer.headers[name] for name in expected} == expected
    kind = KINDS[(path.removesuffix("/") or PAGE).rpartition(".")[2]]
    assert answer.headers["Content-Type"] == kind
    assert answer.data == ASSETS[path.rpartition("/")[2] or PAGE]


def test_the_policy() -> None:
    rules = dict(rule.split(" ", 1) for rule in POLICY.split("; "))
    assert rules == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }


def test_the_page_holds_no_script_or_style_of_its_own() -> None:
    page = ASSETS[PAGE].decode()
    assert re.findall(r"<script(?![^>]*\ssrc=)[^>]*>|<style|\sstyle=|\son\w+\s*=|javascript:", page) == []


def test_everything_that_is_loaded_is_served_here() -> None:
    named = {address for text in ASSETS.values() for address in addresses(text.decode())}
    here = {each.removeprefix("/sandbox/assets/").removeprefix("./") for each in named if not each.startswith("data:")}
    assert here - set(ASSETS) == set()
    assert any(name.endswith(".js") for name in here)
    assert any(name.endswith(".css") for name in here)


@pytest.mark.parametrize(
    "path",
    [
        "/sandbox/assets/",
        "/sandbox/assets/nothing.js",
        "/sandbox/assets/page.html",
        "/sandbox/assets/..",
        "/sandbox/assets/../page.py",
        "/sandbox/assets/%2e%2e/page.py",
        "/sandbox/assets/..%2fpage.py",
        "/sandbox/assets/%2fetc%2fpasswd",
        "/sandbox/assets/__init__.py",
        "/sandbox/",
    ],
)
def test_no_other_file(page_client: FlaskClient, path: str) -> None:
    answer = page_client.get(path)
    assert (answer.status_code, answer.get_json()["resourceType"]) == (404, "OperationOutcome")
    assert answer.headers["Content-Security-Policy"] == SECURITY_HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/", "/sandbox/assets/page.css", "/sandbox/stories", "/sandbox/stories/refractory"])
def test_nothing_of_it_without_the_sandbox(client: FlaskClient, app: Flask, path: str) -> None:
    assert client.get(path).status_code == 404
    assert not [rule.rule for rule in app.url_map.iter_rules() if rule.rule == "/" or "sandbox" in rule.rule]
