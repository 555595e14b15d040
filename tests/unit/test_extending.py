"""Each page of `docs/extending` is applied to a copy of the checkout: its addition works, in three files at most."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.support.pages import PAGES, read_page
from tests.support.paths import ROOT

FOLDERS = ("dali_ssd", "pipelines", "tests", "docs", "constraints", "docker", "examples", "tools")
FILES = ("pyproject.toml", "Makefile", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "LICENSE")
HELD_BY = {
    "augmentation": [
        "tests/unit/pipelines",
        "tests/unit/loader/test_recipes.py",
        "tests/unit/kernels/test_settings.py",
    ],
    "converter": ["tests/unit/convert/readers"],
    "finding": [
        "tests/errors/test_errors.py::test_findings_are_those_of_check",
        "tests/unit/records/lint/test_kinds.py",
    ],
    "framework": ["tests/unit/loader/test_frameworks.py", "-k", "none or lists"],
    "metric": ["tests/unit/cli/test_eval.py"],
    "network": ["tests/unit/gluon/networks/test_zoo.py", "-k", "zoo or mobilenet_half or cover"],
}
"""Tests of what is there already that the addition must leave whole."""
RULES = [
    f"tests/unit/test_{name}.py"
    for name in (
        *("assertions", "config", "documents", "exported_members"),
        *("layers", "optional_imports", "rooms", "style"),
    )
]
"""Tests of the whole project, which hold for each addition."""


def test_there_is_a_page_for_each() -> None:
    assert {page.stem for page in PAGES} == set(HELD_BY)
    contributing = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert all(f"docs/extending/{page.name}" in contributing for page in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_three_files_are_enough(page: Path) -> None:
    steps = read_page(page)
    assert len(set(steps.files)) <= 3 and steps.tests
    blocks = len(re.findall(r"^```(?:python|diff)$", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert blocks == len(steps.new) + sum(map(len, steps.changes.values())), "a block says not which file it is for"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_and_names_are_there(page: Path) -> None:
    """Names of code in backticks are in the code or on the page itself; paths lead somewhere."""
    text, steps = page.read_text(encoding="utf-8"), read_page(page)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    for path in re.findall(r"\b((?:dali_ssd|tests|docs|pipelines)/[\w./-]*\w)", prose):
        assert (ROOT / path).exists() or path in steps.new, path
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "dali_ssd").rglob("*.py"))
    for name in re.findall(r"`([A-Z]\w+|[a-z]+(?:_[a-z]+)+)`", prose):
        assert re.search(rf"\b{name}\b", code), name


def imports(code: str) -> Iterator[tuple[str, str]]:
    """Module and name of all that is imported by `from`."""
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom)]
    return ((node.module or "", alias.name) for node in nodes for alias in node.names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_imported_is_there(page: Path) -> None:
    steps = read_page(page)
    own = {path.removesuffix(".py").replace("/", ".") for path in steps.new}
    for module, name in {one for code in steps.new.values() for one in imports(code)}:
        is_own = module in own or f"{module}.{name}" in own
        if not is_own and module.startswith(("dali_ssd", "tests")) and not hasattr(import_module(module), name):
            import_module(f"{module}.{name}")  # raises ImportError if it is none


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_the_page_adds_works(page: Path, tmp_path: Path) -> None:
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in FILES:
        shutil.copyfile(ROOT / name, tmp_path / name)
    steps = read_page(page)
    steps.apply(tmp_path)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-m", "tools.commands"], cwd=tmp_path, env=environment, check=True)  # make commands
    for tests in ([*steps.tests, *HELD_BY[page.stem]], RULES):  # in two runs: -k of the first is not for the second
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-4000:]
