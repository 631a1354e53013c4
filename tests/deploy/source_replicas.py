"""Two replicas from the source behind the proxy, in compose's environment on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.variables import PREFIX
from tests.database import PostgresServer
from tests.deploy.proxy import Proxy, proxy
from tests.deploy.replicas import Fetching, fetches, free_ports, made_database
from tests.deploy.trial import Site
from tests.server import Running, running


@dataclass(frozen=True)
class Deployed:
    """Two replicas from the source, the proxy before them, and what they run with.

    `environment`: with paths of this machine; `home`: a folder for what a test starts besides.
    """

    site: Site
    environment: Mapping[str, str]
    replicas: tuple[Running, Running]
    proxy: Proxy
    fetching: Fetching
    home: Path

    @contextmanager
    def with_another(self, name: str) -> Iterator[tuple[Running, Proxy]]:
        """A replica of its own, which the test may end, and a proxy before it and the first one."""
        with _replica(self.home / name, self.environment) as other:
            ports = [other.port, self.replicas[0].port]
            with proxy(self.site, self.home / f"{name}-proxy", free_ports(1)[0], ports) as before:
                yield other, before


@contextmanager
def _replica(home: Path, environment: Mapping[str, str]) -> Iterator[Running]:
    """PGSERVICEFILE, the one that is no setting of the service, is in this process's environment."""
    ours = {name.removeprefix(PREFIX): value for name, value in environment.items() if name.startswith(PREFIX)}
    with running(home, **ours) as replica:
        yield replica


@contextmanager
def deployed_from_source(server: PostgresServer, home: Path) -> Iterator[Deployed]:
    """All of it as deploy/ says; as-of dates are allowed besides, and a FHIR server of this machine."""
    site = Site.prepared(home / "site", free_ports(1)[0])
    with ExitStack() as stack:
        stack.enter_context(made_database(server, site))
        fetching = stack.enter_context(fetches())
        environment = {**site.environment_here(server.port), **fetching.allowed}
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("PGSERVICEFILE", environment["PGSERVICEFILE"])
        with ThreadPoolExecutor(2) as starters:
            starting = [
                starters.submit(lambda name: stack.enter_context(_replica(home / name, environment)), name)
                for name in ("1", "2")
            ]
        replicas = (starting[0].result(), starting[1].result())
        before = stack.enter_context(proxy(site, home / "proxy", site.port, [each.port for each in replicas]))
        yield Deployed(site, environment, replicas, before, fetching, home)
