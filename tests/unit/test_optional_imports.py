"""Packages that only an extra installs are imported by a few rooms."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

MODULES = [path for folder in ("dali_ssd", "pipelines") for path in sorted((ROOT / folder).rglob("*.py"))]
CONTENDERS = (
    *("bench/contenders", "bench/accuracy.py", "bench/training.py", "bench/soak/run.py"),
    "bench/planning/parameters.py",
)
"""What the benchmark compares with, trains or counts; starting, measuring and showing it is not among it."""
ROOMS = {
    "mxnet": ("loader/frameworks/mxnet.py", "launch/kvstore_role.py", "gluon", *CONTENDERS),
    "gluoncv": ("gluon", *CONTENDERS),
    "horovod": ("gluon", "launch"),
    "requests": ("gluon",),
    "packaging": ("util/mxnet_compat.py",),
    "pycocotools": ("metrics",),
    "torch": ("torch", "bench/contenders"),
    "torchvision": ("bench/contenders",),
    "jax": ("jax",),
    "matplotlib": (
        *("bench/results/plot.py", "bench/soak/plot.py", "cli/bench.py"),
        *("reporting/curve.py", "gluon/training/run.py", "visualize/lettering.py", "pages"),
    ),
    "tensorboardX": ("reporting/views/tensorboard.py", "gluon/training/run.py"),
    "jinja2": ("pages",),
}
"""Packages of the extras, and the parts of `dali_ssd` that may import them."""
_BY_NAME = ("require", "import_module", "__import__")


def imported(path: Path) -> Iterator[str]:
    """Packages that a module imports anywhere in it, by a statement or by name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _BY_NAME:
            yield from (str(arg.value).partition(".")[0] for arg in node.args[:1] if isinstance(arg, ast.Constant))


@pytest.mark.parametrize("package", ROOMS)
def test_packages_of_extras_are_imported_in_their_rooms_only(package: str) -> None:
    rooms = [ROOT / "dali_ssd" / room for room in ROOMS[package]]
    assert all(room.exists() for room in rooms)
    importing = [path for path in MODULES if package in imported(path)]
    strangers = [path for path in importing if not any(room in (path, *path.parents) for room in rooms)]
    assert importing and not strangers, f"{package} is not for {[str(path.relative_to(ROOT)) for path in strangers]}"


@pytest.mark.parametrize("package", ["jinja2", "matplotlib", "pycocotools"])
def test_what_nobody_may_need_is_asked_for_when_it_is_used(package: str) -> None:
    """By `require`, which says what to install."""
    statement = re.compile(rf"^ *(import|from) {package}\b", re.MULTILINE)
    assert [path for path in MODULES if statement.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    "source",
    ["import mxnet as mx", "def f():\n    from mxnet import nd", 'mx = require("mxnet.nd")', 'import_module("mxnet")'],
)
def test_imports_are_found_in_all_ways(source: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(source)
    assert list(imported(tmp_path / "a.py")) == ["mxnet"]
