"""How modules read: what they offer comes first, and helpers after."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TypeGuard

import pytest

from tests.support.paths import ROOT

MODULES = sorted(
    path for folder in ("dali_ssd", "examples", "pipelines", "tools") for path in (ROOT / folder).rglob("*.py")
)
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def names_in(*nodes: ast.AST) -> set[str]:
    return {one.id for node in nodes for one in ast.walk(node) if isinstance(one, ast.Name)}


def needed_at_import(tree: ast.Module) -> set[str]:
    """Return the names that a module looks up while it is imported, and those that what it then calls looks up."""
    bodies = {node.name: node for node in tree.body if isinstance(node, Definition)}
    needed: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            needed |= names_in(
                *node.decorator_list, *node.bases, *(part for part in node.body if not is_function(part))
            )
        elif is_function(node):  # its annotations are text
            needed |= names_in(*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults))
        else:
            needed |= names_in(node)
    found: set[str] = set()
    while needed - found:
        found |= needed
        needed |= names_in(*(bodies[name] for name in found & bodies.keys()))
    return found


def is_function(node: ast.AST) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def is_helper(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def misplaced(source: str) -> list[str]:
    """Return the helpers that stand before something public and could stand behind it."""
    tree = ast.parse(source)
    definitions = [node for node in tree.body if isinstance(node, Definition)]
    early = needed_at_import(tree)
    last_public = max((n for n, node in enumerate(definitions) if not is_helper(node.name)), default=-1)
    helpers = [node.name for node in definitions[:last_public] if is_helper(node.name)]
    return [name for name in helpers if name not in early]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_helpers_come_after_what_is_public(path: Path) -> None:
    assert misplaced(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def _a(): ...\ndef b(): ...", ["_a"]),
        ("def b(): ...\ndef _a(): ...", []),
        ("def _a(): ...\nX = _a()\ndef b(): ...", []),
        ("def _a(x): ...\n@_a\ndef b(): ...", []),
        ("class _A: ...\nclass B(_A): ...", []),
        ("def _a(): ...\ndef b(x=_a): ...", []),
        ("def _a(): ...\ndef b(): return _a()", ["_a"]),
        ("def _a(): ...", []),
        ("class _A: ...\ndef _b(): return _A()\nX = _b()\ndef c(): ...", []),
    ],
)
def test_the_check_finds_its_kind(source: str, found: list[str]) -> None:
    assert misplaced(source) == found
