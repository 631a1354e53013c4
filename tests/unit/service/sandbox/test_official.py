"""What sandbox mode grants the public CDS Hooks Sandbox, and nothing else does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from service.headers import protect
from service.sandbox import official
from service.security.clients import read_trusted_clients
from service.security.jwks import KINDS, KeySetError, published_key_set, read_key_set
from service.settings import Settings, SettingsError
from tests.unit.service.security.issuer import clients_file, jwk, key_set, member

OWN = "https://ehr.example.org"


@pytest.mark.parametrize(
    ("sandbox", "configured", "allowed"),
    [
        (False, (), ()),
        (True, (), official.ORIGINS),
        (True, (OWN,), (OWN,)),
        (False, (OWN,), (OWN,)),
    ],
)
def test_origins(sandbox: bool, configured: tuple[str, ...], allowed: tuple[str, ...]) -> None:
    assert official.allowed_origins(Settings(sandbox=sandbox, cors_origins=configured)) == allowed


def preflight(origin: str, **settings: Any) -> dict[str, str]:
    """What a preflight is told about the private network and the origin."""
    app = Flask(__name__)
    protect(app, Settings(**settings))
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    asked |= {"Access-Control-Request-Private-Network": "true"}
    headers = app.test_client().options("/cds-services", headers=asked).headers
    names = {"Access-Control-Allow-Origin", "Access-Control-Allow-Private-Network"}
    return {name: value for name, value in headers if name in names}


@pytest.mark.parametrize(
    ("origin", "settings", "network"),
    [
        (official.ORIGINS[0], {"sandbox": True}, "true"),
        (OWN, {"sandbox": True, "cors_origins": (OWN,)}, "true"),
        (OWN, {"cors_origins": (OWN,)}, "false"),
        (official.ORIGINS[0], {"sandbox": True, "cors_origins": (OWN,)}, None),
        (OWN, {"sandbox": True}, None),
        (official.ORIGINS[0], {}, None),
    ],
)
def test_the_way_to_this_machine(origin: str, settings: dict[str, Any], network: str | None) -> None:
    granted = {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Private-Network": network}
    assert preflight(origin, **settings) == (granted if network else {})


def test_the_published_key_checks_signatures_of_one_kind() -> None:
    (key,) = published_key_set().with_kid("44823f3d-0b01-4a6c-a80e-b9d3e8a7226f")
    assert [algorithm for algorithm in KINDS if key.fits(algorithm)] == ["ES384"]


@pytest.mark.parametrize("kid", ["44823f3d-0b01-4a6c-a80e-b9d3e8a7226f", "renamed"])
def test_it_cannot_be_listed_as_a_clients_key(kid: str) -> None:
    member = {**official.PUBLISHED_KEY, "kid": kid}
    with pytest.raises(KeySetError, match="--sandbox alone trusts it"):
        read_key_set(key_set(member), ["ES384"])
    left = read_key_set(key_set(jwk(), member), ["ES384"])
    assert [key.kid for key in left.keys] == ["key-1"]
    assert "key 2 is the public CDS Hooks Sandbox's" in left.flaws[0]


def test_a_file_that_lists_it_stops_the_start(tmp_path: Path) -> None:
    file = clients_file(tmp_path, member(issuer=official.ISSUER, jwks_file="published.json"))
    (tmp_path / "published.json").write_text(json.dumps({"keys": [dict(official.PUBLISHED_KEY)]}))
    with pytest.raises(SettingsError, match="whose private half everybody has"):
        read_trusted_clients(file)
