"""Reads single fields out of the TOML tables; every fault is collected with its place, none stops the reading."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from cds_cards.coding import ATC, ICD10, ICD10CM, ICD10PCS, JLAC10, LOINC, RXNORM, SNOMED, Code
from cds_cards.knowledge import checkdigits

SYSTEMS = {
    "loinc": LOINC,
    "snomed": SNOMED,
    "rxnorm": RXNORM,
    "atc": ATC,
    "icd10cm": ICD10CM,
    "icd10": ICD10,
    "icd10pcs": ICD10PCS,
    "jlac10": JLAC10,
}
Table = Mapping[str, object]


class Fields:
    """One table of a knowledge file. `place` names it in a fault; `faults` is shared by the whole reading."""

    def __init__(self, table: object, place: str, faults: list[str]) -> None:
        self.table: Table = table if isinstance(table, Mapping) else {}
        self.place = place
        self.faults = faults
        self._read: set[str] = set()
        if not isinstance(table, Mapping):
            faults.append(f"{place}: a table was expected")

    def fault(self, text: str) -> None:
        """Adds a fault of this table."""
        self.faults.append(f"{self.place}: {text}")

    def get(self, key: str) -> object:
        """The raw value, or None."""
        self._read.add(key)
        return self.table.get(key)

    def text(self, key: str, default: str | None = None) -> str:
        """A string that says something; with a `default` it may be left out."""
        value = self.get(key)
        if value is None and default is not None:
            return default
        if isinstance(value, str) and value.strip():
            return value
        self.fault(f"{key} is missing" if value is None else f"{key} must be a text")
        return ""

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings, empty when left out."""
        value = self.get(key)
        if value is None:
            return ()
        if isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(item, str) for item in value):
            return tuple(str(item) for item in value)
        self.fault(f"{key} must be a list of texts")
        return ()

    def flag(self, key: str) -> bool:
        """A boolean, False when left out."""
        value = self.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        self.fault(f"{key} must be true or false")
        return False

    def number(self, key: str, *, zero: bool = False) -> float:
        """A finite number above zero (or zero, where that makes sense)."""
        value = self.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fault(f"{key} is missing" if value is None else f"{key} must be a number")
            return math.nan
        if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
            self.fault(f"{key} = {value} must be a finite number above zero")
        return value

    def tables(self, key: str) -> tuple[Fields, ...]:
        """A list of tables, empty when left out."""
        value = self.get(key)
        rows = value if isinstance(value, list) else []
        if value is not None and not isinstance(value, list):
            self.fault(f"{key} must be a list of tables")
        return tuple(Fields(row, f"{self.place}.{key}[{at}]", self.faults) for at, row in enumerate(rows))

    def codes(self, key: str) -> tuple[Code, ...]:
        """`[code, display]` or `[code, display, variant]` by system; each must bear its check digit or form."""
        found: list[Code] = []
        for name, rows in Fields(self.get(key) or {}, f"{self.place}.{key}", self.faults).table.items():
            system = SYSTEMS.get(name)
            if system is None or not isinstance(rows, list):
                self.fault(f"{key}.{name} is no list of codes of a system we know ({', '.join(SYSTEMS)})")
                continue
            found.extend(code for row in rows if (code := self._code(system, row)) is not None)
        return tuple(found)

    def _code(self, system: str, row: object) -> Code | None:
        if not (isinstance(row, list) and len(row) in (2, 3) and all(isinstance(item, str) for item in row)):
            self.fault(f"{row!r} is no code with its display")
            return None
        if not row[1].strip():
            self.fault(f"code {row[0]} has no display")
        if why := checkdigits.fault(system, row[0]):
            self.fault(f"{row[0]} {why}")
        return Code(system, *row)

    def done(self) -> None:
        """Names what stands in the table and no field asked for: a misspelt key would be silently lost."""
        for key in self.table:
            if key not in self._read:
                self.fault(f"{key} is no field here")
