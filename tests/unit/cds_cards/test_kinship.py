"""Which agents are one drug, may replace, or exclude one another."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cds_cards.guideline import Guideline
from cds_cards.kinship import calcineurin_inhibitors, families, immunoglobulins, kinship
from cds_cards.knowledge import load_guideline


@pytest.fixture
def guideline() -> Guideline:
    """Each test has its own: what is worked out once for a guideline would be worked out in another test."""
    return replace(load_guideline())


def test_the_two_mycophenolates_are_one_drug(guideline: Guideline) -> None:
    both = {"mycophenolate-mofetil", "mycophenolic-acid"}
    assert {name for name, kin in kinship(guideline).items() if kin.own == both} == both
    assert len({families(guideline).substance[name] for name in both}) == 1


def test_nothing_is_its_own_rival_or_sibling_and_kinship_is_mutual(guideline: Guideline) -> None:
    known = kinship(guideline)
    for name, kin in known.items():
        assert name in kin.own
        assert not kin.own & kin.siblings
        assert not any(kin.own & others for others in kin.rivals.values())
        assert all(name in known[other].own for other in kin.own)
        assert all(name in known[other].watched for other in kin.watched)


@pytest.mark.parametrize(
    ("agent", "rivalry", "others"),
    [
        ("tacrolimus", "second-cni", {"cyclosporine"}),
        ("cyclosporine", "second-cni", {"tacrolimus"}),
        ("rituximab", "jak-with-biologic", {"tofacitinib"}),
    ],
)
def test_rivals(guideline: Guideline, agent: str, rivalry: str, others: set[str]) -> None:
    rivals = {str(rule): names for rule, names in kinship(guideline)[agent].rivals.items()}
    assert set(rivals) == {rivalry}
    assert others <= rivals[rivalry]


def test_every_rival_of_every_agent(guideline: Guideline) -> None:
    """A second calcineurin inhibitor, a second JAK inhibitor, a JAK inhibitor beside a biologic: and nothing else."""
    biologics = {name for name, agent in guideline.agents.items() if "biologic" in agent.roles}
    jaks = {name for name, agent in guideline.agents.items() if agent.agent_class == "jak-inhibitor"}
    assert {"rituximab", "basiliximab", "infliximab"} <= biologics
    assert {"tofacitinib", "baricitinib"} <= jaks
    expected: dict[str, dict[str, set[str]]] = {name: {} for name in guideline.agents}
    expected |= {name: {"jak-with-biologic": jaks} for name in biologics}
    expected |= {name: {"jak-with-biologic": biologics, "second-jak": jaks - {name}} for name in jaks}
    expected["cyclosporine"] = {"second-cni": {"tacrolimus"}}
    expected["tacrolimus"] = {"second-cni": {"cyclosporine"}}
    known = kinship(guideline)
    assert {name: {str(rule): set(rivals) for rule, rivals in known[name].rivals.items()} for name in known} == expected
    for name, kin in known.items():
        assert kin.watched == kin.own.union(*expected[name].values())


def test_the_siblings_are_the_other_drugs_of_the_class(guideline: Guideline) -> None:
    for name, kin in kinship(guideline).items():
        of_class = {
            id for id, agent in guideline.agents.items() if agent.agent_class == guideline.agents[name].agent_class
        }
        assert kin.siblings == of_class - kin.own
    assert kinship(guideline)["tacrolimus"].siblings == {"cyclosporine"}


def test_calcineurin_inhibitors_and_glucocorticoids_replace_their_own_class(guideline: Guideline) -> None:
    lineage = families(guideline).lineage
    assert calcineurin_inhibitors(guideline) == ("cyclosporine", "tacrolimus")
    assert lineage["cyclosporine"] == lineage["tacrolimus"] == "calcineurin-inhibitor"
    assert lineage["prednisone"] == lineage["methylprednisolone"] == "glucocorticoid"
    assert lineage["rituximab"] == "rituximab"
    assert immunoglobulins(guideline) == {"immunoglobulin"}


def test_what_is_remembered_is_of_one_guideline(guideline: Guideline) -> None:
    agents = {name: replace(agent, atc=None) for name, agent in guideline.agents.items()}
    other = replace(guideline, agents=agents)
    assert kinship(guideline) is kinship(guideline)
    assert guideline != other
    assert kinship(other)["mycophenolic-acid"].own == {"mycophenolic-acid"}
    assert len(kinship(guideline)["mycophenolic-acid"].own) == 2
