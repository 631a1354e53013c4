"""Outgoing HTTP against a server of faults: the deadline holds, sizes are bounded, nothing goes where it must not."""

from __future__ import annotations

import gzip
import ipaddress
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from certifi import where
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from service.outgoing.addresses import must_not_be_called, names_what_must_not_be_called
from service.outgoing.door import (
    Allowance,
    Deadline,
    Dropped,
    Outgoing,
    OutgoingError,
    Refused,
    Reply,
    TimedOut,
    TooLarge,
    Unreachable,
    origin,
)
from tests.fault_server import Call, Script, dripping, fault_server, http, stalling

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BUDGET, SOON = 1.0, 2.25
LIMIT = 1000


def get(
    url: str, *, method: str = "GET", seconds: float = 10.0, max_bytes: int | Allowance = LIMIT, **more: Any
) -> Reply:
    return Outgoing().send(
        method, url, headers=more.pop("headers", {}), deadline=Deadline.after(seconds), max_bytes=max_bytes, **more
    )


def answering(*parts: bytes | float) -> Script:
    return lambda _: parts


# --- what is sent, and what comes back -------------------------------------------------------------------------------


def test_an_answer_of_any_status_is_a_reply() -> None:
    with fault_server(lambda _: http(b"no", 404, X_Own="1")) as server:
        reply = get(f"{server.base}/a?b=c", headers={"Accept": "text/plain"})
    assert (reply.status, reply.body, reply.headers["x-own"]) == (404, b"no", "1")
    (call,) = server.calls
    assert (call.method, call.target, call.headers["accept"]) == ("GET", "/a?b=c", "text/plain")


def test_a_body_is_posted() -> None:
    with fault_server(lambda call: http(call.body)) as server:
        assert get(server.base, method="POST", body=b"x=1").body == b"x=1"


def test_neither_proxies_nor_netrc_nor_cookies_are_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with fault_server(lambda _: http(b"own", Set_Cookie="a=b")) as server, fault_server(lambda _: http()) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.base)
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        outgoing = Outgoing()
        for _ in range(2):
            outgoing.send("GET", server.base, headers={}, deadline=Deadline.after(10), max_bytes=LIMIT)
        assert not proxy.connections
    assert not {"authorization", "cookie"} & {name for call in server.calls for name in call.headers}


def test_nothing_of_the_url_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with fault_server(lambda _: http()) as server:
        get(f"{server.base}/Patient/somebody-secret")
    assert "somebody-secret" not in caplog.text


# --- time ------------------------------------------------------------------------------------------------------------

SLOW: dict[str, Script] = {
    "silence": stalling,
    "head": dripping(OK + b"X: "),
    "a header without end": dripping(OK, b"X: y\r\n"),
    "body": dripping(OK + b"Content-Length: 900\r\n\r\n"),
    "body until closed": dripping(OK + b"\r\n", b" ", 0.3),
    "chunks": dripping(CHUNKED, b"1\r\n \r\n"),
    "size of a chunk": dripping(CHUNKED, b"0"),
    "compressed": dripping(OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"x")[:10], b"\0"),
    "more to come": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "just too late": answering(BUDGET + 0.2, *http()),
}


@pytest.mark.parametrize("script", SLOW.values(), ids=SLOW)
def test_the_deadline_holds_for_the_whole_answer(script: Script) -> None:
    start = time.monotonic()
    with fault_server(script) as server, pytest.raises(TimedOut):
        get(server.base, seconds=BUDGET)
    assert BUDGET - 0.1 < time.monotonic() - start < SOON


def test_nothing_is_sent_after_the_deadline() -> None:
    with fault_server(lambda _: http()) as server:
        with pytest.raises(TimedOut):
            get(server.base, seconds=0)
        assert not server.connections


def test_what_comes_in_time_is_taken_however_slowly() -> None:
    parts = [bytes([each]) for each in http(b"whole")[0]]  # type: ignore[union-attr]  # all of it is bytes
    with fault_server(lambda _: [each for part in parts for each in (part, 0.002)]) as server:
        assert get(server.base, seconds=10).body == b"whole"


def test_a_deadline_counts_down() -> None:
    deadline = Deadline.after(60)
    assert 59 < deadline.left() <= 60
    assert not deadline.over
    assert Deadline.after(-1).left() == 0
    assert Deadline.after(0).over


