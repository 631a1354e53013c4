"""Which of our concepts a coding or a text names: exact system and code, then words. Built once per guideline."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from cds_cards.coding import ATC, ICD10, ICD10CM, LOINC, RXNORM, SNOMED, Code
from cds_cards.guideline import Concept, Guideline, Product
from service.fhir.read.remembered import Answers, Remembered, catalogue
from service.fhir.read.words import Phrases

if TYPE_CHECKING:
    from service.fhir.read.alike import Known
    from service.fhir.read.drugs import Drug

_SYSTEMS = {
    "loinc.org": LOINC,
    "2.16.840.1.113883.6.1": LOINC,
    "snomed.info/sct": SNOMED,
    "2.16.840.1.113883.6.96": SNOMED,
    "www.nlm.nih.gov/research/umls/rxnorm": RXNORM,
    "2.16.840.1.113883.6.88": RXNORM,
    "www.whocc.no/atc": ATC,
    "whocc.no/atc": ATC,
    "2.16.840.1.113883.6.73": ATC,
    "hl7.org/fhir/sid/icd-10-cm": ICD10CM,
    "2.16.840.1.113883.6.90": ICD10CM,
    "hl7.org/fhir/sid/icd-10": ICD10,
    "2.16.840.1.113883.6.3": ICD10,
}
"""The same system as feeds write it: http or https, an OID, an edition of SNOMED CT."""
_PREFIX = re.compile(r"^(?:https?://|urn:oid:)", re.IGNORECASE)
_SNOMED_EDITION = re.compile(r"snomed\.info/sct/\d+(?:/version/\d+)?")
CRITERIA = ("respiratory-symptoms", "imaging", "clinician-impression")
"""The clinical criteria of refractoriness that a clinician records as Observations with our own codes."""
_LESS_SPECIFIC = frozenset({"", "unspecified", "untimed"})
_STATED_IN_WORDS = ("ild", "rpild")
"""Lung disease counts when coded *or worded*: the words are looked at beside a code for another of our concepts too."""


def system(uri: object) -> str:
    """The one way that we write a code system; an unknown one as it is, "" for none."""
    if not isinstance(uri, str):
        return ""
    return _known_system(uri) if len(uri) <= _LONGEST_KNOWN else _system(uri)


def _system(uri: str) -> str:
    bare = _PREFIX.sub("", uri.strip()).rstrip("/")
    if _SNOMED_EDITION.fullmatch(bare):
        return SNOMED
    return _SYSTEMS.get(bare.lower(), uri.strip())


_LONGEST_KNOWN: Final = 100
_known_system = lru_cache(maxsize=1000)(_system)


def is_public(code_system: str) -> bool:
    """Whether its codes are the same everywhere, so that one that is not ours says that it is something else."""
    return code_system in _SYSTEMS.values() or code_system.startswith(
        ("http://hl7.org/fhir/", "http://terminology.hl7.org/", "urn:oid:2.16.840.1.113883.6.")
    )


def members(value: object) -> Sequence[Mapping[str, object]]:
    """The objects in a list, or the one object where a list belongs."""
    if isinstance(value, list):
        return [member for member in value if isinstance(member, dict)]
    return (value,) if isinstance(value, dict) else ()


def codings(concept: object) -> tuple[tuple[str, str], ...]:
    """(system, code) of each coding that has a code."""
    return tuple(
        [
            (system(coding.get("system")), code.strip())
            for holder in members(concept)
            for coding in members(holder.get("coding"))
            if isinstance(code := coding.get("code"), str) and code.strip()
        ]
    )


def texts(concept: object) -> tuple[str, ...]:
    """The text of a CodeableConcept and the displays of its codings."""
    found: list[object] = []
    for holder in members(concept):
        found.append(holder.get("text"))
        found += [coding.get("display") for coding in members(holder.get("coding"))]
    return tuple(dict.fromkeys([bare for text in found if isinstance(text, str) and (bare := text.strip())]))


@dataclass(frozen=True, slots=True)
class Named:
    """The concepts that something names; `variants` are those of observations (None: contradictory).

    `codes`: by which code each was recognised. `unclear` says why it can only be suspected that it names them. `told`:
    it says what it is, one of ours or not.
    """

    concepts: frozenset[str] = frozenset()
    variants: Mapping[str, str | None] = field(default_factory=dict)
    codes: Mapping[str, str] = field(default_factory=dict)
    by_text: bool = False
    unclear: str = ""
    told: bool = False


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Codes and words of one kind of concept (conditions, procedures, services)."""

    codes: Mapping[tuple[str, str], frozenset[str]]
    words: Mapping[str, Phrases]
    not_words: Mapping[str, Phrases]
    named: Callable[[object], Named] = field(init=False, repr=False, compare=False)
    """By code; in words when no code is ours, and lung disease always."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "named", Remembered(self._named))

    def _named(self, concept: object) -> Named:
        by_code = frozenset[str]().union(*(self.codes.get(coding, frozenset()) for coding in codings(concept)))
        looked_for = [name for name in _STATED_IN_WORDS if name in self.words] if by_code else list(self.words)
        by_word = frozenset(
            name
            for name in looked_for
            for text in texts(concept)
            if text in self.words[name] and text not in self.not_words[name]
        )
        found = by_code | by_word
        told = bool(texts(concept)) or any(is_public(code_system) for code_system, _ in codings(concept))
        return Named(found | {"ild"} if "rpild" in found else found, by_text=bool(by_word - by_code), told=told)


@dataclass(frozen=True, slots=True)
class ObservationCodes:
    """Codes and words of the results that the rules read.

    `alike`: what was found out about Observations that differ in date, number and subject only, by all else they say.
    """

    codes: Mapping[tuple[str, str], tuple[tuple[str, str], ...]]
    words: Phrases
    not_words: Mapping[str, Phrases]
    alike: Answers[bytes, Known] = field(default_factory=catalogue, repr=False, compare=False)
    named: Callable[[object], Named] = field(init=False, repr=False, compare=False)
    """By code. In words only when no public code says that it is something else (a local code, or none).

    A variant is None when the codings contradict each other.
    """

    def __post_init__(self) -> None:
        object.__setattr__(self, "named", Remembered(self._named))

    def _named(self, concept: object) -> Named:
        coded = codings(concept)
        if any(coding in self.codes for coding in coded):
            return self._coded(coded)
        if any(code_system in (LOINC, SNOMED) for code_system, _ in coded):
            return Named(told=True)
        by_word = frozenset(
            name for text in texts(concept) for name in self.words.named_in(text) if text not in self.not_words[name]
        )
        if not by_word and not texts(concept):
            return self._suspected(coded)
        told = bool(coded or texts(concept))
        return Named(by_word, MappingProxyType(dict.fromkeys(by_word, "")), by_text=bool(by_word), told=told)

    def _coded(self, coded: Iterable[tuple[str, str]]) -> Named:
        variants: dict[str, set[str]] = {}
        codes: dict[str, str] = {}
        for coding in sorted(coded, key=lambda each: each[1]):
            for name, variant in self.codes.get(coding, ()):
                variants.setdefault(name, set()).add(variant)
                codes.setdefault(name, coding[1])
        decided = {name: _one_variant(stated) for name, stated in variants.items()}
        return Named(frozenset(variants), MappingProxyType(decided), MappingProxyType(codes), told=True)

    def _suspected(self, coded: Sequence[tuple[str, str]]) -> Named:
        """What the codes would name if LOINC were the system that they do not state, or call by a name of their own."""
        suspected = frozenset(name for _, code in coded for name, _ in self.codes.get((LOINC, code), ()))
        unclear = "its code is LOINC's, and its code system is not" if suspected else ""
        return Named(suspected, unclear=unclear, told=bool(coded))


def _one_variant(variants: set[str]) -> str | None:
    """Arterial, also coded as of unstated site, is arterial; arterial and venous at once is no answer."""
    specific = variants - _LESS_SPECIFIC
    if len(specific) > 1:
        return None
    return specific.pop() if specific else sorted(variants)[-1]


@dataclass(frozen=True, slots=True)
class DrugCodes:
    """Codes and words of the agents. An ATC code may mean two; a local form (`True`) is one that does not count.

    `ordered`: what was found out about the concepts that orders name, by digest.
    """

    codes: Mapping[tuple[str, str], frozenset[tuple[str, bool]]]
    products: Mapping[str, Product]
    words: Phrases
    ordered: Answers[bytes, Drug] = field(default_factory=Answers, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All that the reader recognises."""

    observations: ObservationCodes
    drugs: DrugCodes
    conditions: Lexicon
    procedures: Lexicon
    services: Lexicon


