"""The generated pages: never stale, complete, and true to what the service finds of every story."""

from __future__ import annotations

import difflib
import re
from itertools import islice
from typing import get_args

import pytest
from markdown_it import MarkdownIt

from cds_cards.card import Topic
from cds_cards.criteria import Finding
from cds_cards.explanation import LABELS
from cds_cards.guideline import AgentClass, Guideline
from cds_cards.knowledge import load_guideline
from cds_cards.knowledge.names import ROLES, ROUTES
from cds_cards.plan import ORDER_ENTRY, PATIENT_VIEW
from docs.generate import COMMAND, FOLDER, pages
from docs.generate.evaluated import AS_OF, Evaluated, Evaluation, evaluate_stories
from docs.generate.markdown import table
from docs.generate.numbers import subjects
from docs.generate.recommendations import asked_of, cards_that_state, status_read
from docs.generate.states import possible
from docs.generate.stories import branch_of, coverage
from docs.generate.words import Words, load_words
from tests.stories.answers import resources

# what holds digits and is no number: names, units, the example of a policy file
_NAMES_WITH_DIGITS = re.compile(
    r"\{[\w-]+\}|rec-\d+[ab]?|Table \d|MDA5|1\.73 m²|anti-CD\d\d|lab_current_days = 21|mda5|KL-6|SIGN level 3"
)

# met by who the patient is, or because nothing on record says otherwise; and why that leaves no resource to name
_WITHOUT_EVIDENCE = {
    **dict.fromkeys(("population", "in-population", "transplant-age"), "the patient's own age, no transplant"),
    "childbearing": "the patient's own sex and age, no sterilisation or menopause",
    "cni-feasible": "no allergy, no toxicity, no low eGFR",
    "no-ecmo": "no ECMO",
    "transplant-open": "no referral, evaluation or refusal",
    "antibody-untested": "no antibody result",
    "lungs-unexamined": "no ILD, or none that could be read",
    "deciding-gap": "something that is missing",
}
# of what runs or is drafted: evidence unless that is nothing
_OF_ALL_COURSES = frozenset({"combination-missing", "no-combination-seen", "stage-known", "rec-8-matters"})


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """All stories, evaluated once for the few tests that need them."""
    return evaluate_stories()


@pytest.fixture(scope="module")
def guideline() -> Guideline:
    return load_guideline()


@pytest.fixture(scope="module")
def words(guideline: Guideline) -> Words:
    return load_words(guideline)


def committed(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in strings(inner)]
    return [str(value)]


# -- what needs every story evaluated --


def test_the_pages_are_fresh(evaluation: Evaluation) -> None:
    for name, fresh in pages(evaluation).items():
        difference = difflib.unified_diff(committed(name).splitlines(), fresh.splitlines(), "committed", "fresh", n=0)
        assert not (lines := list(islice(difference, 12))), "\n".join([f"docs/{name} is stale: {COMMAND}", *lines])


def test_the_reading_that_the_page_explains_gives_the_services_own_status(evaluation: Evaluation) -> None:
    asked = asked_of(evaluation)
    for story in evaluation.stories:
        for item in story.assessment.recommendations:
            assert status_read(item.findings) == item.status, (story.name, item.id)
            extra = {finding.criterion for finding in item.findings} - set(asked[item.id])
            assert extra <= ({"combination-missing"} if story.assessment.therapy.stage == "unknown" else set())


def test_every_recommendation_branch_and_topic_is_told_by_a_story(evaluation: Evaluation, words: Words) -> None:
    for name, told in coverage(evaluation).items():
        assert told["applies"], f"no story in which {name} applies"
        assert told["unknown"], f"no story in which {name} is unknown"
        assert told["does-not-apply"], f"no story in which {name} does not apply"
    assert {branch_of(story) for story in evaluation.stories} == set(words.tables["branches"])
    assert all(cards_that_state(evaluation).values())
    for rules, hooks in ((PATIENT_VIEW, {"patient-view"}), (ORDER_ENTRY, {"order-select", "order-sign"})):
        shown = {item.topic for story in evaluation.stories if story.story.hook in hooks for item in story.plan.items}
        assert shown == {rule.topic for rule in rules}


def test_every_finding_that_is_met_traces_to_resources_of_the_request(evaluation: Evaluation) -> None:
    for story in evaluation.stories:
        asked = [finding for item in story.assessment.recommendations for finding in item.findings]
        known = {f"{each['resourceType']}/{each['id']}" for each in resources(story.story.render(AS_OF))}
        for finding in (*asked, *story.findings.values()):
            assert set(finding.evidence) <= known, (story.name, finding)
            if finding.met and not finding.evidence:
                assert _rests_on_no_resource(finding, story), (story.name, finding)


