"""Card details as GitHub-flavoured Markdown: a line of advice, then short bullets. Text from the record is inert."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

_SPECIAL = re.compile(r"([\\`*_\[\]|~#])")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_AUTOLINK = re.compile(r"(?<=:)/(?=/)|(?<=\bwww)\.|@", re.IGNORECASE)
_BLOCK = re.compile(r"^(\d*)([>+=.)-])")
# what holds none of these and does not begin as a block needs nothing of the above
_PLAIN = re.compile(r"[^\\`*_\[\]|~#&<@]*")


def inert(text: str) -> str:
    """Text that may hold what someone typed into the record: shown as it is, never as markup, link or tag; one line."""
    line = " ".join(text.split())
    if _is_plain(line):
        return line
    line = _SPECIAL.sub(r"\\\1", line).replace("&", "&amp;")
    # what starts a list, a quotation or a heading
    line = _BLOCK.sub(r"\1\\\2", line)
    line = _TAG.sub("&lt;", line)
    return _AUTOLINK.sub(lambda match: "\\" + match.group(), line)


def _is_plain(line: str) -> bool:
    linked = "://" in line or "www." in line.lower()
    return not (linked or _BLOCK.match(line)) and _PLAIN.fullmatch(line) is not None


def sentence(text: str) -> str:
    """The text as a sentence: first letter upper case, a full stop at the end."""
    text = capital(text.strip())
    return text if not text or text[-1] in ".!?:" else f"{text}."


def capital(text: str) -> str:
    """With its first letter in upper case; eGFR and pH keep theirs."""
    word = "a" <= text[:1] <= "z" and not "A" <= text[1:2] <= "Z"
    return text[:1].upper() + text[1:] if word else text


@dataclass(frozen=True, slots=True)
class Detail:
    """The parts of a detail, each a tuple of Markdown lines. `lead` is the advice; empty parts are left out.

    Every line is a bullet; what comes from the record has passed `inert`. `evidence` and `differs` hold what
    stands in the guideline, and nothing of the patient.
    """

    lead: str
    first: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    rule: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    policy: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    def markdown(self) -> str:
        """The detail as one text."""
        parts = [f"**{self.lead}**", _bullets("", self.first)]
        parts += [
            _bullets("Found", self.found),
            _bullets("Cautions", self.cautions),
            _bullets("Guideline", self.rule),
            _known("Evidence", self.evidence),
            _known("Where the guideline's two texts differ", self.differs),
            _bullets("Site policy, not the guideline", self.policy),
            _bullets("Not known", self.unknown),
        ]
        return "\n\n".join([part for part in parts if part])


def _bullets(title: str, lines: Iterable[str]) -> str:
    if not lines:
        return ""
    items = "\n".join([f"- {sentence(line)}" for line in dict.fromkeys(lines) if line and not line.isspace()])
    if not items or not title:
        return items
    return f"**{title}**\n\n{items}"


_KNOWN_PARTS = 64
# the same for every patient: a few for each topic
_known = lru_cache(_KNOWN_PARTS)(_bullets)
