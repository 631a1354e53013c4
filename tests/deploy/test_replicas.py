"""Two replicas from the source behind the proxy of deploy/, as deploy/compose.yaml starts them: TLS, signed calls, one
PostgreSQL. The same with the image: test_image.py.
"""

from __future__ import annotations

import os
import signal
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

import fixtures
from service.store import Store, StoreLost
from service.variables import PREFIX
from tests.database import PostgresServer
from tests.deploy.replica_checks import (
    a_token_is_good_for_one_call_at_either,
    both_answer_as_one_process_does,
    feedback_counts_once_whoever_takes_it,
    to_stop_one_costs_no_call,
)
from tests.deploy.replicas import ROLE, Callers, refusal, went_to_the_other
from tests.deploy.source_replicas import Deployed

pytestmark = pytest.mark.load


def test_both_replicas_answer_as_one_process_does(deployed: Deployed) -> None:
    """A story for each hook, twice; those of the image are asked all."""
    one_each = {fixtures.story(name).hook: name for name in fixtures.names()}
    assert len(one_each) == 3
    names = [name for name in one_each.values() for _ in range(2)]
    both_answer_as_one_process_does(deployed.proxy, deployed.environment, names)


def test_discovery_needs_a_token_here_too(deployed: Deployed) -> None:
    assert len(deployed.proxy.send("/cds-services").json()["services"]) == 3
    assert refusal(deployed.proxy.send("/cds-services", token=""), 401)


def test_a_token_is_good_for_one_call_at_either_replica(deployed: Deployed) -> None:
    a_token_is_good_for_one_call_at_either(deployed.proxy)


def test_feedback_counts_once_whoever_takes_it(deployed: Deployed, postgres_server: PostgresServer) -> None:
    feedback_counts_once_whoever_takes_it(deployed.proxy, postgres_server)


def test_a_replica_that_is_killed_takes_no_call_with_it_but_those_it_had(deployed: Deployed) -> None:
    with deployed.with_another("killed") as (mortal, before):
        callers = Callers(before)
        with callers.calling():
            callers.more(8)
            mortal.process.kill()
            mortal.process.wait()
            for pid in mortal.workers():
                os.kill(pid, signal.SIGKILL)
            callers.more(20)
    assert max(map(len, callers.ill)) <= 1, "a caller has one call under way"
    for answer in (each for own in callers.ill for each in own):
        assert answer is None or "new token" in refusal(answer, 502)
    assert went_to_the_other(before)


def test_a_replica_that_is_stopped_costs_no_call(deployed: Deployed) -> None:
    with deployed.with_another("stopped") as (leaving, before):
        to_stop_one_costs_no_call(before, deployed.fetching, leaving.stop)


def test_the_password_may_stand_in_a_passfile(deployed: Deployed, tmp_path: Path) -> None:
    """One of the service's user alone: libpq does not read any other."""
    file = tmp_path / "passfile"
    file.write_text(f"*:*:*:{ROLE}:{(deployed.site.folder / 'secrets' / 'database_password').read_text()}")
    url = deployed.environment[f"{PREFIX}DATABASE_URL"].replace("service=mda5-cds", f"passfile={file}")
    for mode, why in ((0o600, None), (0o644, "password")):
        file.chmod(mode)
        with closing(Store(url)) as store, nullcontext() if why is None else pytest.raises(StoreLost, match=why):
            store.migrate()


def test_what_was_answered_is_kept_in_the_one_database(deployed: Deployed) -> None:
    """By the role that owns it and is nobody's superuser."""
    url = deployed.environment[f"{PREFIX}DATABASE_URL"]
    assert ROLE in url
    with closing(Store(url)) as store, store.begin(reading=True) as connection:
        mine = "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = user"
        assert connection.exec_driver_sql(mine).one() == (False, False, False)
