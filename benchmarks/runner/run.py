"""One run of the benchmarks: where patients come from, and how calls and their checks are made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from benchmarks.bodies import Body, patient_view, without_record
from benchmarks.runner.answers import Answers
from benchmarks.runner.clients import message
from benchmarks.runner.servers import Server
from benchmarks.runner.trial import Block
from benchmarks.yardstick import PARSE
from service.discovery import SERVICE_OF_HOOK

_BLOCK = 32


@dataclass(slots=True)
class Run:
    """One run of the benchmarks: `seconds` for each comparison, files below `home`."""

    home: Path
    seconds: float
    quick: bool = False
    answers: Answers = field(default_factory=Answers)
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def block(self) -> int:
        """How many requests go to one side in one round."""
        return 8 if self.quick else _BLOCK

    def block_for(self, clients: int) -> int:
        """The same for many clients: enough that the end, when some have nothing left to send, weighs little."""
        return self.block if self.quick else max(self.block, 4 * clients)

    def fresh(self, many: int, times: int = 1) -> list[Body]:
        """Patients that nobody has seen yet."""
        return [patient_view(next(self._numbers), times) for _ in range(many)]

    def without_record(self, many: int) -> list[Body]:
        """Patients of whom nothing is on record."""
        return [without_record(body) for body in self.fresh(many)]

    def asked(self, server: Server, bodies: Sequence[Body], before: Sequence[Body] = ()) -> Block:
        """A block for the service, whose answers are checked."""
        messages = [called(server, body) for body in bodies]
        return Block(messages, lambda replies: self.answers.check(bodies, replies), [called(server, b) for b in before])

    def parsed(self, server: Server, bodies: Sequence[Body]) -> Block:
        """The same for the yardstick."""
        return Block([message(server, PARSE, body.encoded()) for body in bodies], self.answers.check_yardstick)

    def folder(self, name: str) -> Path:
        """A folder for what one server writes."""
        return self.home / f"{name}-{next(self._numbers)}"


def called(server: Server, body: Body) -> bytes:
    """The call as it goes over the wire."""
    return message(server, f"/cds-services/{SERVICE_OF_HOOK[body.hook].id}", body.encoded())
