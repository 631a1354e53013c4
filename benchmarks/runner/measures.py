"""What is measured of the service beside the yardstick, each measure for itself."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack

from benchmarks.bodies import Body, again, drafting
from benchmarks.runner import processes
from benchmarks.runner.clients import Reply, connected, message
from benchmarks.runner.report import Row
from benchmarks.runner.run import Run
from benchmarks.runner.servers import Server, service, yardstick
from benchmarks.runner.tokens import ISSUER, Signer
from benchmarks.runner.trial import Block, Side, alternate
from benchmarks.yardstick import CONSTANT
from service.discovery import SERVICE_OF_HOOK
from service.server import THREADS

CONCURRENCY = (1, 8, 32)
WAITING = "waited for a core"


def each_call_another_patient(run: Run, ours: Server, theirs: Server) -> Iterator[Row]:
    """Throughput, latency and CPU at each concurrency."""
    for clients in (1, 8) if run.quick else CONCURRENCY:
        with connected(ours, clients) as one, connected(theirs, clients) as other:
            sides = Side(ours, one), Side(theirs, other)

            def blocks(many: int = run.block_for(clients)) -> Sequence[Block]:
                bodies = run.fresh(many)
                return run.asked(ours, bodies), run.parsed(theirs, bodies)

            alternate(sides, blocks, run.seconds)
        yield from _compared(*sides, f"{clients} client{'s' if clients > 1 else ''}")
        if clients == 1:
            yield Row("p99 over p50, 1 client", *_spread(sides[0]), of_value=True)
            yield Row(WAITING, sides[0].waiting_percent, "%", sides[1].waiting_percent)
            yield from _constant(theirs, sides[1], run)


def _spread(side: Side) -> tuple[float, str]:
    return side.percentile(99) / side.percentile(50), "×"


def _compared(ours: Side, theirs: Side, who: str) -> Iterator[Row]:
    yield Row(f"p50, {who}", ours.percentile(50), "ms", theirs.percentile(50))
    yield Row(f"p99, {who}", ours.percentile(99), "ms", theirs.percentile(99))
    yield Row(f"throughput, {who}", ours.throughput, "/s", theirs.throughput)
    yield Row(f"CPU a request, {who}", ours.cpu_milliseconds, "ms", theirs.cpu_milliseconds)
    yield Row(f"the clients' own CPU, {who}", ours.client_milliseconds, "ms", theirs.client_milliseconds)


def _constant(theirs: Server, parsing: Side, run: Run) -> Iterator[Row]:
    """(a), a constant answer: what the server itself costs."""
    with connected(theirs, 1) as clients:
        side = Side(theirs, clients)
        alternate([side], lambda: [Block([message(theirs, CONSTANT, b"")] * 200, _nothing)], run.seconds / 10)
    yield Row("p50 of (a), a constant", side.percentile(50), "ms", parsing.percentile(50))


def _nothing(_: tuple[Reply, ...]) -> None:
    """A constant is not looked at."""


def same_encounter_again(run: Run, ours: Server, theirs: Server) -> Iterator[Row]:
    """The second call of an encounter: patient-view with another hookInstance, and order-select with another dose."""
    flavours: Mapping[str, Callable[[Body, int], Body]] = {
        "encounter again": again,
        "order-select, encounter again": lambda body, step: drafting(body, "order-select", step),
    }
    for name, flavour in flavours.items():
        with connected(ours, 1) as one, connected(theirs, 1) as other:
            sides = Side(ours, one), Side(theirs, other)

            def blocks(flavour: Callable[[Body, int], Body] = flavour) -> Sequence[Block]:
                first = run.fresh(run.block // 2)
                second = [flavour(body, step) for step, body in enumerate(first)]
                return run.asked(ours, second, before=first), run.parsed(theirs, first)

            alternate(sides, blocks, run.seconds)
        yield Row(f"p50, {name}", sides[0].percentile(50), "ms", sides[1].percentile(50))
        yield Row(f"CPU a request, {name}", sides[0].cpu_milliseconds, "ms", sides[1].cpu_milliseconds)


def longer_charts(run: Run, ours: Server, theirs: Server) -> Iterator[Row]:
    """How the time grows with the body: ×5 and ×25 against ×1, and against the yardstick on the same bodies."""
    for times in (5,) if run.quick else (5, 25):
        with connected(ours, 1) as one, connected(theirs, 1) as other:
            sides = Side(ours, one), Side(ours, one), Side(theirs, other)

            def blocks(times: int = times) -> Sequence[Block]:
                short, long = run.fresh(run.block // 2), run.fresh(max(2, run.block // 2 // times), times)
                return run.asked(ours, short), run.asked(ours, long), run.parsed(theirs, long)

            alternate(sides, blocks, run.seconds)
        short, long, parsed = sides
        yield Row(f"body ×{times} over ×1", long.percentile(50), "ms", short.percentile(50), beside="×1")
        yield Row(f"p50, body ×{times}", long.percentile(50), "ms", parsed.percentile(50))
        yield Row(f"CPU a request, body ×{times}", long.cpu_milliseconds, "ms", parsed.cpu_milliseconds)


def memory_in_flight(run: Run) -> Iterator[Row]:
    """Memory for each byte of as many bodies ×25 at once as the server has threads, above that of a warm process."""
    per_byte = []
    for server_of in (service, yardstick):
        with server_of(run.folder("memory")) as server, connected(server, THREADS) as clients:
            ours = server.name == "service"
            make = run.asked if ours else run.parsed
            warming = make(server, run.fresh(2 * THREADS))
            warming.check(clients.send(warming.messages).replies)
            large = make(server, run.fresh(THREADS, times=5 if run.quick else 25))
            processes.forget_peak(server.worker)
            before = processes.resident_bytes(server.worker)
            sent = clients.send(large.messages)
            per_byte.append((processes.peak_bytes(server.worker) - before) / sum(map(len, large.messages)))
            large.check(sent.replies)
    yield Row("memory in flight", per_byte[0], "B per byte", per_byte[1], of_value=True)


def time_until_ready(run: Run) -> Iterator[Row]:
    """From the start of the process to `/health/ready`: the median of several starts, and with a new database."""
    home = run.folder("ready")
    taken = []
    for _ in range(2 if run.quick else 6):
        with service(home) as server:
            taken.append(server.ready_seconds)
    yield Row("ready from start", statistics.median(taken[1:]), "s")
    yield Row("ready from start, new database", taken[0], "s")


def identified_callers(run: Run, ours: Server) -> Iterator[Row]:
    """What it costs to identify callers: calls with a token each, signed (ES384) beforehand, and calls without.

    It does not depend on the chart, and shows best where there is none.
    """
    signer, home = Signer(), run.folder("jwt")
    settings = {"AUTH": "jwt", "TRUSTED_CLIENTS": str(signer.trusted_clients(home)), "REQUESTS_PER_MINUTE": "10000000"}
    with ExitStack() as open_:
        guarded = open_.enter_context(service(home, **settings))
        sides = [Side(each, open_.enter_context(connected(each, 1))) for each in (guarded, ours)]

        def blocks() -> Sequence[Block]:
            bodies = run.without_record(run.block)
            path = f"/cds-services/{SERVICE_OF_HOOK['patient-view'].id}"
            url = f"http://127.0.0.1:{guarded.port}{path}"
            messages = [message(guarded, path, body.encoded(), signer.token(url)) for body in bodies]
            signed = Block(messages, lambda replies: run.answers.check(bodies, replies, client=ISSUER))
            return signed, run.asked(ours, run.without_record(run.block))

        alternate(sides, blocks, run.seconds)
    with_token, without = sides
    extra = with_token.cpu_milliseconds - without.cpu_milliseconds
    yield Row(
        "CPU of an empty chart with JWT", with_token.cpu_milliseconds, "ms", without.cpu_milliseconds, beside="without"
    )
    yield Row("JWT alone, CPU a request", extra, "ms")
    yield Row(
        "p50 of an empty chart with JWT", with_token.percentile(50), "ms", without.percentile(50), beside="without"
    )
