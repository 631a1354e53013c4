"""The line stays straight: imports go one way, `cds_cards` decides and does nothing else, modules stay readable."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LONGEST_MODULE = 300
# what computing needs, and nothing that reaches outside
PURE = {
    *(
        "__future__",
        "abc",
        "bisect",
        "collections",
        "contextlib",
        "dataclasses",
        "datetime",
        "decimal",
        "difflib",
        "enum",
        "fractions",
    ),
    *(
        "functools",
        "hashlib",
        "heapq",
        "itertools",
        "math",
        "operator",
        "re",
        "statistics",
        "string",
        "textwrap",
        "types",
    ),
    *("typing", "unicodedata", "uuid", "zoneinfo"),
    "cds_cards",
}
# the guideline is data of the package, and only the loader reads it
LOADER_ONLY = {"tomllib", "importlib"}
LOADER = ROOT / "cds_cards" / "knowledge" / "__init__.py"
IMPURE_CALLS = {
    "now",
    "today",
    "utcnow",
    "open",
    "input",
    "print",
    "exec",
    "eval",
    "uuid1",
    "uuid4",
    "getenv",
    "__import__",
}

# who may import a foreign library: a module, or a folder
DOORS = {
    "requests": ("service/outgoing/door.py", "service/outgoing/connections.py", "service/demo.py"),
    "urllib3": ("service/outgoing/",),
    "jwt": ("service/security/",),
    "cryptography": ("service/security/",),
    "limits": ("service/security/rates.py",),
    "flask_cors": ("service/headers.py",),
    "sqlalchemy": ("service/store/", "service/doctor/storage.py"),
    "alembic": ("service/store/", "service/doctor/storage.py"),
    "psycopg": ("service/store/",),
    "prometheus_client": ("service/telemetry/", "service/server.py"),
    "vl_convert": ("service/course/picture.py",),
    "markdown_it": ("service/sandbox/markdown.py",),
    "nh3": ("service/sandbox/markdown.py",),
    "gunicorn": ("service/server.py", "service/worker.py"),
}

CDS_CARDS = sorted((ROOT / "cds_cards").rglob("*.py"))
SERVICE = sorted((ROOT / "service").rglob("*.py"))
FIXTURES = sorted((ROOT / "fixtures").rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree(path: Path) -> ast.Module:
    """A module, read once."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported(path: Path) -> set[str]:
    """The top-level packages that a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found.add((node.module or "").split(".")[0])
    return found


def imported_modules(path: Path) -> set[str]:
    """The full names of the modules that a module imports from."""
    nodes = tuple(ast.walk(tree(path)))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("path", CDS_CARDS, ids=name_of)
def test_cds_cards_imports_nothing_that_reaches_outside(path: Path) -> None:
    allowed = PURE | LOADER_ONLY if path == LOADER else PURE
    assert imported(path) <= allowed


@pytest.mark.parametrize("path", CDS_CARDS, ids=name_of)
def test_cds_cards_asks_neither_clock_nor_chance_nor_disk(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert called not in IMPURE_CALLS, f"line {node.lineno}"


@pytest.mark.parametrize("path", FIXTURES, ids=name_of)
def test_fixtures_know_neither_side(path: Path) -> None:
    assert not imported(path) & {"service", "flask", "requests", "tests"}


@pytest.mark.parametrize("path", SERVICE, ids=name_of)
def test_each_foreign_library_has_one_door(path: Path) -> None:
    modules = imported_modules(path)
    if any(module.startswith("fhir") for module in modules):
        assert "service/fhir/read" in path.as_posix()
    for library, doors in DOORS.items():
        if library in imported(path):
            assert any(door in name_of(path) for door in doors), f"{library} has another door"
    assert "tests" not in imported(path)


@pytest.mark.parametrize("path", CDS_CARDS + SERVICE, ids=name_of)
def test_a_module_is_one_room(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE
