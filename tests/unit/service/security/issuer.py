"""Clients as the tests make them: real keys, tokens signed with them, key sets in files and on a loopback server."""

from __future__ import annotations

import base64
import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from flask import Request
from jwt import PyJWS
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from werkzeug.test import EnvironBuilder

Json = dict[str, Any]

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
ISSUER = "https://ehr.example.org"
OTHER = "https://other.example.org"
PUBLIC_URL = "https://cds.example.org/cds"
PATH = "/cds-services/mda5-rpild-patient-view"
URL = f"{PUBLIC_URL}{PATH}"

_numbers = itertools.count()


def private_key(kind: str, which: int = 0) -> Any:
    """A key pair, made once: P-256, P-384, or an RSA key of so many bits; `which` tells several of a kind apart."""
    return _made(kind, which)


@cache
def _made(kind: str, which: int) -> Any:
    curves: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
    if kind in curves:
        return ec.generate_private_key(curves[kind])
    return rsa.generate_private_key(65537, int(kind))


def jwk(kind: str = "P-384", which: int = 0, *, private: bool = False, **more: Any) -> Json:
    """The key as a member of a key set; `...` takes a member away."""
    key = private_key(kind, which)
    member = (RSAAlgorithm if kind.isdigit() else ECAlgorithm).to_jwk(
        key if private else key.public_key(), as_dict=True
    )
    if not private:
        member.pop("key_ops", None)
    return {name: value for name, value in {"kid": "key-1", **member, **more}.items() if value is not ...}


def key_set(*members: Json) -> bytes:
    """A key set; without members that of one P-384 key."""
    return json.dumps({"keys": list(members) or [jwk()]}).encode()


def base64url(data: bytes) -> str:
    """Without padding, as JOSE writes it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(header: Any, claims: Any, key: Any, algorithm: str) -> str:
    """A signed token of whatever header and claims; `algorithm` is what really signs."""
    parts = (part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims))
    body = ".".join(map(base64url, parts))
    signer = PyJWS().get_algorithm_by_name(algorithm)
    return f"{body}.{base64url(signer.sign(body.encode(), signer.prepare_key(key)))}"


def claims(now: datetime = NOW, **changes: Any) -> Json:
    """The claims of a good token, 5 minutes to live, with a jti of its own; `...` takes a claim away."""
    issued = int(now.timestamp())
    good = {"iss": ISSUER, "aud": URL, "exp": issued + 300, "iat": issued, "jti": f"jti-{next(_numbers)}"}
    return {name: value for name, value in (good | changes).items() if value is not ...}


def header(**changes: Any) -> Json:
    """The header of a good token; `...` takes a member away."""
    return {
        name: value
        for name, value in ({"alg": "ES384", "kid": "key-1", "typ": "JWT"} | changes).items()
        if value is not ...
    }


def token(kind: str = "P-384", which: int = 0, head: Json | None = None, now: datetime = NOW, **changes: Any) -> str:
    """A token signed with that key; `changes` of the claims."""
    head = header() if head is None else head
    return compact(head, claims(now, **changes), private_key(kind, which), str(head["alg"]))


def calling(authorization: str | None, path: str = PATH, base_url: str = "http://localhost", **more: Any) -> Request:
    """A request with this Authorization header."""
    headers = {} if authorization is None else {"Authorization": authorization}
    return Request(EnvironBuilder(path=path, base_url=base_url, method="POST", headers=headers, **more).get_environ())


def bearer(text: str) -> Request:
    """A request with this token."""
    return calling(f"Bearer {text}")


@dataclass
class Clock:
    """A clock that moves when it is told to."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        """Lets that much time pass."""
        self.now += timedelta(**by)


@dataclass
class KeyServer:
    """A key set on loopback: what it answers, and how often it was asked."""

    url: str = ""
    body: bytes = b""
    status: int = 200
    asked: int = 0
    released: threading.Event = field(default_factory=threading.Event)
    """Not set: the answer waits for it."""

    def __post_init__(self) -> None:
        self.body = self.body or key_set()
        self.released.set()


class _Answering(BaseHTTPRequestHandler):
    keys: KeyServer

    def do_GET(self) -> None:
        self.keys.asked += 1
        assert self.keys.released.wait(20)
        self.send_response(self.keys.status)
        self.send_header("Content-Length", str(len(self.keys.body)))
        self.end_headers()
        self.wfile.write(self.keys.body)

    def log_message(self, *args: object) -> None:
        """Quiet."""


@contextmanager
def serving_keys() -> Iterator[KeyServer]:
    """A running KeyServer."""
    keys = KeyServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Answering", (_Answering,), {"keys": keys}))
    keys.url = f"http://127.0.0.1:{server.server_port}/jwks.json"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield keys
    finally:
        keys.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def clients_file(folder: Path, *members: Any) -> Path:
    """A trusted-clients file in `folder`, beside a key set `keys.json` of the one P-384 key."""
    (folder / "keys.json").write_bytes(key_set())
    path = folder / "clients.json"
    path.write_text(json.dumps({"clients": list(members)}))
    return path


def at_once(work: Callable[[], Any], threads: int = 16) -> list[Any]:
    """What each of so many threads gets that start together: a result or the exception."""
    results: list[Any] = []
    start = threading.Barrier(threads)

    def run() -> None:
        start.wait()
        try:
            results.append(work())
        except Exception as error:
            results.append(error)

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return results


@dataclass
class HeldTime:
    """The system's time as the request rates read it: it stands still until a test moves it."""

    seconds: float

    def time(self) -> float:
        """Seconds since 1970."""
        return self.seconds


def held_time(patch: pytest.MonkeyPatch) -> HeldTime:
    """Takes hold of that time, a quarter past a minute."""
    held = HeldTime(NOW.timestamp() + 15)
    for module in ("limits.storage.memory", "limits.strategies", "service.security.rates"):
        patch.setattr(f"{module}.time", held)
    return held


def member(**changes: Any) -> Mapping[str, Any]:
    """A client of the trusted-clients file; `...` takes a member away."""
    good = {"issuer": ISSUER, "jwks_file": "keys.json"}
    return {name: value for name, value in (good | changes).items() if value is not ...}
