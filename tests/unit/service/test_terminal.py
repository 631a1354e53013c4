"""A response as text: every part of the assessment is said, silence gives its reason, no line is too wide."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from service.terminal import render

ASSESSMENT: dict[str, Any] = {
    "asOf": "2026-03-01T10:00:00Z",
    "guideline": {"id": "final", "doi": "10.1016/x", "knowledgeVersion": "2026.1"},
    "population": {"status": "in", "why": "adult, age 71"},
    "antiMda5": {
        "status": "positive",
        "why": "reported positive on 2026-01-02",
        "titre": {"recorded": "1:320", "date": "2026-01-02"},
        "evidence": ["Observation/mda5"],
    },
    "lungDisease": {"status": "rpild", "certainty": "recorded", "evidence": ["Condition/ild"]},
    "risk": {
        "level": "very-high",
        "factors": [
            {
                "id": "ferritin-over-1000",
                "status": "present",
                "value": 1523.0,
                "unit": "ng/mL",
                "date": "2026-02-27",
                "evidence": ["Observation/ferritin"],
            },
            {"id": "crp-over-1", "status": "unknown", "why": "latest 2025-12-01 is older than 30 days"},
        ],
    },
    "therapy": {
        "stage": "combination",
        "phase": "induction",
        "complete": False,
        "combinationSince": "2026-02-10",
        "daysOnCombination": 19,
        "agents": [
            {"agent": "tacrolimus", "status": "active", "since": "2026-02-10", "evidence": ["MedicationRequest/1"]},
            {"agent": "prednisone", "status": "draft"},
        ],
    },
    "refractoriness": {
        "status": "probable",
        "criteria": [
            {
                "id": "ferritin",
                "status": "met",
                "baseline": {"value": 900, "unit": "ng/mL", "date": "2026-02-09"},
                "followUp": {"value": 1523, "unit": "ng/mL", "date": "2026-02-27"},
            },
            {"id": "imaging", "status": "unknown", "why": "not recorded"},
        ],
    },
    "respiratoryFailure": {"lifeThreatening": "no", "evidence": ["Observation/pf"]},
    "infection": {"status": "not-recorded"},
    "recommendations": [
        {"id": "rec-4", "grades": ["D", "√"], "status": "applies"},
        {"id": "rec-6", "grades": ["√"], "status": "does-not-apply"},
        {"id": "rec-7", "grades": ["√"], "status": "unknown"},
    ],
    "dataGaps": [{"id": "crp", "why": "latest 2025-12-01 is older than 30 days"}],
    "ignored": [{"reference": "Observation/x", "why": "subject is another patient"}],
}
CARD: dict[str, Any] = {
    "summary": "Probable refractoriness: consider adding an agent",
    "indicator": "warning",
    "detail": (
        "## Why\n**Ferritin** rose from 900 to 1\\,523 ng/mL \\[2026-02-27\\], [text](https://example.org/t).\n\n"
        "- " + "a long reason " * 12 + "\n\n| agent | dose |\n|---|---|\n| tacrolimus | 0.06 mg/kg/day |"
    ),
    "source": {"label": "Guideline", "url": "https://doi.org/10.1016/x"},
    "selectionBehavior": "at-most-one",
    "suggestions": [
        {
            "label": "Add tofacitinib",
            "actions": [
                {
                    "type": "create",
                    "description": "tofacitinib 5 mg twice daily",
                    "resource": {"resourceType": "MedicationRequest"},
                },
                {"type": "delete", "description": "stop the draft", "resourceId": "MedicationRequest/9"},
            ],
        }
    ],
}


def response(cards: list[dict[str, Any]] | None = None, **changes: Any) -> dict[str, Any]:
    """A response with `changes` made to its assessment."""
    return {"cards": cards or [], "extension": {"mda5-cds.assessment": copy.deepcopy(ASSESSMENT) | changes}}


def test_every_finding_is_said() -> None:
    text = " ".join(render(response()).split())
    for words in (
        "As of 2026-03-01T10:00:00Z, by guideline 10.1016/x (knowledge 2026.1)",
        "not excluded: adult, age 71",
        "positive: reported positive on 2026-01-02 [Observation/mda5]",
        "- titre 1:320, 2026-01-02",
        "rapidly progressive interstitial lung disease (recorded) [Condition/ild]",
        "very high",
        "- present: ferritin over 1000: 1523 ng/mL (2026-02-27) [Observation/ferritin]",
        "- unknown: crp over 1: latest 2025-12-01 is older than 30 days",
        "combination, induction, combination since 2026-02-10 (day 19); not every order could be read",
        "- active: tacrolimus since 2026-02-10 [MedicationRequest/1]",
        "- draft: prednisone",
        "probable",
        "- met: ferritin 900 ng/mL (2026-02-09) → 1523 ng/mL (2026-02-27)",
        "- unknown: imaging: not recorded",
        "no [Observation/pf]",
        "not recorded",
        "apply: rec-4 (D, √)",
    ):
        assert words in text


def test_what_is_unknown_and_left_out_has_its_reason() -> None:
    text = render(response())
    unknown = text[text.index("WHAT IS UNKNOWN") : text.index("LEFT OUT")]
    assert "crp                  latest 2025-12-01 is older than 30 days" in unknown
    assert "cannot be decided    rec-7" in unknown
    assert "- Observation/x: subject is another patient" in text


def test_nothing_unknown_and_nothing_left_out_is_said_too() -> None:
    text = render(response(dataGaps=[], ignored=[], recommendations=[]))
    assert "nothing that decides" in text
    assert "LEFT OUT" not in text
    assert "none applies" in text


def test_a_card_shows_its_suggestions_and_actions() -> None:
    text = render(response([CARD, CARD | {"indicator": "info", "suggestions": []}]))
    assert "CARDS: 2" in text
    for words in (
        "1. [WARNING] Probable refractoriness: consider adding an agent",
        "2. [INFO]",
        "   Why\n   Ferritin rose from 900 to 1,523 ng/mL [2026-02-27], text (https://example.org/t).",
        "tacrolimus | 0.06 mg/kg/day",
        "Source: Guideline https://doi.org/10.1016/x",
        "Choose at most one:",
        "- Add tofacitinib",
        "create MedicationRequest: tofacitinib 5 mg twice daily",
        "delete MedicationRequest/9: stop the draft",
    ):
        assert words in text
    assert "|---|" not in text
    assert "Nothing to say" not in text


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"population": {"status": "out", "why": "age 12"}, "antiMda5": {"status": "unknown"}},
            "the patient is excluded: age 12.",
        ),
        (
            {"antiMda5": {"status": "unknown", "why": "no result"}, "lungDisease": {"status": "none", "why": "no ILD"}},
            "the anti-MDA5 antibody is unknown: no result; the lung disease is: no interstitial lung disease: no ILD.",
        ),
        ({"antiMda5": {"status": "negative"}}, "the anti-MDA5 antibody is negative."),
        ({}, "nothing on record, and no order in this call, asks for one."),
    ],
)
def test_silence_gives_its_reason(changes: dict[str, Any], reason: str) -> None:
    text = " ".join(render(response(**changes)).split())
    assert text.endswith(f"Nothing to say, because {reason}")


def test_without_the_assessment_the_text_says_so() -> None:
    text = render({"cards": []})
    assert "No assessment came with this response" in text
    assert "the reason is not known here" in " ".join(text.split())


def test_no_line_is_wider_than_a_terminal_and_none_ends_in_blanks() -> None:
    wide = {"reference": "Observation/" + "x" * 300, "why": "y " * 200}
    for line in render(response([CARD], ignored=[wide])).splitlines():
        assert len(line) <= 100
        assert line == line.rstrip()


def test_control_characters_of_the_record_do_not_reach_the_terminal() -> None:
    text = render(response([CARD | {"summary": "red \x1b[31m alert \u202e"}]))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "red \N{REPLACEMENT CHARACTER}[31m alert" in text
