"""Settings: defaults, each variable, and every problem at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.settings import Settings, SettingsError, check_listening, read_settings
from service.variables import is_loopback

DATABASE = "sqlite:///mda5-cds/mda5-cds.sqlite3"


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = read_settings({"PATH": "/bin"})
    assert settings == Settings(database_url=DATABASE)
    assert settings.fhir_budget_seconds == 4
    assert settings.fhir_servers == ()
    assert settings.max_body_bytes == 16 * 1024 * 1024
    assert settings.max_nesting == 64
    assert settings.response_extension
    assert settings.remember_facts
    assert not settings.allow_as_of
    assert settings.canonical == "https://mda5-cds.example.org"


def test_every_variable_is_read(tmp_path: Path) -> None:
    policy, clients, key = (tmp_path / name for name in ("policy.toml", "clients.json", "key"))
    for file in (policy, clients, key):
        file.write_text("")
    settings = read_settings(
        {
            "MDA5_CDS_AUTH": "jwt",
            "MDA5_CDS_PUBLIC_URL": "https://cds.example.org/mda5/",
            "MDA5_CDS_TRUSTED_CLIENTS": str(clients),
            "MDA5_CDS_CORS_ORIGINS": "https://ehr.example.org, http://localhost:8080",
            "MDA5_CDS_REQUESTS_PER_MINUTE": "120",
            "MDA5_CDS_FHIR_SERVERS": "https://ehr.example.org/fhir/ http://127.0.0.1:9000/r4,https://b.example.org",
            "MDA5_CDS_FHIR_BUDGET_SECONDS": "2.5",
            "MDA5_CDS_DATABASE_URL": "postgresql://cds:secret-1@db/cds",
            "MDA5_CDS_HASH_KEY_FILE": str(key),
            "MDA5_CDS_MODE": "silent",
            "MDA5_CDS_CANONICAL": "https://hospital.example.org/cds/",
            "MDA5_CDS_POLICY": str(policy),
            "MDA5_CDS_TOPICS_OFF": "rec-7, data-gap",
            "MDA5_CDS_MAX_BODY_BYTES": "1000",
            "MDA5_CDS_MAX_NESTING": "20",
            "MDA5_CDS_RESPONSE_EXTENSION": "False",
            "MDA5_CDS_REMEMBER_FACTS": "false",
            "MDA5_CDS_ALLOW_AS_OF": "true",
            "MDA5_CDS_INSECURE": "TRUE",
            "MDA5_CDS_LOG_LEVEL": "debug",
        }
    )
    assert "secret-1" not in repr(settings)
    assert settings == Settings(
        auth="jwt",
        public_url="https://cds.example.org/mda5",
        trusted_clients=clients,
        cors_origins=("https://ehr.example.org", "http://localhost:8080"),
        requests_per_minute=120,
        fhir_servers=("https://ehr.example.org/fhir", "http://127.0.0.1:9000/r4", "https://b.example.org"),
        fhir_budget_seconds=2.5,
        database_url="postgresql://cds:secret-1@db/cds",
        hash_key_file=key,
        mode="silent",
        canonical="https://hospital.example.org/cds",
        policy=policy,
        topics_off=frozenset({"rec-7", "data-gap"}),
        max_body_bytes=1000,
        max_nesting=20,
        response_extension=False,
        remember_facts=False,
        allow_as_of=True,
        insecure=True,
        log_level="DEBUG",
    )


def test_an_empty_variable_is_no_variable() -> None:
    blank = {"MDA5_CDS_POLICY": "", "MDA5_CDS_MAX_BODY_BYTES": " ", "MDA5_CDS_AUTH": "", "MDA5_CDS_DATABASE_URL": ""}
    assert read_settings(blank) == Settings(database_url=DATABASE)


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"HOME": "/home/cds"}, "/home/cds/.local/state"),
        ({"HOME": "/home/cds", "XDG_STATE_HOME": "/var/state"}, "/var/state"),
    ],
)
def test_the_database_is_a_file_of_the_users(environment: dict[str, str], folder: str) -> None:
    assert read_settings(environment).database_url == f"sqlite:///{folder}/mda5-cds/mda5-cds.sqlite3"


def test_identified_clients_have_a_request_rate(tmp_path: Path) -> None:
    (tmp_path / "clients.json").write_text("")
    jwt = {"MDA5_CDS_AUTH": "jwt", "MDA5_CDS_TRUSTED_CLIENTS": str(tmp_path / "clients.json")}
    assert read_settings(jwt).requests_per_minute == 6000
    assert read_settings({}).requests_per_minute is None


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("AUTH", "jwt", "AUTH=jwt needs MDA5_CDS_TRUSTED_CLIENTS"),
        ("AUTH", "basic", "AUTH must be off or jwt"),
        ("PUBLIC_URL", "cds.example.org", "PUBLIC_URL must be an absolute"),
        ("PUBLIC_URL", "https://me:pass@cds.example.org", "PUBLIC_URL must be an absolute"),
        ("TRUSTED_CLIENTS", "/nowhere/clients.json", "there is no file /nowhere/clients.json"),
        ("CORS_ORIGINS", "*", "CORS_ORIGINS: * is no origin"),
        ("CORS_ORIGINS", "https://ehr.example.org/path", "is no origin"),
        ("REQUESTS_PER_MINUTE", "0", "REQUESTS_PER_MINUTE must be a whole number above 0"),
        ("FHIR_SERVERS", "ehr.example.org", "FHIR_SERVERS: ehr.example.org is no absolute https URL"),
        ("FHIR_SERVERS", "http://ehr.example.org/fhir", "must be https"),
        ("FHIR_SERVERS", "https://ehr.example.org:port/", "is no absolute https URL"),
        ("FHIR_SERVERS", "https://ehr.example.org/fhir?x=1", "is no absolute https URL"),
        ("FHIR_BUDGET_SECONDS", "0", "FHIR_BUDGET_SECONDS must be a number of seconds above 0"),
        ("FHIR_BUDGET_SECONDS", "nan", "FHIR_BUDGET_SECONDS must be a number of seconds above 0"),
        ("FHIR_BUDGET_SECONDS", "four", "FHIR_BUDGET_SECONDS must be a number of seconds above 0"),
        ("HASH_KEY_FILE", "/nowhere/key", "there is no file /nowhere/key"),
        ("MODE", "quiet", "MODE must be live or silent"),
        ("CANONICAL", "mda5", "CANONICAL must be an absolute"),
        ("CANONICAL", "https://a.example.org?x=1", "CANONICAL must be an absolute"),
        ("POLICY", "/nowhere/policy.toml", "there is no file /nowhere/policy.toml"),
        ("TOPICS_OFF", "rec-7,rec-11", "there is no topic rec-11"),
        ("MAX_BODY_BYTES", "0", "MAX_BODY_BYTES must be a whole number above 0"),
        ("MAX_BODY_BYTES", "-5", "MAX_BODY_BYTES must be a whole number above 0"),
        ("MAX_BODY_BYTES", "16MiB", "MAX_BODY_BYTES must be a whole number above 0"),
        ("MAX_NESTING", "1.5", "MAX_NESTING must be a whole number above 0"),
        ("RESPONSE_EXTENSION", "yes", "RESPONSE_EXTENSION must be true or false"),
        ("REMEMBER_FACTS", "no", "REMEMBER_FACTS must be true or false"),
        ("ALLOW_AS_OF", "1", "ALLOW_AS_OF must be true or false"),
        ("INSECURE", "on", "INSECURE must be true or false"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL must be"),
        ("MAX_BODY_BYTE", "1", "MDA5_CDS_MAX_BODY_BYTE is not a setting of this version"),
    ],
)
def test_an_impossible_value_is_named(name: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({f"MDA5_CDS_{name}": value})
    assert len(caught.value.problems) == 1
    assert words in str(caught.value)


def test_all_problems_are_named_together() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings({"MDA5_CDS_AUTH": "jwt", "MDA5_CDS_MAX_NESTING": "x", "MDA5_CDS_TYPO": "1"})
    assert [problem.split()[0] for problem in caught.value.problems] == [
        "MDA5_CDS_MAX_NESTING",
        "MDA5_CDS_AUTH=jwt",
        "MDA5_CDS_TYPO",
    ]


def test_the_variable_of_the_test_suite_is_let_be() -> None:
    theirs = {"MDA5_CDS_TEST_ALL": "1", "MDA5_CDS_ARTIFACTS": "build/screenshots"}
    assert read_settings(theirs) == Settings(database_url=DATABASE)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "localhost", "::1", "[::1]"])
def test_loopback_needs_no_leave(host: str) -> None:
    assert is_loopback(host)
    check_listening(Settings(), host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "cds.example.org", ""])  # noqa: S104 - never bound here
def test_beyond_loopback_needs_leave(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(SettingsError, match="MDA5_CDS_INSECURE=true"):
        check_listening(Settings(), host)
    check_listening(Settings(insecure=True), host)


def test_identified_callers_may_come_from_anywhere_once_tokens_have_an_audience() -> None:
    with pytest.raises(SettingsError, match="MDA5_CDS_PUBLIC_URL"):
        check_listening(Settings(auth="jwt"), "10.0.0.1")
    check_listening(Settings(auth="jwt", public_url="https://cds.example.org"), "10.0.0.1")
    check_listening(Settings(auth="jwt"), "127.0.0.1")
