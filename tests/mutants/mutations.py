"""The mutants of a module: each of its functions, changed in one place, as mutmut's operators change it.

A mutant is the changed source of one function. It is put in place by giving the function that runs another code
object, so the tree stays as it is and decorated functions (properties, cached ones) are changed like the others. What
stands outside functions (tables, constants, enumerations, the fields of classes) is not changed, only counted.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import _lru_cache_wrapper
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import libcst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import MutationVisitor, deep_replace
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

ROOT = Path(__file__).parents[2]
# mutmut leaves decorated functions alone, since it wraps them; here such lines are emptied, so that the numbers hold
_DECORATOR = re.compile(r"^[ \t]*@(?:property|cache|lru_cache(?:\(.*\))?|cached_property)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed function. `key` names it as long as the function's source stays; `lines` execute the change."""

    key: str
    path: str
    function: str
    lines: tuple[int, int]
    was: str
    becomes: str
    code: str

    @property
    def module(self) -> str:
        """The dotted name of the module."""
        return self.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def mutants_of(path: Path) -> tuple[tuple[Mutant, ...], int]:
    """The mutants of a module, and how many changes lie outside its functions and are left out."""
    source = path.read_text(encoding="utf-8")
    wrapper = MetadataWrapper(libcst.parse_module(_DECORATOR.sub("", source)))
    visitor = MutationVisitor(mutation_operators, IgnoredCode(set(), set(), set()))
    wrapper.visit(visitor)
    module, positions = wrapper.module, wrapper.resolve(PositionProvider)
    names = dict(_functions(module))
    spans = _statements(source)
    found: dict[str, Mutant] = {}
    outside = 0
    for mutation in visitor.mutations:
        function = mutation.contained_by_top_level_function
        if not isinstance(function, libcst.FunctionDef):
            outside += 1
            continue
        changed = deep_replace(function, mutation.original_node, mutation.mutated_node)
        assert isinstance(changed, libcst.FunctionDef)
        place = positions.get(mutation.original_node) or positions[function.name]
        lines = spans.get(place.start.line, (place.start.line, place.start.line))
        mutant = _mutant(path, names[function], _text(module, function), _text(module, changed), lines)
        found.setdefault(mutant.key, mutant)
    return tuple(found.values()), outside


def _mutant(path: Path, name: str, before: str, after: str, lines: tuple[int, int]) -> Mutant:
    within = path.relative_to(ROOT).as_posix()
    digest = hashlib.sha256(f"{within} {name}\n{before}\n{after}".encode()).hexdigest()[:16]
    was, becomes = _difference(before, after)
    return Mutant(digest, within, name, lines, was, becomes, after)


def _text(module: libcst.Module, function: libcst.FunctionDef) -> str:
    bare = function.with_changes(leading_lines=(), lines_after_decorators=(), decorators=())
    return textwrap.dedent(module.code_for_node(bare))


def _difference(before: str, after: str) -> tuple[str, str]:
    """The lines that the change takes away, and those that it puts in their place."""
    changes = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]
    return tuple(" ".join(line[2:].strip() for line in changes if line[0] == sign) for sign in "-+")  # type: ignore[return-value]


def _functions(module: libcst.Module) -> Iterator[tuple[libcst.CSTNode, str]]:
    for statement in module.body:
        if isinstance(statement, libcst.FunctionDef):
            yield statement, statement.name.value
        elif isinstance(statement, libcst.ClassDef):
            for member in statement.body.body:
                if isinstance(member, libcst.FunctionDef):
                    yield member, f"{statement.name.value}.{member.name.value}"


def _statements(source: str) -> dict[int, tuple[int, int]]:
    """For each line the lines of the innermost statement (of a compound one: its head) in which it lies."""
    spans: dict[int, tuple[int, int]] = {}
    for node in ast.walk(ast.parse(source)):  # outer statements come before inner ones
        if isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
            spans |= dict.fromkeys(range(_first(node), _last(node) + 1), (_first(node), _last(node)))
    return spans


def _first(node: Any) -> int:
    return node.pattern.lineno if isinstance(node, ast.match_case) else node.lineno


def _last(node: Any) -> int:
    body = getattr(node, "body", None)
    last = body[0].lineno - 1 if body else node.end_lineno
    return max(last, _first(node))


# ── putting a mutant in place ──


def put_in_place(mutant: Mutant) -> None:
    """From now on this process runs the mutant; what was cached before is forgotten."""
    module = importlib.import_module(mutant.module)
    function = _running(module, mutant.function)
    changed = _compiled(mutant, function)
    function.__code__, function.__defaults__ = changed.__code__, changed.__defaults__
    function.__kwdefaults__ = changed.__kwdefaults__
    for name, loaded in list(sys.modules.items()):
        if name.partition(".")[0] in ("cds_cards", "service", "fixtures"):
            _forget(vars(loaded))


def _running(module: ModuleType, name: str) -> FunctionType:
    found: Any = module
    for part in name.split("."):
        found = vars(found)[part]
    for inner in (
        "__func__",
        "fget",
        "func",
        "__wrapped__",
    ):  # a class method, a property, a cached one, a cached function
        found = getattr(found, inner, found)
    assert isinstance(found, FunctionType), name
    return found


def _compiled(mutant: Mutant, function: FunctionType) -> FunctionType:
    names: dict[str, Any] = {}
    text = mutant.code
    if function.__code__.co_freevars:
        # super() asks for the class by this name
        text = f"def within(__class__):\n{textwrap.indent(text, ' ')}\n return {function.__name__}"
    code = compile(text, mutant.path, "exec", flags=annotations.compiler_flag, dont_inherit=True)
    exec(code, function.__globals__, names)  # noqa: S102 - the project's own source, changed in one place
    changed = names["within"](None) if function.__code__.co_freevars else names[function.__name__]
    assert isinstance(changed, FunctionType)
    return changed


def _forget(names: dict[str, Any]) -> None:
    for value in list(names.values()):
        if isinstance(value, _lru_cache_wrapper):
            value.cache_clear()
        elif isinstance(value, type) and value.__module__.startswith(("cds_cards", "service")):
            for member in vars(value).values():
                if isinstance(member, _lru_cache_wrapper):
                    member.cache_clear()
