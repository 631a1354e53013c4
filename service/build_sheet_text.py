"""The build sheet as plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from service.plain_text import WIDTH, wrap

Json = dict[str, Any]

PLACEHOLDER = "{base}"
"""Stands for the service's URL where MDA5_CDS_PUBLIC_URL does not name it."""
_NOT_IDENTIFIED = "callers are not identified as this service is configured (MDA5_CDS_AUTH=off); with jwt:"
_LABEL, _TOPIC, _REASON = 12, 20, 32


def sheet_lines(sheet: Json) -> Iterator[str]:
    """The lines of a build sheet; a query stands whole on its line, no other is wider than 100 columns."""
    yield f"BUILD SHEET: mda5-cds, CDS Hooks {sheet['cdsHooks']['version']}, knowledge {sheet['knowledgeVersion']}"
    if PLACEHOLDER in sheet["discoveryUrl"]:
        yield from wrap(
            f"{PLACEHOLDER} stands for the URL of the service; set MDA5_CDS_PUBLIC_URL to have it filled in."
        )
    yield from _services(sheet)
    yield from _prefetch(sheet)
    yield from _rights(sheet)
    yield from _who(sheet["identity"])
    yield from _answers(sheet["topics"])
    yield from ("", "NOTES")
    for note in sheet["notes"]:
        yield from _item(note)


def _services(sheet: Json) -> Iterator[str]:
    yield from ("", "SERVICES")
    yield from _item(f"discovery: {sheet['discoveryUrl']}")
    for service in sheet["services"]:
        yield from ("", f"  {service['id']}")
        yield from _row("hook", f"{service['hook']} (version {sheet['cdsHooks']['hookVersion']})")
        yield from _row("title", service["title"])
        yield f"    {'url':<{_LABEL}}{service['url']}"
        yield f"    {'feedback':<{_LABEL}}{service['feedbackUrl']}"


def _prefetch(sheet: Json) -> Iterator[str]:
    yield from ("", "PREFETCH: the same for all services; key and query to the letter, each query on one line")
    for item in sheet["prefetch"]:
        yield from ("", f"  {item['key']} ({'required' if item['required'] else 'optional'})")
        yield item["query"]
        yield from _item(f"without it: {item['without']}", "  ")


def _rights(sheet: Json) -> Iterator[str]:
    yield from ("", "RIGHTS: of the prefetch, and of the token in fhirAuthorization")
    for item in sheet["permissions"]:
        yield f"  {item['smartV2']:<37}{item['smartV1']:<39}{item['for']}"
    yield from ("", "FHIR SERVERS that the service may call (MDA5_CDS_FHIR_SERVERS)")
    for server in sheet["fhirServers"]:
        yield f"  {server}"
    if not sheet["fhirServers"]:
        yield from wrap("none: what the prefetch does not bring is not fetched", "  ")


def _who(identity: Json) -> Iterator[str]:
    yield from ("", "IDENTITY: " + ("callers are identified" if identity["required"] else _NOT_IDENTIFIED))
    others = ", ".join(identity["algorithmsOnRequest"])
    yield from _row("header", identity["header"])
    yield from _row("algorithms", f"{', '.join(identity['algorithms'])}; if the site allows them: {others}")
    yield from _row("JWT header", ", ".join(identity["jwtHeader"]))
    yield from _row("claims", f"{', '.join(identity['claims'])}; tenant where the client has several")
    lifetime = (
        f"exp at most {identity['longestLifetimeSeconds']} s after iat; {identity['clockSkewSeconds']} s clock skew"
    )
    yield from _row("times", lifetime)
    yield from _row("jti", "never the same twice")
    yield from _row("aud", "the URL that is called:")
    for audience in identity["audiences"]:
        yield f"      {audience}"


def _answers(topics: Json) -> Iterator[str]:
    yield from (
        "",
        "CARD TOPICS (source.topic), and the override reasons that each offers",
        f"  {topics['system']}",
        "",
    )
    for topic in topics["codes"]:
        off = " (switched off here)" if topic["off"] else ""
        # a code is typed as it stands: no line ends within one
        codes = ", ".join(topic["overrideReasons"]) + off
        first = f"  {topic['code']:<{_TOPIC}}"
        yield from textwrap.wrap(
            codes, WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False
        )
    system = ""
    for reason in topics["overrideReasons"]:
        if reason["system"] != system:
            system = reason["system"]
            yield from ("", f"  {system}")
        yield from wrap(reason["display"], f"    {reason['code']:<{_REASON}}", " " * (_REASON + 4))


def _row(label: str, text: str) -> Iterator[str]:
    yield from wrap(text, f"    {label:<{_LABEL}}", " " * (_LABEL + 4))


def _item(text: str, indent: str = "") -> Iterator[str]:
    yield from wrap(text, f"{indent}- ", f"{indent}  ")
