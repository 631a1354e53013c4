"""Connections that keep to one deadline and to permitted addresses; `service.outgoing` sends through them.

A read timeout starts anew with every byte, so a slow drip defeats it. Here every wait of a socket lasts as long as the
deadline leaves, and addresses are judged where the connection is made: a name that changes its mind cannot get past.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from service.outgoing.addresses import Address, addresses_of, is_loopback_address, must_not_be_called
from service.outgoing.deadline import OutgoingError, Refused, Unreachable, time_left


class _Timed:
    """A socket that asks the deadline before every wait."""

    def recv_into(self, *args: Any) -> int:
        self.settimeout(time_left())  # type: ignore[attr-defined]  # what it is mixed into is a socket
        count: int = super().recv_into(*args)  # type: ignore[misc]
        return count

    def send(self, *args: Any) -> int:
        self.settimeout(time_left())  # type: ignore[attr-defined]
        count: int = super().send(*args)  # type: ignore[misc]
        return count

    def sendall(self, *args: Any) -> None:
        self.settimeout(time_left())  # type: ignore[attr-defined]
        super().sendall(*args)  # type: ignore[misc]


class _Plain(_Timed, socket.socket):
    pass


class _Tls(_Timed, ssl.SSLSocket):
    pass


def timed(context: ssl.SSLContext) -> ssl.SSLContext:
    """The context, making sockets that keep to the deadline."""
    context.sslsocket_class = _Tls
    return context


def _connect(host: str, port: int, *, loopback_only: bool) -> socket.socket:
    """A connection to the first address of `host` that answers; none is tried when one of them must not be called."""
    addresses = addresses_of(host, port)
    for _, address in addresses:
        _check(address[0], loopback_only)
    for number, address in enumerate(addresses):
        try:
            # one that swallows packets must not use up the time of the others
            return _connect_to(address, time_left() / (len(addresses) - number), loopback_only)
        except OSError:
            continue
    time_left()
    raise Unreachable("no connection could be made")


def _connect_to(address: Address, seconds: float, loopback_only: bool) -> socket.socket:
    connection = _Plain(address[0], socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.connect(address[1])
        _check(connection.getpeername()[0], loopback_only)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(time_left())
    except (OSError, OutgoingError):
        connection.close()
        raise
    return connection


def _check(address: str, loopback_only: bool) -> None:
    if must_not_be_called(address):
        raise Refused("the host has an address that is never called (link-local, metadata, unspecified or multicast)")
    if loopback_only and not is_loopback_address(address):
        raise Refused("plain http is allowed to this machine only")


class _Http(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self._dns_host, self.port or 80, loopback_only=True)


class _Https(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self._dns_host, self.port or 443, loopback_only=False)


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


POOLS = {"http": _HttpPool, "https": _HttpsPool}
"""For urllib3's PoolManager: plain http reaches loopback only."""
