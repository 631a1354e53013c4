"""What a finding rests on: the very resources of the story that decided it."""

from __future__ import annotations

import pytest

import fixtures
from cds_cards.criteria import Finding
from cds_cards.findings import findings
from service.discovery import SERVICE_OF_HOOK
from service.parts import Parts, load_parts
from service.respond import examine
from service.settings import Settings
from service.wire import decode_request
from tests.conftest import NOW

REGIMEN = {"MedicationRequest/cyclosporine-1", "MedicationRequest/prednisone-1"}


@pytest.fixture(scope="module")
def parts() -> Parts:
    return load_parts(Settings(), lambda: NOW)


@pytest.mark.parametrize(
    ("name", "criterion", "expected"),
    [
        # the four signs, each at both times where it is a trend; not the gradient, which is none
        (
            "probable-without-hypoxaemia",
            "failing",
            {
                *("Observation/respiratory-symptoms-1", "Observation/imaging-1", "Observation/clinician-impression-1"),
                *("Observation/ferritin-1", "Observation/ferritin-2"),
            },
        ),
        ("possible", "response-in-doubt", {"Observation/imaging-1"}),
        ("probable-without-hypoxaemia", "induction", REGIMEN),
        ("rpild-inferred", "induction", {"Observation/pao2-2", "Observation/fio2-2"}),
        ("maintenance", "maintenance", {"MedicationRequest/tacrolimus-1", "MedicationRequest/prednisone-5-1"}),
        ("glucocorticoid-only", "combination-missing", {"MedicationRequest/prednisone-1"}),
        ("untreated", "combination-missing", set()),
        ("probable-without-hypoxaemia", "stage-known", REGIMEN),
        ("kidney-failure", "cni-not-feasible", {"Observation/egfr-1"}),
        ("infliximab", "rec-9-runs", {"MedicationRequest/infliximab-1"}),
        ("probable-despite-falling-ferritin", "hypoxaemic", {"Observation/pao2-2"}),
        ("maintenance-relapse", "relapse-signs", {"Observation/ferritin-3"}),
        ("refractory", "very-high-risk", {"Observation/ferritin-3"}),
        ("tacrolimus-above-range", "level-above", {"Observation/tacrolimus-trough-1"}),
        ("ecmo", "ecmo-runs", {"Procedure/ecmo-1"}),
        (
            "two-calcineurin-inhibitors-ordered",
            "interaction-drafted",
            {"MedicationRequest/draft-cyclosporine-1", "MedicationRequest/draft-tacrolimus-1"},
        ),
        (
            "tacrolimus-despite-allergy",
            "allergy-drafted",
            {"MedicationRequest/draft-tacrolimus-1", "AllergyIntolerance/allergy-tacrolimus-1"},
        ),
    ],
)
def test_a_finding_names_what_decided_it(name: str, criterion: str, expected: set[str], parts: Parts) -> None:
    # an id is the story's name, then what it is of
    assert {source.replace(f"{name}-", "", 1) for source in found(name, criterion, parts).evidence} == expected


def found(name: str, criterion: str, parts: Parts) -> Finding:
    """One finding of one story."""
    story = fixtures.story(name)
    plan = examine(decode_request(story.render(NOW), SERVICE_OF_HOOK[story.hook], parts.settings), parts).plan
    return findings(plan.assessment, plan.guideline)[criterion]
