"""The trusted-clients file: every problem is named, in words that say what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.security.clients import TrustedClient, read_trusted_clients
from service.settings import SettingsError
from tests.unit.service.security.issuer import ISSUER, OTHER, clients_file, jwk, key_set, member

JWKS_URL = "https://ehr.example.org/jwks.json"


def read(folder: Path, *members: Any) -> tuple[TrustedClient, ...]:
    return read_trusted_clients(clients_file(folder, *members))


def problems(folder: Path, *members: Any) -> str:
    with pytest.raises(SettingsError) as refused:
        read(folder, *members)
    return "\n".join(refused.value.problems)


def test_a_client_with_a_file_beside_the_clients_file(tmp_path: Path) -> None:
    assert read(tmp_path, member()) == (TrustedClient(ISSUER, tmp_path / "keys.json"),)


def test_a_client_with_everything(tmp_path: Path) -> None:
    (tmp_path / "rsa.json").write_bytes(key_set(jwk("2048")))
    file = member(jwks_file=str(tmp_path / "rsa.json"), jku=JWKS_URL, tenants=["a", "b"], algorithms=["PS384"])
    url = {"issuer": OTHER, "jwks_url": f"{JWKS_URL}?policy=1", "tenants": []}
    assert read(tmp_path, file, url) == (
        TrustedClient(ISSUER, tmp_path / "rsa.json", JWKS_URL, frozenset({"a", "b"}), ("PS384",)),
        TrustedClient(OTHER, f"{JWKS_URL}?policy=1", f"{JWKS_URL}?policy=1"),
    )


@pytest.mark.parametrize("url", ["http://127.0.0.1:5/keys", "http://localhost/keys", "http://[::1]:5/keys", JWKS_URL])
def test_key_set_urls_that_may_be_called(tmp_path: Path, url: str) -> None:
    assert read(tmp_path, {"issuer": ISSUER, "jwks_url": url})[0].key_set == url


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://ehr.example.org/keys", "not https"),
        ("https://169.254.169.254/latest", "never called"),
        ("https://[fe80::1]/keys", "never called"),
        ("https://metadata.google.internal/keys", "never called"),
        ("https://0.0.0.0/keys", "never called"),
        ("https://224.0.0.1/keys", "never called"),
        ("ehr.example.org/keys", "no absolute URL"),
        ("ftp://ehr.example.org/keys", "no absolute URL"),
        ("https://user@ehr.example.org/keys", "no absolute URL"),
        ("https://ehr.example.org/keys#1", "no absolute URL"),
        ("https://ehr.example.org/keys?a b", "no absolute URL"),
        ("https://[ehr/keys", "no absolute URL"),
        ("", "no absolute URL"),
        (5, "no absolute URL"),
        (None, "no absolute URL"),
    ],
)
@pytest.mark.parametrize("name", ["jwks_url", "jku"])
def test_key_set_urls_that_may_not(tmp_path: Path, name: str, url: object, says: str) -> None:
    file = {"jwks_file": "keys.json"} if name == "jku" else {}
    assert f"client 1 ({ISSUER}) has a {name} that is {says}" in problems(
        tmp_path, {"issuer": ISSUER, name: url, **file}
    ).replace("is an address that is", "is")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (member(issuer=...), "client 1 needs an issuer"),
        (member(issuer=""), "needs an issuer"),
        (member(issuer=5), "needs an issuer"),
        (member(issuer="a b"), "needs an issuer"),
        (member(issuer="a|b"), "needs an issuer"),
        (member(issuer="a\n"), "needs an issuer"),
        (member(jwks_file=...), "either jwks_file or jwks_url"),
        (member(jwks_url=JWKS_URL), "either jwks_file or jwks_url"),
        (member(jwks_file=5), "no path"),
        (member(jwks_file=""), "no path"),
        (member(jwks_file="absent.json"), "cannot be read"),
        (member(jwks_file="."), "cannot be read"),
        (member(tenants="a"), "has tenants that are no array of texts"),
        (member(tenants=["a", 1]), "has tenants"),
        (member(tenants=[""]), "has tenants"),
        (member(algorithms=[]), "may list as algorithms only ES384"),
        (member(algorithms=["HS256"]), "may list as algorithms only"),
        (member(algorithms=["none"]), "may list as algorithms only"),
        (member(algorithms="ES384"), "may list as algorithms only"),
        (member(algorithms=["RS384"]), "has no key that can check a signature of RS384"),
        (member(url="x", keys=[]), "members that mean nothing here: keys, url"),
        ({"issuer": ISSUER, "jwks_url": JWKS_URL, "jku": JWKS_URL}, "jku beside a jwks_url"),
        ("client", "client 1 must be an object"),
        (None, "client 1 must be an object"),
    ],
)
def test_a_client_that_cannot_be_used(tmp_path: Path, changed: Any, says: str) -> None:
    assert says in problems(tmp_path, changed)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        (b"not json", "is not JSON"),
        (key_set(jwk(private=True)), "key 1 is a private key"),
        (key_set(jwk(), {"kty": "oct", "kid": "s", "k": "AA"}), "key 2 is symmetric"),
        (key_set(jwk(), jwk("P-384", kid=...)), "key 2 has no kid"),
        (key_set(jwk(), jwk("2048", e="")), "key 2 is damaged"),
    ],
)
def test_a_key_file_is_looked_at(tmp_path: Path, keys: bytes, says: str) -> None:
    (tmp_path / "theirs.json").write_bytes(keys)
    assert f"theirs.json, that {says}" in problems(tmp_path, member(jwks_file="theirs.json"))


def test_all_problems_are_named_together(tmp_path: Path) -> None:
    said = problems(tmp_path, member(tenants=1, algorithms=1), 5, {"issuer": OTHER}).splitlines()
    assert [line.split(" ")[2] for line in said] == ["1", "1", "2", "3"]


def test_an_issuer_is_listed_once(tmp_path: Path) -> None:
    said = problems(tmp_path, member(), member(), member(issuer=OTHER))
    assert said == f"MDA5_CDS_TRUSTED_CLIENTS: the issuer {ISSUER} is listed more than once"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not JSON"),
        ("[", "is not JSON"),
        ("[]", "at least one client"),
        ("{}", "at least one client"),
        (json.dumps({"clients": []}), "at least one client"),
        (json.dumps({"clients": {}}), "at least one client"),
        (json.dumps({"clients": [1], "client": 1}), "members that mean nothing here: client"),
    ],
)
def test_a_file_that_lists_no_clients(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "clients.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=says):
        read_trusted_clients(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        read_trusted_clients(tmp_path / "absent.json")
