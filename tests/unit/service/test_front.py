"""The front: what it warns of at the start, and settings with which it cannot be built."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from service.app import create_app
from service.front import what_to_know
from service.settings import Settings, SettingsError


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(), ["AUTH=off"]),
        (Settings(auth="jwt"), []),
        (Settings(auth="jwt", mode="silent"), ["MODE=silent"]),
        (Settings(auth="jwt", topics_off=frozenset({"rec-7", "dose"})), ["dose, rec-7"]),
        (Settings(auth="jwt", allow_as_of=True), ["ALLOW_AS_OF=true"]),
        (Settings(mode="silent", allow_as_of=True), ["AUTH=off", "MODE=silent", "ALLOW_AS_OF=true"]),
    ],
)
def test_what_must_not_be_forgotten(settings: Settings, words: list[str]) -> None:
    said = list(what_to_know(settings))
    assert len(said) == len(words)
    assert all(word in sentence for word, sentence in zip(words, said, strict=True))


def test_it_is_said_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "service.front"):
        create_app(Settings(mode="silent"))
    assert "CALLERS ARE NOT IDENTIFIED" in caplog.text
    assert "SILENT" in caplog.text


def test_a_database_url_that_is_none_stops_the_start_and_is_not_quoted() -> None:
    with pytest.raises(SettingsError, match="MDA5_CDS_DATABASE_URL") as caught:
        create_app(Settings(database_url="oracle://cds:secret-1@db/cds"))
    assert "secret-1" not in str(caught.value)


def test_a_short_hash_key_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"x" * 31)
    with pytest.raises(SettingsError, match=r"MDA5_CDS_HASH_KEY_FILE: .* at least 32 bytes"):
        create_app(Settings(hash_key_file=tmp_path / "key"))
    (tmp_path / "key").write_bytes(b"x" * 32 + b"\n")
    create_app(Settings(hash_key_file=tmp_path / "key"))


def test_a_database_that_cannot_be_reached_does_not_stop_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING, "service.front"):
        app = create_app(Settings(database_url=f"sqlite:///{tmp_path}/file/cds.sqlite3"))
    assert "the store cannot be used yet" in caplog.text
    assert app.test_client().get("/health/ready").get_json()["store"] == "lost"
