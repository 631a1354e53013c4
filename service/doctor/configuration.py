"""The settings, the site's policy, and the switches that are easily forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from cds_cards.guideline import Guideline
from service.doctor.finding import Finding, ok, warning, wrong
from service.parts import load_parts
from service.settings import Settings, SettingsError, read_settings
from service.variables import PREFIX, absolute_url, is_protected


def readable_settings(environment: Mapping[str, str]) -> tuple[Settings, tuple[str, ...]]:
    """The settings that can be read, and every problem of the others, which stand at their defaults."""
    problems: tuple[str, ...] = ()
    left = dict(environment)
    while True:
        try:
            settings = read_settings(left)
        except SettingsError as error:
            # what falls away in the first round may make another setting look wrong in the second
            problems = problems or error.problems
            named = {_named(problem, left) for problem in error.problems}
            left = {name: value for name, value in left.items() if name not in named and None not in named}
            continue
        if environment.get(f"{PREFIX}AUTH", "").strip() == "jwt":
            settings = replace(settings, auth="jwt")
        return settings, problems


def _named(problem: str, environment: Mapping[str, str]) -> str | None:
    """The variable that a problem speaks of: it begins with its name."""
    names = [name for name in environment if name.startswith(PREFIX) and problem.startswith(name)]
    return max(names, key=len, default=None)


def check_settings(environment: Mapping[str, str], problems: tuple[str, ...]) -> Iterator[Finding]:
    """Every variable that cannot be used."""
    for problem in problems:
        yield wrong("settings", f"{problem}; the rest is checked without it")
    if not problems:
        given = sum(name.startswith(PREFIX) for name in environment)
        yield ok("settings", f"{given} variables {PREFIX}… are set, all of them known" if given else "the defaults")


def usable_guideline(settings: Settings) -> tuple[Guideline, tuple[Finding, ...]]:
    """The knowledge with the site's policy, or without it when that cannot be used, and what there is to say."""
    try:
        guideline = load_parts(Settings(policy=settings.policy)).guideline
    except SettingsError as error:
        lines = (line.removeprefix(f"{PREFIX}POLICY: ") for problem in error.problems for line in problem.splitlines())
        return load_parts(Settings()).guideline, tuple(wrong("policy", line) for line in lines)
    if settings.policy is None:
        return guideline, (ok("policy", "the policy that comes with the service; no file of the site"),)
    return guideline, (ok("policy", f"{settings.policy} is laid over the policy that comes with the service"),)


def check_switches(settings: Settings) -> Iterator[Finding]:
    """What was switched on or off for a time, and is easily forgotten."""
    if settings.mode == "silent":
        yield warning("mode", f"{PREFIX}MODE=silent: calls are evaluated and recorded, and no card is shown to anybody")
    if settings.topics_off:
        off = ", ".join(sorted(settings.topics_off))
        yield warning("topics", f"switched off by {PREFIX}TOPICS_OFF, nobody sees these cards: {off}")
    if settings.allow_as_of:
        yield warning("as-of", f"{PREFIX}ALLOW_AS_OF=true: a request may replace today's date; for tests only")
    if not settings.response_extension:
        yield ok("extension", "the assessment is left out of the responses")


def check_origins(settings: Settings) -> Iterator[Finding]:
    """The browser pages that may call."""
    for origin in settings.cors_origins:
        parts = absolute_url(origin)
        if parts is not None and not is_protected(parts):
            yield warning("cors", f"{origin} is not https: what its pages send and show can be read on the way")
    if settings.cors_origins:
        yield ok("cors", f"pages of {', '.join(settings.cors_origins)} may call")
    else:
        yield ok("cors", f"no browser page may call ({PREFIX}CORS_ORIGINS is not set)")
