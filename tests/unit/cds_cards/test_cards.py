"""What the cards say and suggest, topic by topic."""

from __future__ import annotations

from typing import Any

import pytest

from cds_cards.card import Card, Topic
from cds_cards.cards import MedicationProposal, ServiceProposal, compose_cards
from cds_cards.criteria import Verdict
from cds_cards.plan import make_plan
from cds_cards.trend import Trend
from tests.unit.build import res
from tests.unit.build_assessment import (
    Screens,
    antibody,
    assess_as,
    failure,
    knowledge,
    level,
    lungs,
    response,
    risk,
    size,
    support,
    treatment,
)

PAIR = treatment("prednisone", "tacrolimus")
PROBABLE: dict[str, Any] = {"refractoriness": response("probable", "mmnuu")}
WORK_UP = {"cmv-dna", "beta-d-glucan", "infection-work-up", "infectious-diseases-consultation"}


def cards(*given: Any, **changes: Any) -> dict[Topic, Card]:
    plan = make_plan(assess_as(*given, **changes), knowledge(), "patient-view")
    return {card.topic: card for card in compose_cards(plan)}


def started(card: Card) -> list[tuple[str, ...]]:
    """The agents each suggestion starts."""
    return [
        tuple(action.proposal.agent for action in suggestion.actions if isinstance(action.proposal, MedicationProposal))
        for suggestion in card.suggestions
    ]


def requested(card: Card) -> list[str]:
    """The services all suggestions ask for."""
    return [
        action.proposal.concept
        for suggestion in card.suggestions
        for action in suggestion.actions
        if isinstance(action.proposal, ServiceProposal)
    ]


def test_rec_2_names_each_alternative_without_preference() -> None:
    card = cards()["rec-2"]
    assert card.selection == "at-most-one"
    assert started(card) == [
        ("prednisone", "cyclosporine"),
        ("prednisone", "tacrolimus"),
        ("prednisone", "cyclosporine", "cyclophosphamide"),
        ("prednisone", "tacrolimus", "cyclophosphamide"),
    ]
    assert [suggestion.label for suggestion in card.suggestions][:2] == [
        "Prednisone + cyclosporine A",
        "Prednisone + tacrolimus",
    ]
    for words in ("weak evidence (case series)", "April 2018", "adjuvant", "pulses (500–1,000 mg/day IV"):
        assert words in card.detail


@pytest.mark.parametrize(
    ("agents", "expected"),
    [
        (("prednisone",), [("cyclosporine",), ("tacrolimus",), ("cyclosporine", "cyclophosphamide")]),
        (("tacrolimus",), [("prednisone",), ("prednisone", "cyclophosphamide")]),
        (("cyclophosphamide",), [("prednisone", "cyclosporine"), ("prednisone", "tacrolimus")]),
        (("dexamethasone", "rituximab"), [("cyclosporine",), ("tacrolimus",), ("cyclosporine", "cyclophosphamide")]),
        (("mycophenolic-acid",), [("prednisone", "cyclosporine"), ("prednisone", "tacrolimus")]),
    ],
)
def test_rec_2_adds_only_what_does_not_run(agents: tuple[str, ...], expected: list[tuple[str, ...]]) -> None:
    assert started(cards(treatment(*agents))["rec-2"])[: len(expected)] == expected


def test_rec_2_without_cni_offers_one() -> None:
    card = cards(treatment("prednisone", "mycophenolate-mofetil"))["rec-2"]
    assert started(card) == [("cyclosporine",), ("tacrolimus",)]
    assert "lack evidence" in card.detail
    assert card.suggestions[1].label == "Prednisone (running) + tacrolimus"


