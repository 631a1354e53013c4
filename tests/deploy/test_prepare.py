"""What `deploy/compose/prepare` makes: who may read it, what it leaves alone, and the trial's certificate."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.trial import DEPLOY, WRITTEN, prepare


def test_who_may_read_what_was_prepared(prepared: Path) -> None:
    """Containers have users of their own: the files are open, and the folder above is its owner's."""
    paths = [prepared, *prepared.rglob("*")]
    mode = {path.relative_to(prepared).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in paths}
    assert mode["."] == 0o700
    assert {mode["tls"], mode["clients"]} == {0o755}
    files = [path.relative_to(prepared).as_posix() for path in paths if path.is_file()]
    kept = {name for name in files if name.startswith("trial/")}
    assert {mode[name] for name in kept} == {0o600}
    assert {mode[name] for name in {*files} - kept} == {0o644}
    assert not list(prepared.rglob("*.new"))


def test_preparing_again_changes_nothing(prepared: Path) -> None:
    def content() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in prepared.rglob("*") if path.is_file()}

    before = content()
    again = prepare(prepared, "other.example.org")
    assert (again.returncode, content()) == (0, before)
    assert "nothing was changed" in again.stdout


def test_a_sites_own_certificate_and_clients_stay(prepared: Path, tmp_path: Path) -> None:
    own = {name: f"the site's {name}" for name in ("tls/certificate.pem", "clients/clients.json")}
    for name, text in own.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    assert prepare(tmp_path).returncode == 0
    assert {name: (tmp_path / name).read_text() for name in own} == own
    assert not list((tmp_path / "trial").iterdir())
    mine, theirs = ((each / "secrets" / "hash_key").read_text() for each in (tmp_path, prepared))
    assert mine != theirs


@pytest.mark.parametrize("name", ["a b", "x/y", "-x", "x:", "x:0", "x:port", "https://x", "x.", "x\ny"])
def test_what_is_no_name_of_a_host_is_refused(tmp_path: Path, name: str) -> None:
    refused = prepare(tmp_path / "site", name)
    assert (refused.returncode, "is no host name" in refused.stderr) == (2, True)
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("name", ["cds.example.org", "localhost", "127.0.0.1"])
def test_the_trial_certificate_holds_to_the_strictest_check(prepared: Path, name: str) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(prepared / "tls" / "certificate.pem", prepared / "tls" / "key.pem")
    client = ssl.create_default_context(cafile=str(prepared / "trial" / "ca.pem"))
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
