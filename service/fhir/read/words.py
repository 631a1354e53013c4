"""Texts without case, accents and punctuation, and the phrases in them: whole words, the longest first."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

_BETWEEN_WORDS = re.compile(r"[^a-z0-9]+")


def plain(text: str) -> str:
    """`Anti-MDA5 (línea)` → `anti mda5 linea`."""
    folded = text.casefold()
    if not folded.isascii():
        decomposed = unicodedata.normalize("NFKD", folded)
        folded = "".join(char for char in decomposed if not unicodedata.combining(char))
    # some write the prefix apart, or glue it on: the word without it would be another drug, or be missed
    words = (
        _BETWEEN_WORDS.sub(" ", folded).strip().replace("methyl pred", "methylpred").replace("metil pred", "metilpred")
    )
    return words.replace("antimda", "anti mda")


class Phrases:
    """Phrases, each naming one thing or several."""

    def __init__(self, named: Mapping[str, Iterable[str]]) -> None:
        """`named`: what is named → its phrases."""
        self._names: dict[str, frozenset[str]] = {}
        for name, phrases in named.items():
            for phrase in map(plain, phrases):
                if phrase:
                    self._names[phrase] = self._names.get(phrase, frozenset()) | {name}
        alternatives = "|".join(re.escape(phrase) for phrase in sorted(self._names, key=len, reverse=True))
        self._pattern = re.compile(f"(?<!\\S)(?:{alternatives})(?!\\S)") if alternatives else None

    def named_in(self, text: str) -> frozenset[str]:
        """What the text names; a phrase within a longer one does not count."""
        if self._pattern is None or not text:
            return frozenset()
        return frozenset[str]().union(*(self._names[match] for match in self._pattern.findall(plain(text))))

    def __contains__(self, text: str) -> bool:
        return self._pattern is not None and self._pattern.search(plain(text)) is not None