@pytest.mark.parametrize(
    ("screens", "expected"),
    [
        (
            Screens(feasible=("tacrolimus",)),
            [("prednisone", "tacrolimus"), ("prednisone", "tacrolimus", "cyclophosphamide")],
        ),
        (Screens(excluded={"tacrolimus": "prohibited"}), [("prednisone", "cyclosporine")]),
        (Screens(excluded={"prednisone": "allergy"}), [("prednisolone", "cyclosporine")]),
        (Screens(marked=frozenset({"prednisone"})), [("prednisolone", "cyclosporine")]),
        (
            Screens(marked=frozenset({"cyclosporine"})),
            [("prednisone", "tacrolimus"), ("prednisone", "tacrolimus", "cyclophosphamide")],
        ),
        (Screens(pregnant=True), [("prednisone", "cyclosporine"), ("prednisone", "tacrolimus")]),
    ],
)
def test_rec_2_keeps_to_what_suits(screens: Screens, expected: list[tuple[str, ...]]) -> None:
    card = cards(found=screens)["rec-2"]
    assert started(card)[: len(expected)] == expected
    for agent in screens.excluded:
        assert agent not in {name for suggestion in started(card) for name in suggestion}


def test_what_carries_a_mark_comes_last_with_the_mark() -> None:
    card = cards(found=Screens(marked=frozenset({"cyclosporine", "cyclophosphamide"})))["rec-2"]
    labels = [suggestion.label for suggestion in card.suggestions]
    assert labels[0] == "Prednisone + tacrolimus"
    assert all(label.endswith("(caution, see text)") for label in labels[1:])
    action = card.suggestions[-1].actions[-1]
    assert "Caution: Avoid in young women or men who want children (fertility) (Table 1, row 2)." in action.description
    assert "woman, 30 years" in card.detail


def test_mycophenolate_is_mentioned_where_cyclophosphamide_does_not_suit() -> None:
    mention = "mycophenolate may be a good option"
    assert mention in cards(found=Screens(excluded={"cyclophosphamide": "allergy"}))["rec-2"].detail
    assert mention not in cards()["rec-2"].detail
    assert mention not in cards(found=Screens(pregnant=True))["rec-2"].detail


def test_nothing_left_asks_an_expert_centre() -> None:
    steroids = {"prednisone": "allergy", "prednisolone": "allergy", "methylprednisolone": "allergy"}
    for topic, screens in (("rec-2", Screens(excluded=steroids)), ("rec-3", Screens(excluded=steroids, feasible=()))):
        card = cards(found=screens)[topic]  # type: ignore[index]
        assert requested(card) == ["expert-consultation"]
        assert started(card) == [()]
        assert "Nothing is left to suggest" in card.detail
    five = ("cyclophosphamide", "mycophenolate-mofetil", "rituximab", "basiliximab", "tofacitinib")
    blocked = Screens(excluded=dict.fromkeys(five, "allergy"), feasible=("tacrolimus",))
    assert requested(cards(PAIR, found=blocked, **PROBABLE)["rec-4"]) == ["expert-consultation"]
    had = treatment(
        "prednisone", "tacrolimus", rescue_given=frozenset({"pmx-hemoperfusion", "plasmapheresis", "immunoglobulin"})
    )
    assert requested(cards(had, **PROBABLE)["rec-5"]) == ["expert-consultation"]


def test_rec_3_says_why_and_adds_rituximab_with_its_caution() -> None:
    card = cards(found=Screens(feasible=(), unscreened=("hbsag", "anti-hbc", "tb-igra")))["rec-3"]
    assert started(card) == [
        ("prednisone", "cyclophosphamide"),
        ("prednisone", "mycophenolate-mofetil"),
        ("prednisone", "cyclophosphamide", "rituximab"),
        ("prednisone", "mycophenolate-mofetil", "rituximab"),
    ]
    assert "eGFR 22 on 2026-02-25 (tacrolimus)" in card.detail
    assert [len(suggestion.actions) for suggestion in card.suggestions] == [2, 2, 6, 6]
    assert requested(card) == ["hbsag", "anti-hbc", "tb-igra"] * 2


