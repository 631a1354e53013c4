"""The bytes of a request's body, and strict JSON out of them: bounded in size and nesting."""

from __future__ import annotations

import orjson
from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from service.errors import BodyTooLarge, MalformedJson, UnsupportedMedia

_BOM = b"\xef\xbb\xbf"
_NOT_STRUCTURE = bytes(byte for byte in range(256) if byte not in b'[]{}"')
_BRACES_AS_BRACKETS = bytes.maketrans(b"{}", b"[]")


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
    try:
        value = orjson.loads(body.removeprefix(_BOM))
    except orjson.JSONDecodeError as error:
        # the decoder's own words name line and column, and nothing of the content
        raise MalformedJson(f"the body is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise MalformedJson("the body must be a JSON object")
    if _nested_deeper_than(max_nesting, body):
        raise MalformedJson(f"the body is nested deeper than {max_nesting} levels")
    return value


def _nested_deeper_than(limit: int, body: bytes) -> bool:
    """Whether valid JSON holds arrays and objects more than `limit` deep.

    Works on the brackets alone, at the speed of `bytes`: taking away every innermost pair removes one level a round.
    """
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside_strings = b"".join(body.translate(None, _NOT_STRUCTURE).split(b'"')[::2])
    brackets = outside_strings.translate(_BRACES_AS_BRACKETS)
    for _ in range(limit):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)
