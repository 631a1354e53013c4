"""A client that the service trusts, and tokens that it has signed: what identified callers send."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

ISSUER = "https://ehr.example.org"
_KEY_NAME = "key-1"
_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs with a P-384 key of its own (ES384)."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP384R1()))

    def trusted_clients(self, folder: Path) -> Path:
        """The trusted-clients file with this client, and its key set beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        public = ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        keys = {"keys": [{**public, "kid": _KEY_NAME}]}
        (folder / "keys.json").write_text(json.dumps(keys), encoding="utf-8")
        file = folder / "clients.json"
        file.write_text(json.dumps({"clients": [{"issuer": ISSUER, "jwks_file": "keys.json"}]}), encoding="utf-8")
        return file

    def token(self, url: str) -> str:
        """A token for one call of that URL."""
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": url, "iat": now, "exp": now + _SECONDS, "jti": str(uuid4())}
        return jwt.encode(claims, self.key, algorithm="ES384", headers={"kid": _KEY_NAME})
