"""Keyed hashes."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import pytest

from service.store import KeyedHash

KEY = b"k" * 32


def test_without_a_key_there_is_no_hash() -> None:
    assert KeyedHash.from_file(None).of("Patient/1") is None


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_the_hash_is_hmac_sha256_with_the_bytes_of_the_file(tmp_path: Path, end: bytes) -> None:
    (tmp_path / "key").write_bytes(KEY + end)
    expected = hmac.new(KEY, b"Patient/1", hashlib.sha256).hexdigest()
    assert KeyedHash.from_file(tmp_path / "key").of("Patient/1") == expected


def test_another_key_or_text_makes_another_hash() -> None:
    assert len({KeyedHash(KEY).of("a"), KeyedHash(KEY).of("b"), KeyedHash(KEY + b"k").of("a")}) == 3


@pytest.mark.parametrize("content", [b"", b"k" * 31, b"k" * 31 + b"\n", b"k" * 31 + b"\r\n"])
def test_a_short_key_is_refused_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(ValueError, match="at least 32 bytes") as caught:
        KeyedHash.from_file(tmp_path / "key")
    assert "kkk" not in str(caught.value)


def test_a_key_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        KeyedHash.from_file(tmp_path)


def test_the_key_does_not_show() -> None:
    assert "kkk" not in repr(KeyedHash(KEY))
