"""Who is calling."""

from __future__ import annotations

from dataclasses import dataclass

UNIDENTIFIED = "unidentified"


@dataclass(frozen=True, slots=True)
class Caller:
    """An identified client (`issuer` of its token, with its tenant where it has several), or nobody in particular."""

    issuer: str = ""
    tenant: str = ""

    @property
    def client(self) -> str:
        """What tells clients apart: in card ids, in the audit, in feedback. "" where callers are not identified."""
        return f"{self.issuer}|{self.tenant}" if self.tenant else self.issuer

    @property
    def label(self) -> str:
        """How logs and metrics name the client: its issuer, from the trusted-clients file, never free text."""
        return self.issuer or UNIDENTIFIED
