"""The layers of the design: imports go to the own row or one above, and stay light where they must."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

ORDER = (
    "errors boxes",
    "anchors",
    "util",
    "machine",
    "config",
    "records.format",
    "visualize.lettering pages",
    "visualize.names",
    "visualize.legend",
    "visualize.grid",
    "visualize.stored visualize.card",
    "records.dataset records.writer",
    "records.lint records.summary synthetic",
    "records.decode",
    "records.inspect records.options",
    "records.check records.diagnose records.repair records.reshard",
    "convert.sample convert.options",
    "convert.report convert.units convert.sizes convert.raster convert.look",
    "convert.readers convert.build",
    "convert.run",
    "kernels.compile kernels.simd",
    "kernels.random kernels.filters",
    "kernels.augment kernels.jpeg",
    "kernels.plan",
    "kernels.render kernels.placement kernels.targets",
    "plugin",
    "graph",
    "pipelines",
    "loader.frameworks loader.batch loader.fork_guard loader.scheduling loader.placement loader.recipes",
    "loader.options loader.pipeline_group loader.affinity loader.identity",
    "loader.base",
    "loader.train loader.val",
    "metrics",
    "visualize",
    "reporting",
    "launch",
    "torch jax",
    "gluon.networks gluon.options",
    "inspection",
    "gluon.evaluate",
    "gluon.checkpoint gluon.distributed",
    "gluon.training",
    "gluon.trained",
    "gluon.scoring gluon.detecting",
    "gluon.demo",
    "bench.work",
    "bench.contenders bench.datasets",
    "bench.training bench.accuracy",
    "bench.measuring",
    "bench.cluster",
    "bench.options bench.experiment",
    "bench.results",
    "bench.session bench.soak",
    "bench.planning",
    "bench.gpucheck",
    "cli",
)
"""The rooms, folders or modules beside folders, in the order in which data meets them, those of a row side by side.

A module imports from rows above its own and from its own room: so no import runs back, and no two rooms need each
other."""
ROW_OF = {room: number for number, row in enumerate(ORDER) for room in row.split()}
FACES = {"dali_ssd": -1, "dali_ssd.__main__": len(ORDER)}
"""The package itself, which only hands names on, and what starts the command line."""
MODULES = sorted((ROOT / "dali_ssd").rglob("*.py")) + sorted((ROOT / "pipelines").rglob("*.py"))
HEAVY = ("mxnet", "nvidia", "gluoncv", "horovod", "torch", "torchvision", "jax")
LIGHT = (
    "errors",
    "boxes",
    "util",
    "machine",
    "config",
    "records",
    "convert",
    "synthetic",
    "kernels",
    "launch",
    "metrics",
    "cli",
)
"""Rooms that can be imported without DALI, MXNet and PyTorch."""


def dotted_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str | None:
    """Return the room that a module is in or that it is; None if the order has none for it."""
    names = module.split(".")[1:] if module.startswith("dali_ssd.") else module.split(".")
    rooms = (".".join(names[:length]) for length in range(len(names), 0, -1))
    return next((room for room in rooms if room in ROW_OF), None)


def row_of(module: str) -> int:
    """Return the row of a module; that of a folder's face is the row of all it hands on."""
    if module in FACES:
        return FACES[module]
    room = room_of(module)
    if room is not None:
        return ROW_OF[room]
    rows = [row for name, row in ROW_OF.items() if f"dali_ssd.{name}".startswith(f"{module}.")]
    assert rows, f"{module} has no room in the order: give it one"
    return max(rows)


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


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
        modules = [name for alias in node.names if is_module(name := f"{base}.{alias.name}")]
        self.names += modules or [base]


def own_imports(path: Path) -> Iterator[str]:
    imports = Imports(dotted_name(path), path.stem == "__init__")
    imports.visit(ast.parse(path.read_text(encoding="utf-8")))
    return (name for name in imports.names if name.split(".")[0] in ("dali_ssd", "pipelines"))


@pytest.mark.parametrize("path", MODULES, ids=dotted_name)
def test_module_imports_only_from_its_own_room_or_rows_above(path: Path) -> None:
    module = dotted_name(path)
    row, room = row_of(module), room_of(module)
    inside = module[: module.index(room) + len(room)] if room else module  # a folder's face hands on what is in it
    wrong = [name for name in own_imports(path) if row_of(name) >= row and not f"{name}.".startswith(f"{inside}.")]
    assert not wrong, f"{module} imports from its own row or one below: {wrong}"


def test_every_room_of_the_order_is_there() -> None:
    modules = [dotted_name(path) for path in MODULES]
    gone = [room for room in ROW_OF if not any(room_of(module) == room for module in modules)]
    assert not gone


def test_the_order_is_in_the_document() -> None:
    """CONTRIBUTING's table has every room once, in this order."""
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Where things are")[2]
    rows = [re.findall(r"`([a-z_.]+)`", line.split("|")[1]) for line in table.splitlines() if line.startswith("| `")]
    assert [" ".join(row) for row in rows] == list(ORDER)


@pytest.mark.parametrize("path", [p for p in MODULES if ROOT / "dali_ssd" in p.parents], ids=dotted_name)
def test_library_never_imports_the_recipes(path: Path) -> None:
    assert not [name for name in own_imports(path) if name.split(".")[0] == "pipelines"]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import dali_ssd.loader", ["dali_ssd.loader"]),
        ("from dali_ssd import loader", ["dali_ssd.loader"]),
        ("from dali_ssd import __version__", ["dali_ssd"]),
        ("from ...loader import TrainLoader", ["dali_ssd.loader"]),
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
    names = [name for name in map(dotted_name, MODULES) if name.removeprefix("dali_ssd.").split(".")[0] in LIGHT]
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
