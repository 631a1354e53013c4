"""Writes docs/licences.md: what the image's libraries say of their licences. usage: python deploy/image/licences.py

Reads requirements.lock and the metadata of what is installed here. Exits with 1, and writes nothing, when a library
states a licence that nobody has looked at yet.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "licences.md"
LOCK = ROOT / "requirements.lock"

# as the libraries write it, and what it is by its SPDX name
PERMISSIVE = {
    "Apache-2.0": "Apache-2.0",
    "Apache-2.0 AND BSD-2-Clause": "Apache-2.0 AND BSD-2-Clause",
    "Apache-2.0 OR BSD-2-Clause": "Apache-2.0 OR BSD-2-Clause",
    "Apache-2.0 OR BSD-3-Clause": "Apache-2.0 OR BSD-3-Clause",
    "BSD license": "BSD",
    "BSD License": "BSD",
    "BSD-2-Clause": "BSD-2-Clause",
    "BSD-3-Clause": "BSD-3-Clause",
    "MIT": "MIT",
    "MIT License": "MIT",
    "MIT-0": "MIT-0",
    "PSF-2.0": "PSF-2.0",
}
# their own files stay under it; what uses them does not come under it
OF_THE_FILES = {
    "LGPL-3.0-only": "LGPL-3.0-only",
    "MPL-2.0": "MPL-2.0",
    "MPL-2.0 AND (Apache-2.0 OR MIT)": "MPL-2.0 AND (Apache-2.0 OR MIT)",
}

_HEAD = """# Licences

What the libraries in the container image say of their licences, from the metadata that each brings along.
`make sbom` writes this page from `requirements.lock`; a test compares them, and fails for a licence that nobody has
looked at.

| library | version | licence | kind |
|---|---|---|---|
"""
_FOOT = """
*Permissive*: use and pass on, with the notice. *Of its files*: the library stays under its licence, what uses it does
not come under it. The image carries these libraries as they were published, each as files of its own that can be
replaced; their sources are on PyPI under these versions. `psycopg-binary` brings libpq with what that needs: OpenSSL,
Kerberos, OpenLDAP and SASL.

The base image's own packages (Python, Debian) tell their licences in its `usr/share/doc`.
"""


def locked(lock: Path = LOCK) -> dict[str, list[str]]:
    """The versions of each library of a lock; more than one where they differ by Python."""
    found: dict[str, list[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", lock.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(name, []).append(version)
    return found


def stated(name: str) -> str:
    """What an installed library says of its licence: as SPDX expression, else in a word, else by its classifier."""
    about = metadata(name)
    in_words = [*(about.get_all("License-Expression") or []), *(about.get_all("License") or [])]
    kinds = [line.rsplit(" :: ", 1)[1] for line in about.get_all("Classifier") or [] if line.startswith("License :: ")]
    return in_words[0] if in_words else "; ".join(kinds)


def page() -> str:
    """The page. KeyError names the library whose licence is on neither list."""
    rows = []
    for name, versions in locked().items():
        licence = stated(name)
        if licence not in PERMISSIVE | OF_THE_FILES:
            raise KeyError(f"{name}: {licence[:80]!r}")
        kind = "permissive" if licence in PERMISSIVE else "of its files"
        rows.append(f"| {name} | {', '.join(versions)} | {(PERMISSIVE | OF_THE_FILES)[licence]} | {kind} |\n")
    return _HEAD + "".join(rows) + _FOOT


def main() -> int:
    """Writes the page."""
    try:
        PAGE.write_text(page(), encoding="utf-8")
    except KeyError as unknown:
        print(f"a licence that is on no list of {Path(__file__).name}: {unknown.args[0]}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
