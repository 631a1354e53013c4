"""Strict, bounded JSON: what is refused, and that nothing makes it fall over."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from flask import Flask, request
from hypothesis import given
from hypothesis import strategies as st

from service.errors import BodyTooLarge, MalformedJson, ServiceError, UnsupportedMedia
from service.json_body import decode_json, read_body

JSON_VALUES: st.SearchStrategy[object] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(alphabet='ab"\\[]{},:é\n'),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet='k"\\[{', max_size=3), inner, max_size=4)
    ),
    max_leaves=25,
)


def depth(value: object) -> int:
    """The nesting of `value`, counted the slow way."""
    if isinstance(value, dict | list):
        members = value.values() if isinstance(value, dict) else value
        return 1 + max(map(depth, members), default=0)
    return 0


@given(st.dictionaries(st.text(max_size=3), JSON_VALUES, max_size=4), st.integers(1, 8))
def test_nesting_is_counted_exactly(value: dict[str, object], limit: int) -> None:
    body = json.dumps(value).encode()
    if depth(value) <= limit:
        assert decode_json(body, limit) == value
    else:
        with pytest.raises(MalformedJson, match=f"deeper than {limit}"):
            decode_json(body, limit)


NESTS = {
    "arrays": (b"[", b"", b"]"),
    "objects": (b'{"a":', b"{}", b"}"),
    "both": (b'[{"a":', b"1", b"}]"),
    "beside others": (b'[{"b":[1,"]"]},', b'"["', b",[]]"),
    # the last of two counts, and the first is looked at all the same
    "a value that is lost": (b'{"a":', b'{"a":[],"a":1}', b',"a":1}'),
}


@pytest.mark.parametrize("limit", [7, 8, 64, 65, 900])
@pytest.mark.parametrize(("opening", "inner", "closing"), NESTS.values(), ids=NESTS)
def test_nesting_at_and_above_the_limit(limit: int, opening: bytes, inner: bytes, closing: bytes) -> None:
    """Whatever the levels are made of."""

    def nested(times: int) -> bytes:
        return b'{"z":' + opening * times + inner + closing * times + b"}"

    most = 1 + (limit - depth_of(nested(1))) // (depth_of(nested(2)) - depth_of(nested(1)))
    assert depth_of(nested(most)) <= limit < depth_of(nested(most + 1))
    assert not is_too_deep(nested(most), limit)
    assert is_too_deep(nested(most + 1), limit)


def is_too_deep(body: bytes, limit: int) -> bool:
    try:
        decode_json(body, limit)
    except MalformedJson as refused:
        return refused.diagnostics == f"the body is nested deeper than {limit} levels"
    return False


def depth_of(body: bytes) -> int:
    """The nesting of valid JSON text without escapes, counted bracket by bracket."""
    level = deepest = 0
    for outside in body.split(b'"')[::2]:
        for byte in outside:
            level += (byte in b"[{") - (byte in b"]}")
            deepest = max(deepest, level)
    return deepest


@pytest.mark.parametrize("limit", [1024, 5000])
def test_what_is_deeper_than_orjson_decodes_is_refused_whatever_the_limit(limit: int) -> None:
    """The bound rests on it: orjson takes 1024 levels and no more."""
    assert decode_json(b'{"a":' + b"[" * 1023 + b"]" * 1023 + b"}", limit)
    with pytest.raises(MalformedJson, match="not valid JSON"):
        decode_json(b'{"a":' + b"[" * 1024 + b"]" * 1024 + b"}", limit)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1,}',
        b'{"a": 1} {"b": 2}',
        b'{"a": 1}, {"b": 2}',
        b'{"a": 1}], [{"b": 2}',
        b'{"a": 1}]], [[{"b": 2}',
        b"]" * 960 + b"," + b"[" * 960,
        b'], {"a": 1}, [',
        b",",
        b" ",
        b'{"a": 1}]',
        b'[{"a": 1}',
        b'{"a": 1} // comment',
        b"{'a': 1}",
        b'{"a": 01}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"a": 1e999}',
        b'{"a": 1' + b"0" * 5000 + b"}",
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        b"\x00",
        '{"a": 1}'.encode("utf-16"),
    ],
)
def test_what_is_not_strict_json_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        decode_json(body, 64)


def test_the_refusal_names_the_place_and_not_the_content() -> None:
    with pytest.raises(MalformedJson, match="line 1 column") as caught:
        decode_json(b'{"family": "Doe-Example", }', 64)
    assert "Doe" not in caught.value.diagnostics


def test_what_real_clients_send_is_accepted() -> None:
    assert decode_json(b'\xef\xbb\xbf{"a": 1}', 64) == {"a": 1}
    assert decode_json(b'{"a": 1, "a": 2}', 64) == {"a": 2}
    assert decode_json(b'{"a": 123456789012345678901234567890}', 64) == {"a": 1.2345678901234568e29}


def read(body: bytes, headers: Mapping[str, str], limit: int = 100, chunked: bool = False) -> bytes:
    """What `read_body` makes of a POST; a chunked body announces no length."""
    environ: dict[str, object] = {"wsgi.input_terminated": True}
    with Flask("test").test_request_context(
        "/", method="POST", data=body, headers=dict(headers), environ_overrides=environ
    ):
        if chunked:
            del request.environ["CONTENT_LENGTH"]
        return read_body(request, limit)


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/json; charset=utf-8", "application/fhir+json", "Application/JSON"]
)
def test_json_media_types_are_read(media_type: str) -> None:
    assert read(b"{}", {"Content-Type": media_type}) == b"{}"


@pytest.mark.parametrize(
    "media_type", ["", "text/plain", "application/xml", "application/x-www-form-urlencoded", "json"]
)
def test_other_media_types_are_refused(media_type: str) -> None:
    with pytest.raises(UnsupportedMedia):
        read(b"{}", {"Content-Type": media_type})


def test_a_compressed_body_is_refused() -> None:
    with pytest.raises(UnsupportedMedia, match="Content-Encoding"):
        read(b"{}", {"Content-Type": "application/json", "Content-Encoding": "gzip"})


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("size", "error"), [(99, None), (100, None), (101, BodyTooLarge)])
def test_size_at_below_and_above_the_limit(size: int, error: type[ServiceError] | None, chunked: bool) -> None:
    headers = {"Content-Type": "application/json"}
    if error is None:
        assert len(read(b"x" * size, headers, chunked=chunked)) == size
    else:
        with pytest.raises(error, match="100 bytes"):
            read(b"x" * size, headers, chunked=chunked)


def test_the_media_type_is_judged_before_the_size() -> None:
    with pytest.raises(UnsupportedMedia):
        read(b"x" * 101, {"Content-Type": "text/plain"})