@pytest.mark.parametrize(
    ("topic", "changes"),
    [
        ("rec-2", {}),
        ("rec-2", {"therapy": treatment("prednisone", "cyclophosphamide")}),
        ("rec-3", {"found": Screens(feasible=())}),
        ("rec-4", {"therapy": PAIR, **PROBABLE}),
    ],
)
def test_an_infection_opens_the_card_and_stops_every_drug(topic: Topic, changes: dict[str, Any]) -> None:
    card = cards(infected=True, **changes)[topic]
    assert not any(started(card))
    assert set(requested(card)) == WORK_UP
    assert card.selection == "any"
    opening = card.detail[:700]
    assert "**Infection on record**: pneumonia since 2026-02-20" in opening
    assert "infection on record" in card.summary.lower()


def test_rec_4_adds_what_suits_and_switches() -> None:
    card = cards(PAIR, found=Screens(marked=frozenset({"cyclophosphamide"})), **PROBABLE)["rec-4"]
    assert [suggestion.label for suggestion in card.suggestions] == [
        "Add basiliximab",
        "Add mycophenolate mofetil",
        "Add rituximab",
        "Add tofacitinib",
        "Switch tacrolimus to cyclosporine A",
        "Add IV cyclophosphamide (caution, see text)",
    ]
    assert card.selection == "at-most-one"
    create, stop = card.suggestions[4].actions
    assert (create.kind, stop.kind, stop.target) == ("create", "update", "MedicationRequest/tacrolimus")
    assert stop.change is not None
    assert "2 of 5 criteria met, 1 not met, 2 not known" in card.summary
    for words in ("site policy", "Infection imitates", "glucocorticoid dose", "calcineurin inhibitor's level"):
        assert words in card.detail


@pytest.mark.parametrize(
    ("agents", "added"),
    [
        (("prednisone", "tacrolimus", "tofacitinib"), {"cyclophosphamide", "mycophenolate-mofetil"}),
        (("prednisone", "tacrolimus", "rituximab"), {"basiliximab", "cyclophosphamide", "mycophenolate-mofetil"}),
        (("prednisone", "mycophenolic-acid"), {"basiliximab", "cyclophosphamide", "rituximab", "tofacitinib"}),
    ],
)
def test_rec_4_never_pairs_tofacitinib_with_a_biologic(agents: tuple[str, ...], added: set[str]) -> None:
    screens = Screens(excluded={"mycophenolate-mofetil": "running"} if "mycophenolic-acid" in agents else {})
    card = cards(treatment(*agents), found=screens, **PROBABLE)["rec-4"]
    assert {
        name
        for suggestion in card.suggestions
        if suggestion.label.startswith("Add")
        for name in [
            action.proposal.agent for action in suggestion.actions if isinstance(action.proposal, MedicationProposal)
        ]
    } == added


def test_rec_4_in_pregnancy_keeps_to_basiliximab() -> None:
    card = cards(PAIR, found=Screens(pregnant=True), **PROBABLE)["rec-4"]
    assert started(card) == [("basiliximab",), ("cyclosporine",)]


def test_rec_4_opens_with_what_could_not_be_read() -> None:
    unread = treatment("prednisone", "tacrolimus", complete=False)
    card = cards(unread, **PROBABLE)["rec-4"]
    assert card.detail.split("\n")[2].startswith("- Could not read: MedicationRequest/unread: no drug is named")


def test_refractory_is_said_with_all_five_only() -> None:
    sure = cards(PAIR, refractoriness=response("refractory", "mmmmm"))["rec-4"]
    assert "All 5 refractoriness criteria met" in sure.summary
    assert "outside triple therapy is site policy" in sure.detail
    assert "Probable lack of response by site policy" in cards(PAIR, **PROBABLE)["rec-4"].detail


