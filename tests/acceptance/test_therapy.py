"""Contract §3, `therapy`: the stage row by row, courses, pulses, the two starts, and the phase."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.acceptance.fhir import (
    CYCLOPHOSPHAMIDE,
    CYCLOSPORINE,
    ILD,
    IVIG,
    METHYLPREDNISOLONE,
    MYCOPHENOLATE,
    PF,
    PREDNISONE,
    RITUXIMAB,
    SNOMED,
    TACROLIMUS,
    TOFACITINIB,
    Json,
    ago,
    assess,
    bundle,
    call,
    coded,
    condition,
    day,
    gap_ids,
    given,
    ignored,
    obs,
    order,
    positive,
    post,
    procedure,
    ref,
    rpild,
)

BASILIXIMAB, MYCOPHENOLIC_ACID, PREDNISOLONE, PIRFENIDONE = "196102", "7145", "8638", "1592254"
AZATHIOPRINE, METHOTREXATE, LEFLUNOMIDE, INFLIXIMAB, ADALIMUMAB = "1256", "6851", "27169", "191831", "327361"
PMX, PLASMAPHERESIS = "233591003", "20720000"
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
PULSES = [(CYCLOPHOSPHAMIDE, 42), (RITUXIMAB, 180), (BASILIXIMAB, 28)]
OTHER = {"reference": "Patient/other"}


def bounds(start: str | None, end: str | None = None, **repeat: Any) -> list[Json]:
    """A dosage with bounds."""
    period = {name: value for name, value in (("start", start), ("end", end)) if value}
    return [{"timing": {"repeat": {"boundsPeriod": period, **repeat}}}]


def ran(drug: str, first: int, last: int | None = None, **more: Any) -> Json:
    """An order that ran from `first` to `last` days ago (still running without)."""
    status = "active" if last is None else "completed"
    end = day(last) if last is not None else None
    return order(
        drug, **{"status": status, "authoredOn": day(first), "dosageInstruction": bounds(day(first), end), **more}
    )


def therapy(client: FlaskClient, *resources: Json, **more: Any) -> Json:
    found: Json = assess(client, positive(), rpild(), *resources, **more)["therapy"]
    return found


def agents(found: Json) -> dict[str, str]:
    return {item["agent"]: item["status"] for item in found.get("agents", ())}


def base(first: int = 10) -> tuple[Json, Json]:
    return ran(PREDNISONE, first), ran(TACROLIMUS, first)


# ── the stage ──


@pytest.mark.parametrize(
    ("drugs", "stage"),
    [
        ((), "untreated"),
        ((IVIG,), "untreated"),
        ((PIRFENIDONE,), "untreated"),
        ((PREDNISONE,), "glucocorticoid-only"),
        ((METHYLPREDNISOLONE, IVIG), "glucocorticoid-only"),
        ((PREDNISONE, PIRFENIDONE), "glucocorticoid-only"),
        *(((drug,), "incomplete") for drug in (TACROLIMUS, MYCOPHENOLATE, CYCLOPHOSPHAMIDE, RITUXIMAB, TOFACITINIB)),
        *(
            ((PREDNISONE, drug), "incomplete")
            for drug in (
                *(RITUXIMAB, BASILIXIMAB, TOFACITINIB, AZATHIOPRINE, METHOTREXATE, LEFLUNOMIDE, INFLIXIMAB),
                ADALIMUMAB,
            )
        ),
        *(
            ((PREDNISONE, drug), "combination")
            for drug in (TACROLIMUS, CYCLOSPORINE, CYCLOPHOSPHAMIDE, MYCOPHENOLATE, MYCOPHENOLIC_ACID)
        ),
        ((PREDNISONE, TACROLIMUS, CYCLOPHOSPHAMIDE), "combination"),
        ((PREDNISONE, TACROLIMUS, AZATHIOPRINE), "combination"),
        ((PREDNISONE, TACROLIMUS, RITUXIMAB), "combination"),
        ((PREDNISONE, TACROLIMUS, BASILIXIMAB), "escalated"),
        ((PREDNISONE, TACROLIMUS, TOFACITINIB), "escalated"),
    ],
)
def test_stage_of_what_runs(client: FlaskClient, drugs: tuple[str, ...], stage: str) -> None:
    assert therapy(client, *(ran(drug, 10) for drug in drugs))["stage"] == stage


@pytest.mark.parametrize("drug", [RITUXIMAB, CYCLOPHOSPHAMIDE, MYCOPHENOLATE])
@pytest.mark.parametrize(("later", "stage"), [(6, "combination"), (7, "escalated"), (8, "escalated")])
def test_added_seven_days_after(client: FlaskClient, drug: str, later: int, stage: str) -> None:
    assert therapy(client, *base(20), ran(drug, 20 - later))["stage"] == stage


@pytest.mark.parametrize("drug", [INFLIXIMAB, AZATHIOPRINE, PIRFENIDONE])
def test_other_agents_do_not_escalate(client: FlaskClient, drug: str) -> None:
    assert therapy(client, *base(20), ran(drug, 5))["stage"] == "combination"


@pytest.mark.parametrize("what", [PMX, PLASMAPHERESIS])
@pytest.mark.parametrize(("days", "stage"), [(3, "rescue"), (20, "rescue"), (21, "escalated")])
def test_apheresis_since_the_combination(client: FlaskClient, what: str, days: int, stage: str) -> None:
    session = procedure(what, performedDateTime=day(days))
    assert therapy(client, *base(20), ran(TOFACITINIB, 20), session)["stage"] == stage


@pytest.mark.parametrize("change", [{"status": "not-done"}, {"status": "entered-in-error"}, {"subject": OTHER}])
def test_apheresis_that_was_none(client: FlaskClient, change: Json) -> None:
    assert therapy(client, *base(20), procedure(PMX, **change))["stage"] == "combination"


@pytest.mark.parametrize(
    ("doses", "stage"),
    [((13,), "rescue"), ((14,), "combination"), ((20,), "combination"), ((25, 5), "rescue"), ((18, 5), "combination")],
)
def test_immunoglobulin_first_dose_since(client: FlaskClient, doses: tuple[int, ...], stage: str) -> None:
    as_given = [given(IVIG, effectiveDateTime=ago(each)) for each in doses]
    as_ordered = [ran(IVIG, each, each) for each in doses]
    assert therapy(client, *base(20), *as_given)["stage"] == stage
    assert therapy(client, *base(20), *as_ordered)["stage"] == stage


def masked(**more: Any) -> Json:
    """An active order whose drug cannot be read."""
    hidden = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]
    }
    return order(hidden, **more)


def test_unreadable_order_leaves_the_stage_open(client: FlaskClient) -> None:
    hidden = masked()
    found = assess(client, positive(), rpild(), ran(PREDNISONE, 10), hidden)
    assert found["therapy"]["stage"] == "unknown"
    assert found["therapy"]["complete"] is False
    assert found["refractoriness"]["status"] == "not-assessable"
    assert "medications" in gap_ids(found)
    assert ref(hidden) in ignored(found)
    status = {item["id"]: item["status"] for item in found["recommendations"]}
    initial = ("rec-1", "rec-2", "rec-2a", "rec-3", "rec-3a", "rec-4", "rec-5")
    assert {status[name] for name in initial} == {"unknown"}


def test_unreadable_order_beside_a_combination(client: FlaskClient) -> None:
    found = therapy(client, *base(), masked())
    assert (found["stage"], found["complete"]) == ("combination", False)


def test_missing_page_of_medications(client: FlaskClient) -> None:
    link = [{"relation": "next", "url": "https://ehr.example.org/fhir/MedicationRequest?page=2"}]
    one = bundle(ran(PREDNISONE, 10), link=link)
    found = assess(client, positive(), rpild(), medications=one)
    assert found["therapy"]["stage"] == "unknown"
    assert "medications" in gap_ids(found)
    whole = bundle(*base(), link=link)
    assert assess(client, positive(), rpild(), medications=whole)["therapy"]["stage"] == "combination"


# ── status and courses ──


@pytest.mark.parametrize(
    ("change", "stage"),
    [
        ({"status": status}, "glucocorticoid-only")
        for status in ("draft", "cancelled", "entered-in-error", "on-hold", "stopped", "completed")
    ]
    + [
        ({"doNotPerform": True}, "glucocorticoid-only"),
        ({"intent": "proposal"}, "glucocorticoid-only"),
        ({"intent": "plan"}, "glucocorticoid-only"),
        ({"intent": "reflex-order"}, "combination"),
        ({"subject": OTHER}, "glucocorticoid-only"),
        ({"authoredOn": day(-2)}, "glucocorticoid-only"),
        ({"status": "unknown"}, "unknown"),  # counts for nothing, and is not called absent
    ],
)
def test_status_intent_and_subject(client: FlaskClient, change: Json, stage: str) -> None:
    ended = {"dosageInstruction": bounds(day(10), day(3))} if change.get("status") in ("stopped", "completed") else {}
    assert therapy(client, ran(PREDNISONE, 10), order(TACROLIMUS, **ended, **change))["stage"] == stage


def test_where_a_course_begins(client: FlaskClient) -> None:
    both = {"authoredOn": day(30), "dispenseRequest": {"validityPeriod": {"start": day(20)}}}
    for change, since in (
        ({"authoredOn": day(30)}, day(30)),
        (both, day(20)),
        ({**both, "dosageInstruction": bounds(day(12))}, day(12)),
    ):
        found = therapy(client, ran(PREDNISONE, 40), order(TACROLIMUS, **change))
        assert found["combinationSince"] == since


@pytest.mark.parametrize(("last", "stage"), [(0, "combination"), (1, "glucocorticoid-only"), (-1, "combination")])
def test_bounds_end(client: FlaskClient, last: int, stage: str) -> None:
    tacrolimus = ran(TACROLIMUS, 10, dosageInstruction=bounds(day(10), day(last)))
    assert therapy(client, ran(PREDNISONE, 10), tacrolimus)["stage"] == stage


@pytest.mark.parametrize(("first", "since"), [(100, 100), (125, 125), (126, 5)])
def test_open_end_and_gap(client: FlaskClient, first: int, since: int) -> None:
    """A completed order without an end runs 90 days; the gap that follows may last 30."""
    old = order(PREDNISONE, status="completed", authoredOn=day(first))
    found = therapy(client, old, ran(PREDNISONE, 5), ran(TACROLIMUS, 200))
    assert found["combinationSince"] == day(since)
    assert found["daysOnCombination"] == since


def test_open_end_until_the_next_of_its_class(client: FlaskClient) -> None:
    cyclosporine = order(CYCLOSPORINE, status="stopped", authoredOn=day(40))
    found = therapy(client, ran(PREDNISONE, 40), cyclosporine, ran(TACROLIMUS, 10))
    assert (found["combinationSince"], found["assessedSince"]) == (day(40), day(10))
    assert agents(found)["cyclosporine"] == "past"
    ended = next(item for item in found["agents"] if item["agent"] == "cyclosporine")
    assert ended["until"] == day(10)


@pytest.mark.parametrize(("agent", "days"), PULSES)
@pytest.mark.parametrize("status", ["active", "completed"])
def test_pulse_interval(client: FlaskClient, agent: str, days: int, status: str) -> None:
    for age, running in ((days - 1, True), (days, True), (days + 1, False)):
        found = therapy(client, order(agent, status=status, authoredOn=day(age)))
        assert (found["stage"] == "incomplete") is running, age
        found = therapy(client, given(agent, effectiveDateTime=day(age)))
        assert (found["stage"] == "incomplete") is running, age


@pytest.mark.parametrize("status", ["in-progress", "completed", "not-done", "entered-in-error", "stopped", "unknown"])
def test_pulse_administration_status(client: FlaskClient, status: str) -> None:
    found = therapy(client, given(CYCLOPHOSPHAMIDE, status=status, effectiveDateTime=day(3)))
    assert (found["stage"] == "incomplete") is (status in ("in-progress", "completed"))


def test_stopped_pulse_and_daily_tablets(client: FlaskClient) -> None:
    stopped = order(CYCLOPHOSPHAMIDE, status="stopped", authoredOn=day(3))
    assert therapy(client, stopped)["stage"] == "untreated"
    daily = {"frequency": 1, "period": 1, "periodUnit": "d"}
    tablets = order(CYCLOPHOSPHAMIDE, authoredOn=day(80), dosageInstruction=bounds(day(80), **daily))
    assert therapy(client, tablets)["stage"] == "incomplete"
    over = order(CYCLOPHOSPHAMIDE, status="completed", dosageInstruction=bounds(day(20), day(5), **daily))
    assert therapy(client, over)["stage"] == "untreated"


def test_missing_administrations_are_not_unknown(client: FlaskClient) -> None:
    found = assess(client, positive(), rpild(), ran(PREDNISONE, 10), administrations=...)
    assert found["therapy"]["stage"] == "glucocorticoid-only"
    assert "medications" not in gap_ids(found)


# ── the two starts ──


@pytest.mark.parametrize(
    ("resources", "since", "assessed"),
    [
        ((ran(PREDNISONE, 30), ran(TACROLIMUS, 12)), 12, 12),
        ((ran(PREDNISONE, 12), ran(TACROLIMUS, 30)), 12, 30 - 18),
        ((ran(PREDNISONE, 30), ran(CYCLOSPORINE, 30, 11), ran(TACROLIMUS, 10)), 30, 10),
        ((ran(PREDNISOLONE, 30, 11), ran(PREDNISONE, 10), ran(TACROLIMUS, 30)), 30, 30),
        ((*base(30), ran(RITUXIMAB, 8)), 30, 8),
        ((*base(30), ran(TOFACITINIB, 8)), 30, 8),
        ((*base(30), ran(TOFACITINIB, 8, 3)), 30, 30),
        ((*base(30), ran(CYCLOPHOSPHAMIDE, 30), ran(CYCLOPHOSPHAMIDE, 8)), 30, 30),
        ((*base(30), ran(IVIG, 8)), 30, 30),
        ((*base(30), ran(METHYLPREDNISOLONE, 8)), 30, 30),
        ((*base(30), *(ran(each, 8) for each in (AZATHIOPRINE, INFLIXIMAB, PIRFENIDONE))), 30, 30),
        ((*base(30), procedure(PLASMAPHERESIS, performedDateTime=day(3))), 30, 30),
        ((ran(PREDNISONE, 60), ran(MYCOPHENOLATE, 60), ran(TACROLIMUS, 20)), 60, 20),
        ((ran(PREDNISONE, 60, 40), ran(PREDNISONE, 8), ran(TACROLIMUS, 60)), 8, 8),
        ((ran(PREDNISONE, 60, 38), ran(PREDNISONE, 8), ran(TACROLIMUS, 60)), 60, 60),
    ],
)
def test_combination_and_assessed_since(
    client: FlaskClient, resources: tuple[Json, ...], since: int, assessed: int
) -> None:
    found = therapy(client, *resources)
    assert (found["combinationSince"], found["assessedSince"]) == (day(since), day(assessed))


def test_start_not_known(client: FlaskClient) -> None:
    found = assess(client, positive(), rpild(), ran(PREDNISONE, 10), order(TACROLIMUS, authoredOn=...))
    assert found["therapy"]["stage"] == "combination"
    assert "combinationSince" not in found["therapy"]
    assert found["refractoriness"]["status"] == "not-assessable"
    assert "combination-start" in gap_ids(found)
    assert found["therapy"]["phase"] == "induction"


# ── the phase ──


@pytest.mark.parametrize(
    ("resources", "phase"),
    [
        ((), "induction"),
        ((ran(PREDNISONE, 400),), "induction"),
        (base(90), "induction"),
        (base(91), "maintenance"),
        ((*base(300), ran(RITUXIMAB, 90)), "induction"),
        ((*base(300), ran(RITUXIMAB, 91)), "maintenance"),
        ((ran(PREDNISONE, 90, 40), ran(TACROLIMUS, 90, 40)), "induction"),
        ((ran(PREDNISONE, 91, 40), ran(TACROLIMUS, 91, 40)), "maintenance"),
        ((ran(PREDNISONE, 200), order(TACROLIMUS, authoredOn=...)), "induction"),
        ((*base(200), obs(PF, 299, "mm[Hg]", effectiveDateTime=ago(30))), "induction"),
        ((*base(200), obs(PF, 299, "mm[Hg]", effectiveDateTime=ago(30, minutes=1))), "maintenance"),
        ((*base(200), obs(PF, 300, "mm[Hg]")), "maintenance"),
    ],
)
def test_phase(client: FlaskClient, resources: tuple[Json, ...], phase: str) -> None:
    assert therapy(client, *resources)["phase"] == phase


@pytest.mark.parametrize("status", ["recurrence", "relapse", "active"])
@pytest.mark.parametrize(("days", "recent"), [(30, True), (31, False)])
def test_relapse_opens_induction(client: FlaskClient, status: str, days: int, recent: bool) -> None:
    ild = condition(ILD, clinicalStatus=coded(status, CLINICAL), recordedDate=ago(days), onsetDateTime=ago(days))
    phase = therapy(client, *base(200), ild)["phase"]
    assert phase == ("induction" if recent and status != "active" else "maintenance")


# ── orders that are drafted ──


def drafted(*drafts: Json, **more: Any) -> Json:
    entries = [{"resource": {**each, "status": "draft"}} for each in drafts]
    return {
        "hook": "order-sign",
        "context": {"draftOrders": {"resourceType": "Bundle", "type": "collection", "entry": entries}},
        **more,
    }


def test_drafts_count_for_the_stage_only(client: FlaskClient) -> None:
    body = call(positive(), rpild(), ran(PREDNISONE, 10), **drafted(order(TACROLIMUS)))
    found = post(client, body).get_json()["extension"]["mda5-cds.assessment"]
    assert found["therapy"]["stage"] == "combination"
    assert agents(found["therapy"]) == {"prednisone": "active", "tacrolimus": "draft"}
    assert "combinationSince" not in found["therapy"]
    assert found["refractoriness"]["status"] == "not-on-combination"


def test_a_draft_replaces_the_order_of_its_id(client: FlaskClient) -> None:
    running = ran(TACROLIMUS, 10)
    changed = order(MYCOPHENOLATE, id=running["id"])
    body = call(positive(), rpild(), ran(PREDNISONE, 10), running, **drafted(changed))
    found = post(client, body).get_json()["extension"]["mda5-cds.assessment"]["therapy"]
    assert found["stage"] in ("combination", "escalated")
    assert agents(found)["mycophenolate-mofetil"] == "draft"
    assert found["combinationSince"] == day(10)


@pytest.mark.parametrize(
    "local",
    [{"dosageInstruction": [{"route": coded(code, SNOMED)}]} for code in ("6064005", "54485002", "37161004")],
)
def test_local_routes_are_no_immunosuppression(client: FlaskClient, local: Json) -> None:
    assert therapy(client, ran(PREDNISONE, 10), order(TACROLIMUS, **local))["stage"] == "glucocorticoid-only"


def test_the_interval_alone_decides_a_pulse(client: FlaskClient) -> None:
    """Bounds that ended do not end it, and do not prolong it."""
    for status in ("active", "completed"):
        ended = order(CYCLOPHOSPHAMIDE, status=status, dosageInstruction=bounds(day(20), day(20)))
        assert therapy(client, ended)["stage"] == "incomplete"
        long_over = order(CYCLOPHOSPHAMIDE, status=status, dosageInstruction=bounds(day(60), day(-30)))
        assert therapy(client, long_over)["stage"] == "untreated"


def test_order_that_begins_later(client: FlaskClient) -> None:
    later = order(TACROLIMUS, authoredOn=day(1), dosageInstruction=bounds(day(-2)))
    assert therapy(client, ran(PREDNISONE, 10), later)["stage"] == "glucocorticoid-only"


@pytest.mark.parametrize(
    ("written", "stage"), [("2026-02", "combination"), ("2026", "combination"), ("2025", "combination")]
)
def test_partial_start(client: FlaskClient, written: str, stage: str) -> None:
    found = assess(client, positive(), rpild(), ran(PREDNISONE, 400), order(TACROLIMUS, authoredOn=written))
    assert found["therapy"]["stage"] == stage
    assert "daysOnCombination" not in found["therapy"]
    expected = {"2026-02": "induction", "2026": "induction", "2025": "induction"}[written]
    assert found["therapy"]["phase"] == expected
    assert found["refractoriness"]["status"] == "not-assessable"


def test_agents_are_listed(client: FlaskClient) -> None:
    tacrolimus, old = ran(TACROLIMUS, 10), ran(MYCOPHENOLATE, 200, 100)
    found = therapy(client, ran(PREDNISONE, 10), tacrolimus, old)["agents"]
    mine = next(item for item in found if item["agent"] == "tacrolimus")
    assert mine["class"] == "calcineurin-inhibitor"
    assert (mine["since"], mine["status"], mine["evidence"]) == (day(10), "active", [ref(tacrolimus)])
    assert next(item for item in found if item["agent"] == "mycophenolate-mofetil")["status"] == "past"
