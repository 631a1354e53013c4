"""What must hold between the knowledge files: names that are known, codes that mean one thing, grades that exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_cards.guideline import RXNORM, Agent, Code, Concept, Guideline, ObservationConcept
from cds_cards.knowledge import checkdigits, names


def faults(guideline: Guideline) -> Iterator[str]:
    """Every fault between the files, as a sentence with its place."""
    yield from _exactly("recommendations.recommendation", guideline.recommendations, names.RECOMMENDATIONS)
    yield from _exactly("recommendations.risk_factor", guideline.risk_factors, names.RISK_FACTORS)
    yield from _exactly("agents", guideline.agents, names.AGENTS)
    yield from _exactly("observations", guideline.observations, names.OBSERVATIONS)
    yield from _exactly("conditions.conditions", guideline.conditions, names.CONDITIONS)
    yield from _exactly("conditions.procedures", guideline.procedures, names.PROCEDURES)
    yield from _exactly("conditions.services", guideline.services, names.SERVICES)
    yield from _recommendations(guideline)
    for agent in guideline.agents.values():
        yield from _agent(agent)
    yield from _regimens(guideline)
    yield from _products(guideline)
    yield from _local_codes(guideline)
    for name in guideline.policy.pregnancy_not_suggested:
        if name not in guideline.agents:
            yield f"policy.pregnancy_not_suggested: {name} is no agent"
    for place, group in (
        ("agents", guideline.agents),
        ("observations", guideline.observations),
        ("conditions.conditions", guideline.conditions),
        ("conditions.procedures", guideline.procedures),
        ("conditions.services", guideline.services),
    ):
        yield from _one_meaning(place, group.values())
        yield from _one_word(place, group.values())


def _exactly(place: str, found: Iterable[str], expected: frozenset[str]) -> Iterator[str]:
    present = set(found)
    for name in sorted(expected - present):
        yield f"{place}: {name} is missing"
    for name in sorted(present - expected):
        yield f"{place}: {name} is no name that the rules know"


def _recommendations(guideline: Guideline) -> Iterator[str]:
    for each in guideline.recommendations.values():
        place = f"recommendations.recommendation.{each.id}"
        if not each.grades or set(each.grades) - names.GRADES or len(set(each.grades)) < len(each.grades):
            yield f"{place}: grades {list(each.grades)} must be D or √, each once"
        if each.parts and {grade for _, grade in each.parts} != set(each.grades):
            yield f"{place}: parts do not carry the grades {list(each.grades)}"
    for study in guideline.studies:
        for name in study.recommendations:
            if name not in guideline.recommendations:
                yield f"evidence: {study.name}: {name} is no recommendation"
    for factor in guideline.risk_factors.values():
        concept = guideline.observations.get(factor.concept)
        unit = concept.canonical if concept else "a" if factor.concept == "age" else None
        if unit != factor.unit:
            yield f"recommendations.risk_factor.{factor.id}: {factor.concept} is not measured in {factor.unit}"


def _agent(agent: Agent) -> Iterator[str]:
    place = f"agents.{agent.id}"
    for role in sorted(agent.roles - names.ROLES):
        yield f"{place}: role {role} is none that the rules know"
    if agent.roles & names.SUGGESTED or agent.agent_class == "immunoglobulin":
        if agent.ingredient.system != RXNORM:
            yield f"{place}: no RxNorm ingredient, so it could not be suggested"
        if agent.atc is None:
            yield f"{place}: no ATC code, so it could not be suggested"
    if not agent.codes or not agent.words:
        yield f"{place}: no code or no word, so it could not be recognised"
    for caution in agent.cautions:
        if caution.id not in names.CAUTIONS:
            yield f"{place}: caution {caution.id} is none that the rules know"
    if (agent.agent_class == "glucocorticoid") != (agent.prednisone_equivalent is not None):
        yield f"{place}: glucocorticoids, and only they, state their prednisone equivalent"
    for regimen in agent.regimens:
        if regimen.low > regimen.high:
            yield f"{place}.{regimen.id}: low {regimen.low:g} exceeds high {regimen.high:g}"
        if regimen.unit not in names.UNITS:
            yield f"{place}.{regimen.id}: unit {regimen.unit} is none of {', '.join(sorted(names.UNITS))}"
        if not regimen.route or set(regimen.route) - names.ROUTES:
            yield f"{place}.{regimen.id}: routes {list(regimen.route)} must be of {', '.join(sorted(names.ROUTES))}"


def _regimens(guideline: Guideline) -> Iterator[str]:
    ids = [regimen.id for agent in guideline.agents.values() for regimen in agent.regimens]
    yield from _exactly("agents regimens", ids, names.REGIMENS)
    for name in sorted({name for name in ids if ids.count(name) > 1}):
        yield f"agents regimens: {name} stands twice"


def _products(guideline: Guideline) -> Iterator[str]:
    ingredients = {code.code: agent.id for agent in guideline.agents.values() for code in agent.codes}
    for code, product in guideline.products.items():
        if product.agent not in guideline.agents:
            yield f"products: {code} names {product.agent}, which is no agent"
        if product.route not in names.PRODUCT_ROUTES:
            yield f"products: {code} has the route {product.route}, which is none that the rules know"
        if ingredients.get(code, product.agent) != product.agent:
            yield f"products: {code} is {product.agent} here and {ingredients[code]} in agents"


def _local_codes(guideline: Guideline) -> Iterator[str]:
    """A hospital's own codes: well formed, and not in use for another result."""
    meant = {(c.system, c.code): each.id for each in guideline.observations.values() for c in each.codes}
    for concept, codes in guideline.policy.local_codes.items():
        for code in codes:
            if why := checkdigits.fault(code.system, code.code):
                yield f"policy.local_codes.{concept}: {code.code} {why}"
            if meant.setdefault((code.system, code.code), concept) != concept:
                yield f"policy.local_codes.{concept}: {code.code} already means {meant[code.system, code.code]}"


def _one_meaning(place: str, concepts: Iterable[Agent | ObservationConcept | Concept]) -> Iterator[str]:
    """A code that means two concepts of one kind is a fault, unless both entries say so (`shared`)."""
    seen: dict[tuple[str, str], tuple[str, Code]] = {}
    for concept in concepts:
        for code in concept.codes:
            other = seen.setdefault((code.system, code.code), (concept.id, code))
            if other[1] is code:
                continue
            if other[0] == concept.id:
                yield f"{place}.{concept.id}: {code.code} stands twice"
            elif {code.variant, other[1].variant} != {"shared"}:
                yield f"{place}: {code.code} means both {other[0]} and {concept.id}"


def _one_word(place: str, concepts: Iterable[Agent | ObservationConcept | Concept]) -> Iterator[str]:
    """A word that names two concepts of one kind would be read as either."""
    seen: dict[str, str] = {}
    for concept in concepts:
        for word in concept.words:
            if word != word.strip().lower():
                yield f"{place}.{concept.id}: the word {word!r} must be in lower case"
            if seen.setdefault(word, concept.id) != concept.id:
                yield f"{place}: the word {word!r} names both {seen[word]} and {concept.id}"
