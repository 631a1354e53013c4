"""The routes of the sandbox, for its page and nobody else.

They are no part of the service's API and not described in `/openapi.json`: they may change with the page. What is
tried out, the page sends to the service's own routes, as an EHR would.
"""

from __future__ import annotations

from flask import Blueprint, Flask, Response, current_app, jsonify, request

from service.front import Front
from service.json_body import decode_json, read_body
from service.parts import PARTS, Parts
from service.routes_operations import FRONT
from service.sandbox.examination import examination_json
from service.sandbox.feedback import feedback_json
from service.sandbox.markdown import MOST_BYTES, html_of
from service.sandbox.page import Assets, asset, page, read_assets
from service.sandbox.stories import stories_json, story_request
from service.telemetry.calls import note_client

sandbox = Blueprint("sandbox", __name__)
_ASSETS = "mda5-cds.sandbox-assets"


def add_sandbox(app: Flask) -> None:
    """Registers the page and what it asks for."""
    app.extensions[_ASSETS] = read_assets()
    app.register_blueprint(sandbox)


@sandbox.get("/")
def show_page() -> Response:
    """The page; it holds nothing of anybody."""
    return page(_assets())


@sandbox.get("/sandbox/assets/<name>")
def show_asset(name: str) -> Response:
    """What the page loads."""
    return asset(name, _assets())


@sandbox.get("/sandbox/stories")
def list_stories() -> Response:
    """The story patients, and where their requests are sent."""
    _admitted()
    return jsonify(stories_json(_parts().settings))


@sandbox.get("/sandbox/stories/<name>")
def tell_story(name: str) -> Response:
    """The request of one story, dated relative to now."""
    _admitted()
    return jsonify(story_request(name, _parts().clock()))


@sandbox.post("/sandbox/markdown")
def render_markdown() -> Response:
    """Details of cards as HTML."""
    body = _posted(MOST_BYTES)
    _admitted()
    return jsonify(html=html_of(body))


@sandbox.post("/sandbox/examination")
def explain_request() -> Response:
    """Why the cards of a request are what they are."""
    parts = _parts()
    body = _posted(parts.settings.max_body_bytes)
    return jsonify(examination_json(body, _admitted(), request.args.get("asOf"), parts))


@sandbox.get("/sandbox/feedback")
def show_feedback() -> Response:
    """What is stored of the feedback on one card."""
    client = _admitted()
    front: Front = current_app.extensions[FRONT]
    return jsonify(feedback_json(front.store, client, request.args.get("card")))


def _posted(most: int) -> dict[str, object]:
    settings = _parts().settings
    return decode_json(read_body(request, min(most, settings.max_body_bytes)), settings.max_nesting)


def _admitted() -> str:
    """The client that calls, as the audit and the feedback know it."""
    front: Front = current_app.extensions[FRONT]
    caller = front.gate.recognise(request)
    note_client(caller.label)
    return caller.client


def _parts() -> Parts:
    parts: Parts = current_app.extensions[PARTS]
    return parts


def _assets() -> Assets:
    assets: Assets = current_app.extensions[_ASSETS]
    return assets