@pytest.mark.parametrize(
    ("had", "running", "expected"),
    [
        (set(), (), ["pmx-hemoperfusion", "plasmapheresis", "immunoglobulin"]),
        ({"plasmapheresis"}, (), ["pmx-hemoperfusion", "immunoglobulin"]),
        ({"pmx-hemoperfusion", "immunoglobulin"}, (), ["plasmapheresis"]),
        (set(), ("immunoglobulin",), ["pmx-hemoperfusion", "plasmapheresis"]),
    ],
)
def test_rec_5_offers_what_is_not_given(had: set[str], running: tuple[str, ...], expected: list[str]) -> None:
    therapy = treatment("prednisone", "tacrolimus", *running, rescue_given=frozenset(had))
    card = cards(therapy, **PROBABLE)["rec-5"]
    assert card.selection == "any"
    found = [*requested(card), *(name for suggestion in started(card) for name in suggestion)]
    assert found == expected


def test_rec_6_is_a_bridge_in_a_centre() -> None:
    card = cards(respiratory_failure=failure("yes"))["rec-6"]
    assert requested(card) == ["ecmo-transplant-centre"]
    for words in ("all of them through transplantation", "always a bridge", "PaO2/FiO2 88 mmHg", "below 100 mmHg"):
        assert words in card.detail


def test_rec_7_refers_and_says_what_it_does_not_know() -> None:
    card = cards(transplant=support("unknown"), gap_ids=("referrals",))["rec-7"]
    assert requested(card) == ["transplant-referral"]
    assert "is not known in full" in card.detail
    assert "is not known in full" not in cards(transplant=support("not-met"))["rec-7"].detail


@pytest.mark.parametrize(
    ("therapy", "changes", "summary"),
    [
        (PAIR, {"refractoriness": response("possible", "mnnuu")}, "Response in doubt (1 of 5 criteria met"),
        (PAIR, {"refractoriness": response("not-assessable", "uuuuu")}, "cannot be assessed"),
        (
            treatment("prednisone", "tacrolimus", day=3),
            {"refractoriness": response("too-early", "uuuuu", ("PaO2/FiO2 fell by 25 %",))},
            "Worsening before day 7; the guideline does not say to wait",
        ),
        (
            treatment("prednisone", "tacrolimus", day=200, phase="maintenance"),
            {"relapse_signs": ("ferritin 800 ng/mL on 2026-02-25",)},
            "Possible relapse",
        ),
    ],
)
def test_refractoriness_asks_for_facts_and_suggests_no_drug(
    therapy: Any, changes: dict[str, Any], summary: str
) -> None:
    card = cards(therapy, **changes)["refractoriness"]
    assert summary in card.summary
    assert not any(started(card))
    assert requested(card) == ["pao2", "ferritin", "hrct", "infection-work-up", "expert-consultation"]
    for reminder in ("Infection imitates", "inhibitor's level", "glucocorticoid dose"):
        assert reminder in card.detail


def test_rec_2b_orders_the_level_of_the_drug_that_asks() -> None:
    levels = (level("cyclosporine", "met", "not-judged", ("cyclosporine trough 180 ng/mL: shown, not judged",)),)
    card = cards(treatment("prednisone", "cyclosporine"), levels=levels)["rec-2b"]
    proposal = card.suggestions[0].actions[0].proposal
    assert isinstance(proposal, ServiceProposal)
    assert proposal.codes[0].code == "32997-9"
    assert "1,000" not in card.detail
    above = cards(PAIR, levels=(level("tacrolimus", "not-met", "above"),))["rec-2b"]
    assert above.summary == "Tacrolimus: level above the range; check dose, interactions and kidney function (rec-2b)"
    assert above.suggestions[0].actions[0].proposal.codes[0].code == "77348-1"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("topic", "agent"), [("rec-8", "azathioprine"), ("rec-9", "adalimumab"), ("rec-10", "pirfenidone")]
)
def test_not_recommended_agents_are_reviewed_not_stopped(topic: Topic, agent: str) -> None:
    card = cards(treatment(agent))[topic]
    assert card.suggestions == ()
    assert card.selection is None
    assert "review with its prescriber" in card.summary
    assert ("other anti-TNF agents are added here" in card.detail) is (agent == "adalimumab")


