"""deploy/compose.yaml and what `prepare` makes for it: nothing in them contradicts the service or the image."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import make_url

from service.security.clients import read_trusted_clients
from service.security.jwks import read_key_set
from service.server import GRACE_SECONDS
from service.settings import DEFAULT_FHIR_BUDGET_SECONDS, check_listening, read_settings
from service.store import KeyedHash, Store
from tests.deploy.proxy import PROXY, addresses
from tests.deploy.trial import (
    DEPLOY,
    ISSUER,
    Json,
    compose,
    environment,
    environment_here,
    on_this_machine,
)
from tests.server import ROOT

SERVICES = compose()["services"]
REPLICAS = [name for name in SERVICES if name.startswith("replica-")]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
NGINX = (PROXY / "nginx.conf").read_text(encoding="utf-8")

every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def instruction(name: str) -> str:
    """What the last of an instruction's lines in the Dockerfile says."""
    return re.findall(rf"(?m)^{name} (.*)$", DOCKERFILE)[-1]


def seconds(text: str) -> float:
    assert text.endswith("s"), text
    return float(text[:-1])


# ── each container ──


@every_service
def test_a_container_may_do_nothing_that_it_does_not_need(service: Json) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert not {"cap_add", "privileged", "network_mode", "pid", "ipc", "devices"} & service.keys()
    assert service["security_opt"] == ["no-new-privileges:true"]
    user, group = map(int, service["user"].split(":"))
    assert min(user, group) > 0
    assert {"mem_limit", "pids_limit"} <= service.keys()
    assert all("size=" in each for each in service["tmpfs"]), "memory has an end"


@every_service
def test_a_container_comes_back_and_its_log_has_an_end(service: Json) -> None:
    assert service["restart"] == "unless-stopped"
    assert {"max-size", "max-file"} == service["logging"]["options"].keys()
    assert "depends_on" not in service, "cards come without the database, and from one replica"


@every_service
def test_an_image_is_pinned(service: Json) -> None:
    name, _, version = re.sub(r"^\$\{IMAGE:-(.*)\}$", r"\1", service["image"]).partition(":")
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?(-\w+)?", version)
    if name == "mda5-cds":
        assert f'version = "{version}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


@every_service
def test_files_that_are_mounted_are_there(service: Json, prepared: Path) -> None:
    whole = compose()
    for volume in service.get("volumes", ()):
        here, there, *mode = volume.split(":")
        assert here in whole["volumes"] or mode == ["ro"]
        assert here in whole["volumes"] or Path(on_this_machine(service, prepared, there)).exists(), here
    for secret in service.get("secrets", ()):
        assert Path(on_this_machine(service, prepared, f"/run/secrets/{secret}")).is_file()


@every_service
def test_no_secret_stands_in_an_environment(service: Json, prepared: Path) -> None:
    hidden = {file.read_text(encoding="ascii").strip() for file in (prepared / "secrets").iterdir()}
    given = {**service.get("environment", {}), **(environment(service, prepared) if "env_file" in service else {})}
    for name, value in given.items():
        assert not [each for each in hidden if each in value], name
        assert "PASSWORD" not in name or name.endswith("_FILE"), name
        for path in re.findall(r"/run/secrets/\w+", value):
            assert path.removeprefix("/run/secrets/") in service["secrets"], name


def test_every_secret_is_used_and_written(prepared: Path) -> None:
    whole = compose()
    assert set(whole["secrets"]) == {each for service in SERVICES.values() for each in service.get("secrets", ())}
    assert {Path(each["file"]).name for each in whole["secrets"].values()} == {
        each.name for each in (prepared / "secrets").iterdir()
    }


# ── the replicas ──


def test_the_replicas_differ_by_their_address_alone() -> None:
    first, second = ({**SERVICES[name], "networks": list(SERVICES[name]["networks"])} for name in REPLICAS)
    assert first == second


@pytest.mark.parametrize("name", REPLICAS)
def test_a_replica_is_the_image_as_it_is_built(name: str) -> None:
    replica = SERVICES[name]
    assert replica["user"] == instruction("USER")
    assert not {"command", "entrypoint", "healthcheck"} & replica.keys(), "the image's own"
    assert instruction("HEALTHCHECK")
    writable = [each.split(":")[0] for each in replica["tmpfs"]]
    assert {*re.findall(r"(?m)^VOLUME (\S+)$", DOCKERFILE), "/tmp"} <= {*writable}  # noqa: S108 - of the container
    assert (DEPLOY / replica["build"]).resolve() == ROOT


@pytest.mark.parametrize("name", REPLICAS)
def test_a_replicas_settings_can_be_used(name: str, prepared: Path) -> None:
    settings = read_settings(environment_here(SERVICES[name], prepared))
    check_listening(settings, "0.0.0.0")  # noqa: S104 - the image's command does
    assert (settings.auth, settings.insecure, settings.sandbox, settings.allow_as_of) == ("jwt", False, False, False)
    assert settings.public_url == "https://cds.example.org"
    assert KeyedHash.from_file(settings.hash_key_file).of("somebody")
    assert settings.trusted_clients is not None
    (client,) = read_trusted_clients(settings.trusted_clients)
    assert (client.issuer, client.jku) == (ISSUER, None)
    assert isinstance(client.key_set, Path)
    assert [key.kid for key in read_key_set(client.key_set.read_bytes(), client.algorithms).keys] == ["trial"]


