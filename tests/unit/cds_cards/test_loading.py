"""What the loader makes of lines that the knowledge leaves out, and of codes that come first."""

from __future__ import annotations

from typing import Any

from cds_cards.guideline import ATC
from cds_cards.knowledge import load_guideline, read_files

GUIDELINE = load_guideline()
AGENTS: Any = read_files()["agents"]


def test_a_cycle_that_is_not_stated_is_empty() -> None:
    written = {
        regimen["id"]: regimen.get("cycle", "") for agent in AGENTS.values() for regimen in agent.get("regimens", [])
    }
    assert {regimen.id: regimen.cycle for agent in GUIDELINE.agents.values() for regimen in agent.regimens} == written
    assert set(written.values()) > {""}


def test_what_a_study_does_not_show_is_stated_or_empty() -> None:
    rows: Any = read_files()["evidence"]["study"]
    written = {row["name"]: row.get("not_shown", "") for row in rows}
    assert {study.name: study.not_shown for study in GUIDELINE.studies} == written
    assert set(written.values()) > {""}


def test_an_agent_is_proposed_by_a_code_for_the_whole_body() -> None:
    """Prednisone has an ATC code for the bowel, too."""
    coded = [agent.atc for agent in GUIDELINE.agents.values() if agent.atc is not None]
    assert coded
    assert all(code.system == ATC and code.variant != "local" for code in coded)
