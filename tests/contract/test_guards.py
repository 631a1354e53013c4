"""Every route has its guard: where callers are identified, only the listed routes answer a stranger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from service.app import create_app
from service.discovery import SERVICES
from service.settings import Settings
from tests.unit.service.security.issuer import PUBLIC_URL, clients_file, member

# those who run the service read these; they hold no patient data
OPEN = {"/health/live", "/health/ready", "/metrics", "/openapi.json"}


@pytest.fixture
def guarded(tmp_path: Path) -> Flask:
    """The application where callers are identified."""
    clients = clients_file(tmp_path, member())
    return create_app(Settings(auth="jwt", public_url=PUBLIC_URL, trusted_clients=clients))


def test_only_the_listed_routes_answer_a_stranger(guarded: Flask) -> None:
    client = guarded.test_client()
    answered: set[str] = set()
    for rule in guarded.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            path = rule.rule.replace("<service_id>", next(iter(SERVICES)))
            body: dict[str, Any] = {"json": {}} if method == "POST" else {}
            answer = client.open(path, method=method, **body)
            if answer.status_code == 401:
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            else:
                assert answer.status_code == 200
                answered.add(rule.rule)
    assert answered == OPEN
