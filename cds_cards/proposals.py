"""What a card proposes: medications, services and changes of a running order, without a word of FHIR JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cds_cards.dosing import DoseRange
from cds_cards.guideline import Code


@dataclass(frozen=True, slots=True)
class MedicationProposal:
    """A draft medication order. `codes`: the RxNorm ingredient first, then ATC.

    `route` as in Table 2 (`oral`, `iv`) or None. `dose_text` is the reported range, for this patient's size where that
    is known (`dose`: the first of the reported regimens); the dose itself is the prescriber's.
    """

    agent: str
    name: str
    codes: tuple[Code, ...]
    regimen: str
    route: str | None
    dose: DoseRange
    dose_text: str
    reason: str


@dataclass(frozen=True, slots=True)
class ServiceProposal:
    """A draft service request (test, imaging, procedure, referral).

    `codes` may be empty: then `text` alone says what is asked.
    """

    concept: str
    text: str
    codes: tuple[Code, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The order `target` (`MedicationRequest/x`), as it stands, with status `stopped`."""

    target: str


@dataclass(frozen=True, slots=True)
class Reduce:
    """The drafted order `target` whole, with its dose lowered to `per_administration` mg, nothing else changed.

    `basis`: whether the order is written, and the amount stands, per kg or per m². All administrations of the order
    bring the same amount.
    """

    target: str
    per_administration: float
    basis: Literal["absolute", "per-kg", "per-m2"] = "absolute"


@dataclass(frozen=True, slots=True)
class Action:
    """One step of a suggestion: `create` carries a proposal, `update` a change of `target`, `delete` a target alone."""

    kind: Literal["create", "update", "delete"]
    description: str
    proposal: MedicationProposal | ServiceProposal | None = None
    target: str = ""
    change: Stop | Reduce | None = None

    def __post_init__(self) -> None:
        if not self.description:
            raise ValueError("an action needs a description")
        if (self.kind == "create") != (self.proposal is not None):
            raise ValueError("create carries a proposal, and nothing else does")
        if (self.kind == "create") == bool(self.target):
            raise ValueError("update and delete name their target, and create has none")
        if (self.kind == "update") != (self.change is not None):
            raise ValueError("update says what changes, and nothing else does")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Actions that are all taken together."""

    label: str
    actions: tuple[Action, ...]

    def __post_init__(self) -> None:
        if not self.label or not self.actions:
            raise ValueError("a suggestion needs a label and at least one action")
