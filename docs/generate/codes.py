"""What the rules read of results, conditions, procedures and services: codes, words, units."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_cards.coding import ATC, ICD10, ICD10CM, ICD10PCS, JLAC10, LOINC, RXNORM, SNOMED
from cds_cards.guideline import Code, Concept, Guideline, ObservationConcept
from docs.generate.evaluated import grouped
from docs.generate.markdown import joined, paragraph, table
from docs.generate.words import Words, unit_words
from service.fhir import units

_SYSTEMS = {
    LOINC: "LOINC",
    SNOMED: "SNOMED CT",
    ICD10CM: "ICD-10-CM",
    ICD10: "ICD-10",
    ICD10PCS: "ICD-10-PCS",
    JLAC10: "JLAC10",
    RXNORM: "RxNorm",
    ATC: "ATC",
}


def section(guideline: Guideline, words: Words) -> str:
    """Results first, then the rest."""
    results = guideline.observations.values()
    return joined(
        "## Results that the rules read",
        words.paragraph("results"),
        table(("result", "canonical unit", "codes", "name"), (_summary(item) for item in results)),
        "### Units that are converted",
        words.paragraph("units"),
        table(("result", "unit", "is", "assumption"), _conversions(guideline)),
        "### What an answer means",
        *_answers(guideline, words),
        "### Codes of results",
        words.paragraph("clinical-criteria"),
        *(part for item in results if item.codes for part in _concept(item, words)),
        "## Conditions, procedures and services that the rules read",
        words.paragraph("conditions"),
        *_kind("Conditions", guideline.conditions.values(), words),
        *_kind("Procedures", guideline.procedures.values(), words),
        *_kind("Service requests", guideline.services.values(), words),
    )


def _summary(item: ObservationConcept) -> tuple[str, ...]:
    return (
        item.label,
        unit_words(item.canonical) if item.canonical != "1" else "fraction",
        str(len(item.codes)),
        f"`{item.id}`",
    )


def _conversions(guideline: Guideline) -> Iterator[tuple[str, ...]]:
    # the conversions are that module's own; nothing but this page wants to see them all
    for name, factors in units._FACTORS.items():
        concept = guideline.observations[name]
        for unit, row in factors.items():
            canonical = unit_words(concept.canonical) or "(fraction)"
            yield concept.label, f"`{unit}`", f"{row.factor.normalize():f} {canonical}", row.assumption or ""


def _answers(guideline: Guideline, words: Words) -> Iterator[str]:
    """The coded answers; results that share a list are told together."""
    lists = {item.id: item.answers for item in guideline.observations.values() if item.answers}
    for sharing in grouped((str(answers), name) for name, answers in lists.items()).values():
        labels = ", ".join(guideline.observations[name].label for name in sharing)
        yield f"**{labels}**"
        yield table(
            ("system", "code", "published as", "means"),
            ((*_coded(code), words.of("variants_of_codes", code.variant)) for code in lists[sharing[0]]),
        )


def _kind(title: str, concepts: Iterable[Concept], words: Words) -> Iterator[str]:
    yield f"### {title}"
    for concept in concepts:
        yield from _concept(concept, words)


def _concept(item: ObservationConcept | Concept, words: Words) -> Iterator[str]:
    yield f"#### {item.label} (`{item.id}`)"
    if item.codes:
        qualified = any(code.variant for code in item.codes)
        yield table(
            ("system", "code", "published as", *(("read as",) if qualified else ())),
            ((*_coded(code), *((_variant(code, words),) if qualified else ())) for code in item.codes),
        )
    if item.words:
        yield paragraph(f"In the text: {', '.join(item.words)}.")
    if item.not_words:
        yield paragraph(f"Not when the text says: {', '.join(item.not_words)}.")


def _coded(code: Code) -> tuple[str, str, str]:
    return _SYSTEMS[code.system], code.code, code.display


def _variant(code: Code, words: Words) -> str:
    return words.of("variants_of_codes", code.variant) if code.variant else ""
