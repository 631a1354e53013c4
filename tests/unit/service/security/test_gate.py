"""The gate: which URL a token is for, which tenants, how often; and what it costs others when a stranger knocks."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.errors import Forbidden, NotIdentified, TooManyRequests, Unavailable
from service.security.caller import Caller
from service.security.gate import Gate, build_gate
from service.settings import Settings, SettingsError
from tests.unit.service.security.issuer import (
    ISSUER,
    NOW,
    OTHER,
    PUBLIC_URL,
    URL,
    Clock,
    HeldTime,
    KeyServer,
    at_once,
    bearer,
    calling,
    clients_file,
    header,
    jwk,
    key_set,
    member,
    token,
)
from tests.unit.service.security.test_replay import Heard, Shared


def gate(
    folder: Path, *members: Any, public_url: str | None = PUBLIC_URL, rate: int | None = None, **more: Any
) -> Gate:
    own = Settings(
        auth="jwt",
        public_url=public_url,
        trusted_clients=clients_file(folder, *(members or [member()])),
        requests_per_minute=rate,
    )
    return build_gate(own, **{"clock": lambda: NOW, "tokens": None, **more})


def test_off_admits_everybody() -> None:
    gate = build_gate(Settings(), clock=lambda: NOW, tokens=None)
    for authorization in (None, "Bearer x.y.z", "nonsense"):
        assert gate.admit(calling(authorization)) == Caller()


def test_off_counts_by_address(held: HeldTime) -> None:
    gate = build_gate(Settings(requests_per_minute=2), clock=lambda: NOW, tokens=None)
    here, there = ({"REMOTE_ADDR": address} for address in ("192.0.2.1", "192.0.2.2"))
    for _ in range(2):
        gate.admit(calling(None, environ_base=here))
    with pytest.raises(TooManyRequests):
        gate.admit(calling(None, environ_base=here))
    gate.admit(calling(None, environ_base=there))


def test_jwt_needs_clients(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="TRUSTED_CLIENTS"):
        build_gate(Settings(auth="jwt"), clock=lambda: NOW, tokens=None)
    with pytest.raises(SettingsError, match="needs an issuer"):
        gate(tmp_path, member(issuer=""))


@pytest.mark.parametrize("path", ["/cds-services", "/cds-services/", "/cds-services/x", "/cds-services/x/feedback"])
def test_a_token_is_for_the_url_called(tmp_path: Path, path: str) -> None:
    door = gate(tmp_path)
    assert door.admit(calling(f"Bearer {token(aud=PUBLIC_URL + path)}", path)).issuer == ISSUER
    with pytest.raises(NotIdentified, match="aud"):
        door.admit(calling(f"Bearer {token(aud=PUBLIC_URL + '/cds-services/other')}", path))


@pytest.mark.parametrize("base", ["http://localhost", "http://127.0.0.1:8000", "http://[::1]:8000"])
def test_without_public_url_a_loopback_url(tmp_path: Path, base: str) -> None:
    request = calling(f"Bearer {token(aud=base + '/cds-services')}", "/cds-services", base)
    assert gate(tmp_path, public_url=None).admit(request).issuer == ISSUER


@pytest.mark.parametrize("base", ["http://cds.example.org", "http://192.0.2.1", "http://localhost.example.org"])
def test_without_public_url_no_other(tmp_path: Path, base: str) -> None:
    request = calling(f"Bearer {token(aud=base + '/cds-services')}", "/cds-services", base)
    with pytest.raises(NotIdentified, match="PUBLIC_URL is not set"):
        gate(tmp_path, public_url=None).admit(request)


@pytest.mark.parametrize("host", ["", "[", "a b", "localhost:x", "\xff"])
def test_a_host_header_that_is_none(tmp_path: Path, host: str) -> None:
    request = calling(f"Bearer {token()}", environ_overrides={"HTTP_HOST": host})
    with pytest.raises(NotIdentified):
        gate(tmp_path, public_url=None).admit(request)


@pytest.mark.parametrize(
    ("listed", "tenant", "admitted"),
    [
        (["a", "b"], "a", "a"),
        (["a", "b"], "b", "b"),
        (["a"], "A", None),
        (["a"], "b", None),
        (["a"], "", None),
        (["a"], ..., None),
        (["a"], None, None),
        (["a"], ["a"], None),
        ([], "b", "b"),
        ([], ..., ""),
        ([], 5, ""),
        ([], "x" * 513, ""),
        ([], "a\n", ""),
    ],
)
def test_tenants(tmp_path: Path, listed: list[str], tenant: object, admitted: str | None) -> None:
    door = gate(tmp_path, member(tenants=listed))
    request = bearer(token(tenant=tenant))
    if admitted is None:
        with pytest.raises(Forbidden, match="tenant"):
            door.admit(request)
    else:
        assert door.admit(request) == Caller(ISSUER, admitted)


def test_a_wrong_signature_is_no_tenants_matter(tmp_path: Path) -> None:
    with pytest.raises(NotIdentified, match="signature"):
        gate(tmp_path, member(tenants=["a"])).admit(bearer(token(which=1)))


def test_a_replay(tmp_path: Path) -> None:
    door, text = gate(tmp_path), token()
    door.admit(bearer(text))
    for again in (text, token(jti="same"), token(jti="same")):
        if again == text:
            with pytest.raises(NotIdentified, match="jti was used before"):
                door.admit(bearer(again))
    door.admit(bearer(token(jti="same")))
    with pytest.raises(NotIdentified, match="jti was used before"):
        door.admit(bearer(token(jti="same", exp=int(NOW.timestamp()) + 60)))


def test_a_replay_at_another_process(tmp_path: Path) -> None:
    shared, heard, text = Shared(), Heard(), token()
    gate(tmp_path, tokens=shared).admit(bearer(text))
    with pytest.raises(NotIdentified, match="jti was used before"):
        gate(tmp_path, tokens=shared, on_unshared=heard).admit(bearer(text))
    shared.lost = True
    gate(tmp_path, tokens=shared, on_unshared=heard).admit(bearer(text))
    assert heard.times == 1


def test_a_replay_is_remembered_as_long_as_the_token_lives(tmp_path: Path) -> None:
    clock = Clock()
    door = gate(tmp_path, clock=clock)
    issued = int(NOW.timestamp())
    text = token(exp=issued + 300)
    door.admit(bearer(text))
    clock.now = NOW + timedelta(seconds=359)
    with pytest.raises(NotIdentified, match="jti was used before"):
        door.admit(bearer(text))
    clock.forward(seconds=1)
    with pytest.raises(NotIdentified, match="expired"):
        door.admit(bearer(text))


@pytest.mark.parametrize("spoilt", [{"aud": PUBLIC_URL}, {"tenant": "b"}])
def test_a_refused_token_spends_no_jti(tmp_path: Path, spoilt: Any) -> None:
    door = gate(tmp_path, member(tenants=["a"]))
    with pytest.raises((NotIdentified, Forbidden)):
        door.admit(bearer(token(**{"jti": "kept", "tenant": "a"} | spoilt)))
    with pytest.raises(NotIdentified):
        door.admit(bearer(token(which=1, jti="kept", tenant="a")))
    door.admit(bearer(token(jti="kept", tenant="a")))


def test_sixteen_calls_with_one_token(tmp_path: Path) -> None:
    door, text = gate(tmp_path), token()
    results = at_once(lambda: door.admit(bearer(text)))
    assert results.count(Caller(ISSUER)) == 1
    assert sum(isinstance(result, NotIdentified) for result in results) == 15


def test_a_client_calls_as_often_as_it_may(tmp_path: Path, held: HeldTime) -> None:
    door = gate(tmp_path, member(), member(issuer=OTHER), rate=4, processes=2)
    for _ in range(2):
        door.admit(bearer(token()))
    text = token()
    with pytest.raises(TooManyRequests) as refused:
        door.admit(bearer(text))
    assert refused.value.headers == {"Retry-After": "46"}
    held.seconds += 60
    door.admit(bearer(text))
    assert door.admit(bearer(token(iss=OTHER))).issuer == OTHER


def test_a_call_too_many_spends_no_jti(tmp_path: Path, held: HeldTime) -> None:
    shared = Shared()
    door = gate(tmp_path, rate=1, tokens=shared)
    door.admit(bearer(token()))
    for _ in range(2):
        with pytest.raises(TooManyRequests):
            door.admit(bearer(token(jti="later")))
    assert (ISSUER, "later") not in shared.used


def test_calls_for_a_tenant_that_is_not_the_clients_are_counted(tmp_path: Path, held: HeldTime) -> None:
    door = gate(tmp_path, member(tenants=["north"]), rate=2)
    for refused in (Forbidden, Forbidden, TooManyRequests):
        with pytest.raises(refused):
            door.admit(bearer(token(tenant="south")))
    assert door.admit(bearer(token(tenant="north"))).tenant == "north"


def test_bad_tokens_are_counted_by_address_and_silence_no_client(tmp_path: Path, held: HeldTime) -> None:
    door = gate(tmp_path, rate=3)
    for refused in (NotIdentified, NotIdentified, NotIdentified, TooManyRequests, TooManyRequests):
        with pytest.raises(refused):
            door.admit(bearer(token(iss=OTHER)))
    for _ in range(3):
        assert door.admit(bearer(token())).issuer == ISSUER


def test_keys_from_a_url(tmp_path: Path, key_server: KeyServer) -> None:
    door = gate(tmp_path, {"issuer": ISSUER, "jwks_url": key_server.url})
    door.admit(bearer(token(head=header(jku=key_server.url))))
    key_server.body = key_set(jwk(which=1, kid="new+/="))
    door.admit(bearer(token(which=1, head=header(kid="new+/="))))
    with pytest.raises(NotIdentified, match="kid"):
        door.admit(bearer(token()))
    assert key_server.asked == 2


def test_keys_that_cannot_be_had(tmp_path: Path, key_server: KeyServer) -> None:
    heard = Heard()
    key_server.status = 500
    door = gate(tmp_path, {"issuer": ISSUER, "jwks_url": key_server.url}, on_stale_keys=heard)
    with pytest.raises(Unavailable) as refused:
        door.admit(bearer(token()))
    assert refused.value.headers == {"Retry-After": "60"}
    assert heard.times == 1
    with pytest.raises(NotIdentified):
        door.admit(bearer(token(iss=OTHER)))
    assert key_server.asked == 1


def test_a_trailing_slash_of_the_path_is_no_difference(tmp_path: Path) -> None:
    door = gate(tmp_path)
    path = URL.removeprefix(PUBLIC_URL)
    assert door.admit(calling(f"Bearer {token(aud=URL)}", f"{path}/")).issuer == ISSUER
