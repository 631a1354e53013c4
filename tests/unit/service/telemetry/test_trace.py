"""W3C trace context, as it comes and as it goes on."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from service.telemetry.trace import begin_trace, current_trace, outgoing_traceparent, start_trace

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("header", "sampled"),
    [
        (f"00-{TRACE}-{PARENT}-01", True),
        (f"00-{TRACE}-{PARENT}-00", False),
        (f"00-{TRACE}-{PARENT}-02", False),
        (f"00-{TRACE}-{PARENT}-ff", True),
        (f"01-{TRACE}-{PARENT}-01", True),
        (f"fe-{TRACE}-{PARENT}-01-what-comes-later", True),
    ],
)
def test_a_well_formed_header_is_honoured(header: str, sampled: bool) -> None:
    trace = start_trace(header)
    assert (trace.trace_id, trace.sampled) == (TRACE, sampled)
    assert re.fullmatch("[0-9a-f]{32}", trace.request_id)
    assert trace.request_id != TRACE


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "nonsense",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"00-{TRACE}-{PARENT}-01-",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{PARENT}-01",
        f"00-{TRACE}0-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}-01\n",
        f" 00-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01,00-{TRACE}-{PARENT}-01",
        f"00-{'٣' * 32}-{PARENT}-01",
    ],
)
def test_a_malformed_header_is_ignored(header: str | None) -> None:
    trace = start_trace(header)
    assert trace.trace_id == trace.request_id
    assert not trace.sampled


def test_each_outgoing_call_is_a_child_of_its_own() -> None:
    first, second = (start_trace(f"00-{TRACE}-{PARENT}-01").traceparent() for _ in range(2))
    assert re.fullmatch(f"00-{TRACE}-[0-9a-f]{{16}}-01", first)
    assert PARENT not in first
    assert first != second
    assert start_trace(first).trace_id == TRACE


def test_a_trace_lives_as_long_as_its_request() -> None:
    app = Flask("traced")
    assert (current_trace(), outgoing_traceparent()) == (None, None)
    with app.test_request_context():
        assert outgoing_traceparent() is None
        trace = begin_trace(f"00-{TRACE}-{PARENT}-01")
        assert current_trace() == trace
        assert TRACE in (outgoing_traceparent() or "")
    with app.test_request_context():
        assert current_trace() is None
