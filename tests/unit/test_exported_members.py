"""`__all__` of every module: has all public functions and classes, is sorted, and names nothing that is not there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.paths import ROOT

MODULES = sorted(
    path for folder in ("dali_ssd", "pipelines") for path in (ROOT / folder).rglob("*.py") if path.stem != "__main__"
)
CALLABLE = (ast.FunctionDef, ast.ClassDef)


def names_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def targets(node: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module defines."""
    if isinstance(node, CALLABLE):
        return [node.name]
    found = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [name.id for target in found for name in ast.walk(target) if isinstance(name, ast.Name)]


def exported(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and targets(node) == ["__all__"]:
            value = ast.literal_eval(node.value)
            assert isinstance(value, list)
            return value
    return []


def sort_key(name: str) -> tuple[bool, bool, list[str | int]]:
    """Constants, then classes, then the rest, with numbers by their value: as ruff sorts."""
    parts: list[str | int] = [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
    return not name.isupper(), not name[0].isupper(), parts


@pytest.mark.parametrize("path", MODULES, ids=names_of)
def test_all_is_complete_and_sorted(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    listed = exported(tree)
    public = {node.name for node in tree.body if isinstance(node, CALLABLE) and not node.name.startswith("_")}
    assert not public - set(listed), "public, but not in __all__: give it an underscore or export it"
    assert listed == sorted(set(listed), key=sort_key)


@pytest.mark.parametrize("path", MODULES, ids=names_of)
def test_all_holds_only_what_the_module_has(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    defined = {name for node in tree.body for name in targets(node)}
    assert set(exported(tree)) <= imported | defined


def test_public_interface() -> None:
    import dali_ssd

    assert dali_ssd.__all__ == [
        "TrainLoader",
        "ValLoader",
        "__version__",
        "encode_targets",
        "open_dataset",
        "show",
    ]
    assert set(dali_ssd.__all__) <= set(dir(dali_ssd))
    with pytest.raises(AttributeError, match="no attribute 'Loader'"):
        dali_ssd.__getattr__("Loader")
