"""A client's connection: one call after the other, and whatever breaks it told as such."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tests.soak.truth import Answer

NO_ANSWER_SECONDS = 60.0
"""Nobody waits longer: not to be answered at all fails the run, however busy the machine is."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, on which connection. Instants on the monotonic clock."""

    answer: Answer
    headers: Mapping[str, str]
    opened: float
    sent: float
    done: float


class Broken(Exception):
    """The connection broke before the call was answered. Instants on the monotonic clock."""

    def __init__(self, opened: float, at: float) -> None:
        super().__init__(f"opened at {opened}, broken at {at}")
        self.opened, self.at = opened, at


class Connection:
    """Kept open until it breaks or is closed; the next call opens another."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=NO_ANSWER_SECONDS)
        self._opened = 0.0

    def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        """The answer. Broken: there is none; TimeoutError: nobody answered."""
        sent = time.monotonic()
        if self._http.sock is None:
            self._opened = sent
        try:
            self._http.request(method, path, body, dict(headers))
            answer = self._http.getresponse()
            received = Answer(answer.status, answer.read())
        except (ConnectionError, http.client.HTTPException):
            self.close()
            raise Broken(self._opened, time.monotonic()) from None
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(received, named, self._opened, sent, time.monotonic())

    def close(self) -> None:
        """The next call opens another."""
        self._http.close()
