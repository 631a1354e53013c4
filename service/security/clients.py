"""The trusted-clients file: who may call, and where its keys are found."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from service.outgoing.addresses import names_what_must_not_be_called
from service.security.jwks import KINDS, KeySet, KeySetError, read_key_set
from service.settings import SettingsError
from service.variables import PREFIX, absolute_url, is_protected

DEFAULT_ALGORITHMS = ("ES384", "RS384")
_MEMBERS = frozenset({"issuer", "jwks_file", "jwks_url", "tenants", "algorithms", "jku"})
_NAME = f"{PREFIX}TRUSTED_CLIENTS"


@dataclass(frozen=True, slots=True)
class TrustedClient:
    """A client that may call.

    `key_set`: where its keys are, a file or a URL, or the keys themselves. `jku`: the URL that its tokens may name.
    `tenants`: those that it may call for; empty: whatever its tokens say.
    """

    issuer: str
    key_set: Path | str | KeySet
    jku: str | None = None
    tenants: frozenset[str] = frozenset()
    algorithms: tuple[str, ...] = DEFAULT_ALGORITHMS


def read_trusted_clients(path: Path) -> tuple[TrustedClient, ...]:
    """The clients of the file, their key files looked at; SettingsError with every problem found."""
    members = _clients(path)
    readers = [_Reader(member, place, path.parent) for place, member in enumerate(members, start=1)]
    clients = [reader.read() for reader in readers]
    problems = [problem for reader in readers for problem in reader.problems]
    issuers = [client.issuer for client in clients if client is not None]
    problems += [
        f"{_NAME}: the issuer {issuer} is listed more than once"
        for issuer in dict.fromkeys(issuers)
        if issuers.count(issuer) > 1
    ]
    if problems:
        raise SettingsError(tuple(problems))
    return tuple(client for client in clients if client is not None)


def _clients(path: Path) -> list[object]:
    try:
        decoded = json.loads(path.read_bytes())
    except OSError as error:
        raise SettingsError((f"{_NAME}: {path} cannot be read: {error.strerror}",)) from None
    except (ValueError, RecursionError):
        raise SettingsError((f"{_NAME}: {path} is not JSON",)) from None
    if not isinstance(decoded, dict) or not isinstance(decoded.get("clients"), list) or not decoded["clients"]:
        raise SettingsError((f'{_NAME}: {path} must be {{"clients": […]}} with at least one client',))
    unknown = sorted(decoded.keys() - {"clients"})
    if unknown:
        raise SettingsError((f"{_NAME}: {path} has members that mean nothing here: {', '.join(unknown)}",))
    members: list[object] = decoded["clients"]
    return members


@dataclass(slots=True)
class _Reader:
    """Reads one member of the file; notes what is wrong with it."""

    member: object
    place: int
    folder: Path
    problems: list[str] = field(default_factory=list)

    def read(self) -> TrustedClient | None:
        """The client; None when it has a problem, which is noted."""
        if not isinstance(self.member, dict):
            self._note("must be an object")
            return None
        member: Mapping[str, object] = self.member
        unknown = sorted(member.keys() - _MEMBERS)
        if unknown:
            self._note(f"has members that mean nothing here: {', '.join(unknown)}")
        algorithms = self._algorithms(member)
        file, url = self._file(member, algorithms), self._url(member, "jwks_url")
        if ("jwks_file" in member) == ("jwks_url" in member):
            self._note("needs either jwks_file or jwks_url, and not both")
        client = TrustedClient(
            issuer=self._issuer(member),
            key_set=file or url or "",
            jku=self._jku(member, url),
            tenants=self._tenants(member),
            algorithms=algorithms,
        )
        return None if self.problems else client

    def _note(self, problem: str) -> None:
        issuer = self.member.get("issuer") if isinstance(self.member, dict) else None
        named = f" ({issuer})" if isinstance(issuer, str) and issuer else ""
        self.problems.append(f"{_NAME}: client {self.place}{named} {problem}")

    def _issuer(self, member: Mapping[str, object]) -> str:
        issuer = member.get("issuer")
        # "|" stands between issuer and tenant where one text names both
        if isinstance(issuer, str) and issuer and issuer.isprintable() and not set(issuer) & {" ", "|"}:
            return issuer
        self._note("needs an issuer: the text that its tokens carry as iss, without blanks and |")
        return ""

    def _algorithms(self, member: Mapping[str, object]) -> tuple[str, ...]:
        algorithms = _texts(member.get("algorithms", list(DEFAULT_ALGORITHMS)))
        if algorithms and set(algorithms) <= KINDS.keys():
            return algorithms
        self._note(f"may list as algorithms only {', '.join(KINDS)}, and at least one")
        return DEFAULT_ALGORITHMS

    def _tenants(self, member: Mapping[str, object]) -> frozenset[str]:
        tenants = _texts(member.get("tenants", []))
        if tenants is None:
            self._note("has tenants that are no array of texts")
        return frozenset(tenants or ())

    def _file(self, member: Mapping[str, object], algorithms: tuple[str, ...]) -> Path | None:
        name = member.get("jwks_file")
        if "jwks_file" not in member:
            return None
        if not isinstance(name, str) or not name:
            self._note("has a jwks_file that is no path")
            return None
        path = self.folder / name
        for problem in _key_file_problems(path, algorithms):
            self._note(f"has a jwks_file, {path}, that {problem}")
        return path

    def _url(self, member: Mapping[str, object], name: str) -> str | None:
        if name not in member:
            return None
        url = member[name]
        problem = _url_problem(url)
        if problem or not isinstance(url, str):
            self._note(f"has a {name} that {problem}")
            return None
        return url

    def _jku(self, member: Mapping[str, object], url: str | None) -> str | None:
        if "jku" in member and "jwks_url" in member:
            self._note("has a jku beside a jwks_url: a token may name the jwks_url only")
        return self._url(member, "jku") or url


def _texts(value: object) -> tuple[str, ...] | None:
    """The texts of an array, each once; None when it is none."""
    if not isinstance(value, list) or not all(isinstance(text, str) and text for text in value):
        return None
    return tuple(dict.fromkeys(value))


def _key_file_problems(path: Path, algorithms: tuple[str, ...]) -> Iterator[str]:
    try:
        yield from read_key_set(path.read_bytes(), algorithms).flaws
    except KeySetError as error:
        yield from error.problems
    except OSError as error:
        yield f"cannot be read: {error.strerror}"


def _url_problem(url: object) -> str:
    """What is wrong with the address of a key set; "" when nothing is. It may have a query."""
    parts = absolute_url(url.partition("?")[0]) if isinstance(url, str) else None
    if parts is None or not str(url).isprintable() or " " in str(url) or "#" in str(url):
        return "is no absolute URL"
    if not is_protected(parts):
        return "is not https (plain http on loopback only)"
    if names_what_must_not_be_called(parts.hostname or ""):
        return "is an address that is never called (link-local, metadata, multicast, unspecified)"
    return ""
