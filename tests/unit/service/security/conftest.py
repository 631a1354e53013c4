"""What the tests of identity share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.service.security.issuer import HeldTime, KeyServer, held_time, serving_keys


@pytest.fixture
def key_server() -> Iterator[KeyServer]:
    """A key set on a loopback server."""
    with serving_keys() as keys:
        yield keys


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> HeldTime:
    """The time that the request rates go by."""
    return held_time(monkeypatch)
