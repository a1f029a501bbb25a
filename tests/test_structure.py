"""How long things may be, and what no module may lack: measured by reading both packages, never by import."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median

import pytest

REPOSITORY = Path(__file__).parents[1]
PACKAGES = ("detectors", "monitor")
SOURCES = sorted(file for package in PACKAGES for file in (REPOSITORY / package).rglob("*.py"))

MEDIAN_MODULE = 130  # lines, exclusive
LONGEST_MODULE = 450
MEAN_FUNCTION = 10.0  # lines without docstring, exclusive
LONGEST_FUNCTION = 60
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
NAMELESS = {"utils", "util", "common", "helpers", "helper", "misc"}  # what is in there? anything

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A source file, read once."""

    file: Path
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        return str(self.file.relative_to(REPOSITORY))

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    def at(self, node: ast.stmt | ast.ExceptHandler) -> str:
        return f"{self.name}:{node.lineno}"

    def functions(self) -> Iterator[tuple[Function, bool]]:
        """Each function, nested ones included, and whether its first parameter is `self` or `cls`."""
        for parent in ast.walk(self.tree):
            for node in ast.iter_child_nodes(parent):
                if isinstance(node, Function):
                    static = any(ast.unparse(mark) == "staticmethod" for mark in node.decorator_list)
                    yield node, isinstance(parent, ast.ClassDef) and not static


MODULES = [Module(file, text := file.read_text(), ast.parse(text)) for file in SOURCES]
FUNCTIONS = [(module, node, bound) for module in MODULES for node, bound in module.functions()]


def length(node: Function) -> int:
    """Lines of a function with its signature and without its docstring."""
    first = node.body[0]
    told = first.end_lineno - first.lineno + 1 if ast.get_docstring(node, clean=False) is not None else 0
    return node.end_lineno - node.lineno + 1 - told


def annotated(node: Function, bound: bool) -> bool:
    """Whether the result and every parameter but `self` have a type."""
    given = node.args
    named = [*given.posonlyargs, *given.args][1 if bound else 0 :]
    rest = [one for one in (given.vararg, given.kwarg) if one is not None]
    typed = all(one.annotation is not None for one in (*named, *given.kwonlyargs, *rest))
    return typed and (node.returns is not None or node.name == "__init__")


def broad(module: Module, handler: ast.ExceptHandler) -> bool:
    """Whether it catches everything and goes on, without a reason: what is raised under another name is not lost."""
    caught = None if handler.type is None else ast.unparse(handler.type)
    raised = any(isinstance(node, ast.Raise) for node in ast.walk(handler))
    reasoned = re.search(r"noqa: BLE001  \(.+\)$", module.text.splitlines()[handler.lineno - 1]) is not None
    return caught is None or (caught in {"Exception", "BaseException"} and not raised and not reasoned)


def test_there_is_something_to_measure() -> None:
    assert len(MODULES) > 100
    assert len(FUNCTIONS) > 500


def test_modules_are_short() -> None:
    sizes = {module.name: module.lines for module in MODULES if module.text.strip()}
    assert median(sizes.values()) < MEDIAN_MODULE
    assert [f"{name}: {lines}" for name, lines in sizes.items() if lines > LONGEST_MODULE] == []


def test_functions_are_short() -> None:
    assert fmean(length(node) for _, node, _ in FUNCTIONS) < MEAN_FUNCTION
    long = [f"{m.at(node)} {node.name}: {length(node)}" for m, node, _ in FUNCTIONS if length(node) > LONGEST_FUNCTION]
    assert long == []


def test_every_function_says_its_types() -> None:
    assert [f"{m.at(node)} {node.name}" for m, node, bound in FUNCTIONS if not annotated(node, bound)] == []


def test_every_module_says_what_it_is_for() -> None:
    assert [module.name for module in MODULES if ast.get_docstring(module.tree) is None] == []


def test_nothing_is_left_for_later() -> None:
    assert [module.name for module in MODULES if UNFINISHED.search(module.text)] == []


def test_no_error_is_swallowed_unseen() -> None:
    handlers = [(m, node) for m in MODULES for node in ast.walk(m.tree) if isinstance(node, ast.ExceptHandler)]
    assert [module.at(handler) for module, handler in handlers if broad(module, handler)] == []


@pytest.mark.parametrize("part", sorted({part for file in SOURCES for part in file.relative_to(REPOSITORY).parts}))
def test_names_say_what_is_inside(part: str) -> None:
    assert part.removesuffix(".py") not in NAMELESS
