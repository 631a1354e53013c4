"""The page and what it loads: read once at the start, served under a policy in which nothing pasted can run."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from flask import Response

from service.sandbox.errors import NotHere

PAGE = "page.html"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_MEDIA_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

Assets = Mapping[str, bytes]


def read_assets() -> Assets:
    """The files of the page by name; what is asked for later is looked up here, and never on the disk."""
    folder = files("service.sandbox") / "assets"
    return {file.name: file.read_bytes() for file in folder.iterdir() if _media_type(file.name)}


def page(assets: Assets) -> Response:
    """The page itself."""
    return _served(PAGE, assets)


def asset(name: str, assets: Assets) -> Response:
    """One of the files that the page loads. Raises NotHere."""
    if name not in assets or name == PAGE:
        raise NotHere("the sandbox has no such file")
    return _served(name, assets)


def _served(name: str, assets: Assets) -> Response:
    return Response(
        assets[name],
        content_type=f"{_media_type(name)}; charset=utf-8",
        headers={"Content-Security-Policy": POLICY},
    )


def _media_type(name: str) -> str | None:
    return _MEDIA_TYPES.get(name.rpartition(".")[2])
