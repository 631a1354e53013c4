"""`mda5-cds evaluate`: one CDS Hooks request without a server: its cards as text, its course as a picture."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import orjson

from cds_cards.cards import compose_cards
from service.discovery import SERVICE_OF_HOOK
from service.errors import InvalidField
from service.extras import PLOT, need_sandbox
from service.json_body import check_size, decode_json
from service.parts import Parts, load_parts
from service.respond import Examination, examine
from service.settings import Settings
from service.terminal import render
from service.wire import YEARS, HookRequest, decode_request, instant
from service.wire_cards import response_json

_PICTURES = (".svg", ".png")


class UsageError(Exception):
    """What was asked for cannot be done with this input; the message is for the user."""


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("request", metavar="REQUEST.json", help="the body an EHR would POST; - reads standard input")
    parser.add_argument("--as-of", type=_as_of, metavar="T", help="ISO 8601 instant with zone that replaces now")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="json: the wire response")
    parser.add_argument(
        "--plot", type=_picture, metavar="FILE", help="also draw the course of the disease: .svg or .png, by the suffix"
    )
    parser.set_defaults(command=evaluate)


def evaluate(options: argparse.Namespace, settings: Settings) -> None:
    """Prints the cards, after the picture was written.

    MissingExtra where nothing can be drawn, UsageError for files, ServiceError for what HTTP refuses.
    """
    if options.plot is not None:
        need_sandbox("--plot", PLOT)
    request, parts = _request(options, settings), load_parts(settings)
    seen = examine(request, parts)
    response = response_json(compose_cards(seen.plan), seen.plan.assessment, request, seen.bundle, parts)
    if options.plot is not None:
        _draw(seen, parts, options.plot)
    print(render(response) if options.format == "text" else json_text(response), end="")


def json_text(value: object) -> str:
    """Indented JSON with a newline at its end."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _request(options: argparse.Namespace, settings: Settings) -> HookRequest:
    data = _read(options.request)
    check_size(data, settings.max_body_bytes)
    body = decode_json(data, settings.max_nesting)
    service = SERVICE_OF_HOOK.get(str(body.get("hook")))
    if service is None:
        raise InvalidField(f"hook must be one of {', '.join(SERVICE_OF_HOOK)}")
    request = decode_request(body, service, settings)
    return request if options.as_of is None else replace(request, as_of=options.as_of)


def _draw(seen: Examination, parts: Parts, path: Path) -> None:
    # imported late: the drawing library takes its time to load
    from service.course import chart, course_of
    from service.course.picture import png, svg

    spec = chart(course_of(seen.record, seen.plan.assessment, parts.guideline))
    data = png(spec) if path.suffix.lower() == ".png" else svg(spec).encode()
    try:
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def _read(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}") from error


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in _PICTURES:
        raise argparse.ArgumentTypeError("must end in .svg or .png")
    return path


def _as_of(text: str) -> datetime:
    try:
        return instant(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be an ISO 8601 instant and zone, as 2026-03-01T10:00:00Z, in the years {YEARS[0]} to {YEARS[-1]}"
        ) from None
