"""Who may call: the identity settings, the trusted clients, and whether their keys can be had."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from service.doctor.finding import Finding, ok, warning, wrong
from service.security.clients import TrustedClient, read_trusted_clients
from service.security.jwks import KeySetError
from service.security.keys import KeysUnreachable, load_keys
from service.settings import Settings, SettingsError
from service.variables import PREFIX

Check = Callable[[], Iterator[Finding]]


def check_identity(settings: Settings) -> Iterator[Finding]:
    """Whether callers are identified, and what that means for where the service may listen."""
    if settings.auth == "jwt":
        yield ok("identity", "callers prove who they are with a JWT")
        if settings.insecure:
            yield warning("identity", f"{PREFIX}INSECURE=true changes nothing here; take it away")
        return
    if settings.insecure:
        why = f"anybody who reaches the port can send patients and read cards ({PREFIX}AUTH=off, {PREFIX}INSECURE=true)"
        yield warning("identity", why)
    else:
        yield warning(
            "identity", f"callers are not identified ({PREFIX}AUTH=off): the service listens on loopback only"
        )
    if settings.trusted_clients is not None:
        yield warning("identity", f"{PREFIX}TRUSTED_CLIENTS is not read while {PREFIX}AUTH is off")


def client_checks(settings: Settings) -> Iterator[Check]:
    """One check for the trusted-clients file, or one for each client when the file can be used."""
    if settings.auth == "off" or settings.trusted_clients is None:
        return
    try:
        clients = read_trusted_clients(settings.trusted_clients)
    except SettingsError as error:
        found = [wrong("clients", problem.removeprefix(f"{PREFIX}TRUSTED_CLIENTS: ")) for problem in error.problems]
        yield lambda: iter(found)
        return
    for client in clients:
        yield _of(client)


def _of(client: TrustedClient) -> Check:
    return lambda: check_client(client)


def check_client(client: TrustedClient) -> Iterator[Finding]:
    """Whether the client's key set can be had now, and has a key that its tokens can name."""
    about = f"client {client.issuer}"
    place = client.key_set
    try:
        keys = load_keys(client)
    except KeysUnreachable as error:
        yield wrong(about, f"its keys at {place} cannot be fetched from here: {error}; its calls would be answered 503")
        return
    except KeySetError as error:
        for problem in error.problems:
            yield wrong(about, f"the key set {place}: {problem}")
        return
    for flaw in keys.flaws:
        yield warning(about, f"the key set {place}: {flaw}")
    kinds = ", ".join(sorted({key.kind for key in keys.keys}))
    tenants = f"tenants {', '.join(sorted(client.tenants))}" if client.tenants else "any tenant"
    yield ok(about, f"usable keys: {len(keys.keys)} ({kinds}); {', '.join(client.algorithms)}; {tenants}")
