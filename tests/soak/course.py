"""The course of a soak: who calls, what happens meanwhile, and what must hold at the end.

Everything waits for conditions, each for a bounded time, so a soak ends whatever happens.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from service.fhir.access import FALL_BACKS_AT_ONCE
from service.server import THREADS
from service.worker import PROBE_THREADS
from tests.fault_server import FaultServer
from tests.server import Running, until
from tests.soak import clients
from tests.soak.accounts import Accounts, Books
from tests.soak.clients import Client, Scene
from tests.soak.judging import Wrong
from tests.soak.outages import Database
from tests.soak.patients import MARK
from tests.soak.rough import rough
from tests.soak.vitals import Vitals, lives, taken, workers_of
from tests.unit.service.telemetry.test_metrics import samples

WORKERS = 2
LONGEST_WAIT = 120.0
"""For anything that has to come; on a quiet machine it all comes within seconds."""
MEASURED_EVERY = 2.0
CLIENTS: tuple[tuple[Callable[[Client], None], int, float], ...] = (
    (clients.clinician, 3, 0.02),
    (clients.at_work, 2, 0.02),
    (clients.honest, 2, 0.05),
    (clients.lied_to, 1, 0.05),
    (clients.failed_by, 1, 0.05),
    (clients.stalled, 2, 0.0),
    (clients.of_the_real_server, 1, 0.1),
    (clients.ill, 1, 0.1),
    (clients.operator, 1, 0.4),
    (rough, 2, 0.2),
)
"""What they do, how many of them, and how many seconds each waits after a round."""
AT_ONCE = sum(number for _, number, _ in CLIENTS)
SEEN: Mapping[tuple[str, str], int] = {
    ("whole", "right"): 30,
    ("encounter", "right"): 18,
    ("feedback", "200"): 15,
    ("feedback", "503"): 1,
    **{(way, "right"): 1 for way in ("honest", "paged", "real", "others", "total", "endless", "slow", "half-closed")},
    ("failing", "412"): 1,
    ("stalling", "412"): 1,
    ("ill", "400"): 5,
    ("ill", "413"): 1,
    ("ill", "415"): 1,
    ("off the list", "403"): 1,
    ("operations", "right"): 12,
    ("gone", "unanswered"): 1,
    ("held", "unsaid"): 1,
}
"""What must have been seen before a soak may end, and how often: nothing is proved by what did not happen."""
# of the threads that come and go with their work: the audit, the store's pulse, what fetches at once
_OTHER_THREADS = 4
KEPT_BY_A_FALL_BACK = 8
# the figures of calls, connections to the database, and those kept to the FHIR server that does not close them
_MORE_FILES = 2 + 3 + FALL_BACKS_AT_ONCE * KEPT_BY_A_FALL_BACK
_KILLED = "was sent SIGKILL"


@dataclass
class Course:
    """One soak of a running service."""

    service: Running
    scene: Scene
    database: Database
    books: Books
    ehr: FaultServer
    evidence: Path
    """A folder for what is kept of a wrong answer."""
    outages: Counter[str] = field(default_factory=Counter)
    measured: list[Vitals] = field(default_factory=list)

    @contextmanager
    def calling(self) -> Iterator[None]:
        """All clients call; at the end each finishes its call. Raises what went wrong with one of them."""
        threads = [
            threading.Thread(target=Client(self.scene, f"{place} {n}").run, args=(round_, pause), daemon=True)
            for place, (round_, number, pause) in enumerate(CLIENTS)
            for n in range(number)
        ]
        for each in threads:
            each.start()
        try:
            yield
        finally:
            self.scene.over.set()
            deadline = time.monotonic() + LONGEST_WAIT
            for each in threads:
                each.join(max(0.0, deadline - time.monotonic()))
        self.check()
        assert not [each.name for each in threads if each.is_alive()], "somebody still waits for an answer"

    def check(self) -> None:
        """Raises what went wrong with one of the clients."""
        for failure in self.scene.ledger.failures:
            if isinstance(failure, Wrong):
                failure.keep(self.evidence)
            raise failure

    def wait(self, holds: Callable[[], bool]) -> None:
        """Until something holds; what goes wrong with a client meanwhile ends it."""

        def over() -> bool:
            self.check()
            return holds()

        until(over, LONGEST_WAIT)

    def goes_on(self, calls: int = 5) -> None:
        """Waits for so many right answers of each kind that depends on nothing but the service."""
        ledger = self.scene.ledger
        before = {kind: ledger.count("right", kind) for kind in ("whole", "encounter")}
        self.wait(lambda: all(ledger.count("right", kind) >= n + calls for kind, n in before.items()))

    def has_seen(self) -> bool:
        """Whether everything has happened that has to."""
        outcomes = self.scene.ledger.outcomes
        return all(outcomes[which] >= number for which, number in SEEN.items())

    def lose_database(self, way: str) -> None:
        """It goes: cards keep coming, feedback is not acknowledged. It comes back: all that waited is written."""
        ledger = self.scene.ledger
        with self.database.outages[way]():
            self.wait(lambda: self._store() == "lost")
            refused = ledger.count("503", "feedback")
            self.goes_on()
            self.wait(lambda: ledger.count("503", "feedback") > refused)
        self.recovers()
        self.outages[way] += 1

    def recovers(self) -> None:
        """Waits until all processes have the database again, and whatever was answered till then is written."""
        self.wait(lambda: {self._store() for _ in range(6)} == {"ok"})
        answered = time.monotonic()
        self.wait(lambda: self.books.has_all(self.scene.ledger, answered))

    def kill_worker(self) -> None:
        """SIGKILL to one, as the kernel does when memory is short; another takes its place."""
        settled = 0.0

        def is_settled() -> bool:
            nonlocal settled
            settled = time.monotonic()
            return self.books.has_all(self.scene.ledger, settled)

        self.wait(is_settled)
        pid = min(workers_of(self.service.process.pid))
        os.kill(pid, signal.SIGKILL)
        until(lambda: not lives(pid), LONGEST_WAIT)
        self.scene.ledger.killed(settled, time.monotonic())
        self.wait(lambda: len(workers_of(self.service.process.pid) - {pid}) == WORKERS)

    def measure(self) -> Vitals:
        """What the service holds now."""
        found: list[Vitals] = []

        def all_there() -> bool:
            now = taken(self.service.process.pid)
            found.extend([now] if now is not None and len(now.workers) == WORKERS else [])
            return bool(found)

        until(all_there, LONGEST_WAIT)
        self.measured.append(found[0])
        return found[0]

    def quiet_for(self, seconds: float) -> None:
        """Nothing happens but the calls; memory is measured."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check()
            self.measure()
            self.ehr.calls.clear()  # it remembers all that it was asked
            self.scene.over.wait(MEASURED_EVERY)

    def metrics(self) -> dict[tuple[str, ...], float]:
        """The service's own figures."""
        return samples(self.service.get("/metrics").text)

    def at_rest(self, first: Vitals) -> Vitals:
        """Once nobody calls any more: no row waits; threads and files are let go, down to what the next call needs."""
        most_threads = THREADS + PROBE_THREADS + _OTHER_THREADS

        until(lambda: {self.metrics()[("audit_rows_waiting",)] for _ in range(6)} == {0}, LONGEST_WAIT)

        def at_rest() -> bool:
            now = self.measure()
            return now.threads <= most_threads and now.files <= first.files + _MORE_FILES

        until(at_rest, LONGEST_WAIT)
        return self.measured[-1]

    def settled_accounts(self, lost: int) -> Accounts:
        """After the service has stopped: its books and ours agree, and its log is clean."""
        ledger = self.scene.ledger
        unexplained = ledger.unexplained()
        assert not unexplained, f"{len(unexplained)} connections broke that no killed worker explains"
        assert len(ledger.broken) <= self.most_broken, "more broke than the killed workers can have had"
        accounts = self.books.balanced(ledger, lost)
        assert not accounts.wrong, accounts.wrong
        self._check_log()
        return accounts

    @property
    def most_broken(self) -> int:
        """Each client has one call under way."""
        return len(self.scene.ledger.kills) * AT_ONCE

    def milliseconds(self) -> list[float]:
        """How long evaluations took that came with all they needed, as the service has logged it."""
        lines = (line for line in self.service.lines() if line.get("status") == 200 and "missing" not in line)
        return [line["milliseconds"] for line in lines if line.get("route") == "/cds-services/<service_id>"]

    def _store(self) -> str:
        state: str = orjson.loads(self.service.get("/health/ready").content)["store"]
        return state

    def _check_log(self) -> None:
        assert MARK not in self.service.log.read_text("utf-8"), "the log tells of somebody"
        errors = [line["message"] for line in self.service.lines() if line["level"] in {"ERROR", "CRITICAL"}]
        assert all(_KILLED in each for each in errors), errors
        assert len(errors) <= len(self.scene.ledger.kills)


def evaluations(metrics: Mapping[tuple[str, ...], float]) -> float:
    """How many evaluations the service says that it has answered."""
    return sum(
        number
        for key, number in metrics.items()
        if key[0] == "calls_total" and key[-1] == "200" and key[2].startswith("mda5") and "/" not in key[2]
    )
