"""What stands in answers, in the hazard log and in `pyproject.toml` is documented, and nothing beside it."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import metadata, packages_distributions
from typing import get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cds_cards.card import Topic
from cds_cards.gaps import GAP_IDS
from cds_cards.guideline import Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.plan import TRIGGERS
from service.telemetry.metrics import Metrics
from tests.pages import ROOT, first_column, paths, table
from tests.test_architecture import DOORS
from tests.test_safety_case import HAZARDS

REFERENCE = "reference.md"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# it states its licence nowhere but in the text of its LICENSE file
LICENCE_IN_A_FILE = {"axe-playwright-python"}


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


# ── what stands in answers ──


def test_every_card_topic_with_its_hooks() -> None:
    documented = {row[0].code[0]: row[1].text for row in table(REFERENCE, "Card topics")}
    hooks = {
        topic: ", ".join(hook for hook, rules in TRIGGERS.items() if any(rule.topic == topic for rule in rules))
        for topic in get_args(Topic)
    }
    assert documented == hooks


def test_every_recommendation_with_title_and_grades(guideline: Guideline) -> None:
    documented = [(row[0].code[0], row[1].text, row[2].text) for row in table(REFERENCE, "Recommendations")]
    known = guideline.recommendations.values()
    assert documented == [(item.id, item.title, ", ".join(item.grades)) for item in known]


def test_every_data_gap() -> None:
    assert tuple(first_column(REFERENCE, "Data gaps")) == GAP_IDS


def test_every_figure() -> None:
    text, _ = Metrics("1", "1").exposition()
    families = text_string_to_metric_families(text.decode())
    names = {family.name + ("_total" if family.type == "counter" else "") for family in families}
    # when a count began: the library's own, and only where one process counts
    names = {name for name in names if not name.endswith("_created")}
    assert set(first_column("operating.md", "Figures")) == names
    named = {name for path in paths() for name in re.findall(r"\bmda5_cds_\w+", path.read_text(encoding="utf-8"))}
    assert named <= names


# ── safety ──


def test_every_hazard_belongs_to_one_claim() -> None:
    named = [hazard for row in table("safety.md", "The argument") for hazard in row[2].text.split()]
    assert sorted(named) == [hazard[0] for hazard in HAZARDS]


# ── dependencies ──


def _distribution(requirement: str) -> str:
    return re.split(r"[\[<>=~!; ]", requirement)[0].lower()


@pytest.mark.parametrize(
    ("heading", "required"),
    [
        ("At run time", PROJECT["dependencies"]),
        ("For the sandbox and pictures", PROJECT["optional-dependencies"]["sandbox"]),
        ("For tests and documentation", PROJECT["optional-dependencies"]["test"]),
    ],
)
def test_every_dependency_with_its_licence(heading: str, required: list[str]) -> None:
    rows = {row[0].code[0]: row[1].text for row in table("dependencies.md", heading)}
    assert set(rows) == {_distribution(each) for each in required}
    for name, licence in rows.items():
        about = metadata(name)
        older = (about.get("License", ""), *about.get_all("Classifier", []))
        stated = about.get("License-Expression") or next((line for line in older if licence in line), "")
        assert licence in stated if name not in LICENCE_IN_A_FILE else not stated, name


def test_where_each_library_may_be_imported() -> None:
    distributions = packages_distributions()
    rows = (*table("dependencies.md", "At run time"), *table("dependencies.md", "For the sandbox and pictures"))
    documented = {row[0].code[0]: set(row[3].code) for row in rows}
    for library, doors in DOORS.items():
        owners = {name.lower() for name in distributions.get(library, [])} & documented.keys()
        assert all(documented[owner] == set(doors) for owner in owners), library
    for path in {place for places in documented.values() for place in places}:
        assert (ROOT / path).exists(), path
