"""`mda5-cds doctor`: checks a configuration, says in plain words what is wrong and what to do, and changes nothing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TextIO

from service.doctor.callers import check_identity, client_checks
from service.doctor.configuration import (
    check_origins,
    check_settings,
    check_switches,
    readable_settings,
    usable_guideline,
)
from service.doctor.finding import Finding
from service.doctor.network import check_fhir_server, check_fhir_servers_are_named, check_public_url
from service.doctor.storage import check_database, check_hash_key
from service.settings import Settings

AT_ONCE = 16
"""Checks of the network that run side by side."""
_WIDTH = 9
_USER_IN_URL = re.compile(r"//[^/@\s]*@")


def run_doctor(environment: Mapping[str, str], out: TextIO) -> bool:
    """Prints one line for each thing that was looked at; True when nothing is wrong (warnings are allowed)."""
    settings, problems = readable_settings(environment)
    levels: Counter[str] = Counter()
    for finding in (*check_settings(environment, problems), *_findings(settings)):
        levels[finding.level] += 1
        print(f"{finding.level:<{_WIDTH}}{_clean(f'{finding.about}: {finding.text}')}", file=out)
    print(f"\n{levels['wrong']} wrong, {levels['warning']} to know about, {levels['ok']} well", file=out)
    return not levels["wrong"]


def _findings(settings: Settings) -> Iterator[Finding]:
    guideline, of_the_policy = usable_guideline(settings)
    yield from of_the_policy
    checks: list[Callable[[], Iterator[Finding]]] = [
        partial(check_identity, settings),
        *client_checks(settings),
        partial(check_public_url, settings, guideline),
        partial(check_fhir_servers_are_named, settings),
        *(partial(check_fhir_server, base) for base in settings.fhir_servers),
        partial(check_database, settings),
        partial(check_hash_key, settings),
        partial(check_origins, settings),
        partial(check_switches, settings),
    ]
    with ThreadPoolExecutor(AT_ONCE) as side_by_side:
        for found in side_by_side.map(lambda check: tuple(check()), checks):
            yield from found


def _clean(text: str) -> str:
    """One line, without the user and password of any URL."""
    return "".join(sign if sign.isprintable() else " " for sign in _USER_IN_URL.sub("//…@", text))
