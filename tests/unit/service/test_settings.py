"""Settings: defaults, each variable, and every problem at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.settings import Settings, SettingsError, check_listening, is_loopback, read_settings


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = read_settings({"PATH": "/bin"})
    assert settings == Settings()
    assert settings.max_body_bytes == 16 * 1024 * 1024
    assert settings.max_nesting == 64
    assert settings.response_extension
    assert not settings.allow_as_of
    assert settings.canonical == "https://mda5-cds.example.org"


def test_every_variable_is_read(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("")
    settings = read_settings(
        {
            "MDA5_CDS_AUTH": "off",
            "MDA5_CDS_CANONICAL": "https://hospital.example.org/cds/",
            "MDA5_CDS_POLICY": str(policy),
            "MDA5_CDS_TOPICS_OFF": "rec-7, data-gap",
            "MDA5_CDS_MAX_BODY_BYTES": "1000",
            "MDA5_CDS_MAX_NESTING": "20",
            "MDA5_CDS_RESPONSE_EXTENSION": "False",
            "MDA5_CDS_ALLOW_AS_OF": "true",
            "MDA5_CDS_INSECURE": "TRUE",
            "MDA5_CDS_LOG_LEVEL": "debug",
        }
    )
    assert settings == Settings(
        canonical="https://hospital.example.org/cds",
        policy=policy,
        topics_off=frozenset({"rec-7", "data-gap"}),
        max_body_bytes=1000,
        max_nesting=20,
        response_extension=False,
        allow_as_of=True,
        insecure=True,
        log_level="DEBUG",
    )


def test_an_empty_variable_is_no_variable() -> None:
    assert read_settings({"MDA5_CDS_POLICY": "", "MDA5_CDS_MAX_BODY_BYTES": " ", "MDA5_CDS_AUTH": ""}) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("AUTH", "jwt", "AUTH=jwt is not available in this version"),
        ("AUTH", "basic", "AUTH must be off"),
        ("CANONICAL", "mda5", "CANONICAL must be an absolute"),
        ("CANONICAL", "https://a.example.org?x=1", "CANONICAL must be an absolute"),
        ("POLICY", "/nowhere/policy.toml", "there is no file /nowhere/policy.toml"),
        ("TOPICS_OFF", "rec-7,rec-11", "there is no topic rec-11"),
        ("MAX_BODY_BYTES", "0", "MAX_BODY_BYTES must be a whole number above 0"),
        ("MAX_BODY_BYTES", "-5", "MAX_BODY_BYTES must be a whole number above 0"),
        ("MAX_BODY_BYTES", "16MiB", "MAX_BODY_BYTES must be a whole number above 0"),
        ("MAX_NESTING", "1.5", "MAX_NESTING must be a whole number above 0"),
        ("RESPONSE_EXTENSION", "yes", "RESPONSE_EXTENSION must be true or false"),
        ("ALLOW_AS_OF", "1", "ALLOW_AS_OF must be true or false"),
        ("INSECURE", "on", "INSECURE must be true or false"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL must be"),
        ("MODE", "silent", "MDA5_CDS_MODE is not a setting of this version"),
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
        "MDA5_CDS_AUTH=jwt",
        "MDA5_CDS_MAX_NESTING",
        "MDA5_CDS_TYPO",
    ]


def test_the_variable_of_the_test_suite_is_let_be() -> None:
    assert read_settings({"MDA5_CDS_TEST_ALL": "1"}) == Settings()


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