def _rests_on_no_resource(finding: Finding, story: Evaluated) -> bool:
    """Whether it may be met without evidence: by who the patient is, or by what is not on record."""
    therapy = story.assessment.therapy
    if finding.criterion in _OF_ALL_COURSES:
        return not therapy.running | therapy.drafted
    if finding.criterion == "induction":
        return "no combination on record" in finding.because or not therapy.complete
    if finding.criterion == "ferritin-not-falling":
        return story.assessment.ferritin.newest is None
    return finding.criterion in _WITHOUT_EVIDENCE


def test_what_a_page_calls_unshown_is_nothing() -> None:
    _, _, section = committed("stories.md").partition("### What no story shows\n")
    listed = [line for line in section.splitlines() if line.startswith("* ")]
    assert len(listed) == 4
    assert [line for line in listed if not line.endswith(": none.")] == []


# -- our words --


def test_every_name_of_the_code_has_words_and_no_other(words: Words, guideline: Guideline) -> None:
    tables = words.tables
    assert set(tables["findings"]) == set(LABELS)
    assert {name: {*values, "title"} for name, values in possible().items()} == {
        name: set(entry) for name, entry in tables["statuses"].items()
    }
    assert set(tables["topics"]) == set(get_args(Topic))
    assert set(tables["variants"]) == {rule.variant for rule in (*PATIENT_VIEW, *ORDER_ENTRY)} - {""}
    assert set(tables["classes"]) == set(get_args(AgentClass))
    assert (set(tables["roles"]), set(tables["routes"])) == (ROLES, ROUTES)
    assert set(tables["parts"]) == {what for item in guideline.recommendations.values() for what, _ in item.parts}
    assert {*tables["who"], *tables["phases"]} <= set(LABELS)


def test_every_number_of_the_policy_has_a_meaning_and_a_subject(words: Words, guideline: Guideline) -> None:
    named = {key for key in words.numbers if key != "not_numbers"}
    assert named == set(guideline.policy.entries)
    listed = [key for keys in subjects().values() for key in keys]
    assert sorted(listed) == sorted({*named, *words.numbers["not_numbers"]})


def test_our_words_hold_no_number_of_their_own(words: Words) -> None:
    for text in strings({**words.tables, **words.numbers}):
        bare = _NAMES_WITH_DIGITS.sub("", text)
        assert not re.search(r"\d", bare), f"a number that could go stale: {text}"


def test_a_moved_number_moves_in_our_words(guideline: Guideline) -> None:
    moved = load_words(load_guideline({"assess_from_day": 8, "ecmo_recent_days": 31}))
    assert moved.means("response-not-assessable").count("day 8") == 1
    assert "31 days" in moved.means("no-ecmo")
    assert load_words(guideline).means("no-ecmo") != moved.means("no-ecmo")


def test_a_placeholder_that_names_nothing_is_refused(words: Words) -> None:
    with pytest.raises(KeyError, match="no_such_number"):
        words.fill("within {no_such_number} days")


# -- the page, as committed: the first test says that it is the fresh one --


def test_every_code_agent_and_study_stands_on_the_page(guideline: Guideline) -> None:
    text = committed("decisions.md")
    tokens = set(re.findall(r"[\w.-]+", text))
    kinds = (guideline.observations, guideline.conditions, guideline.procedures, guideline.services)
    for concept in (concept for kind in kinds for concept in kind.values()):
        assert f"`{concept.id}`" in text
        for code in (*concept.codes, *getattr(concept, "answers", ())):
            assert f"| {code.code} | {code.display} |" in text
    for agent in guideline.agents.values():
        assert {code.code for code in agent.codes} <= tokens, agent.id
        assert all(f"| {agent.name} | {regimen.text} |" in text for regimen in agent.regimens)
        assert all(f"| {agent.name} | {caution.text} | {caution.source} |" in text for caution in agent.cautions)
    for study in guideline.studies:
        assert f"| {study.name} | {study.patients} | {study.outcome} |" in text
    for key, number in guideline.policy.entries.items():
        assert f"| {number.why} ({number.source}) |" in text
        assert f"| `{key}` |" in text


@pytest.mark.parametrize("name", ["decisions.md", "stories.md"])
def test_the_tables_are_tables(name: str) -> None:
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(committed(name))
    rows = sum(token.type == "tr_open" for token in tokens)
    lines = [line for line in committed(name).splitlines() if line.startswith("|")]
    assert rows == sum(not line.startswith("| --- |") for line in lines)


@pytest.mark.parametrize("row", [("a",), ("a | b", "c"), ("a\nb", "c")])
def test_a_row_that_would_break_its_table_is_refused(row: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="no row of a table of 2 columns"):
        table(("one", "two"), [row])
