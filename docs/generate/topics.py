"""The decision tables of the topics, per hook, and the findings they ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from cds_cards.criteria import Verdict
from cds_cards.explanation import LABELS
from cds_cards.plan import ORDER_ENTRY, PATIENT_VIEW, Applicability, Urgency
from docs.generate.evaluated import Evaluation
from docs.generate.markdown import joined, table
from docs.generate.words import Words

_HEAD = ("topic", "for whom, and when", "findings that are met", "urgency")


def section(evaluation: Evaluation, words: Words) -> str:
    """The tables of all hooks and the list of findings."""
    return joined(
        "## Which card speaks, and how urgently",
        words.paragraph("topics"),
        "### Hook `patient-view`",
        words.paragraph("patient-view"),
        _table(PATIENT_VIEW, words),
        "### Hooks `order-select` and `order-sign`",
        words.paragraph("order-entry"),
        _table(ORDER_ENTRY, words),
        "## The findings, one by one",
        words.paragraph("findings"),
        *_findings(evaluation, words),
    )


def counts(evaluation: Evaluation) -> Mapping[str, Counter[Verdict]]:
    """How often each finding is met, not met and unknown in the stories."""
    found: dict[str, Counter[Verdict]] = {name: Counter() for name in LABELS}
    for story in evaluation.stories:
        asked = {item.criterion: item for standing in story.assessment.recommendations for item in standing.findings}
        for name, finding in {**asked, **story.findings}.items():
            found[name][finding.verdict] += 1
    return found


def _table(rules: tuple[Applicability, ...], words: Words) -> str:
    return table(_HEAD, (_row(rule, words) for rule in rules))


def _row(rule: Applicability, words: Words) -> tuple[str, ...]:
    who, phases = words.tables["who"], words.tables["phases"]
    rest = tuple(name for name in rule.all_of if name not in {**who, **phases})
    patients = [who[name] for name in rule.all_of if name in who]
    phase = [phases[name] for name in rule.all_of if name in phases] or ["any phase"]
    return _topic(rule, words), "; ".join((*patients, *phase)), _met(rest, rule.any_of, words), _urgency(rule, words)


def _topic(rule: Applicability, words: Words) -> str:
    name = f"`{rule.topic}` {words.of('topics', rule.topic)}"
    return f"{name}: *{words.of('variants', rule.variant)}*" if rule.variant else name


def _met(every: tuple[str, ...], some: tuple[str, ...], words: Words) -> str:
    parts = [words.label(name) for name in every]
    if some:
        parts.append(f"(one of) {' *or* '.join(words.label(name) for name in some)}")
    return " *and* ".join(parts) or "nothing else is asked"


def _urgency(rule: Applicability, words: Words) -> str:
    raised = [f"**{urgency.indicator}** when: {_when(urgency, words)}" for urgency in rule.urgency]
    return "; ".join((*raised, f"else **{rule.otherwise}**" if raised else f"**{rule.otherwise}**"))


def _when(urgency: Urgency, words: Words) -> str:
    every = [words.label(name) for name in urgency.all_of]
    some = " *or* ".join(words.label(name) for name in urgency.any_of)
    return " *and* ".join((*every, f"({some})" if every else some) if some else every)


def _findings(evaluation: Evaluation, words: Words) -> Iterator[str]:
    told = counts(evaluation)
    entries = words.tables["findings"]
    for group in dict.fromkeys(entry["group"] for entry in entries.values()):
        yield f"### {group}"
        yield table(
            ("finding", "met when", "met", "not met", "unknown"),
            (
                (f"{words.label(name)} (`{name}`)", words.means(name), *(str(told[name][each]) for each in Verdict))
                for name, entry in entries.items()
                if entry["group"] == group
            ),
        )
