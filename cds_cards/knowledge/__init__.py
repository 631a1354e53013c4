"""The guideline as data: reads the TOML files of this folder, checks them all, and lays the site's policy over ours.

The files are data of the package; nothing else is read. Faults are never repaired: `KnowledgeError` lists all of them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from cds_cards.guideline import Guideline
from cds_cards.knowledge import loading
from cds_cards.knowledge.names import FILES

__all__ = ["FILES", "KnowledgeError", "build_guideline", "load_guideline", "read_files"]


class KnowledgeError(Exception):
    """The knowledge or the site's policy cannot be used. `problems` are sentences, each with its place."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_guideline(site: Mapping[str, object] | None = None) -> Guideline:
    """The checked guideline. `site` is a hospital's own policy file, as parsed. Raises `KnowledgeError`."""
    return build_guideline(read_files(), site)


@cache
def read_files() -> Mapping[str, Mapping[str, object]]:
    """The files as parsed, by their name without `.toml`. Not to be changed: they are read once."""
    folder = files(__name__)
    return {name: tomllib.loads(folder.joinpath(f"{name}.toml").read_text("utf-8")) for name in FILES}


def build_guideline(
    knowledge: Mapping[str, Mapping[str, object]], site: Mapping[str, object] | None = None
) -> Guideline:
    """The guideline from parsed files. Raises `KnowledgeError` with all faults at once."""
    faults: list[str] = []
    guideline = loading.guideline(knowledge, site or {}, faults)
    if faults:
        raise KnowledgeError(tuple(dict.fromkeys(faults)))
    return guideline
