"""The configuration: `MDA5_CDS_*` variables, checked once at start, all problems named together."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args

from cds_cards.card import Topic
from service.variables import PREFIX, Variables, absolute_url, is_loopback, is_protected

DEFAULT_CANONICAL = "https://mda5-cds.example.org"
DEFAULT_MAX_BODY_BYTES = 16 * 1024 * 1024
DEFAULT_MAX_NESTING = 64
DEFAULT_FHIR_BUDGET_SECONDS = 4.0
DEFAULT_REQUESTS_PER_MINUTE = 6000
"""Of one client, where clients are identified: about fifty times what a large hospital's EHR sends at its busiest."""
DATABASE_FILE = "mda5-cds.sqlite3"

CARD_TOPICS: frozenset[str] = frozenset(get_args(Topic))
# read by the test suite, not by the service: allowed to stand in the environment
_NOT_OURS = frozenset({"TEST_ALL", "ARTIFACTS"})


class SettingsError(Exception):
    """The configuration cannot be used. `problems` has one sentence each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may set. Sizes in bytes, nesting in levels of JSON; URLs without a trailing slash.

    `sandbox`: the page for trying the service, switched on by the command line alone. `requests_per_minute` None: no
    limit. `database_url` is SQLAlchemy's; the default here lives in memory, the one of `read_settings` is a file.
    """

    auth: Literal["off", "jwt"] = "off"
    insecure: bool = False
    public_url: str | None = None
    trusted_clients: Path | None = None
    cors_origins: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    max_nesting: int = DEFAULT_MAX_NESTING
    fhir_servers: tuple[str, ...] = ()
    fhir_budget_seconds: float = DEFAULT_FHIR_BUDGET_SECONDS
    database_url: str = field(default="sqlite://", repr=False)
    hash_key_file: Path | None = None
    mode: Literal["live", "silent"] = "live"
    topics_off: frozenset[str] = frozenset()
    policy: Path | None = None
    canonical: str = DEFAULT_CANONICAL
    response_extension: bool = True
    remember_facts: bool = True
    allow_as_of: bool = False
    log_level: str = "INFO"
    sandbox: bool = False


def read_settings(environment: Mapping[str, str]) -> Settings:
    """The settings that `environment` makes; SettingsError with every problem found."""
    given = {key.removeprefix(PREFIX): value for key, value in environment.items() if key.startswith(PREFIX)}
    variables = Variables({name: value for name, value in given.items() if name not in _NOT_OURS})
    auth = cast(Literal["off", "jwt"], variables.choice("AUTH", "off", "jwt"))
    settings = Settings(
        auth=auth,
        insecure=variables.flag("INSECURE", False),
        public_url=_url(variables, "PUBLIC_URL") or None,
        trusted_clients=variables.file("TRUSTED_CLIENTS"),
        cors_origins=_origins(variables),
        requests_per_minute=_requests_per_minute(variables, auth),
        max_body_bytes=variables.positive("MAX_BODY_BYTES", DEFAULT_MAX_BODY_BYTES),
        max_nesting=variables.positive("MAX_NESTING", DEFAULT_MAX_NESTING),
        fhir_servers=_fhir_servers(variables),
        fhir_budget_seconds=variables.seconds("FHIR_BUDGET_SECONDS", DEFAULT_FHIR_BUDGET_SECONDS),
        database_url=variables.text("DATABASE_URL") or _database_file(environment),
        hash_key_file=variables.file("HASH_KEY_FILE"),
        mode=cast(Literal["live", "silent"], variables.choice("MODE", "live", "silent")),
        topics_off=_topics_off(variables),
        policy=variables.file("POLICY"),
        canonical=_url(variables, "CANONICAL") or DEFAULT_CANONICAL,
        response_extension=variables.flag("RESPONSE_EXTENSION", True),
        remember_facts=variables.flag("REMEMBER_FACTS", True),
        allow_as_of=variables.flag("ALLOW_AS_OF", False),
        log_level=_log_level(variables),
    )
    _check_identity(settings, variables)
    variables.problems += [f"{PREFIX}{name} is not a setting of this version" for name in sorted(variables.values)]
    if variables.problems:
        raise SettingsError(tuple(variables.problems))
    return settings