@pytest.mark.parametrize("name", REPLICAS)
def test_the_password_comes_from_a_file_of_services(name: str, prepared: Path) -> None:
    given = environment_here(SERVICES[name], prepared)
    url = make_url(given["MDA5_CDS_DATABASE_URL"])
    Store(given["MDA5_CDS_DATABASE_URL"]).close()
    assert (url.drivername, url.password, url.host) == ("postgresql", None, "database")
    services = configparser.ConfigParser()
    services.read(given["PGSERVICEFILE"], encoding="ascii")
    password = (prepared / "secrets" / "database_password").read_text(encoding="ascii").strip()
    assert dict(services[str(url.query["service"])]) == {"password": password}
    sql = (DEPLOY / "compose" / "database.sql").read_text(encoding="utf-8")
    assert f"CREATE ROLE {url.username} LOGIN" in sql
    assert f"CREATE DATABASE {url.database} OWNER {url.username};" in sql


@pytest.mark.parametrize("name", REPLICAS)
def test_what_is_under_way_is_finished_before_the_end(name: str) -> None:
    longest = GRACE_SECONDS + DEFAULT_FHIR_BUDGET_SECONDS
    (read_timeout,) = re.findall(r"proxy_read_timeout (\S+);", NGINX)
    assert longest < seconds(SERVICES[name]["stop_grace_period"])
    assert longest < seconds(read_timeout) < seconds(SERVICES["proxy"]["stop_grace_period"])


# ── who reaches whom ──


def test_the_proxy_knows_the_replicas_addresses() -> None:
    (inside,) = compose()["networks"]["inside"]["ipam"]["config"]
    network = ip_network(inside["subnet"])
    given = [SERVICES[name]["networks"]["inside"]["ipv4_address"] for name in (*REPLICAS, "proxy")]
    # the first is the bridge's own
    assert all(ip_address(each) in list(network.hosts())[1:] for each in given)
    assert len(set(given)) == len(given)
    port = instruction("EXPOSE")
    assert addresses((PROXY / "replicas.conf").read_text(encoding="utf-8")) == [f"{each}:{port}" for each in given[:-1]]
    assert f'"--port", "{port}"' in DOCKERFILE


def test_only_the_proxy_is_reached_from_outside() -> None:
    listen = (PROXY / "listen.conf").read_text(encoding="utf-8")
    (port,) = re.findall(r"(?m)^listen (\d+) ssl;$", listen)
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"proxy": [f"${{HTTPS_PORT:-443}}:{port}"]}
    assert len(re.findall(r"(?m)^\s*listen\b", NGINX + listen)) == 1, "nothing without TLS"
    assert f"https://127.0.0.1:{port}/" in SERVICES["proxy"]["healthcheck"]["test"]


def test_who_shares_a_network() -> None:
    whole = compose()
    members: dict[str, set[str]] = {name: set() for name in whole["networks"]}
    for name, service in SERVICES.items():
        for network in service["networks"]:
            members[network].add(name)
    both = {*REPLICAS}
    assert members == {"incoming": {"proxy"}, "inside": {"proxy", *both}, "data": {"database", *both}, "outgoing": both}
    internal = {name for name, each in whole["networks"].items() if (each or {}).get("internal")}
    assert internal == {"inside", "data"}


# ── the proxy ──


def test_the_proxy_passes_on_what_the_service_answers_and_nothing_else(app: Flask) -> None:
    (written,) = re.findall(r'location ~ "(.*)" \{', NGINX)
    passed = re.compile(written.replace("(?<", "(?P<").replace(r"\z", r"\Z"))
    routes = set(_concrete(app))
    # to callers who prove who they are; what asks nobody stays inside
    outside = {route for route in routes if route.startswith("/cds-services")}
    assert len(outside) == 7
    assert {route for route in routes if passed.search(route)} == outside
    assert not [route for route in outside if passed.search(f"{route}/") or passed.search(f"{route}\n")]


def _concrete(app: Flask) -> Iterator[str]:
    from service.discovery import SERVICES as HOOKS

    for rule in app.url_map.iter_rules():
        yield from {rule.rule.replace("<service_id>", service) for service in HOOKS}


def test_the_proxy_keeps_to_its_rules() -> None:
    (protocols,) = re.findall(r"ssl_protocols (.*);", NGINX)
    assert set(protocols.split()) == {"TLSv1.2", "TLSv1.3"}
    assert "non_idempotent" not in NGINX, "a token is good for one use"
    assert not re.search(r"(?m)^\s*keepalive \d", NGINX), "a kept connection may be one to a machine that is gone"
    (logged,) = re.findall(r"(?s)log_format (.*?);", NGINX)
    named = set(re.findall(r"\$(\w+)", logged))
    assert not {
        each for each in named if re.match("request$|request_(uri|body)|uri|args|query|arg_|http_|cookie", each)
    }
    assert "error_log stderr crit;" in NGINX
