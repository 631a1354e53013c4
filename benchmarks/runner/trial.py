"""Blocks of requests sent to several servers in turn, so that what disturbs one disturbs all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.runner.clients import Clients, Reply
from benchmarks.runner.processes import scheduled
from benchmarks.runner.servers import Server

FEWEST_ROUNDS = 2


@dataclass(slots=True)
class Side:
    """One of those that are compared, and what was measured of it; times in seconds."""

    server: Server
    clients: Clients
    latencies: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu: float = 0.0
    waited: float = 0.0
    client_cpu: float = 0.0

    def send(self, messages: Sequence[bytes]) -> tuple[Reply, ...]:
        """Sends a block that is measured."""
        before = scheduled(self.server.worker)
        sent = self.clients.send(messages)
        after = scheduled(self.server.worker)
        self.cpu += after.cpu - before.cpu
        self.waited += after.waited - before.waited
        self.client_cpu += sent.client_cpu
        self.seconds += sent.seconds
        self.latencies += [reply.seconds for reply in sent.replies]
        return sent.replies

    def percentile(self, percent: float) -> float:
        """The latency that so many percent of the requests kept to, in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] * 1000

    @property
    def throughput(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.seconds

    @property
    def cpu_milliseconds(self) -> float:
        """CPU time of the server for each request, in milliseconds."""
        return self.cpu / len(self.latencies) * 1000

    @property
    def waiting_percent(self) -> float:
        """How much of the time in which the server could have run its cores were taken by others, in percent."""
        return self.waited / (self.cpu + self.waited) * 100

    @property
    def client_milliseconds(self) -> float:
        """CPU time of the clients for each request, in milliseconds."""
        return self.client_cpu / len(self.latencies) * 1000


@dataclass(frozen=True, slots=True)
class Block:
    """What one side gets in one round: the requests, what has to be sent before them unmeasured, who looks at the
    answers."""

    messages: Sequence[bytes]
    check: Callable[[tuple[Reply, ...]], None]
    before: Sequence[bytes] = ()


def alternate(sides: Sequence[Side], blocks: Callable[[], Sequence[Block]], seconds: float) -> int:
    """Rounds of one block for each side, the order swapped each time, until so many seconds were measured; how many.

    `blocks` makes the blocks of a round. The first round warms everything and does not count.
    """
    for side, block in zip(sides, blocks(), strict=True):
        side.clients.send([*block.before, *block.messages])
    rounds, spent = 0, 0.0
    while spent < seconds or rounds < FEWEST_ROUNDS:
        turn = list(zip(sides, blocks(), strict=True))
        started = time.perf_counter()
        replies = [_answered(side, block) for side, block in (turn if rounds % 2 == 0 else turn[::-1])]
        spent += time.perf_counter() - started
        for block, answered in replies:
            block.check(answered)
        rounds += 1
    return rounds


def _answered(side: Side, block: Block) -> tuple[Block, tuple[Reply, ...]]:
    if block.before:
        side.clients.send(block.before)
    return block, side.send(block.messages)