# --- broken answers --------------------------------------------------------------------------------------------------

BROKEN: dict[str, Script] = {
    "closed at once": answering(),
    "no HTTP": answering(b"220 mail.example.org ESMTP\r\n\r\n"),
    "cut off in the body": answering(OK + b"Content-Length: 9\r\n\r\nhalf"),
    "cut off in a chunk": answering(CHUNKED + b"9\r\nhalf"),
    "cut off between chunks": answering(CHUNKED + b"4\r\nhalf\r\n"),
    "cut off compressed": answering(OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"half" * 99)[:-9]),
    "endless header": answering(OK + b"X: " + b"y" * 100_000),
}


@pytest.mark.parametrize("script", BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_is_a_dropped_connection(script: Script) -> None:
    with fault_server(script) as server, pytest.raises(Dropped) as caught:
        get(f"{server.base}/x?patient=somebody")
    # what it was caused by quotes the URL: it must not travel on
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "somebody" not in str(caught.value)


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip"])
def test_an_encoding_that_was_not_asked_for(encoding: str) -> None:
    with fault_server(lambda _: http(b"x", Content_Encoding=encoding)) as server, pytest.raises(OutgoingError):
        get(server.base)


def test_what_is_no_gzip() -> None:
    with fault_server(lambda _: http(b"plain", Content_Encoding="gzip")) as server, pytest.raises(OutgoingError):
        get(server.base)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Unreachable):
        get(f"http://127.0.0.1:{port}")


# --- size ------------------------------------------------------------------------------------------------------------


def _chunked(body: bytes) -> bytes:
    return CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "length": lambda body: b"".join(part for part in http(body) if isinstance(part, bytes)),
    "until closed": lambda body: OK + b"\r\n" + body,
    "chunked": _chunked,
    "gzip": lambda body: OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(body),
    "x-gzip": lambda body: OK + b"Content-Encoding: X-GZIP\r\n\r\n" + gzip.compress(body),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("size", [0, LIMIT - 1, LIMIT, LIMIT + 1])
def test_the_limit_is_the_largest_that_is_read(form: Callable[[bytes], bytes], size: int) -> None:
    with fault_server(lambda _: [form(b"a" * size)]) as server:
        if size > LIMIT:
            with pytest.raises(TooLarge):
                get(server.base)
        else:
            assert len(get(server.base).body) == size


def test_what_says_that_it_is_too_large_is_not_waited_for() -> None:
    start = time.monotonic()
    with fault_server(answering(OK + b"Content-Length: 1001\r\n\r\n", 60.0)) as server, pytest.raises(TooLarge):
        get(server.base)
    assert time.monotonic() - start < SOON


@pytest.mark.parametrize("body", [gzip.compress(b"\0" * 20_000_000), b"\0" * 5_000_000], ids=["bomb", "plain"])
def test_a_bomb_is_not_taken_in(body: bytes) -> None:
    encoding = {"Content_Encoding": "gzip"} if body[:2] == b"\x1f\x8b" else {}
    whole = http(body, **encoding)[0]
    assert isinstance(whole, bytes)
    start = time.monotonic()
    unstated = whole.replace(b"Content-Length", b"X-Length")
    with fault_server(lambda _: [unstated]) as server, pytest.raises(TooLarge):
        get(server.base)
    assert time.monotonic() - start < SOON


def test_answers_may_share_an_allowance() -> None:
    allowance = Allowance(10)
    with fault_server(lambda _: http(b"12345")) as server:
        for left in (5, 0):
            assert get(server.base, max_bytes=allowance).body == b"12345"
            assert allowance.left == left
        with pytest.raises(TooLarge):
            get(server.base, max_bytes=allowance)


# --- redirects -------------------------------------------------------------------------------------------------------


def _hops(number: int, location: str) -> Script:
    return lambda call: http(status=302, Location=location) if call.number < number else http(b"there")


@pytest.mark.parametrize("location", ["/other", "other?x=1", "//{host}/other", "{base}/other"])
def test_redirects_within_the_origin_are_followed(location: str) -> None:
    def script(call: Call) -> Any:
        host = call.headers["host"]
        return _hops(3, location.format(host=host, base=f"http://{host}"))(call)

    with fault_server(script) as server:
        assert get(f"{server.base}/first", headers={"Authorization": "Bearer of-this-origin"}).body == b"there"
    assert len(server.calls) == 4
    assert {call.headers["authorization"] for call in server.calls} == {"Bearer of-this-origin"}


