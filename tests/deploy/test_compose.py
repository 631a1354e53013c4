"""deploy/compose.yaml and what `prepare` makes for it: nothing in them contradicts the service or the image."""

from __future__ import annotations

import configparser
import re
import shutil
import ssl
import stat
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import make_url

from service.security.clients import read_trusted_clients
from service.security.jwks import read_key_set
from service.server import GRACE_SECONDS
from service.settings import DEFAULT_FHIR_BUDGET_SECONDS, check_listening, read_settings
from service.store import KeyedHash, Store
from tests.deploy.trial import (
    DEPLOY,
    ISSUER,
    PROXY,
    WRITTEN,
    Json,
    addresses,
    compose,
    environment,
    on_this_machine,
    prepare,
)
from tests.server import ROOT

SERVICES = compose()["services"]
REPLICAS = [name for name in SERVICES if name.startswith("replica-")]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
NGINX = (PROXY / "nginx.conf").read_text(encoding="utf-8")

every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `prepare` makes."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("prepared") / "site"
    made = prepare(folder, "cds.example.org")
    assert made.returncode == 0, made.stderr
    return folder


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
def test_files_that_are_mounted_are_there(service: Json, site: Path) -> None:
    whole = compose()
    for volume in service.get("volumes", ()):
        here, there, *mode = volume.split(":")
        assert here in whole["volumes"] or mode == ["ro"]
        assert here in whole["volumes"] or Path(on_this_machine(service, site, there)).exists(), here
    for secret in service.get("secrets", ()):
        assert Path(on_this_machine(service, site, f"/run/secrets/{secret}")).is_file()


@every_service
def test_no_secret_stands_in_an_environment(service: Json, site: Path) -> None:
    hidden = {file.read_text(encoding="ascii").strip() for file in (site / "secrets").iterdir()}
    given = {**service.get("environment", {}), **(environment(service, site) if "env_file" in service else {})}
    for name, value in given.items():
        assert not [each for each in hidden if each in value], name
        assert "PASSWORD" not in name or name.endswith("_FILE"), name
        for path in re.findall(r"/run/secrets/\w+", value):
            assert path.removeprefix("/run/secrets/") in service["secrets"], name


def test_every_secret_is_used_and_written(site: Path) -> None:
    whole = compose()
    assert set(whole["secrets"]) == {each for service in SERVICES.values() for each in service.get("secrets", ())}
    assert {Path(each["file"]).name for each in whole["secrets"].values()} == {
        each.name for each in (site / "secrets").iterdir()
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
def test_a_replicas_settings_can_be_used(name: str, site: Path) -> None:
    settings = read_settings(environment(SERVICES[name], site))
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
def test_the_password_comes_from_a_file_of_services(name: str, site: Path) -> None:
    given = environment(SERVICES[name], site)
    url = make_url(given["MDA5_CDS_DATABASE_URL"])
    Store(given["MDA5_CDS_DATABASE_URL"]).close()
    assert (url.drivername, url.password, url.host) == ("postgresql", None, "database")
    services = configparser.ConfigParser()
    services.read(given["PGSERVICEFILE"], encoding="ascii")
    password = (site / "secrets" / "database_password").read_text(encoding="ascii").strip()
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


# ── prepare ──


def test_who_may_read_what_was_prepared(site: Path) -> None:
    """Containers have users of their own: the files are open, and the folder above is its owner's."""
    mode = {path.relative_to(site).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in [site, *site.rglob("*")]}
    assert mode["."] == 0o700
    assert {mode["tls"], mode["clients"]} == {0o755}
    files = [path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()]
    kept = {name for name in files if name.startswith("trial/")}
    assert {mode[name] for name in kept} == {0o600}
    assert {mode[name] for name in {*files} - kept} == {0o644}
    assert not list(site.rglob("*.new"))


def test_preparing_again_changes_nothing(site: Path) -> None:
    def content() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}

    before = content()
    again = prepare(site, "other.example.org")
    assert (again.returncode, content()) == (0, before)
    assert "nothing was changed" in again.stdout


def test_a_sites_own_certificate_and_clients_stay(site: Path, tmp_path: Path) -> None:
    own = {name: f"the site's {name}" for name in ("tls/certificate.pem", "clients/clients.json")}
    for name, text in own.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    assert prepare(tmp_path).returncode == 0
    assert {name: (tmp_path / name).read_text() for name in own} == own
    assert not list((tmp_path / "trial").iterdir())
    mine, theirs = ((each / "secrets" / "hash_key").read_text() for each in (tmp_path, site))
    assert mine != theirs


@pytest.mark.parametrize("name", ["a b", "x/y", "-x", "x:", "x:0", "x:port", "https://x", "x.", "x\ny"])
def test_what_is_no_name_of_a_host_is_refused(tmp_path: Path, name: str) -> None:
    refused = prepare(tmp_path / "site", name)
    assert (refused.returncode, "is no host name" in refused.stderr) == (2, True)
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("name", ["cds.example.org", "localhost", "127.0.0.1"])
def test_the_trial_certificate_holds_to_the_strictest_check(site: Path, name: str) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(site / "tls" / "certificate.pem", site / "tls" / "key.pem")
    client = ssl.create_default_context(cafile=str(site / "trial" / "ca.pem"))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    assert _shake_hands(server, client, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(server, client, "elsewhere.example.org")


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> Any:
    """The certificate that the client has accepted for a host of that name."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server, server_hostname=name)
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (asking, answering, asking, answering):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return asking.getpeercert()


def test_nothing_that_is_prepared_can_be_committed() -> None:
    ignored = (DEPLOY / "compose" / ".gitignore").read_text(encoding="utf-8").split()
    assert f"./compose/{ignored[0]}" == WRITTEN
