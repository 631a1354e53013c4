"""The ledger against the database: whatever was acknowledged is there once, and nothing that nobody asked for."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import select

from service.store import KeyedHash, Store
from service.store.tables import calls, feedback, shown_cards
from tests.soak.ledger import Entry, Ledger

PATIENCE_SECONDS = 60.0
_SEPARATOR = "\x1f"
Row = tuple[str, str, tuple[str, ...]]
"""Of the audit: hook instance and patient as hashes, and the cards."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """How many calls were evaluated and stand in the audit, how many went with killed workers, how many entries of
    feedback were acknowledged and are there; and whatever does not agree, in words."""

    evaluated: int
    rows: int
    rows_of_unanswered: int
    gone_with_workers: int
    acknowledged: int
    kept: int
    wrong: tuple[str, ...]


@dataclass(frozen=True)
class Books:
    """The database at `url`, in which calls stand by hashes with this key."""

    url: str
    hashes: KeyedHash

    def has_all(self, ledger: Ledger, until: float) -> bool:
        """Whether each evaluation that reached its caller until then is in the audit."""
        gone = ledger.may_be_missing()
        answered = {self._hash("instance", each.instance) for each in ledger.answered_until(until, but_for=gone)}
        with closing(Store(self.url)) as store, store.begin(reading=True, seconds=PATIENCE_SECONDS) as connection:
            return answered <= set(connection.execute(select(calls.c.instance_hash)).scalars())

    def balanced(self, ledger: Ledger, lost: int) -> Accounts:
        """Both sides compared. `lost`: the audit rows that the service itself counted as lost."""
        rows, kept = self._rows(), self._kept()
        right = Counter(self._row(each.instance, each.patient, each.cards) for each in ledger.evaluated)
        unanswered = Counter(self._row(*each)[:2] for each in ledger.unanswered.elements())
        excused = {self._hash("instance", instance) for instance in ledger.may_be_missing()}
        missing, more = right - rows, Counter(row[:2] for row in (rows - right).elements())
        gone = sum(n for row, n in missing.items() if row[0] in excused)
        left_out = missing.total() - gone
        wrong = [f"{n} rows that nobody asked for" for n in [(more - unanswered).total()] if n]
        # of a call that nobody waited for, nobody knows whether its row is among those that were lost
        if not max(0, lost - (unanswered - more).total()) <= left_out <= lost:
            wrong.append(f"{left_out} answered calls are not in the audit, and {lost} were counted as lost")
        wrong += _wrong_entries(ledger, kept)
        rows_of_unanswered = more.total()
        return Accounts(
            *(len(ledger.evaluated), rows.total(), rows_of_unanswered, gone),
            *(len(ledger.acknowledged), kept.total(), tuple(wrong)),
        )

    def _rows(self) -> Counter[Row]:
        """What the audit says: instance, patient and cards of each call."""
        shown: dict[str, list[str]] = defaultdict(list)
        with closing(Store(self.url)) as store, store.begin(reading=True, seconds=PATIENCE_SECONDS) as connection:
            for call, card in connection.execute(select(shown_cards.c.call_id, shown_cards.c.uuid)):
                shown[call].append(card)
            told = select(calls.c.id, calls.c.instance_hash, calls.c.patient_hash)
            return Counter(
                (instance, who, tuple(sorted(shown[id_]))) for id_, instance, who in connection.execute(told)
            )

    def _kept(self) -> Counter[Entry]:
        with closing(Store(self.url)) as store, store.begin(reading=True, seconds=PATIENCE_SECONDS) as connection:
            return Counter(
                (card, at) for card, at in connection.execute(select(feedback.c.card, feedback.c.outcome_at))
            )

    def _row(self, instance: str, patient: str, cards: tuple[str, ...] = ()) -> Row:
        return self._hash("instance", instance), self._hash("patient", patient), cards

    def _hash(self, kind: str, text: str) -> str:
        """As `service.audit` hashes, of callers that are not identified."""
        return self.hashes.of(_SEPARATOR.join((kind, "", text))) or ""


def _wrong_entries(ledger: Ledger, kept: Counter[Entry]) -> Iterator[str]:
    if lost := len(ledger.acknowledged - kept.keys()):
        yield f"{lost} acknowledged entries of feedback are not there"
    if twice := sum(n > 1 for n in kept.values()):
        yield f"{twice} entries of feedback are there more than once"
    if unsent := len(kept.keys() - ledger.sent):
        yield f"{unsent} entries of feedback that nobody sent"