def test_a_fourth_redirect_is_not_followed() -> None:
    with fault_server(_hops(4, "/again")) as server, pytest.raises(Refused):
        get(server.base)
    assert len(server.calls) == 4


@pytest.mark.parametrize(
    "location",
    [
        "{other}/x",
        "//{host}/x",
        "https://169.254.169.254/x",
        "ftp://127.0.0.1/x",
        "http://me@{own}/x",
        "http://[",
        "http://{own} /x",
    ],
)
def test_redirects_to_another_origin_are_refused(location: str) -> None:
    with fault_server(lambda _: http(b"another")) as other:
        host = other.base.removeprefix("http://")

        def script(call: Call) -> Any:
            return http(status=307, Location=location.format(other=other.base, host=host, own=call.headers["host"]))

        with fault_server(script) as server, pytest.raises(Refused):
            get(server.base, headers={"Authorization": "Bearer of-this-origin"})
        assert len(server.calls) == 1
        assert not other.connections


def test_a_redirect_without_a_place_is_an_answer() -> None:
    with fault_server(lambda _: http(status=302)) as server:
        assert get(server.base).status == 302


@pytest.mark.parametrize(("status", "follows"), [(301, False), (302, False), (303, False), (307, True), (308, True)])
def test_what_was_posted_is_posted_again_or_not_at_all(status: int, follows: bool) -> None:
    with fault_server(lambda call: http(call.body) if call.number else http(status=status, Location="/")) as server:
        if follows:
            assert get(server.base, method="POST", body=b"x=1").body == b"x=1"
        else:
            with pytest.raises(Refused):
                get(server.base, method="POST", body=b"x=1")
    assert {call.method for call in server.calls} == {"POST"}


# --- addresses -------------------------------------------------------------------------------------------------------

NEVER = [
    *("169.254.169.254", "169.254.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"),  # noqa: S104  # none is bound to
    *("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"),
    *("fe80::1", "fe80::1%eth0", "::", "ff02::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"),
    *("::169.254.169.254", "64:ff9b:1::169.254.169.254"),
]


@pytest.mark.parametrize("address", NEVER)
def test_addresses_that_are_never_called(address: str) -> None:
    assert must_not_be_called(address)
    assert names_what_must_not_be_called(address)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "169.253.255.255", "169.255.0.0", "8.8.8.8", "::1", "fd00::1"]
)
def test_addresses_that_may_be(address: str) -> None:
    assert not must_not_be_called(address)
    assert not names_what_must_not_be_called(address)


@pytest.mark.parametrize(
    ("host", "never"),
    [
        ("metadata.google.internal", True),
        ("METADATA.google.internal.", True),
        ("instance-data", True),
        ("2852039166", True),
        ("0xA9FEA9FE", True),
        ("169.254.43518", True),
        ("0251.0376.0251.0376", True),
        ("0", True),
        ("ehr.example.org", False),
        ("metadata.example.org", False),
    ],
)
def test_names_and_notations_of_them(host: str, never: bool) -> None:
    assert names_what_must_not_be_called(host) is never


@pytest.mark.parametrize(
    "url",
    [
        *("http://ehr.example.org/", "http://10.0.0.1/", "https://169.254.169.254/latest", "https://[fe80::1]/"),
        *("https://0.0.0.0/", "https://2852039166/", "https://[::ffff:a9fe:a9fe]/", "http://169.254.169.254/"),
        *("ftp://127.0.0.1/", "file:///etc/passwd", "//127.0.0.1/", "127.0.0.1", "", "https://", "https:///x"),
        *("http://u:p@127.0.0.1/", "http://127.0.0.1\\@example.org/", "http://127.0.0.1:0/", "http://127.0.0.1:x/"),
        *(
            "http://127.0.0.1/\r\nX: y",
            "http://127.0.0.1/a b",
            "http://exämple.org/",
            "https://a..example.org/",
            "https://*.example.org/",
            "https://[::1%25lo]/",
        ),
    ],
)
def test_what_is_refused_before_any_connection(url: str) -> None:
    with pytest.raises((Refused, Unreachable)):
        get(url, seconds=5)


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Every name stands for these addresses."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


