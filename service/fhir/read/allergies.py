"""AllergyIntolerance → allergies to our agents, or to a whole class of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cds_cards.coding import ATC
from cds_cards.record import Allergy, SetAside
from service.fhir.read.codes import codings, is_public, members, texts
from service.fhir.read.context import Context, Fact
from service.fhir.read.drugs import named_agents
from service.fhir.read.models import validated
from service.fhir.read.shapes import ALLERGY, Raw
from service.fhir.read.statuses import coded_status
from service.fhir.read.unreadable import Unreadable
from service.fhir.read.words import Phrases

_CLINICAL: Final = frozenset({"active", "inactive", "resolved"})
_VERIFICATION: Final = frozenset({"unconfirmed", "presumed", "confirmed", "refuted", "entered-in-error"})
_KINDS: Final = frozenset({"allergy", "intolerance"})
_CRITICALITIES: Final = frozenset({"low", "high", "unable-to-assess"})
_CLASS_CODES: Final = {
    (ATC, "L04AD"): "calcineurin-inhibitor",
    (ATC, "H02AB"): "glucocorticoid",
    (ATC, "J06BA"): "immunoglobulin",
    (ATC, "L04AB"): "anti-tnf",
    (ATC, "L04AF"): "jak-inhibitor",
}
_CLASS_WORDS: Final = Phrases(
    {
        "calcineurin-inhibitor": (
            *("calcineurin inhibitor", "calcineurin inhibitors", "inhibidor de la calcineurina"),
            *("inhibidores de la calcineurina", "inhibidores de calcineurina", "anticalcineurinicos"),
        ),
        "glucocorticoid": (
            *("glucocorticoid", "glucocorticoids", "corticosteroid", "corticosteroids", "steroid", "steroids"),
            *("glucocorticoides", "corticoides", "corticosteroides", "esteroides"),
        ),
        "immunoglobulin": (
            *("immunoglobulin", "immunoglobulins", "immune globulin", "immune globulins", "human immunoglobulin"),
            *("inmunoglobulina", "inmunoglobulinas", "gamma globulin", "gammaglobulin", "gammaglobulina"),
        ),
        "anti-tnf": ("tnf inhibitor", "tnf inhibitors", "anti-tnf", "anti tnf", "inhibidores del tnf"),
        "jak-inhibitor": ("jak inhibitor", "jak inhibitors", "inhibidores de jak", "inhibidores jak"),
        "anti-cd20": ("anti-cd20", "anti-cd20 antibodies", "anticuerpos anti-cd20"),
    }
)


def named(resource: Raw, context: Context) -> frozenset[str] | None:
    """The agents concerned (of a class all of them); empty when it cannot be told; None when none is ours."""
    substances = _substances(resource)
    agents, _ = named_agents(substances, context.vocabulary.drugs)
    classes = _classes(substances)
    of_classes = {agent.id for agent in context.guideline.agents.values() if agent.agent_class in classes}
    if agents or of_classes:
        return agents | of_classes
    told = any(texts(each) or any(is_public(code_system) for code_system, _ in codings(each)) for each in substances)
    return None if told else frozenset()


def read(resource: Raw, source: str, context: Context) -> Iterator[Fact]:
    """The allergy or intolerance."""
    verification = coded_status(resource.get("verificationStatus"), _VERIFICATION, "verificationStatus")
    if verification == "entered-in-error":
        yield SetAside(source, "its verification status is entered-in-error")
        return
    substances = _substances(resource)
    agents, by_text = named_agents(substances, context.vocabulary.drugs)
    classes = _classes(substances)
    if not agents and not classes:
        raise Unreadable("it has neither a text nor a code of a public system")
    clinical = coded_status(resource.get("clinicalStatus"), _CLINICAL, "clinicalStatus")
    fitted = context.fit(resource, ALLERGY)
    side = frozenset({"recordedDate", "onsetDateTime", "type", "criticality"})
    valid = validated("AllergyIntolerance", fitted, side)
    date = next((valid[name] for name in ("recordedDate", "onsetDateTime") if name in valid), None)
    yield Allergy(
        source=source,
        agents=agents,
        classes=classes,
        clinical=clinical,
        verification=verification,
        kind=_one_of(valid.get("type"), _KINDS),
        criticality=_one_of(valid.get("criticality"), _CRITICALITIES),
        severe=any(reaction.get("severity") == "severe" for reaction in members(resource.get("reaction"))),
        when=context.date(date, "recordedDate") if date is not None else None,
        by_text=by_text,
        label=next((text for each in substances for text in texts(each)), ", ".join(sorted(agents | classes))),
    )


def _substances(resource: Raw) -> list[object]:
    reactions = members(resource.get("reaction"))
    return [resource.get("code"), *(reaction.get("substance") for reaction in reactions)]


def _classes(substances: list[object]) -> frozenset[str]:
    coded = {_CLASS_CODES[coding] for each in substances for coding in codings(each) if coding in _CLASS_CODES}
    words = {name for each in substances for text in texts(each) for name in _CLASS_WORDS.named_in(text)}
    return frozenset(coded | words)


def _one_of(value: object, known: frozenset[str]) -> str | None:
    return value if isinstance(value, str) and value in known else None