def vocabulary(guideline: Guideline, canonical: str) -> Vocabulary:
    """The guideline's codes and words, the site's local codes, and our own criterion codes under `canonical`."""
    return Vocabulary(
        observations=_observations(guideline, canonical),
        drugs=_drugs(guideline),
        conditions=_lexicon(guideline.conditions),
        procedures=_lexicon(guideline.procedures),
        services=_lexicon(guideline.services),
    )


def _observations(guideline: Guideline, canonical: str) -> ObservationCodes:
    found: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}

    def add(name: str, codes: Iterable[Code]) -> None:
        for code in codes:
            key = (system(code.system), code.code)
            found[key] = (*found.get(key, ()), (name, code.variant))

    for name, concept in guideline.observations.items():
        add(name, concept.codes)
        add(name, guideline.policy.local_codes.get(name, ()))
    ours = f"{canonical.rstrip('/')}/CodeSystem/refractoriness-criterion"
    for criterion in CRITERIA:
        add(criterion, (Code(ours, criterion, ""),))
    concepts = guideline.observations
    return ObservationCodes(
        codes=found,
        words=Phrases({name: concept.words for name, concept in concepts.items() if name not in CRITERIA}),
        not_words={name: Phrases({name: concept.not_words}) for name, concept in concepts.items()},
    )


def _drugs(guideline: Guideline) -> DrugCodes:
    found: dict[tuple[str, str], frozenset[tuple[str, bool]]] = {}
    for agent in guideline.agents.values():
        for code in (*agent.codes, agent.ingredient, *([agent.atc] if agent.atc else [])):
            key = (system(code.system), code.code)
            found[key] = found.get(key, frozenset()) | {(agent.id, code.variant == "local")}
    words = Phrases({agent.id: (agent.name, *agent.words) for agent in guideline.agents.values()})
    return DrugCodes(found, guideline.products, words)


def _lexicon(concepts: Mapping[str, Concept]) -> Lexicon:
    found: dict[tuple[str, str], frozenset[str]] = {}
    for name, concept in concepts.items():
        for code in concept.codes:
            key = (system(code.system), code.code)
            found[key] = found.get(key, frozenset()) | {name}
    return Lexicon(
        codes=found,
        words={name: Phrases({name: concept.words}) for name, concept in concepts.items()},
        not_words={name: Phrases({name: concept.not_words}) for name, concept in concepts.items()},
    )
