"""What sandbox mode grants the public CDS Hooks Sandbox (github.com/cds-hooks/sandbox, sandbox.cds-hooks.org).

Its signing key lies in its repository, the private half too (`keys/`): whoever wants to can sign as it does. Outside
sandbox mode nothing here is trusted.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from service.settings import Settings

ISSUER = "https://sandbox.cds-hooks.org"
KEY_SET_URL = f"{ISSUER}/.well-known/jwks.json"
"""The `jku` of its tokens; never fetched, as the key is known."""

# the public half, as `build/.well-known/jwks.json` of the repository has it (commit 3b7e2554)
PUBLISHED_KEY: Mapping[str, str] = MappingProxyType(
    {
        "kty": "EC",
        "crv": "P-384",
        "use": "sig",
        "alg": "ES384",
        "kid": "44823f3d-0b01-4a6c-a80e-b9d3e8a7226f",
        "x": "dw_JGR8nB2I6XveNxUOl2qk699ZPLM2nYI5STSdiEl9avAkrm3CkfYMbrrjr8laB",
        "y": "Sm3mLE-n1zYNla_aiE3cb3nZsL51RbC7ysw3q8aJLxGm-hx79RPMYpITDjp7kgzy",
    }
)

# where it is served: in public, and by its own development server
ORIGINS = (ISSUER, "http://localhost:8080", "http://127.0.0.1:8080")


def allowed_origins(settings: Settings) -> tuple[str, ...]:
    """The origins whose pages may read answers: the configured ones, else in sandbox mode the public sandbox's."""
    return settings.cors_origins or (ORIGINS if settings.sandbox else ())
