"""Whether what was answered to a call may be answered to it."""

from __future__ import annotations

import json
from pathlib import Path

import orjson

from tests.contract.conformance import check_error
from tests.soak.connection import Reply
from tests.soak.ehrs import Errand
from tests.soak.patients import MARK
from tests.soak.truth import Answer, Truth, difference

REQUIRED_DATA = "required prefetch data could not be obtained: "


class Wrong(AssertionError):
    """An answer that must not be; with what was asked, what was answered and what should have been, where known."""

    def __init__(self, why: str, errand: Errand | None = None, found: Answer | None = None, right: bytes = b"") -> None:
        super().__init__(why)
        self._evidence = (errand.body if errand else b"", found.body if found else b"", right)

    def keep(self, folder: Path) -> None:
        """Writes the evidence down."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, body in zip(("asked", "answered", "right"), self._evidence, strict=True):
            (folder / f"{name}.json").write_bytes(body)


def judged(errand: Errand, reply: Reply, truth: Truth) -> str:
    """How the call ended: `right`, `late` (right, for what could be had in time), or the status of an honest refusal.

    Raises Wrong.
    """
    status = reply.answer.status
    if status in errand.refusals:
        _honest(errand, reply)
        return str(status)
    first = ""
    for number, body in enumerate(errand.obtainable()):
        found = difference(reply.answer, truth.of(errand.path, body))
        if not found:
            if status != 200:
                refused_well(reply)
            elif errand.cards_of is not None and number == 0:
                _same_cards(errand, reply.answer, truth.of(errand.path, errand.cards_of))
            return "late" if number else "right" if status == 200 else str(status)
        first = first or found
    best = next((truth.of(errand.path, body).body for body in errand.obtainable()), b"")
    why = f"{errand.kind}: {first or f'status {status}: {reply.answer.body[:300]!r}'}"
    raise Wrong(why, errand, reply.answer, best)


def refused_well(reply: Reply) -> None:
    """Raises Wrong when a refusal is no OperationOutcome, tells of the patient, or is a 5xx that is not honest."""
    answer = reply.answer
    found = [str(violation) for violation in check_error(answer.status, reply.headers, answer.body)]
    if MARK.encode() in answer.body:
        found.append("it tells of the patient")
    if answer.status >= 500 and (answer.status != 503 or int(reply.headers.get("retry-after", 0)) < 1):
        found.append("a 5xx other than 503 with Retry-After")
    if found:
        raise Wrong(f"refusal {answer.status}: {'; '.join(found)}: {answer.body[:300]!r}")


def _honest(errand: Errand, reply: Reply) -> None:
    refused_well(reply)
    if reply.answer.status == 412:
        (issue,) = json.loads(reply.answer.body)["issue"]
        # what is named before the reasons
        named = issue["diagnostics"].removeprefix(REQUIRED_DATA).partition(";")[0].split(", ")
        if not named or not set(named) <= set(errand.lacks):
            raise Wrong(f"{errand.kind}: 412 for {named}, and what was lacking is {errand.lacks}")


def _same_cards(errand: Errand, answer: Answer, honest: Answer) -> None:
    found, right = (orjson.dumps(orjson.loads(each.body)["cards"]) for each in (answer, honest))
    if reason := difference(Answer(200, found), Answer(200, right)):
        raise Wrong(f"{errand.kind}: the cards are not those of the honest chart: {reason}")
