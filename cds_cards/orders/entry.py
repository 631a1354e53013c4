"""The drafted orders as the plan sees them: each with its dose check and the allergies that speak against it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from cds_cards.dose_check import Circumstances, DoseCheck, check_dose
from cds_cards.dose_together import above_together
from cds_cards.dosing import BodySize
from cds_cards.drafted import gives
from cds_cards.guideline import Guideline
from cds_cards.kinship import CNI
from cds_cards.on_record import allergies_to, allergy_text
from cds_cards.record import Allergy, DraftOrder, MedicationOrder, PatientRecord, ServiceOrder
from cds_cards.therapy import Therapy

ORDER = "MedicationRequest/"
# FHIR request-status of a test that is still to be taken, or is being drafted
_OPEN = frozenset({"draft", "active"})


@dataclass(frozen=True, slots=True)
class AllergyEntry:
    """An allergy in force to the drafted agent; `critical`: type allergy, high criticality, or a severe reaction."""

    text: str
    critical: bool
    evidence: str


@dataclass(frozen=True, slots=True)
class Drafted:
    """A drafted order that gives one of our agents. `selected`: it may cause cards (in `order-sign` every draft may).

    `once`: mg (per kg or m²) one administration brings, None when not known.
    """

    source: str
    agent: str
    selected: bool
    dose: DoseCheck
    allergies: tuple[AllergyEntry, ...] = ()
    by_text: bool = False
    once: float | None = None

    @property
    def target(self) -> str:
        """What `delete` and `update` name (`MedicationRequest/x`); empty when the draft has no id of its own."""
        given = self.source.removeprefix(ORDER)
        return self.source if self.source.startswith(ORDER) and given and " " not in given else ""


@dataclass(frozen=True, slots=True)
class OrderEntry:
    """The drafts that give a drug, by agent and source. `levels_ordered`: CNIs whose blood level is ordered or planned.

    `services_known`: the referrals on record were read in full; else a level may be ordered already. `unread`: drafts
    that could not be read, each with its reason.
    """

    drafts: tuple[Drafted, ...] = ()
    levels_ordered: frozenset[str] = frozenset()
    services_known: bool = True
    unread: tuple[str, ...] = ()

    @property
    def selected(self) -> tuple[Drafted, ...]:
        """Those that may cause cards."""
        return tuple(draft for draft in self.drafts if draft.selected)


NO_DRAFTS = OrderEntry()
"""Nothing is drafted."""


def order_entry(record: PatientRecord, therapy: Therapy, size: BodySize, guideline: Guideline) -> OrderEntry:
    """The drafts of `record`; a draft that takes back, holds or forbids is none of them."""
    circumstances = Circumstances(size, therapy.days_on_combination, _levelled(record, guideline))
    giving = tuple(draft for draft in record.drafts if gives(draft))
    checks = {draft: check_dose(draft, circumstances, guideline) for draft in giving}
    checks |= above_together(checks, circumstances, guideline)
    drafts = {_drafted(draft, checks[draft], record, guideline) for draft in giving}
    services = (*record.services, *record.draft_services)
    return OrderEntry(
        drafts=tuple(sorted(drafts, key=_place)),
        levels_ordered=frozenset(agent for agent in _cnis(guideline) if _ordered(f"{agent}-level", services)),
        services_known=record.read_in_full("referrals"),
        unread=tuple(sorted({f"{item.source} ({item.why})" for item in record.unread_of("drafts")})),
    )


def dose_gaps(entry: OrderEntry, guideline: Guideline) -> Iterator[tuple[str, str]]:
    """(data-gap id, sentence) for each draft whose dose could not be checked."""
    for draft in entry.selected:
        if draft.dose.status == "not-checked":
            yield "dose", unchecked(draft, guideline)


def unchecked(draft: Drafted, guideline: Guideline) -> str:
    """Why the dose of a draft was not checked."""
    return f"{guideline.agents[draft.agent].name} ({draft.source}): dose not checked: {draft.dose.why}"


def _drafted(draft: DraftOrder, check: DoseCheck, record: PatientRecord, guideline: Guideline) -> Drafted:
    order = draft.order
    return Drafted(
        source=order.source,
        agent=order.agent,
        selected=draft.selected,
        dose=check,
        allergies=tuple(_allergies(order, record, guideline)),
        by_text=order.by_text,
        once=order.dose.per_administration,
    )


def _allergies(order: MedicationOrder, record: PatientRecord, guideline: Guideline) -> Iterator[AllergyEntry]:
    agent, zone = guideline.agents[order.agent], ZoneInfo(guideline.policy.zone)
    for item in allergies_to(agent, record, guideline):
        yield AllergyEntry(f"{allergy_text(item, agent, zone)}{_how_bad(item)}", _critical(item), item.source)


def _critical(item: Allergy) -> bool:
    return item.kind == "allergy" or item.criticality == "high" or item.severe


def _how_bad(item: Allergy) -> str:
    stated = [f"type {item.kind}"] if item.kind else ["type not stated"]
    stated += [f"criticality {item.criticality}"] if item.criticality else []
    stated += ["a severe reaction"] if item.severe else []
    return f" ({', '.join(stated)})"


def _levelled(record: PatientRecord, guideline: Guideline) -> frozenset[str]:
    return frozenset(
        agent
        for agent in _cnis(guideline)
        if any(result.value is not None for result in record.results_of(f"{agent}-level"))
    )


def _ordered(concept: str, services: tuple[ServiceOrder, ...]) -> bool:
    """Whether it is to be taken: an open request of any intent, a plan included."""
    return any(concept in item.concepts and item.status in _OPEN and not item.refused for item in services)


def _cnis(guideline: Guideline) -> tuple[str, ...]:
    return tuple(agent.id for agent in guideline.agents.values() if agent.agent_class == CNI)


def _place(draft: Drafted) -> tuple[str, str, str, bool]:
    return draft.agent, draft.source, draft.dose.why, draft.selected
