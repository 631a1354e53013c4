"""Rows D and P of the checklist: the services of a discovery answer and their prefetch templates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from fhir.resources.R4B.resource import Resource

from tests.contract.conformance_row import Json, Violation, is_text

PUBLISHED_HOOK_VERSIONS = {"patient-view": {"1.0"}, "order-select": {"1.0"}, "order-sign": {"1.0"}}
TOKEN_FIELDS = {"userId", "patientId", "encounterId"}
HOOK_FIELDS = {
    "patient-view": TOKEN_FIELDS,
    "order-select": TOKEN_FIELDS | {"selections", "draftOrders"},
    "order-sign": TOKEN_FIELDS | {"draftOrders"},
}
USER_TOKENS = {"userPractitionerId", "userPractitionerRoleId", "userPatientId", "userRelatedPersonId"}
REFERENCE_PARAMETERS = {"patient", "subject", "encounter"}
TOKEN_PARAMETERS = {"code", "category", "status", "clinical-status", "verification-status", "intent", "type"}
DATE_PARAMETERS = {"date", "authoredon", "recorded-date", "onset-date", "effective-time", "period"}
SEMVER = re.compile(r"\d+\.\d+\.\d+")
TOKEN = re.compile(r"\{\{([^{}]*)\}\}")


def check_services(services: list[Any]) -> Iterator[Violation]:
    """Everything that is wrong with the list of services."""
    pairs: set[tuple[str, str]] = set()
    for number, service in enumerate(services):
        where = f"services[{number}]"
        yield from _check_service(service, where)
        pair = (str(service.get("id")), str(service.get("hook")))
        if pair in pairs:
            yield Violation("D12", where, "repeats id and hook of another service")
        pairs.add(pair)
    yield from _check_versions(services)


def _check_service(service: Json, where: str) -> Iterator[Violation]:
    hook = service.get("hook")
    if hook not in PUBLISHED_HOOK_VERSIONS:
        yield Violation("D4", f"{where}.hook", "is not a hook of this project")
    if not is_text(service.get("description")):
        yield Violation("D5", f"{where}.description", "is missing")
    if not isinstance(service.get("id"), str) or not re.fullmatch(r"[A-Za-z0-9._~-]+", service["id"]):
        yield Violation("D6", f"{where}.id", "cannot stand in a URL")
    for optional in ("title", "usageRequirements"):
        if optional in service and not isinstance(service[optional], str):
            yield Violation("D8", f"{where}.{optional}", "is not a string")
    if not is_text(service.get("title")) or not SEMVER.fullmatch(str(service.get("version"))):
        yield Violation("D9", where, "has no title or no semantic version")
    if "hookVersion" in service and service["hookVersion"] not in PUBLISHED_HOOK_VERSIONS.get(str(hook), set()):
        yield Violation("D10", f"{where}.hookVersion", "was never published")
    yield from _check_prefetch(service, where)


def _check_versions(services: list[Any]) -> Iterator[Violation]:
    versions: dict[tuple[str, str], set[str]] = {}
    for service in services:
        pair = (str(service.get("id")), str(service.get("hook")))
        versions.setdefault(pair, set()).add(str(service.get("hookVersion")))
    for (service_id, _), known in versions.items():
        if len(known) > 1:
            yield Violation("D11", service_id, "serves two versions of one hook")


def _check_prefetch(service: Json, where: str) -> Iterator[Violation]:
    if "prefetch" not in service:
        return
    prefetch = service["prefetch"]
    if not isinstance(prefetch, dict) or not prefetch or not all(is_text(query) for query in prefetch.values()):
        yield Violation("D7", f"{where}.prefetch", "is not an object of queries")
        return
    seen: set[str] = set()
    for key, query in prefetch.items():
        at = f"{where}.prefetch.{key}"
        yield from _check_tokens(query, str(service.get("hook")), at)
        yield from _check_other_templates(key, query, prefetch, seen, at)
        yield from _check_query(query, at)
        seen.add(key)


def _check_tokens(query: str, hook: str, at: str) -> Iterator[Violation]:
    if "{" in TOKEN.sub("", query) or "}" in TOKEN.sub("", query):
        yield Violation("P1", at, "has a stray brace")
    for concrete in re.findall(r"ofType\((\w*)\)", query):
        if not _is_resource_type(concrete):
            yield Violation("P7", at, f"{concrete} is no resource type")
    for token in TOKEN.findall(query):
        path = token.split(".")
        if token in USER_TOKENS or path[0].startswith("%"):
            continue
        if path[0] != "context":
            yield Violation("P2" if path[0] not in HOOK_FIELDS.get(hook, ()) else "P3", at, f"token {token}")
        elif len(path) < 2 or path[1] not in HOOK_FIELDS.get(hook, ()):
            yield Violation("P3", at, f"token {token} is no context field of {hook}")
        elif len(path) == 2 and path[1] not in TOKEN_FIELDS:
            yield Violation("P8", at, f"token {token} may not be used plain")


def _check_other_templates(key: str, query: str, prefetch: Json, seen: set[str], at: str) -> Iterator[Violation]:
    for other in re.findall(r"%(\w+)", " ".join(TOKEN.findall(query))):
        if other in prefetch and other not in seen:
            yield Violation("P5", at, f"uses {other}, which is listed later")
        if other == key or f"%{key}" in str(prefetch.get(other, "")):
            yield Violation("P6", at, f"goes in a circle with {other}")


def _check_query(query: str, at: str) -> Iterator[Violation]:
    """The restricted subset: a read, or a search with the few kinds of parameters that every server knows."""
    target, _, search = query.partition("?")
    resource_type, _, instance = target.partition("/")
    if not _is_resource_type(resource_type) or bool(instance) == bool(search):
        yield Violation("P4", at, "is neither a read nor a search")
        return
    for parameter in search.split("&") if search else ():
        name, _, value = parameter.partition("=")
        if not value or not _allowed(name, value):
            yield Violation("P4", at, f"parameter {name}")


def _allowed(name: str, value: str) -> bool:
    if name in REFERENCE_PARAMETERS:
        return True
    if name in DATE_PARAMETERS:
        return bool(re.match(r"(eq|lt|gt|ge|le)?\d{4}", value))
    if name in {"_count", "_maxresults"}:
        return value.isdigit()
    return name == "_sort" or name.removesuffix(":in") in TOKEN_PARAMETERS


def _is_resource_type(name: str) -> bool:
    try:
        return issubclass(get_fhir_model_class(name), Resource)
    except ValueError:
        return False
