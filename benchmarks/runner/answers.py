"""Whether answers are right: what measures wrong answers is worth nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from benchmarks.bodies import SILENT, Body
from benchmarks.runner.clients import Reply
from benchmarks.runner.servers import ServerFailed
from service.discovery import SERVICE_OF_HOOK
from service.json_body import decode_json
from service.parts import load_parts
from service.respond import respond
from service.settings import Settings
from service.wire import decode_request


class Answers:
    """Looks at every answer, and compares some in full with what this process answers to the same request."""

    def __init__(self) -> None:
        # nothing that an earlier call left behind may help here
        self._settings = Settings(allow_as_of=True, remember_facts=False)
        self._parts = load_parts(self._settings)
        self.checked = 0
        self.compared = 0

    def check(self, bodies: Sequence[Body], replies: Sequence[Reply], client: str = "") -> None:
        """ServerFailed for the first answer that is wrong; one of them, each time another, is compared."""
        chosen = self.compared % len(bodies)
        for number, (body, reply) in enumerate(zip(bodies, replies, strict=True)):
            answer = json.loads(reply.body)
            silent = body.story in SILENT
            if body.hook == "patient-view" and silent is bool(answer["cards"]):
                raise ServerFailed(f"the patient of {body.story} got {len(answer['cards'])} cards")
            self.checked += 1
            if number == chosen:
                self.compare(body, answer, client)

    def compare(self, body: Body, answer: dict[str, Any], client: str = "") -> None:
        """ServerFailed when the answer is not the one that this process gives, cards and assessment."""
        request = decode_json(body.encoded(), self._settings.max_nesting)
        call = decode_request(request, SERVICE_OF_HOOK[body.hook], self._settings, client)
        if json.loads(json.dumps(respond(call, self._parts))) != answer:
            raise ServerFailed(f"the answer for the patient of {body.story} is not the one given in process")
        self.compared += 1

    @staticmethod
    def check_yardstick(replies: Sequence[Reply]) -> None:
        """ServerFailed when the yardstick did not parse what it got."""
        for reply in replies:
            if json.loads(reply.body) != {"hook": "patient-view", "keys": 8}:
                raise ServerFailed("the yardstick did not parse what it got")
