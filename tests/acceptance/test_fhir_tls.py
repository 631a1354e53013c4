"""The fall-back over TLS, with a real FHIR server: only a certificate that is trusted, and for that host."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.acceptance.ehr import KEYS, OPTIONAL, ask, assessment, diagnostics, lacking, service, story
from tests.acceptance.fhir import gap_ids
from tests.fhir_server import FhirServer, start

DAY = timedelta(days=1)


def certificate(folder: Path, address: str = "127.0.0.1", ends: timedelta = DAY) -> Path:
    """A certificate that signed itself, with its key, for an address; it ends so long after now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * DAY)
        .not_valid_after(now + ends)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "certificate.pem"
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + private)
    return file


@contextmanager
def tls_server(folder: Path, shown: Path) -> Iterator[FhirServer]:
    server = start(folder, shown)
    try:
        yield server
    finally:
        server.stop()


def test_a_trusted_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tls_server(tmp_path, certificate(tmp_path)) as server:
        whole = story(server, "refractory")
        # how an operator names the hospital's own authority
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        client = service(server.base, fhir_budget_seconds=20.0)
        assert ask(client, lacking(server, whole, *KEYS)) == ask(client, whole)


@pytest.mark.parametrize(
    ("address", "ends", "trusted"),
    [("127.0.0.1", DAY, False), ("127.0.0.2", DAY, True), ("127.0.0.1", -DAY, True)],
    ids=["unknown authority", "another host", "expired"],
)
def test_a_certificate_that_cannot_be_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, ends: timedelta, trusted: bool
) -> None:
    with tls_server(tmp_path, certificate(tmp_path, address, ends)) as server:
        whole = story(server, "refractory")
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        client = service(server.base, fhir_budget_seconds=20.0)
        with server.arrivals() as arrivals:
            assert "conditions" in diagnostics(client, lacking(server, whole, "conditions"), 412)
            assert "procedures" in gap_ids(assessment(client, lacking(server, whole, *OPTIONAL)))
        assert arrivals == []