def check_listening(settings: Settings, host: str) -> None:
    """Refuses to listen beyond this machine where strangers could call; SettingsError says what to do."""
    if settings.insecure or is_loopback(host):
        return
    if settings.sandbox:
        # whatever the callers' keys: there the service also trusts one whose private half everybody has
        why = f"refusing to listen on {host}: --sandbox is for trying the service on this machine; set {PREFIX}INSECURE"
        raise SettingsError((f"{why}=true only where something in front of the service keeps strangers out",))
    if settings.auth == "jwt":
        if settings.public_url is None:
            why = f"refusing to listen on {host}: {PREFIX}PUBLIC_URL must say for which URL tokens are meant"
            raise SettingsError((why,))
        return
    raise SettingsError(
        (
            f"refusing to listen on {host}: callers are not identified ({PREFIX}AUTH=off), so only loopback is "
            f"allowed; set {PREFIX}AUTH=jwt, or {PREFIX}INSECURE=true only where something in front of the service "
            f"keeps strangers out",
        )
    )


def _check_identity(settings: Settings, variables: Variables) -> None:
    if settings.auth == "jwt" and settings.trusted_clients is None:
        variables.problem("AUTH=jwt", f"needs {PREFIX}TRUSTED_CLIENTS, the file of the clients that may call")


def _requests_per_minute(variables: Variables, auth: str) -> int | None:
    default = DEFAULT_REQUESTS_PER_MINUTE if auth == "jwt" else None
    return variables.optional_positive("REQUESTS_PER_MINUTE") or default


def _url(variables: Variables, name: str) -> str:
    text = variables.text(name).rstrip("/")
    if text and absolute_url(text) is None:
        variables.problem(name, "must be an absolute http(s) URL")
    return text


def _fhir_servers(variables: Variables) -> tuple[str, ...]:
    servers = tuple(server.rstrip("/") for server in variables.words("FHIR_SERVERS"))
    for server in servers:
        parts = absolute_url(server)
        if parts is None:
            variables.problem("FHIR_SERVERS", f"{server} is no absolute https URL", separator=": ")
        elif not is_protected(parts):
            variables.problem("FHIR_SERVERS", f"{server} must be https (plain http on loopback only)", separator=": ")
    return servers


def _origins(variables: Variables) -> tuple[str, ...]:
    origins = variables.words("CORS_ORIGINS")
    for origin in origins:
        parts = absolute_url(origin)
        if parts is None or parts.path:
            variables.problem("CORS_ORIGINS", f"{origin} is no origin, such as https://ehr.example.org", separator=": ")
    return origins


def _database_file(environment: Mapping[str, str]) -> str:
    """A file of this user's, the same wherever the command is called."""
    home = environment.get("HOME", "").strip()
    state = environment.get("XDG_STATE_HOME", "").strip()
    folder = Path(state) if state else Path(home) / ".local" / "state" if home else Path()
    return f"sqlite:///{folder / 'mda5-cds' / DATABASE_FILE}"


def _topics_off(variables: Variables) -> frozenset[str]:
    listed = frozenset(variables.words("TOPICS_OFF"))
    for topic in sorted(listed - CARD_TOPICS):
        variables.problem(
            "TOPICS_OFF", f"there is no topic {topic}; topics: {', '.join(sorted(CARD_TOPICS))}", separator=": "
        )
    return listed


def _log_level(variables: Variables) -> str:
    level = variables.text("LOG_LEVEL", "INFO").upper()
    if level not in logging.getLevelNamesMapping():
        variables.problem("LOG_LEVEL", "must be DEBUG, INFO, WARNING, ERROR or CRITICAL")
    return level