def test_a_name_that_stands_for_such_an_address_too_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with fault_server(lambda _: http()) as server:
        resolving(monkeypatch, server.listener.getsockname(), ("169.254.169.254", 80))
        with pytest.raises(Refused):
            get("https://ehr.example.org/")
        assert not server.connections


def test_plain_http_reaches_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, ("10.0.0.1", 80))
    with pytest.raises(Refused):
        get("http://localhost/")


def test_the_next_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = listener.getsockname()
    with fault_server(lambda _: http(b"second")) as server:
        resolving(monkeypatch, closed, server.listener.getsockname())
        assert get("http://localhost/").body == b"second"


def test_an_address_that_swallows_packets_costs_its_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # a listener whose queue is full takes no connection and refuses none
    with socket.socket() as full, fault_server(lambda _: http(b"second")) as server:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        resolving(monkeypatch, full.getsockname(), server.listener.getsockname())
        assert get("http://localhost/", seconds=1.0).body == b"second"
        resolving(monkeypatch, full.getsockname())
        with pytest.raises(TimedOut):
            get("http://localhost/", seconds=0.2)
        for each in waiting:
            each.close()


def test_a_resolver_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: let_go.wait(60) and [])
    start = time.monotonic()
    with pytest.raises(TimedOut):
        get("https://ehr.example.org/", seconds=BUDGET)
    assert time.monotonic() - start < SOON
    let_go.set()


def test_a_name_that_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror("somebody's name")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unreachable, match="cannot be resolved"):
        get("https://ehr.example.org/")


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://EHR.example.org/fhir", ("https", "ehr.example.org", 443)),
        ("HTTP://127.0.0.1:8080", ("http", "127.0.0.1", 8080)),
        ("https://[::1]:443/x", ("https", "::1", 443)),
        ("https://ehr.example.org:99999/", None),
        ("https://me@ehr.example.org/", None),
        ("ftp://ehr.example.org/", None),
        ("/fhir", None),
        ("https://[::1/", None),
    ],
)
def test_the_origin_of_a_url(url: str, found: object) -> None:
    assert origin(url) == found


# --- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    start = datetime.now(UTC) - timedelta(hours=1)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + timedelta(days=1))
    signed = builder.add_extension(alternative, critical=False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(private + signed.public_bytes(pem))
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    """A server's side of it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator trusts it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


@pytest.mark.usefixtures("trusted")
def test_https_to_a_server_that_the_operator_trusts(tls: ssl.SSLContext) -> None:
    with fault_server(lambda call: http(call.body), tls) as server:
        assert get(server.base, method="POST", body=b"x" * LIMIT).body == b"x" * LIMIT


@pytest.mark.parametrize("named", [True, False])
def test_https_to_a_server_that_nobody_trusts(
    tls: ssl.SSLContext, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    if named:
        monkeypatch.setenv("SSL_CERT_FILE", where())
    with fault_server(lambda _: http(), tls) as server, pytest.raises(Unreachable, match="self-signed certificate"):
        get(server.base, headers={"Authorization": "Bearer never-sent"})
    assert not server.calls


@pytest.mark.usefixtures("trusted")
def test_https_to_a_server_of_another_name(tls: ssl.SSLContext) -> None:
    with fault_server(lambda _: http(), tls) as server, pytest.raises(Unreachable, match="not trusted"):
        get(server.base.replace("127.0.0.1", "localhost"))
    assert not server.calls


def test_https_to_a_server_that_speaks_no_tls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 mail.example.org ESMTP\r\n")
                connection.recv(LIMIT)

        greeting = threading.Thread(target=greet)
        greeting.start()
        with pytest.raises(Unreachable, match="no TLS"):
            get(f"https://127.0.0.1:{listener.getsockname()[1]}/")
        greeting.join()


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("name", ["silence", "head", "body"])
def test_the_deadline_holds_over_tls(tls: ssl.SSLContext, name: str) -> None:
    start = time.monotonic()
    with fault_server(SLOW[name], tls) as server, pytest.raises(TimedOut):
        get(server.base, seconds=BUDGET)
    assert time.monotonic() - start < SOON


def test_the_deadline_holds_for_a_handshake_that_never_ends() -> None:
    start = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TimedOut):
        get(f"https://127.0.0.1:{silent.getsockname()[1]}/", seconds=BUDGET)
    assert time.monotonic() - start < SOON
