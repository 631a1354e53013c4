"""Two replicas of the image behind the proxy, each in a restricted container with what deploy/compose.yaml gives it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import requests

import fixtures
from tests.database import PostgresServer
from tests.deploy.container_checks import holds_no_privilege_and_cannot_write
from tests.deploy.containers import Container, Containers, started_with
from tests.deploy.proxy import Proxy, proxy
from tests.deploy.replica_checks import (
    a_token_is_good_for_one_call_at_either,
    both_answer_as_one_process_does,
    feedback_counts_once_whoever_takes_it,
    to_stop_one_costs_no_call,
)
from tests.deploy.replicas import VIEW, fetches, line, made_database, story
from tests.deploy.trial import Site, compose, mounted
from tests.server import START_SECONDS, until

# how long the calls in flight take after SIGTERM: a server without patience would have cut them off
HELD_SECONDS = 3.0
# what compose grants between SIGTERM and SIGKILL
STOP_SECONDS = 30


@dataclass(frozen=True)
class Replicas:
    """Of the image, with one environment, on this machine's network: there are the proxy and the database."""

    containers: Containers
    site: Site
    environment: Mapping[str, str]

    def migrate(self) -> str:
        """What the command says that a cluster runs before a replica."""
        migrated = self.containers.once("mda5-cds", "migrate", "--allow-lost", options=self._options)
        assert migrated.returncode == 0, migrated.stderr
        return str(migrated.stdout)

    @contextmanager
    def one(self, port: int) -> Iterator[Container]:
        """A replica that answers and has its database."""
        command = ("mda5-cds", "serve", "--host", "127.0.0.1", "--port", str(port))
        with self.containers.running(*command, options=self._options) as container:
            until(lambda: _is_ready(port), START_SECONDS)
            yield container

    @property
    def _options(self) -> tuple[str, ...]:
        replica = compose()["services"]["replica-1"]
        memory = [each for each in replica["tmpfs"] if not each.startswith("/tmp")]  # noqa: S108 - all have that one
        tmpfs = [option for each in memory for option in ("--tmpfs", each)]
        files = mounted(replica, self.site.folder)
        return ("--network", "host", "--http-proxy=false", *tmpfs, *started_with(self.environment, files))


def _is_ready(port: int) -> bool:
    with requests.Session() as session:
        session.trust_env = False
        try:
            return bool(session.get(f"http://127.0.0.1:{port}/health/ready", timeout=10).json()["store"] == "ok")
        except requests.ConnectionError:
            return False


def two_serve_behind_the_proxy(
    containers: Containers, site: Site, ports: Sequence[int], server: PostgresServer
) -> None:
    """At these ports: all stories, what they share, and an upgrade, each stopped while calls come."""
    with ExitStack() as stack:
        stack.enter_context(made_database(server, site))
        fetching = stack.enter_context(fetches())
        replicas = Replicas(containers, site, {**site.environment(server.port), **fetching.allowed})
        assert re.fullmatch(r"schema: none -> \d+\n", replicas.migrate())
        with ThreadPoolExecutor(2) as starters:
            pair = list(starters.map(lambda port: stack.enter_context(replicas.one(port)), ports))
        before = stack.enter_context(proxy(site, site.folder / "proxy", site.port, ports))
        holds_no_privilege_and_cannot_write(pair[0])
        here = {**site.environment_here(server.port), **fetching.allowed}
        both_answer_as_one_process_does(before, here, fixtures.names())
        a_token_is_good_for_one_call_at_either(before)
        feedback_counts_once_whoever_takes_it(before, server)
        to_stop_one_costs_no_call(before, fetching, lambda: pair[0].stop(STOP_SECONDS), HELD_SECONDS)
        stack.enter_context(replicas.one(ports[0]))
        assert len(_who_answer(before)) == 2, "it is back"
        to_stop_one_costs_no_call(before, fetching, lambda: pair[1].stop(STOP_SECONDS))
        assert len(_who_answer(before)) == 1


def _who_answer(proxy: Proxy) -> set[str]:
    """The replicas that take two calls, one after the other."""
    answers = [proxy.send(VIEW, story("untreated")) for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 200]
    return {line(proxy, each)["replica"].rpartition(", ")[2] for each in answers}