def test_risk_names_factors_trends_and_kl6_apart() -> None:
    card = cards(
        risk=risk("very-high"),
        ferritin=Trend(res("ferritin", 1523.0, 2), res("ferritin", 900.0, 20), False),
        kl6=res("kl-6", 1200.0, 4),
    )["risk"]
    assert card.suggestions == ()
    for words in (
        "very high",
        "site policy",
        "not below its baseline",
        "Apart: KL-6",
        "2026-02-27",
        "ferritin over 1,000 ng/mL",
    ):
        assert words in card.detail


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"anti_mda5": antibody("unknown")}, ["anti-mda5-test"]),
        ({"lung_disease": lungs("none")}, ["hrct", "pft"]),
        ({"lung_disease": lungs("ild", unsettled=True)}, ["hrct", "pft"]),
        ({"lung_disease": lungs("ild", unsettled=True), "imaging_recent": True}, []),
        (
            {"lung_disease": lungs("ild", unsettled=True), "anti_mda5": antibody("unknown")},
            ["anti-mda5-test", "hrct", "pft"],
        ),
    ],
)
def test_diagnosis_orders_what_settles_it(changes: dict[str, Any], expected: list[str]) -> None:
    assert requested(cards(**changes)["diagnosis"]) == expected


def test_data_gap_orders_what_can_be_ordered() -> None:
    ids = (
        "ferritin",
        "crp",
        "respiratory-failure",
        "egfr",
        "allergies",
        "a-a-gradient",
        "imaging",
        "combination-start",
    )
    card = cards(gap_ids=ids, risk=risk("indeterminate", unknown=("ferritin-over-1000", "ferritin-over-500")))[
        "data-gap"
    ]
    assert requested(card) == ["ferritin", "crp", "pao2", "egfr", "hrct"]
    assert card.summary == "Not known: ferritin, CRP, current oxygenation, eGFR and 4 more"
    assert cards(gap_ids=("allergies",))["data-gap"].suggestions == ()


def test_a_dose_is_computed_or_says_what_it_lacks() -> None:
    def described(card: Card) -> str:
        return card.suggestions[0].actions[1].description

    assert "120–300 mg/day for this patient (60 kg)" in described(cards()["rec-2"])
    assert "not computed for this patient: weight not known" in described(cards(body_size=size(known=False))["rec-2"])


def test_codes_are_the_ingredient_first_then_atc() -> None:
    for suggestion in cards()["rec-2"].suggestions:
        for action in suggestion.actions:
            assert isinstance(action.proposal, MedicationProposal)
            agent = knowledge().agents[action.proposal.agent]
            assert action.proposal.codes == (agent.ingredient, agent.atc)


def test_low_confidence_and_inference_are_said() -> None:
    therapy = treatment("prednisone", "tacrolimus", by_text=frozenset({"tacrolimus"}))
    for card in cards(therapy, lung_disease=lungs("rpild", "inferred"), **PROBABLE).values():
        assert "RPILD: inferred from" in card.detail
        assert (
            "tacrolimus since 2026-02-09 (recognised by its text alone: low confidence)" in card.detail
            or card.topic == "rec-7"
        )


def test_hypoxaemia_that_decides_is_named() -> None:
    card = cards(PAIR, hypoxaemic=Verdict.MET, hypoxaemic_why="PaO2 52 mmHg on 2026-02-28", **PROBABLE)["rec-5"]
    assert "Oxygenation: PaO2 52 mmHg on 2026-02-28" in card.detail


def test_the_same_content_has_the_same_digest() -> None:
    first, again = cards()["rec-2"], cards()["rec-2"]
    assert first.digest_parts == again.digest_parts
    assert first.digest_parts != cards(body_size=size(known=False))["rec-2"].digest_parts
