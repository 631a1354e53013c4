"""Rows C, S, A, L (and W3, W9, H14) of the checklist: cards with their suggestions, actions and links."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from fhir.resources.R4B import get_fhir_model_class
from markdown_it import MarkdownIt

from tests.contract.conformance_row import Json, Violation, check_coding, is_absolute_url, is_text

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
REFERENCE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9._-]+")
# tacrolimus and cyclosporine (RxNorm ingredients): alternatives to each other, never one suggestion
ALTERNATIVES = frozenset({"42316", "3008"})
MARKDOWN = MarkdownIt("gfm-like")


def check_cards(cards: list[Any], request: Json) -> Iterator[Violation]:
    """Everything that is wrong with the cards of one response."""
    known = _resources_of(request)
    for number, card in enumerate(cards):
        yield from _check_card(card, f"cards[{number}]", known)
    suggestions = [suggestion for card in cards for suggestion in _list(card, "suggestions")]
    yield from _check_uuids("C7", cards)
    yield from _check_uuids("S2", suggestions)


def _check_card(card: Json, at: str, known: Mapping[str, Json]) -> Iterator[Violation]:
    summary = card.get("summary")
    if not is_text(summary) or len(str(summary)) >= 140 or "\n" in str(summary):
        yield Violation("C1", f"{at}.summary", "is missing, too long or has a line break")
    if card.get("indicator") not in {"info", "warning", "critical"}:
        yield Violation("C2", f"{at}.indicator", f"is {card.get('indicator')}")
    yield from _check_source(card.get("source"), f"{at}.source")
    if "detail" in card and _holds_html(card["detail"]):
        yield Violation("C6", f"{at}.detail", "holds raw HTML")
    yield from _check_choice(card, at)
    for number, reason in enumerate(_list(card, "overrideReasons")):
        yield from _check_override_reason(reason, f"{at}.overrideReasons[{number}]")
    for number, suggestion in enumerate(_list(card, "suggestions")):
        yield from _check_suggestion(suggestion, f"{at}.suggestions[{number}]", known)
    for number, link in enumerate(_list(card, "links")):
        yield from _check_link(link, f"{at}.links[{number}]")


def _check_source(source: Any, at: str) -> Iterator[Violation]:
    if not isinstance(source, Mapping) or not is_text(source.get("label")):
        yield Violation("C3", f"{at}.label", "is missing")
        return
    for name in ("url", "icon"):
        if name in source and not is_absolute_url(source[name]):
            yield Violation("C4", f"{at}.{name}", "is not an absolute URL")
    broken = list(check_coding(source.get("topic"), f"{at}.topic"))
    if broken:
        yield Violation("C5", f"{at}.topic", "is not a Coding")
    yield from broken


def _holds_html(detail: Any) -> bool:
    if not is_text(detail):
        return True
    tokens = MARKDOWN.parse(str(detail))
    inside = [child for token in tokens for child in token.children or ()]
    return any(token.type in {"html_block", "html_inline"} for token in [*tokens, *inside])


def _check_choice(card: Json, at: str) -> Iterator[Violation]:
    behavior, suggestions = card.get("selectionBehavior"), _list(card, "suggestions")
    if suggestions and behavior is None:
        yield Violation("C8", f"{at}.selectionBehavior", "is missing beside suggestions")
    if behavior not in {None, "at-most-one", "any"}:
        yield Violation("C9", f"{at}.selectionBehavior", f"is {behavior}")
    recommended = [suggestion for suggestion in suggestions if suggestion.get("isRecommended") is True]
    if behavior == "at-most-one" and len(recommended) > 1:
        yield Violation("C10", f"{at}.suggestions", "more than one is recommended")


def _check_override_reason(reason: Any, at: str) -> Iterator[Violation]:
    broken = list(check_coding(reason, at))
    if broken or not is_text(reason.get("display")):
        yield Violation("C11", at, "lacks code, system or display")
    yield from broken


def _check_uuids(row: str, owners: list[Any]) -> Iterator[Violation]:
    uuids = [owner["uuid"] for owner in owners if "uuid" in owner]
    for uuid, times in Counter(map(str, uuids)).items():
        if not UUID.fullmatch(uuid):
            yield Violation(row, "uuid", "is not a UUID")
        if times > 1:
            yield Violation(row, "uuid", "is used twice")


def _check_suggestion(suggestion: Json, at: str, known: Mapping[str, Json]) -> Iterator[Violation]:
    if not is_text(suggestion.get("label")):
        yield Violation("S1", f"{at}.label", "is missing")
    if "isRecommended" in suggestion and not isinstance(suggestion["isRecommended"], bool):
        yield Violation("S3", f"{at}.isRecommended", "is not a boolean")
    if "actionSelectionBehavior" in suggestion:
        yield Violation("H14", f"{at}.actionSelectionBehavior", "no client is known to support it")
        if suggestion["actionSelectionBehavior"] not in {"all", "any", "at-most-one"}:
            yield Violation("S6", f"{at}.actionSelectionBehavior", "is none of the known values")
    if "actions" in suggestion and (not isinstance(suggestion["actions"], list) or not suggestion["actions"]):
        yield Violation("S5", f"{at}.actions", "is not a non-empty array")
    creates = [action for action in _list(suggestion, "actions") if action.get("type") == "create"]
    created = [_drug_codes(action.get("resource")) for action in creates]
    if sum(bool(codes & ALTERNATIVES) for codes in created) > 1:
        yield Violation("S4", at, "takes alternatives together")
    for number, action in enumerate(_list(suggestion, "actions")):
        yield from _check_action(action, f"{at}.actions[{number}]", known)


def _check_action(action: Json, at: str, known: Mapping[str, Json]) -> Iterator[Violation]:
    kind = action.get("type")
    if kind not in {"create", "update", "delete"}:
        yield Violation("A1", f"{at}.type", f"is {kind}")
    if not is_text(action.get("description")):
        yield Violation("A2", f"{at}.description", "is missing")
    if "resource" in action:
        yield from _check_resource(action["resource"], f"{at}.resource")
    resource = action.get("resource")
    if kind == "create" and (not isinstance(resource, Mapping) or _reference(resource) in known):
        yield Violation("A3", f"{at}.resource", "is not a new resource")
    if kind == "update" and not _is_whole_update(resource, known):
        yield Violation("A4", f"{at}.resource", "is not the whole of a resource of the request")
    if kind == "delete" and ("resource" in action or not _is_reference(action.get("resourceId"))):
        yield Violation("A5", f"{at}.resourceId", "is not one relative reference, or a resource stands beside it")


def _check_resource(resource: Any, at: str) -> Iterator[Violation]:
    try:
        get_fhir_model_class(resource["resourceType"]).model_validate(dict(resource))
    except (KeyError, TypeError, LookupError, ValueError) as error:
        yield Violation("W3", at, f"is not valid FHIR R4: {error}")


def _check_link(link: Json, at: str) -> Iterator[Violation]:
    if not is_text(link.get("label")) or not is_absolute_url(link.get("url")) or "type" not in link:
        yield Violation("L1", at, "lacks label, type or an absolute url")
    if link.get("type") not in {"absolute", "smart"}:
        yield Violation("L2", f"{at}.type", f"is {link.get('type')}")
    if "appContext" in link and (link.get("type") != "smart" or not isinstance(link["appContext"], str)):
        yield Violation("L3", f"{at}.appContext", "belongs to smart links, as a string")
    if "autolaunchable" in link:
        yield Violation("L4", f"{at}.autolaunchable", "a card that advises is never replaced by an app")


def _is_whole_update(resource: Any, known: Mapping[str, Json]) -> bool:
    if not isinstance(resource, Mapping) or _reference(resource) not in known:
        return False
    original = known[_reference(resource)]
    version = original.get("meta", {}).get("versionId")
    kept = version is None or resource.get("meta", {}).get("versionId") == version
    return kept and set(original) <= set(resource)


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and bool(REFERENCE.fullmatch(value))


def _reference(resource: Json) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def _drug_codes(resource: Any) -> set[str]:
    concept = resource.get("medicationCodeableConcept", {}) if isinstance(resource, Mapping) else {}
    return {str(coding.get("code")) for coding in concept.get("coding", ())}


def _resources_of(request: Json) -> dict[str, Json]:
    """The resources that a request brought, by `Type/id`."""
    found: dict[str, Json] = {}
    pending: list[Any] = [request.get("context"), request.get("prefetch")]
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping):
            if "resourceType" in value and isinstance(value.get("id"), str):
                found[_reference(value)] = value
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
    return found


def _list(owner: Json, key: str) -> list[Any]:
    value = owner.get(key)
    return value if isinstance(value, list) else []
