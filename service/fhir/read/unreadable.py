"""Why a resource is left out."""

from __future__ import annotations

from cds_cards.timeline import When


class Unreadable(Exception):
    """What decides in a resource cannot be read. `why` names elements, never their content; `when` is its date."""

    def __init__(self, why: str, when: When | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.when = when
