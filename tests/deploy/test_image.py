"""The image for real: built from the Dockerfile, run as a cluster runs it, and two of it behind the proxy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import database
from tests.database import PostgresServer
from tests.deploy.container_checks import one_serves_alone
from tests.deploy.containers import Containers
from tests.deploy.image_checks import is_what_it_says, says_what_it_goes_without, tells_what_is_in_it
from tests.deploy.image_pair import two_serve_behind_the_proxy
from tests.deploy.replicas import free_ports
from tests.deploy.trial import Site

pytestmark = [pytest.mark.container, pytest.mark.load]

# a server of its own: the replicas of the other tests may have the database of this name on theirs
postgres_server = database.postgres_server


def test_the_image_as_a_cluster_runs_it(
    containers: Containers, proxy_programs: None, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """One test for all, as to build takes longest."""
    is_what_it_says(containers.build())
    tells_what_is_in_it(containers)
    says_what_it_goes_without(containers)
    port, *ports = free_ports(3)
    site = Site.prepared(tmp_path / "site", port)
    one_serves_alone(containers, site)
    two_serve_behind_the_proxy(containers, site, ports, postgres_server)
