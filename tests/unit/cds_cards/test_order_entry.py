"""Order entry from the record to the cards: each row of the contract's second table, positive and negative."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_cards.assessment import Assessment, assess
from cds_cards.card import Card
from cds_cards.cards import compose_cards
from cds_cards.dose_check import DoseCheck
from cds_cards.knowledge import load_guideline
from cds_cards.orders.entry import Drafted
from cds_cards.plan import make_plan
from cds_cards.proposals import MedicationProposal, Reduce, ServiceProposal
from cds_cards.record import Dose, DraftOrder, Person
from tests.unit.build import AS_OF, Fact, allergy, draft, dx, order, person, proc, rec, res, svc, unread

GUIDELINE = load_guideline()
WOMAN = person(born="1960-05-04")
YOUNG = person(born="1990-05-04")
MAN = person("male", "1990-05-04")
FEW = Dose(per_administration=1, per_day=1, per_week=7, daily=True)
TABLETS = Dose(2000, 4000, 28000, daily=True)
RPILD: tuple[Fact, ...] = (
    dx("dermatomyositis", id="dm"),
    dx("ild", "rpild", onset=5, id="rpild"),
    res("anti-mda5", None, 8, words=("positive",), recorded="positive"),
    res("weight", 60, 1),
    res("height", 165, 100),
    res("egfr", 90, 1),
)
GC = order("prednisone", 20)
GC_CNI = (GC, order("tacrolimus", 20))
GC_CYC = (GC, order("cyclophosphamide", 10))
LONG_AGO = (order("prednisone", 400), order("tacrolimus", 400))
NO_CNI = res("egfr", 20, 0)


def judged(*facts: Fact, who: Person = WOMAN, chart: tuple[Fact, ...] = RPILD, **answers: Any) -> Assessment:
    return assess(rec(*chart, *facts, who=who, **answers), GUIDELINE, AS_OF)


def cards(*facts: Fact, hook: str = "order-sign", **more: Any) -> dict[str, Card]:
    found = compose_cards(make_plan(judged(*facts, **more), GUIDELINE, hook))
    assert len({card.topic for card in found}) == len(found)
    return {card.topic: card for card in found}


def topics(*facts: Fact, **more: Any) -> dict[str, str]:
    return {topic: card.indicator for topic, card in cards(*facts, **more).items()}


def drug(agent: str, **more: Any) -> DraftOrder:
    return draft(agent, **({"dose": FEW} | more))


def kinds(card: Card) -> list[str]:
    return [action.kind for suggestion in card.suggestions for action in suggestion.actions]


def created(card: Card) -> set[str]:
    found = set()
    for suggestion in card.suggestions:
        for action in suggestion.actions:
            if isinstance(action.proposal, MedicationProposal):
                found.add(action.proposal.agent)
            elif isinstance(action.proposal, ServiceProposal):
                found.add(action.proposal.concept)
    return found


# ── who the cards are for ──


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
@pytest.mark.parametrize(
    "more",
    [
        {"who": person(born="2010-05-04")},
        {"who": replace(WOMAN, deceased=True)},
        {"chart": RPILD[:2]},
        {"chart": (dx("ild", onset=400), *RPILD[2:])},
        {"chart": ()},
    ],
)
def test_silence_outside(hook: str, more: dict[str, Any]) -> None:
    drafts = [drug(name) for name in ("azathioprine", "infliximab", "prednisone", "tacrolimus", "cyclosporine")]
    assert topics(*drafts, allergy("azathioprine", kind="allergy"), hook=hook, **more) == {}


def test_silence_without_a_draft() -> None:
    assert topics() == {}
    assert topics(*GC_CNI, svc("hrct")) == {}


@pytest.mark.parametrize("status", ["cancelled", "entered-in-error", "stopped", "on-hold"])
def test_a_draft_that_gives_nothing_causes_nothing(status: str) -> None:
    assert topics(drug("azathioprine", status=status)) == {}
    assert topics(drug("azathioprine", prohibited=True)) == {}


@pytest.mark.parametrize("intent", ["proposal", "plan", "order"])
def test_every_intent_of_a_draft_counts(intent: str) -> None:
    assert "rec-8" in topics(drug("azathioprine", intent=intent))


# ── rec-8, rec-9, rec-10 ──


@pytest.mark.parametrize("agent", ["azathioprine", "methotrexate", "leflunomide"])
def test_rec_8_warns_in_induction_and_informs_later(agent: str) -> None:
    assert topics(drug(agent)) == {"rec-8": "warning"}
    assert topics(drug(agent), *GC_CNI) == {"rec-8": "warning"}
    assert topics(drug(agent), *LONG_AGO) == {"rec-8": "info"}


@pytest.mark.parametrize(
    ("agent", "topic"),
    [("infliximab", "rec-9"), ("adalimumab", "rec-9"), ("etanercept", "rec-9"), ("pirfenidone", "rec-10")],
)
def test_rec_9_and_rec_10_warn_in_any_phase(agent: str, topic: str) -> None:
    assert topics(drug(agent)) == {topic: "warning"}
    assert topics(drug(agent), *LONG_AGO) == {topic: "warning"}


def test_the_draft_is_removed_or_replaced() -> None:
    card = cards(drug("azathioprine", id="aza"))["rec-8"]
    first, *others = card.suggestions
    assert [(action.kind, action.target) for action in first.actions] == [("delete", "MedicationRequest/aza")]
    assert card.selection == "at-most-one"
    assert others
    for suggestion in others:
        assert [action.kind for action in suggestion.actions].count("delete") == 1
    assert created(card) == {"prednisone", "tacrolimus", "cyclosporine", "cyclophosphamide"}


def test_beside_a_combination_that_holds_only_the_removal_is_left() -> None:
    card = cards(drug("azathioprine"), *GC_CNI)["rec-8"]
    assert kinds(card) == ["delete"]
    assert "running combination is the guideline's alternative" in card.detail


def test_beside_a_failing_combination_the_agents_of_rec_4_replace_it() -> None:
    worse = [res(name, None, 1, flag=True) for name in ("respiratory-symptoms", "imaging", "clinician-impression")]
    found = cards(drug("azathioprine"), *GC_CNI, *worse)["rec-8"]
    assert {"cyclophosphamide", "mycophenolate-mofetil", "rituximab", "basiliximab", "tofacitinib"} <= created(found)


def test_where_no_alternative_suits_the_card_says_so_and_asks_an_expert() -> None:
    steroids = [allergy(classes=("glucocorticoid",), id="gc")]
    card = cards(drug("azathioprine"), *steroids)["rec-8"]
    assert (kinds(card), card.selection) == (["delete", "create"], "any")
    assert created(card) == {"expert-consultation"}
    assert "No alternative of the guideline is left" in card.detail


def test_without_an_id_there_is_nothing_to_delete() -> None:
    nameless = drug("azathioprine")
    nameless = replace(nameless, order=replace(nameless.order, source="draft order 1 (no id)"))
    assert "delete" not in kinds(cards(nameless)["rec-8"])


def test_the_same_order_drafted_twice_gives_one_card() -> None:
    twice = (drug("azathioprine", id="a"), drug("azathioprine", id="b"))
    card = cards(*twice)["rec-8"]
    assert {action.target for action in card.suggestions[0].actions} == {"MedicationRequest/a", "MedicationRequest/b"}
    assert (
        cards(drug("azathioprine", id="a"), drug("azathioprine", id="a"))["rec-8"]
        == cards(drug("azathioprine", id="a"))["rec-8"]
    )


def test_with_an_infection_no_immunosuppressant_replaces_the_draft() -> None:
    card = cards(drug("azathioprine"), dx("infection", onset=2, label="pneumonia"))["rec-8"]
    assert "delete" in kinds(card)
    assert not created(card) & set(GUIDELINE.agents)
    assert "Infection on record" in card.detail


WORSE = tuple(res(name, None, 1, flag=True) for name in ("respiratory-symptoms", "imaging", "clinician-impression"))
INFECTED = dx("infection", onset=2, label="pneumonia")
RUNNING_STANDS = "The running combination is the guideline's alternative"


@pytest.mark.parametrize(
    ("facts", "judged_as"),
    [
        ((drug("azathioprine"),), "Azathioprine drafted: not recommended for induction in anti-MDA5 RPILD"),
        (
            (drug("azathioprine"), *LONG_AGO),
            "Azathioprine drafted: not recommended in anti-MDA5 RPILD, above all not for induction",
        ),
        ((drug("infliximab"),), "Infliximab drafted: not recommended in anti-MDA5 RPILD"),
        ((drug("pirfenidone"), *LONG_AGO), "Pirfenidone drafted: not recommended in anti-MDA5 RPILD"),
    ],
)
def test_the_draft_is_named_and_judged(facts: tuple[Fact, ...], judged_as: str) -> None:
    ((topic, card),) = cards(*facts).items()
    assert card.summary == f"{judged_as} ({topic})"
    assert card.detail.startswith(f"**{judged_as}; consider removing the draft**\n")


@pytest.mark.parametrize(
    ("facts", "rules"),
    [
        ((), ("rec-8", "rec-2")),
        ((NO_CNI,), ("rec-8", "rec-3")),
        (GC_CNI, ("rec-8",)),
        ((*GC_CNI, *WORSE), ("rec-8", "rec-4")),
        (LONG_AGO, ("rec-8",)),
        ((INFECTED,), ("rec-8",)),
        ((NO_CNI, INFECTED), ("rec-8",)),
        ((*GC_CNI, *WORSE, INFECTED), ("rec-8",)),
    ],
)
def test_the_rule_of_what_takes_its_place_is_told(facts: tuple[Fact, ...], rules: tuple[str, ...]) -> None:
    detail = cards(drug("azathioprine"), *facts)["rec-8"].detail
    guideline = detail.partition("**Guideline**")[2].partition("**Evidence**")[0]
    assert tuple(name for name in ("rec-8", "rec-2", "rec-3", "rec-4") if f"({name})." in guideline) == rules


@pytest.mark.parametrize(
    ("facts", "stands"),
    [((), False), ((GC,), False), (GC_CNI, True), ((*GC_CNI, *WORSE), False), (LONG_AGO, True), ((INFECTED,), False)],
)
def test_a_combination_that_holds_is_the_alternative(facts: tuple[Fact, ...], stands: bool) -> None:
    assert (RUNNING_STANDS in cards(drug("azathioprine"), *facts)["rec-8"].detail) is stands


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ((), "First-option combination in anti-MDA5 RPILD (rec-2, weak evidence from case series)."),
        ((NO_CNI,), "Combination where no calcineurin inhibitor is feasible (rec-3, weak evidence from case series)."),
        ((*GC_CNI, *WORSE), "The response to the running combination is inadequate (rec-4)."),
    ],
)
def test_why_another_takes_its_place(facts: tuple[Fact, ...], why: str) -> None:
    removal, *others = cards(drug("azathioprine", id="aza"), *facts)["rec-8"].suggestions
    assert removal.label == "Remove the draft: Azathioprine"
    assert removal.actions[0].description.startswith(
        "Remove the draft of azathioprine (MedicationRequest/aza). "
        "Not recommended in anti-MDA5 RPILD (rec-8, practice point of the panel)."
    )
    assert others
    for suggestion in others:
        assert suggestion.label.startswith("Instead: ")
        assert any(why in action.description for action in suggestion.actions)


def test_other_agents_of_the_class_are_said_to_be_our_addition() -> None:
    added = "The guideline names infliximab; other anti-TNF agents are added here as the same class"
    assert added not in cards(drug("infliximab"))["rec-9"].detail
    assert added in cards(drug("adalimumab"))["rec-9"].detail
    assert added in cards(drug("adalimumab"), drug("infliximab"))["rec-9"].detail
    warns = "When this card warns: in the induction phase; later it informs"
    assert warns in cards(drug("azathioprine"))["rec-8"].detail
    assert warns not in cards(drug("pirfenidone"))["rec-10"].detail


def test_in_pregnancy_the_draft_is_excluded_for_that_too() -> None:
    detail = cards(drug("methotrexate"), dx("pregnancy", onset=60), who=YOUNG)["rec-8"].detail
    caution = detail.partition("**Cautions**")[2].partition("**Guideline**")[0]
    assert "- Methotrexate: " in caution
    assert "- Methotrexate: " not in cards(drug("methotrexate"), who=YOUNG)["rec-8"].detail


# ── rec-2 and rec-3 ──


@pytest.mark.parametrize(
    "facts",
    [
        (drug("prednisone"),),
        (drug("rituximab"), GC),
        (drug("tofacitinib"),),
        (drug("prednisone"), drug("azathioprine")),
        # a renewal of what runs already
        (draft("prednisone", 0, id="prednisone-2026-02-09", dose=FEW), GC),
        # not selected, so it counts for the regimen alone, and makes no combination
        (drug("prednisone"), drug("leflunomide", selected=False)),
    ],
)
def test_rec_2_completes_what_is_no_combination_yet(facts: tuple[Fact, ...]) -> None:
    card = cards(*facts)["rec-2"]
    assert (card.indicator, card.selection) == ("warning", "at-most-one")
    assert {"tacrolimus", "cyclosporine"} <= created(card)
    assert not created(card) & {"prednisone", "prednisolone"} or facts[0].order.agent == "tofacitinib"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("facts", "more"),
    [
        ((drug("prednisone"), drug("tacrolimus")), {}),
        ((drug("prednisone"), order("tacrolimus", 20)), {}),
        ((drug("prednisone"), drug("cyclosporine", selected=False)), {}),
        ((drug("mycophenolate-mofetil"), GC), {}),
        ((drug("immunoglobulin"),), {}),
        ((drug("pirfenidone"), GC), {}),
        ((drug("azathioprine"), drug("infliximab"), GC), {}),
        ((drug("prednisone", selected=False), drug("azathioprine")), {}),
        # stage unknown: an order that could not be read may be the inhibitor
        ((drug("prednisone"), unread("medications")), {}),
        ((drug("prednisone"),), {"medications": "partial"}),
        # maintenance: a past combination, long ago
        ((drug("prednisone"), order("prednisone", 400, 300, status="completed"),
          order("tacrolimus", 400, 300, status="completed")), {}),
    ],
)  # fmt: skip
def test_no_rec_2_or_rec_3(facts: tuple[Fact, ...], more: dict[str, Any]) -> None:
    assert not {"rec-2", "rec-3"} & set(cards(*facts, **more))


def test_without_a_feasible_inhibitor_rec_3_completes_it() -> None:
    found = cards(drug("prednisone"), NO_CNI)
    assert "rec-2" not in found
    assert found["rec-3"].indicator == "warning"
    assert {"cyclophosphamide", "mycophenolate-mofetil", "rituximab"} <= created(found["rec-3"])


def test_rec_2_offers_the_work_up_alone_while_an_infection_stands() -> None:
    card = cards(drug("prednisone"), dx("infection", onset=2, label="pneumonia"))["rec-2"]
    assert not created(card) & set(GUIDELINE.agents)
    assert card.suggestions


@pytest.mark.parametrize(
    ("facts", "speaks"),
    [
        ((drug("rituximab"), *GC_CYC), True),
        ((drug("rituximab"), drug("cyclophosphamide"), GC), True),
        ((drug("rituximab"), drug("cyclophosphamide", selected=False), drug("prednisone", selected=False)), True),
        ((drug("rituximab", selected=False), drug("cyclophosphamide"), GC), False),
        ((drug("rituximab"), *GC_CYC, order("tacrolimus", 5)), False),
        ((drug("rituximab"), *GC_CYC, drug("cyclosporine")), False),
        ((drug("rituximab"), GC, order("mycophenolate-mofetil", 5)), False),
        ((drug("tofacitinib"), *GC_CYC), False),
    ],
)
def test_rituximab_without_an_inhibitor_is_a_caution(facts: tuple[Fact, ...], speaks: bool) -> None:
    found = cards(*facts).get("rec-3")
    assert (found is not None) is speaks
    if found:
        assert (found.indicator, found.suggestions) == ("info", ())
        assert "without a calcineurin inhibitor only with caution" in found.detail


# ── rec-2b ──


@pytest.mark.parametrize(
    ("facts", "speaks"),
    [
        ((), True),
        ((svc("tacrolimus-level"),), False),
        ((svc("tacrolimus-level", status="draft"),), False),
        ((svc("tacrolimus-level", intent="plan"),), False),
        ((svc("tacrolimus-level", status="completed"),), True),
        ((svc("tacrolimus-level", status="revoked", refused=True),), True),
        ((svc("cyclosporine-level"),), True),
        ((res("tacrolimus-level", 8, 1, variant="trough"),), True),
    ],
)
@pytest.mark.parametrize("before", [(GC,), LONG_AGO])
def test_a_level_is_ordered_with_the_inhibitor(facts: tuple[Fact, ...], speaks: bool, before: tuple[Fact, ...]) -> None:
    found = cards(drug("tacrolimus", id="tac"), *before, *facts).get("rec-2b")
    assert (found is not None) is speaks
    if found:
        assert (found.indicator, created(found)) == ("info", {"tacrolimus-level"})


def test_a_level_among_the_drafts_is_seen_and_missing_referrals_are_said() -> None:
    record = rec(*RPILD, drug("tacrolimus"), GC, who=WOMAN)
    record = replace(record, draft_services=(svc("tacrolimus-level", status="draft"),))
    found = compose_cards(make_plan(assess(record, GUIDELINE, AS_OF), GUIDELINE, "order-sign"))
    assert [card.topic for card in found] == []
    assert "not known in full" in cards(drug("tacrolimus"), GC, referrals="missing")["rec-2b"].detail


# ── dose ──


def test_a_dose_above_the_range_is_lowered_by_an_update() -> None:
    card = cards(drug("mycophenolate-mofetil", dose=TABLETS, increment=500, id="mmf"), *GC_CNI)["dose"]
    assert (card.indicator, card.selection) == ("warning", "any")
    (action,) = card.suggestions[0].actions
    assert (action.kind, action.change) == ("update", Reduce("MedicationRequest/mmf", 1500))
    for text in ("mycophenolate mofetil", "1–3 g/day", "4000 mg a day"):
        assert text in action.description


@pytest.mark.parametrize("agent", ["tacrolimus", "prednisone"])
def test_for_inhibitors_and_glucocorticoids_the_dose_card_proposes_nothing(agent: str) -> None:
    card = cards(drug(agent, dose=TABLETS))["dose"]
    assert (card.indicator, card.suggestions) == ("warning", ())


@pytest.mark.parametrize(
    "facts",
    [
        (dx("pregnancy", onset=60),),
        (allergy("mycophenolate-mofetil", kind="intolerance"),),
        (order("mycophenolate-mofetil", 5, prohibited=True, id="no"),),
    ],
)
def test_no_dose_of_an_excluded_agent_is_proposed(facts: tuple[Fact, ...]) -> None:
    card = cards(drug("mycophenolate-mofetil", dose=TABLETS, increment=500), *GC_CNI, *facts, who=YOUNG)["dose"]
    assert card.suggestions == ()
    assert "No dose of mycophenolate mofetil is proposed" in card.detail


def test_a_dose_that_cannot_be_checked_makes_a_gap_and_no_card() -> None:
    facts = (drug("tacrolimus", dose=Dose(unread="no dosage instruction"), id="tac"), GC)
    assert "dose" not in cards(*facts)
    gaps = {gap.id: gap.why for gap in judged(*facts).gaps}
    assert gaps["dose"] == "tacrolimus (MedicationRequest/tac): dose not checked: no dosage instruction"
    assert "dose not checked: no dosage instruction" in cards(*facts)["rec-2b"].detail
    assert "dose" not in {gap.id for gap in judged(drug("tacrolimus"), GC).gaps}


def test_every_card_about_a_draft_says_that_its_dose_was_not_checked() -> None:
    blank = Dose(unread="no dosage instruction")
    facts = [draft(agent, dose=blank) for agent in ("azathioprine", "infliximab", "pirfenidone", "tofacitinib")]
    found = cards(*facts, draft("cyclophosphamide", dose=blank), allergy("tofacitinib"), who=YOUNG)
    assert set(found) == {
        *("rec-8", "rec-9", "rec-10", "rec-2", "safety-allergy", "safety-pregnancy", "safety-interaction")
    }
    for card in found.values():
        assert "dose not checked: no dosage instruction" in card.detail, card.topic


def test_without_an_age_no_dose_is_checked() -> None:
    facts = (drug("mycophenolate-mofetil", dose=TABLETS), *GC_CNI)
    assert "dose" not in cards(*facts, who=person(born=None))
    assert "age" in {gap.id: gap.why for gap in judged(*facts, who=person(born=None)).gaps}["dose"]


@pytest.mark.parametrize(("day", "speaks"), [(28, True), (29, False)])
def test_glucocorticoids_are_checked_to_day_28_of_the_running_combination(day: int, speaks: bool) -> None:
    running = (order("prednisone", day, id="gc"), order("tacrolimus", day))
    assert ("dose" in cards(drug("prednisone", dose=TABLETS), *running)) is speaks


def test_two_strengths_of_one_drug_add_up_and_a_repeated_order_does_not() -> None:
    morning = drug("tacrolimus", dose=Dose(3, 3, 21, daily=True), id="one")
    evening = drug("tacrolimus", dose=Dose(2, 2, 14, daily=True), id="two")
    assert "dose" not in cards(morning, GC)
    assert "2 drafts of it together: 5 mg a day" in cards(morning, evening, GC)["dose"].detail
    assert "dose" not in cards(
        morning, replace(morning, order=replace(morning.order, source="MedicationRequest/x")), GC
    )
    ending = drug("tacrolimus", end="2026-03-08", dose=Dose(2, 2, 14, daily=True), id="two")
    assert "dose" not in cards(morning, ending, GC)


# ── safety ──

PREGNANT = dx("pregnancy", onset=60)


@pytest.mark.parametrize("agent", ["cyclophosphamide", "mycophenolate-mofetil", "mycophenolic-acid", "rituximab"])
def test_pregnancy(agent: str) -> None:
    card = cards(drug(agent), PREGNANT, *GC_CNI, who=YOUNG)["safety-pregnancy"]
    assert (card.indicator, kinds(card)) == ("critical", ["delete"])
    card = cards(drug(agent), *GC_CNI, who=YOUNG)["safety-pregnancy"]
    assert (card.indicator, created(card)) == ("warning", {"hcg"})
    assert "delete" not in kinds(card)
    tested = cards(drug(agent), res("hcg", None, 2, words=("negative",), recorded="negative"), *GC_CNI, who=YOUNG)
    assert (tested["safety-pregnancy"].indicator, tested["safety-pregnancy"].suggestions) == ("warning", ())
    assert "safety-pregnancy" not in cards(drug(agent), *GC_CNI)
    assert "safety-pregnancy" not in cards(drug(agent), *GC_CNI, proc("sterilised", start=900), who=YOUNG)
    assert "safety-pregnancy" not in cards(drug(agent, selected=False), drug("prednisone"), *GC_CNI, who=YOUNG)


@pytest.mark.parametrize("agent", ["tacrolimus", "prednisone", "tofacitinib", "methotrexate", "basiliximab"])
def test_no_pregnancy_card_for_other_agents(agent: str) -> None:
    assert "safety-pregnancy" not in cards(drug(agent), PREGNANT, *GC_CNI, who=YOUNG)


@pytest.mark.parametrize(
    ("agent", "born", "speaks"),
    [
        ("cyclophosphamide", "1976-03-02", True),
        ("cyclophosphamide", "1976-03-01", False),
        ("cyclophosphamide", None, True),
        ("rituximab", "1990-05-04", False),
        ("mycophenolate-mofetil", "1990-05-04", False),
    ],
)
def test_men_below_fifty_are_asked_before_cyclophosphamide(agent: str, born: str | None, speaks: bool) -> None:
    found = cards(drug(agent), *GC_CNI, who=person("male", born)).get("safety-pregnancy")
    assert (found is not None) is speaks
    if found:
        assert (found.indicator, found.suggestions) == ("info", ())


@pytest.mark.parametrize(
    ("more", "indicator"),
    [
        ({"kind": "allergy"}, "critical"),
        ({"kind": "intolerance", "criticality": "high"}, "critical"),
        ({"severe": True}, "critical"),
        ({"kind": "intolerance"}, "warning"),
        ({"kind": "intolerance", "criticality": "low"}, "warning"),
        ({"criticality": "unable-to-assess"}, "warning"),
        ({}, "warning"),
        ({"clinical": None, "verification": None, "kind": "allergy"}, "critical"),
        ({"verification": "unconfirmed", "kind": "allergy"}, "critical"),
        ({"clinical": "inactive", "kind": "allergy"}, None),
        ({"clinical": "resolved", "kind": "allergy"}, None),
        ({"verification": "refuted", "kind": "allergy"}, None),
        ({"verification": "entered-in-error", "kind": "allergy"}, None),
    ],
)
def test_allergy(more: dict[str, Any], indicator: str | None) -> None:
    found = cards(drug("mycophenolate-mofetil"), *GC_CNI, allergy("mycophenolate-mofetil", **more))
    assert (found["safety-allergy"].indicator if "safety-allergy" in found else None) == indicator
    if indicator:
        assert kinds(found["safety-allergy"]) == (["delete"] if indicator == "critical" else [])


def test_allergy_to_the_substance_or_the_class_and_to_no_other() -> None:
    assert "safety-allergy" in cards(drug("mycophenolic-acid"), *GC_CNI, allergy("mycophenolate-mofetil"))
    assert "safety-allergy" in cards(drug("tacrolimus"), GC, allergy(classes=("calcineurin-inhibitor",)))
    assert "safety-allergy" not in cards(drug("tacrolimus"), GC, allergy("cyclosporine", kind="allergy"))
    assert "safety-allergy" not in cards(drug("prednisone"), allergy("azathioprine", kind="allergy"))


@pytest.mark.parametrize(
    ("facts", "speaks"),
    [
        ((drug("tofacitinib"), order("rituximab", 30)), True),
        ((drug("tofacitinib"), order("rituximab", 181)), False),
        ((drug("rituximab"), order("tofacitinib", 5)), True),
        ((drug("tofacitinib"), drug("basiliximab")), True),
        ((drug("tofacitinib"), drug("infliximab", selected=False)), True),
        ((drug("tofacitinib"), order("adalimumab", 5)), True),
        ((drug("tofacitinib"), drug("mycophenolate-mofetil")), False),
        ((drug("tacrolimus"), drug("cyclosporine")), True),
        ((drug("tacrolimus"), order("cyclosporine", 5)), True),
        ((drug("tacrolimus"), order("cyclosporine", 50, 5, status="stopped")), False),
        ((drug("tacrolimus"), order("tacrolimus", 5)), False),
        # what runs together already, or is not selected, is not what the drafts cause
        ((drug("prednisone"), order("tacrolimus", 5), order("cyclosporine", 5)), False),
        ((drug("prednisone"), drug("tacrolimus", selected=False), drug("cyclosporine", selected=False)), False),
        # the switch: the other inhibitor is stopped in the same session
        ((drug("tacrolimus"), order("cyclosporine", 5, id="csa"), drug("cyclosporine", id="csa", status="stopped")),
         False),
    ],
)  # fmt: skip
def test_interaction(facts: tuple[Fact, ...], speaks: bool) -> None:
    found = cards(*facts).get("safety-interaction")
    assert (found is not None) is speaks
    if found:
        assert (found.indicator, found.suggestions) == ("warning", ())


# ── what may be suggested, and what the drafts leave alone ──

AGENTS = sorted(GUIDELINE.agents)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(AGENTS), min_size=1, max_size=3, unique=True),
    st.lists(st.sampled_from(["prednisone", "tacrolimus", "rituximab", "cyclophosphamide"]), max_size=2, unique=True),
    st.sampled_from([WOMAN, YOUNG, MAN]),
    st.sets(st.sampled_from(AGENTS), max_size=2),
    st.booleans(),
)
def test_nothing_unsuitable_is_suggested(
    drafted: list[str], running: list[str], who: Person, allergic: set[str], pregnant: bool
) -> None:
    facts: list[Fact] = [*(drug(name) for name in drafted), *(order(name, 20) for name in running)]
    facts += [allergy(name, kind="allergy") for name in sorted(allergic)]
    facts += [PREGNANT] if pregnant and who is not MAN else []
    found = cards(*facts, who=who)
    assert found == cards(*reversed(facts), who=who)
    for card in found.values():
        medications = created(card) & set(AGENTS)
        assert not medications & {*drafted, *running, *allergic}
        if PREGNANT in facts:
            assert not medications & set(GUIDELINE.policy.pregnancy_not_suggested)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(AGENTS), min_size=1, max_size=3, unique=True), st.sampled_from([(), GC_CNI, LONG_AGO]))
def test_the_clock_of_the_running_orders_stands(drafted: list[str], running: tuple[Fact, ...]) -> None:
    worse = [res("ferritin", 400, 25), res("ferritin", 900, 1), res("imaging", None, 1, flag=True)]
    before, after = judged(*running, *worse), judged(*running, *worse, *(drug(name) for name in drafted))
    for name in ("combination_since", "assessed_since", "phase", "running_stage", "days_assessed"):
        assert getattr(before.therapy, name) == getattr(after.therapy, name)
    assert before.refractoriness == after.refractoriness
    statuses = {(course.agent, course.status) for course in after.therapy.courses}
    assert {(name, "draft") for name in drafted} <= statuses


@pytest.mark.parametrize(
    ("agent", "recommendation"), [("azathioprine", "rec-8"), ("infliximab", "rec-9"), ("pirfenidone", "rec-10")]
)
def test_a_drafted_agent_makes_its_recommendation_apply(agent: str, recommendation: str) -> None:
    assert judged().standing(recommendation).status == "does-not-apply"
    assert judged(drug(agent)).standing(recommendation).status == "applies"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(AGENTS), min_size=1, max_size=3, unique=True))
def test_an_immunoglobulin_or_a_drafted_scan_adds_and_removes_no_card(drafted: list[str]) -> None:
    facts = [drug(name) for name in drafted if name != "immunoglobulin"]
    assert topics(*facts) == topics(*facts, drug("immunoglobulin"))
    record = rec(*RPILD, *facts, who=WOMAN)
    with_scan = replace(record, draft_services=(svc("hrct", status="draft"),))
    plans = [make_plan(assess(each, GUIDELINE, AS_OF), GUIDELINE, "order-sign") for each in (record, with_scan)]
    assert compose_cards(plans[0]) == compose_cards(plans[1])


def test_a_draft_that_could_not_be_read_is_named_and_no_running_therapy_becomes_unknown() -> None:
    lost = unread("drafts", "tacrolimus", id="lost")
    assert judged(GC, lost).therapy.stage == "glucocorticoid-only"
    card = cards(drug("prednisone"), lost)["rec-2"]
    assert "Could not read among the drafts" in card.detail
    labels = [suggestion.label for suggestion in card.suggestions]
    assert [("tacrolimus" in label, "caution" in label) for label in labels if "yclosporine" not in label] == [
        (True, True)
    ] * (len(labels) // 2)
    for facts in ((drug("azathioprine"),), (drug("tacrolimus", dose=TABLETS), GC), (drug("rituximab"), *GC_CYC)):
        found = cards(*facts, lost, allergy("azathioprine"), who=YOUNG)
        assert found
        assert all("Could not read among the drafts" in each.detail for each in found.values())


def test_patient_view_says_nothing_of_order_entry() -> None:
    found = cards(drug("azathioprine"), drug("tacrolimus", dose=TABLETS), hook="patient-view")
    assert not {"dose", "safety-allergy", "safety-pregnancy", "safety-interaction"} & set(found)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("MedicationRequest/x", "MedicationRequest/x"),
        ("MedicationRequest/", ""),
        ("MedicationRequest/a b", ""),
        ("draft order 1 (no id)", ""),
        ("draft-1", ""),
        ("Other/x", ""),
    ],
)
def test_what_can_be_named_for_removal(source: str, target: str) -> None:
    assert Drafted(source, "azathioprine", True, DoseCheck("within", "")).target == target


SAFETY = "This is prescribing safety, not a recommendation of the guideline: it carries no grade."
HIGH_RITUXIMAB = Dose(1200, 1200, 1200, daily=False)


def section(card: Card, title: str) -> list[str]:
    """The lines of a section, without their dash."""
    inside = card.detail.partition(f"**{title}**\n\n")[2].partition("\n\n")[0]
    return [line.removeprefix("- ") for line in inside.splitlines()]


@pytest.mark.parametrize(
    ("topic", "facts", "more", "summary", "lead", "found"),
    [
        (
            "dose",
            (drug("mycophenolate-mofetil", dose=TABLETS, increment=500, id="mmf"), *GC_CNI),
            {},
            "Mycophenolate mofetil: drafted dose above the reported range (Table 2)",
            "Mycophenolate mofetil: the drafted dose lies above the range reported in the literature",
            (
                "Drafted: mycophenolate mofetil (MedicationRequest/mmf).",
                "Mycophenolate mofetil: 4000 mg a day drafted, reported up to 3000 mg a day.",
            ),
        ),
        (
            "rec-2b",
            (drug("tacrolimus", id="tac"), GC),
            {},
            "Tacrolimus drafted: order a blood level as well (rec-2b)",
            "Tacrolimus drafted: order a blood level as well",
            (
                "Drafted: tacrolimus (MedicationRequest/tac).",
                "No open order of its level is on record or among the drafts.",
            ),
        ),
        (
            "safety-interaction",
            (drug("tacrolimus", id="tac"), GC, order("cyclosporine", 9)),
            {},
            "Drafted together: cyclosporine A with tacrolimus",
            "To be given together: cyclosporine A with tacrolimus. Review before signing",
            ("Two calcineurin inhibitors together: cyclosporine A (runs) and tacrolimus (drafted).",),
        ),
        (
            "safety-interaction",
            (drug("tofacitinib"), *GC_CNI, order("rituximab", 9)),
            {},
            "Drafted together: rituximab with tofacitinib",
            "To be given together: rituximab with tofacitinib. Review before signing",
            ("A JAK inhibitor beside a biologic: rituximab (runs) and tofacitinib (drafted).",),
        ),
        (
            "safety-allergy",
            (drug("tacrolimus", id="tac"), GC, allergy("tacrolimus", kind="allergy", id="al")),
            {},
            "Tacrolimus drafted: an allergy or intolerance is on record",
            "Tacrolimus drafted: an allergy or intolerance is on record",
            (
                "Allergy to tacrolimus on record (type allergy): AllergyIntolerance/al.",
                "Drafted: tacrolimus (MedicationRequest/tac).",
            ),
        ),
        (
            "safety-pregnancy",
            (drug("cyclophosphamide", id="cyc"), GC),
            {"who": YOUNG},
            "Cyclophosphamide drafted: a pregnancy is possible",
            "Cyclophosphamide drafted: a pregnancy is possible",
            (
                "Woman, 35 years; no sterilisation or menopause on record; "
                "no usable pregnancy status or test on record.",
                "Drafted: cyclophosphamide (MedicationRequest/cyc).",
            ),
        ),
    ],
)
def test_how_a_card_about_a_draft_opens(
    topic: str, facts: tuple[Fact, ...], more: dict[str, Any], summary: str, lead: str, found: tuple[str, ...]
) -> None:
    card = cards(*facts, **more)[topic]
    assert card.summary == summary
    assert card.detail.partition("\n")[0] == f"**{lead}**"
    assert tuple(section(card, "Found")[: len(found)]) == found
    assert section(card, "Found")[-2:] == [
        "Anti-MDA5 positive on 2026-02-21 (positive).",
        "RPILD: recorded as rapidly progressive ILD: condition on record, 2026-02-24.",
    ]


def test_the_reported_doses_and_the_lower_one_are_told() -> None:
    card = cards(drug("rituximab", dose=HIGH_RITUXIMAB, id="rtx"), *GC_CNI)["dose"]
    assert section(card, "Guideline")[0] == "Table 2, rituximab: 350–375 mg/m² IV; or 1 g IV."
    (lower,) = card.suggestions
    assert lower.label == "Lower rituximab to 1000 mg per administration"
    assert lower.actions[0].description.startswith(
        "Lower rituximab (MedicationRequest/rtx) from 1200 mg to 1000 mg per administration, nothing else changed. "
        "Reported: 350–375 mg/m² IV; or 1 g IV. "
        "1200 mg per administration drafted; above 1000 mg is always too much (site policy); "
    )
    assert section(card, "Site policy, not the guideline")[0].startswith(
        "Only doses above the upper bound are named, with 5 % tolerance;"
    )


def test_why_a_level_is_ordered_with_the_inhibitor() -> None:
    (level,) = cards(drug("tacrolimus"), GC)["rec-2b"].suggestions
    assert level.actions[0].description.endswith("Blood levels guide the dose and limit toxicity (rec-2b).")


def test_a_safety_card_is_no_recommendation() -> None:
    found = cards(drug("tacrolimus"), GC, order("cyclosporine", 9), allergy("tacrolimus", kind="allergy"))
    assert section(found["safety-interaction"], "Guideline") == [SAFETY]
    assert section(found["safety-allergy"], "Guideline") == [SAFETY]
    assert section(found["safety-allergy"], "Site policy, not the guideline")[0] == (
        "Critical: an entry of type allergy, of high criticality, or with a severe reaction; any other warns."
    )
    (removal,) = found["safety-allergy"].suggestions
    assert "An allergy to it is on record." in removal.actions[0].description
    jak = cards(drug("tofacitinib"), *GC_CNI, order("rituximab", 9))["safety-interaction"]
    assert "(rec-4)." in section(jak, "Guideline")[0]


@pytest.mark.parametrize("gap", ["weight", "height", "egfr"])
def test_a_dose_card_owns_what_is_missing_of_the_size(gap: str) -> None:
    lacking = tuple(fact for fact in RPILD if getattr(fact, "concept", "") != gap)
    card = cards(drug("mycophenolate-mofetil", dose=TABLETS), *GC_CNI, chart=lacking)["dose"]
    told = " ".join(section(card, "Not known")).lower()
    assert gap in told
    assert not section(cards(drug("mycophenolate-mofetil", dose=TABLETS), *GC_CNI)["dose"], "Not known")
