"""The layers of the design: imports go to the own row or one above, and stay light where they must."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

ROWS = (
    {
        "dali_ssd",
        "errors",
        "boxes",
        "checks",
        "config",
        "deprecated",
        "files",
        "host_pool",
        "mxnet_compat",
        "optional",
        "parallel",
        "progress",
        "words",
    },
    {"records"},
    {"convert"},
    {"graph"},
    {"pipelines"},
    {"batch", "loader", "registry"},
    {"train", "evaluate", "coco_metric", "draw", "lettering", "synthetic", "bench"},
    {"cli", "__main__"},
)
ROW_OF = {part: number for number, row in enumerate(ROWS) for part in row}
MODULES = sorted((ROOT / "dali_ssd").rglob("*.py")) + sorted((ROOT / "pipelines").rglob("*.py"))
HEAVY = ("mxnet", "nvidia", "gluoncv", "horovod")
LIGHT = {
    "dali_ssd",
    "errors",
    "boxes",
    "config",
    "files",
    "host_pool",
    "optional",
    "parallel",
    "progress",
    "words",
    "records",
    "convert",
    "cli",
}


def dotted_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module: str) -> str:
    """The part of the design that `module` belongs to, such as `records`."""
    first, *rest = module.split(".")
    return rest[0] if first == "dali_ssd" and rest else first


class Imports(ast.NodeVisitor):
    """Collects what a module imports anywhere in it, except what only the type checker sees."""

    def __init__(self, module: str, is_package: bool) -> None:
        self.package = module if is_package else module.rpartition(".")[0]
        self.names: list[str] = []

    def visit_If(self, node: ast.If) -> None:
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.names += [alias.name for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        above = self.package.split(".")[: len(self.package.split(".")) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        # `from dali_ssd import boxes` imports a module, `from dali_ssd import __version__` a name of the package.
        parts = [alias.name for alias in node.names if base == "dali_ssd" and alias.name in ROW_OF]
        self.names += [f"{base}.{part}" for part in parts] or [base]


def own_imports(path: Path) -> Iterator[str]:
    imports = Imports(dotted_name(path), path.stem == "__init__")
    imports.visit(ast.parse(path.read_text(encoding="utf-8")))
    return (name for name in imports.names if name.split(".")[0] in ("dali_ssd", "pipelines"))


@pytest.mark.parametrize("path", MODULES, ids=dotted_name)
def test_module_imports_only_from_its_own_row_or_above(path: Path) -> None:
    part = part_of(dotted_name(path))
    assert part in ROW_OF, f"{dotted_name(path)} has no row in the design: give it one"
    below = [name for name in own_imports(path) if ROW_OF[part_of(name)] > ROW_OF[part]]
    assert not below, f"{dotted_name(path)} imports from a row below its own: {below}"


@pytest.mark.parametrize("path", [p for p in MODULES if ROOT / "dali_ssd" in p.parents], ids=dotted_name)
def test_library_never_imports_the_recipes(path: Path) -> None:
    assert not [name for name in own_imports(path) if name.split(".")[0] == "pipelines"]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import dali_ssd.loader", ["dali_ssd.loader"]),
        ("from dali_ssd import loader", ["dali_ssd.loader"]),
        ("from dali_ssd import __version__", ["dali_ssd"]),
        ("from ..loader import TrainLoader", ["dali_ssd.loader"]),
        ("def f():\n    import pipelines.ssd", ["pipelines.ssd"]),
        ("if TYPE_CHECKING:\n    import dali_ssd.loader", []),
    ],
)
def test_imports_are_found_wherever_they_are(source: str, found: list[str]) -> None:
    imports = Imports("dali_ssd.records.format.index", is_package=False)
    imports.visit(ast.parse(source))
    assert imports.names == found


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )


BLOCK = f"import sys\nfor name in {HEAVY!r}: sys.modules[name] = None\n"


@pytest.mark.parametrize("blocked", ["", BLOCK], ids=["installed", "missing"])
def test_light_modules_need_neither_dali_nor_mxnet(blocked: str) -> None:
    names = [name for name in map(dotted_name, MODULES) if part_of(name) in LIGHT]
    code = f"""{blocked}
import importlib, sys
for name in {names!r}:
    importlib.import_module(name)
loaded = [name for name in {HEAVY!r} if sys.modules.get(name)]
sys.exit(f"imported {{loaded}}" if loaded else 0)
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("call", ["TrainLoader('a.rec', anchors=None)", "ValLoader('a.rec')"])
def test_loader_without_its_dependencies_says_what_to_install(call: str) -> None:
    done = run_python(f"{BLOCK}import dali_ssd; dali_ssd.{call}")
    assert done.returncode == 1
    assert "MissingDependencyError: NVIDIA DALI is not installed; run: pip install" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("path", sorted((ROOT / "dali_ssd" / "loader").rglob("*.py")), ids=dotted_name)
def test_the_loader_knows_no_framework(path: Path) -> None:
    """Which arrays a batch holds is the business of one module for each framework."""
    text = path.read_text(encoding="utf-8")
    asks = 'require("mxnet")' in text or "import mxnet" in text
    assert asks == (path.parts[-2:] == ("frameworks", "mxnet.py"))
