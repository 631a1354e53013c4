"""Keyed hashes: the audit can tell patients and users apart, and cannot tell who they are."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from pathlib import Path

SHORTEST_KEY = 32


@dataclass(frozen=True, slots=True)
class KeyedHash:
    """HMAC-SHA256 with the operator's key. Without a key nothing is hashed, and nothing is stored."""

    key: bytes | None = field(default=None, repr=False)

    @classmethod
    def from_file(cls, path: Path | None) -> KeyedHash:
        """The hash with the bytes of the file as its key; ValueError when it cannot be read or has under 32 bytes."""
        if path is None:
            return cls()
        try:
            key = path.read_bytes()
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}") from None
        key = key.removesuffix(b"\n").removesuffix(b"\r")
        if len(key) < SHORTEST_KEY:
            raise ValueError(f"{path}: a key needs at least {SHORTEST_KEY} bytes, this one has {len(key)}")
        return cls(key)

    def of(self, text: str) -> str | None:
        """The hash of `text`, 64 hexadecimal digits; None without a key."""
        if self.key is None:
            return None
        return hmac.new(self.key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
