"""How the story tests ask the service and read its cards."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flask.testing import FlaskClient

Json = dict[str, Any]

ASSESSMENT = "mda5-cds.assessment"
SERVICES = {hook: f"/cds-services/mda5-rpild-{hook}" for hook in ("patient-view", "order-select", "order-sign")}
RECOMMENDATIONS = (
    *("rec-1", "rec-2", "rec-2a", "rec-2b", "rec-3", "rec-3a", "rec-4"),
    *("rec-5", "rec-6", "rec-7", "rec-8", "rec-9", "rec-10"),
)
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
# RxNorm ingredients, typed from RxNorm and not read from the knowledge files; all glucocorticoids are one word here
INGREDIENTS = {
    "8640": "glucocorticoid",
    "8638": "glucocorticoid",
    "6902": "glucocorticoid",
    "3264": "glucocorticoid",
    "42316": "tacrolimus",
    "3008": "cyclosporine",
    "3002": "cyclophosphamide",
    "68149": "mycophenolate",
    "7145": "mycophenolate",
    "121191": "rituximab",
    "196102": "basiliximab",
    "1357536": "tofacitinib",
    "42386": "immunoglobulin",
    "5666": "immunoglobulin",
}


def answer(client: FlaskClient, request: Mapping[str, Any]) -> Json:
    """The body of a 200; fails with the service's own words on anything else."""
    response = client.post(SERVICES[request["hook"]], json=request)
    assert response.status_code == 200, response.text
    body: Json = response.get_json()
    return body


def topics(body: Json) -> list[str]:
    """The topics of the cards, in the order shown."""
    return [card["source"]["topic"]["code"] for card in body["cards"]]


def resources(request: Mapping[str, Any]) -> Iterator[Json]:
    """Every resource of a request's prefetch, and its drafts."""
    for value in (*request["prefetch"].values(), request["context"].get("draftOrders")):
        if value is not None:
            yield from (
                (entry["resource"] for entry in value["entry"]) if value["resourceType"] == "Bundle" else (value,)
            )


def words(card: Json) -> str:
    """All that a clinician reads on a card, in lower case, without thousands separators and Markdown emphasis."""
    parts = [card["summary"], card.get("detail", "")]
    for suggestion in card.get("suggestions", ()):
        parts += [suggestion["label"], *(action["description"] for action in suggestion.get("actions", ()))]
    text = re.sub(r"[*\\]", "", " ".join(parts)).lower()
    return re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)


def proposed(suggestion: Json) -> frozenset[str]:
    """The agents that a suggestion creates orders for."""
    created = (a["resource"] for a in suggestion.get("actions", ()) if a["type"] == "create")
    return frozenset(_agent(resource) for resource in created if resource["resourceType"] == "MedicationRequest")


def additions(card: Json) -> set[frozenset[str]]:
    """The sets of agents that a card proposes to add; switches, which also stop something, are not among them."""
    return {
        proposed(suggestion)
        for suggestion in card.get("suggestions", ())
        if proposed(suggestion) and not stops(suggestion)
    }


def stops(suggestion: Json) -> bool:
    """Whether a suggestion stops a running order."""
    return any(a["type"] == "update" and a["resource"]["status"] == "stopped" for a in suggestion.get("actions", ()))


def removed(card: Json) -> set[str]:
    """What a card proposes to remove from the basket."""
    return {action["resourceId"] for action in _actions(card) if action["type"] == "delete"}


def lowered(card: Json) -> list[Json]:
    """The drafts that a card proposes to lower, as they would then stand."""
    updates = (action["resource"] for action in _actions(card) if action["type"] == "update")
    return [resource for resource in updates if resource["status"] != "stopped"]


def dose_of(order: Json) -> float:
    """The one dose of an order, in the unit in which it is written."""
    (instruction,) = order["dosageInstruction"]
    (stated,) = instruction["doseAndRate"]
    value: float = stated["doseQuantity"]["value"]
    return value


def _actions(card: Json) -> Iterator[Json]:
    for suggestion in card.get("suggestions", ()):
        yield from suggestion.get("actions", ())


def _agent(order: Json) -> str:
    first = order["medicationCodeableConcept"]["coding"][0]
    assert first["system"] == RXNORM, f"an RxNorm ingredient stands first: {first}"
    return INGREDIENTS.get(first["code"], first["display"])
