"""Which addresses are never called, and what a host name stands for."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator
from typing import Any

from service.outgoing.deadline import TimedOut, Unreachable, time_left

_IP = ipaddress.IPv4Address | ipaddress.IPv6Address
_METADATA = frozenset(
    map(ipaddress.ip_address, ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254"))
)
"""Where clouds hand out credentials, beside the link-local addresses."""
_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal"})
_WITH_IPV4_AT_THE_END = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")))
"""NAT64, a site's own NAT64, and the old way of writing IPv4 addresses."""
_BROADCAST = ipaddress.ip_address("255.255.255.255")

Address = tuple[int, Any]
"""The socket's family, and the address as `connect` takes it."""


def must_not_be_called(address: str) -> bool:
    """Whether an IP address is link-local, unspecified, multicast, broadcast, or a cloud's metadata service."""
    return any(
        form.is_link_local or form.is_unspecified or form.is_multicast or form in _METADATA or form == _BROADCAST
        for form in _forms(_ip(address))
    )


def is_loopback_address(address: str) -> bool:
    """Whether an IP address is this machine's own."""
    return any(form.is_loopback for form in _forms(_ip(address)))


def names_what_must_not_be_called(host: str) -> bool:
    """Whether a host as a URL writes it is such an address, in any notation, or a known name of one."""
    if host.lower().rstrip(".") in _METADATA_NAMES:
        return True
    try:
        return must_not_be_called(host)
    except ValueError:
        pass
    try:
        # one number, octal, hexadecimal: what resolvers take for an IPv4 address too
        return must_not_be_called(socket.inet_ntoa(socket.inet_aton(host)))
    except OSError:
        return False


def addresses_of(host: str, port: int) -> list[Address]:
    """What the resolver says, in its order. Raises TimedOut or Unreachable.

    It has no timeout of its own, so it is asked in a thread and waited for no longer than the exchange may last.
    """
    found: list[list[Address]] = []

    def ask() -> None:
        try:
            answer = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            answer = []
        found.append([(family, address) for family, _, _, _, address in answer])

    if _is_literal(host):
        ask()
    else:
        asking = threading.Thread(target=ask, daemon=True, name="resolver")
        asking.start()
        asking.join(time_left())
    if not found:
        raise TimedOut("the time budget ran out before the host name was resolved")
    if not found[0]:
        raise Unreachable("the host name cannot be resolved")
    return found[0]


def _ip(address: str) -> _IP:
    return ipaddress.ip_address(address.partition("%")[0])


def _forms(ip: _IP) -> Iterator[_IP]:
    """The address, and the IPv4 addresses that an IPv6 one stands for."""
    yield ip
    if isinstance(ip, ipaddress.IPv6Address):
        yield from (inner for inner in (ip.ipv4_mapped, ip.sixtofour) if inner is not None)
        if any(ip in network for network in _WITH_IPV4_AT_THE_END):
            yield ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
