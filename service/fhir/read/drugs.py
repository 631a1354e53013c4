"""Which agent a medication element names, and by which route the product is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cds_cards.coding import ATC, RXNORM, SNOMED
from cds_cards.guideline import Product
from service.fhir.read.amounts import NO_STRENGTH, Strength
from service.fhir.read.codes import DrugCodes, codings, texts
from service.fhir.read.routes import LOCAL, form_route

_PUBLIC = frozenset({RXNORM, ATC, SNOMED})


@dataclass(frozen=True, slots=True)
class Drug:
    """What a medication names. `agents` are ours (none: not our drug); `unclear` says why it cannot be told.

    `route` is the product's: `oral`, `iv`, `sc`, `im`, `local`, "" (systemic, not told which), or None. `product` is
    the coded one, `strength` what one unit of it holds; `solid`: tablets or capsules.
    """

    agents: frozenset[str] = frozenset()
    route: str | None = None
    by_text: bool = False
    product: Product | None = None
    label: str = ""
    unclear: str = ""
    strength: Strength = NO_STRENGTH
    solid: bool = False

    def called(self, label: str) -> Drug:
        """The same under another name."""
        return Drug(
            self.agents,
            self.route,
            self.by_text,
            self.product,
            label,
            self.unclear,
            self.strength,
            self.solid,
        )


@dataclass(frozen=True, slots=True)
class _Hit:
    agents: frozenset[str]
    route: str | None
    product: Product | None = None


def drug(concepts: Sequence[object], codes: DrugCodes, form: object = None) -> Drug:
    """The drug that CodeableConcepts name (a product and its ingredients); `form` is a Medication's."""
    each = [_of_concept(concept, codes) for concept in concepts]
    named = [read for read in each if read.agents]
    if not named:
        # an ingredient of a mixture may be unknown as long as another part says what it is
        unclear = [read.unclear for read in each if read.unclear]
        return Drug(unclear=unclear[0] if unclear and len(unclear) == len(each) else "")
    agents = frozenset[str]().union(*(read.agents for read in named))
    routes = {read.route for read in named if read.route is not None}
    if not routes:
        hint = form_route(text for part in (*concepts, form) for text in texts(part))
        routes = {hint} if hint is not None else set()
    return Drug(
        agents=agents,
        route=_systemic_first(routes),
        by_text=all(read.by_text for read in named),
        product=next((read.product for read in named if read.product is not None), None),
        label=next((read.label for read in named if read.label), ""),
        unclear=next((read.unclear for read in named if read.unclear), ""),
    )


def named_agents(concepts: Iterable[object], codes: DrugCodes) -> tuple[frozenset[str], bool]:
    """All agents that any of the concepts names (an allergy may list several), and whether by text alone."""
    each = [_of_concept(concept, codes) for concept in concepts]
    agents = frozenset[str]().union(*(read.agents for read in each))
    return agents, bool(agents) and all(read.by_text for read in each if read.agents)


def _of_concept(concept: object, codes: DrugCodes) -> Drug:
    stated = texts(concept)
    label = stated[0] if stated else ""
    hits = [hit for coding in codings(concept) if (hit := _hit(coding, codes)) is not None]
    if hits:
        return _by_code(hits, stated, codes, label)
    agents = frozenset(agent for text in stated for agent in codes.words.named_in(text))
    if not agents:
        unknown_only = not stated and not any(code_system in _PUBLIC for code_system, _ in codings(concept))
        return Drug(unclear="its drug has neither a text nor a code of a public system" if unknown_only else "")
    unclear = "its text names more than one drug" if len(agents) > 1 else ""
    return Drug(agents, by_text=True, label=label, unclear=unclear)


def _hit(coding: tuple[str, str], codes: DrugCodes) -> _Hit | None:
    code_system, code = coding
    product = codes.products.get(code) if code_system == RXNORM else None
    if product is not None:
        # a brand whose name tells no route: its other codes, or the text, may
        return _Hit(frozenset({product.agent}), product.route or None, product)
    found = codes.codes.get(coding)
    if found is None:
        return None
    local = all(is_local for _, is_local in found)
    return _Hit(frozenset(agent for agent, _ in found), LOCAL if local else None)


def _by_code(hits: list[_Hit], stated: tuple[str, ...], codes: DrugCodes, label: str) -> Drug:
    everything = frozenset[str]().union(*(hit.agents for hit in hits))
    agents = everything.intersection(*(hit.agents for hit in hits))
    if not agents:
        return Drug(everything, label=label, unclear="its codes name different drugs")
    if len(agents) > 1:
        in_words = agents & {agent for text in stated for agent in codes.words.named_in(text)}
        agents = in_words if len(in_words) == 1 else frozenset({min(agents)})
    return Drug(
        agents,
        route=_systemic_first({hit.route for hit in hits if hit.route is not None}),
        product=_most_telling([hit.product for hit in hits if hit.product is not None]),
        label=label,
    )


def _most_telling(products: list[Product]) -> Product | None:
    """The product whose strength is known; the same whatever the order of the codings."""
    return min(products, key=lambda each: (each.strength_mg is None, each.name), default=None)


def _systemic_first(routes: Iterable[str]) -> str | None:
    known: Mapping[bool, list[str]] = {True: [], False: []}
    for route in routes:
        known[route == LOCAL].append(route)
    if known[False]:
        return sorted(known[False])[-1] if len(set(known[False]) - {""}) <= 1 else ""
    return LOCAL if known[True] else None
