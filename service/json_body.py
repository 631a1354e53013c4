"""The bytes of a request's body, and strict JSON out of them: bounded in size and nesting."""

from __future__ import annotations

import orjson
from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from service.errors import BodyTooLarge, MalformedJson, UnsupportedMedia

_BOM = b"\xef\xbb\xbf"
_DEEPEST = 1024
"""orjson refuses what is nested deeper than so many levels (its documentation says so, and a test here)."""
_NO_OBJECT = "the body must be a JSON object"


def read_body(request: Request, max_bytes: int) -> bytes:
    """The body of a JSON request, read no further than `max_bytes`, chunked bodies too."""
    if not request.is_json:
        raise UnsupportedMedia("the body must be sent as application/json")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMedia("the body must not be compressed (Content-Encoding)")
    # of a chunked body the rest beyond the limit is dropped without a word: one byte more shows that there was a rest
    request.max_content_length = max_bytes + 1
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise _too_large(max_bytes) from None
    check_size(body, max_bytes)
    return body


def check_size(body: bytes, max_bytes: int) -> None:
    """BodyTooLarge for a body beyond the limit."""
    if len(body) > max_bytes:
        raise _too_large(max_bytes)


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body is larger than {max_bytes} bytes")


def decode_json(body: bytes, max_nesting: int) -> dict[str, object]:
    """The JSON object in `body`. Strict: UTF-8, no NaN or Infinity, no trailing comma, no lone surrogate.

    Of a key given twice the last counts. A number beyond 64 bits becomes a float.
    """
    content = body.removeprefix(_BOM)
    try:
        value = _decode_within(content, max_nesting)
    except ValueError:
        raise _refusal(content, max_nesting) from None
    if not isinstance(value, dict):
        raise MalformedJson(_NO_OBJECT)
    return value


def _decode_within(content: bytes, max_nesting: int) -> object:
    """The one JSON value in `content`; ValueError when it is malformed or nested deeper than `max_nesting`.

    To count levels takes longer than to decode. So `content` goes into as many arrays as orjson allows levels too many,
    and orjson refuses what is too deep; that each of these arrays holds one member shows that `content` is one value.
    """
    spare = max(_DEEPEST - max_nesting, 0)
    value = orjson.loads(b"".join((b"[" * spare, content, b"]" * spare)))
    for _ in range(spare):
        (value,) = value
    return value


def _refusal(content: bytes, max_nesting: int) -> MalformedJson:
    """Why it is refused, in words that hold nothing of the content."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        # the decoder's own words name line and column
        return MalformedJson(f"the body is not valid JSON: {error}")
    if not isinstance(value, dict):
        return MalformedJson(_NO_OBJECT)
    return MalformedJson(f"the body is nested deeper than {max_nesting} levels")
