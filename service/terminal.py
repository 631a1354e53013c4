"""A response as text for a clinician at a terminal: what was found, what is unknown and why, each card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from service.plain_text import markdown_lines, wrap

Json = Mapping[str, Any]

EXTENSION = "mda5-cds.assessment"
_LABEL = 21
_WORDS = {
    "rpild": "rapidly progressive interstitial lung disease",
    "ild": "interstitial lung disease, not known to be rapidly progressive",
    "none": "no interstitial lung disease",
    "very-high": "very high",
    "in": "not excluded",
    "out": "excluded",
}
_CHOICE = {"at-most-one": "Choose at most one:", "any": "Choose any:"}


def render(response: Json) -> str:
    """The text of one response of a CDS service, no line wider than 100 characters, newline at the end."""
    assessment: Json = response.get("extension", {}).get(EXTENSION, {})
    lines = [
        *_findings(assessment),
        *_unknown(assessment),
        *_left_out(assessment),
        *_cards(response["cards"], assessment),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _findings(assessment: Json) -> Iterator[str]:
    if not assessment:
        yield "No assessment came with this response (it is switched off)."
        return
    guideline = assessment["guideline"]
    yield f"As of {assessment['asOf']}, by guideline {guideline['doi']} (knowledge {guideline['knowledgeVersion']})"
    yield ""
    yield "WHAT WAS FOUND"
    for label, key in (
        ("Population", "population"),
        ("Anti-MDA5 antibody", "antiMda5"),
        ("Lung disease", "lungDisease"),
    ):
        yield from _finding(label, assessment.get(key, {}))
    yield from _risk(assessment.get("risk", {}))
    yield from _therapy(assessment.get("therapy", {}))
    yield from _refractoriness(assessment.get("refractoriness", {}))
    failure = assessment.get("respiratoryFailure", {})
    yield from _row("Life-threatening", _with(failure.get("lifeThreatening", "unknown"), failure))
    yield from _finding("Infection", assessment.get("infection", {}))
    applies = [
        f"{item['id']} ({', '.join(item['grades'])})"
        for item in assessment.get("recommendations", ())
        if _applies(item)
    ]
    yield from _row("Recommendations", f"apply: {', '.join(applies)}" if applies else "none applies")


def _finding(label: str, finding: Json) -> Iterator[str]:
    status = finding.get("status", "unknown")
    certainty = f" ({finding['certainty']})" if "certainty" in finding else ""
    yield from _row(label, _with(_words(status) + certainty, finding))
    if "titre" in finding:
        titre = finding["titre"]
        yield from _item(f"titre {titre.get('recorded', titre.get('value', ''))}, {titre.get('date', 'no date')}")


def _risk(risk: Json) -> Iterator[str]:
    yield from _row("Risk", _words(risk.get("level", "indeterminate")))
    for factor in risk.get("factors", ()):
        value = f": {_quantity(factor)}" if "value" in factor else ""
        yield from _item(_with(f"{factor['status']}: {_spaced(factor['id'])}{value}", factor))


def _therapy(therapy: Json) -> Iterator[str]:
    stage = _spaced(therapy.get("stage", "unknown"))
    phase = f", {therapy['phase']}" if "phase" in therapy else ""
    since = f", combination since {therapy['combinationSince']}" if "combinationSince" in therapy else ""
    days = f" (day {therapy['daysOnCombination']})" if "daysOnCombination" in therapy else ""
    unread = "" if therapy.get("complete", True) else "; not every order could be read"
    yield from _row("Therapy", stage + phase + since + days + unread)
    for agent in therapy.get("agents", ()):
        since = f" since {agent['since']}" if "since" in agent else ""
        yield from _item(_with(f"{agent['status']}: {_spaced(agent['agent'])}{since}", agent))


def _refractoriness(refractoriness: Json) -> Iterator[str]:
    yield from _row("Refractoriness", _with(_spaced(refractoriness.get("status", "not-assessable")), refractoriness))
    for criterion in refractoriness.get("criteria", ()):
        points = [criterion[name] for name in ("baseline", "followUp") if "value" in criterion.get(name, {})]
        trend = " → ".join(map(_quantity, points))
        yield from _item(
            _with(f"{_spaced(criterion['status'])}: {_spaced(criterion['id'])} {trend}".rstrip(), criterion)
        )


def _unknown(assessment: Json) -> Iterator[str]:
    if not assessment:
        return
    yield ""
    yield "WHAT IS UNKNOWN, AND WHY"
    gaps = assessment.get("dataGaps", ())
    for gap in gaps:
        yield from _row(gap["id"], gap["why"])
    undecided = [item["id"] for item in assessment.get("recommendations", ()) if item["status"] == "unknown"]
    if undecided:
        yield from _row("cannot be decided", ", ".join(undecided))
    if not gaps and not undecided:
        yield "  nothing that decides"


def _left_out(assessment: Json) -> Iterator[str]:
    if not assessment.get("ignored"):
        return
    yield ""
    yield "LEFT OUT OF THE EVALUATION"
    for item in assessment["ignored"]:
        yield from _item(f"{item['reference']}: {item['why']}", indent="  ")


def _cards(cards: list[Json], assessment: Json) -> Iterator[str]:
    yield ""
    if not cards:
        yield from wrap(f"Nothing to say, because {'; '.join(reason.rstrip('.') for reason in _silence(assessment))}.")
        return
    yield f"CARDS: {len(cards)}"
    for number, card in enumerate(cards, 1):
        yield ""
        yield from wrap(f"{number}. [{card['indicator'].upper()}] {card['summary']}", later="   ")
        yield from markdown_lines(card.get("detail", ""))
        yield from wrap(f"Source: {card['source']['label']} {card['source'].get('url', '')}".rstrip(), "   ")
        yield from _suggestions(card)


def _silence(assessment: Json) -> Iterator[str]:
    """Why there is no card, in the order in which the rules ask."""
    if not assessment:
        yield "no rule asks for a card (the assessment is switched off, so the reason is not known here)"
        return
    population = assessment.get("population", {})
    if population.get("status") == "out":
        yield _with("the patient is excluded", population)
        return
    antibody, lungs = assessment.get("antiMda5", {}), assessment.get("lungDisease", {})
    if antibody.get("status") != "positive":
        yield _with(f"the anti-MDA5 antibody is {antibody.get('status', 'unknown')}", antibody)
    if lungs.get("status") != "rpild":
        yield _with(f"the lung disease is: {_words(lungs.get('status', 'unknown'))}", lungs)
    if antibody.get("status") == "positive" and lungs.get("status") == "rpild":
        yield "nothing on record, and no order in this call, asks for one"


def _suggestions(card: Json) -> Iterator[str]:
    if not card.get("suggestions"):
        return
    yield f"   {_CHOICE.get(card.get('selectionBehavior', 'any'), 'Choose any:')}"
    for suggestion in card["suggestions"]:
        yield from wrap(f"- {suggestion['label']}", "     ", "       ")
        for action in suggestion.get("actions", ()):
            what = action.get("resourceId") or action.get("resource", {}).get("resourceType", "")
            yield from wrap(f"{action['type']} {what}: {action['description']}", "       ", "         ")


def _row(label: str, text: str) -> Iterator[str]:
    yield from wrap(text, f"  {label:<{_LABEL}}", " " * (_LABEL + 2))


def _item(text: str, indent: str = "    ") -> Iterator[str]:
    yield from wrap(f"- {text}", indent, indent + "  ")


def _applies(item: Json) -> bool:
    return bool(item["status"] == "applies")


def _words(status: str) -> str:
    return _WORDS.get(status, _spaced(status))


def _spaced(identifier: str) -> str:
    return identifier.replace("-", " ")


def _with(text: str, finding: Json) -> str:
    """`text`, its reason, and what it rests on."""
    why = f": {finding['why']}" if "why" in finding else ""
    evidence = f" [{', '.join(finding['evidence'])}]" if "evidence" in finding else ""
    return text + why + evidence


def _quantity(point: Json) -> str:
    date = f" ({point['date']})" if "date" in point else ""
    unit = {"a": "years"}.get(point.get("unit", ""), point.get("unit", ""))
    return f"{point['value']:g} {unit}".rstrip() + date
