"""The rooms: none is too full, no module is too long, and tests are in the folders of what they test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.paths import ROOT

MOST_LINES = 350
MOST_MODULES = 12
"""Of a folder, its `__init__.py` apart."""
MANY_MODULES = {"dali_ssd/cli"}
"""One file a subcommand, so their number is that of the subcommands."""
WHOLE_PROJECT = {
    "test_assertions.py",
    "test_build_horovod.py",
    "test_docs_pictures.py",
    "test_documents.py",
    "test_exported_members.py",
    "test_extending.py",
    "test_layers.py",
    "test_makefile.py",
    "test_marks.py",
    "test_optional_imports.py",
    "test_package.py",
    "test_release.py",
    "test_rooms.py",
    "test_style.py",
}
"""Tests that are about no single module."""


def long_modules(root: Path) -> list[str]:
    paths = sorted(
        path
        for folder in ("dali_ssd", "examples", "pipelines", "tests", "tools")
        for path in (root / folder).rglob("*.py")
    )
    lengths = {path.relative_to(root).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    return [f"{name}: {lines} lines" for name, lines in lengths.items() if lines > MOST_LINES]


def full_folders(root: Path) -> list[str]:
    folders = {path.parent for path in (root / "dali_ssd").rglob("*.py")}
    counts = {
        folder.relative_to(root).as_posix(): sum(path.name != "__init__.py" for path in folder.glob("*.py"))
        for folder in sorted(folders)
    }
    return [f"{name}: {n} modules" for name, n in counts.items() if n > MOST_MODULES and name not in MANY_MODULES]


def strays(root: Path) -> list[str]:
    """Tests whose folder is none of the code, or which are in none and have no module of their name."""
    unit, found = root / "tests" / "unit", []
    for path in sorted(unit.rglob("test_*.py")):
        place = path.parent.relative_to(unit)
        homes = [root / "dali_ssd" / place, *([root / "pipelines"] if place.parts[:1] == ("pipelines",) else [])]
        if place == Path():
            stem = path.stem.removeprefix("test_")
            mirrored = path.name in WHOLE_PROJECT or any((homes[0] / name).exists() for name in (f"{stem}.py", stem))
        else:
            mirrored = any(home.is_dir() for home in homes)
        if not mirrored:
            found.append(path.relative_to(root).as_posix())
    return found


def test_no_module_is_too_long() -> None:
    assert long_modules(ROOT) == []


def test_no_folder_is_too_full() -> None:
    assert full_folders(ROOT) == []


def test_every_unit_test_mirrors_the_code() -> None:
    assert strays(ROOT) == []


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with each of the faults once."""
    long = "pass\n" * (MOST_LINES + 1)
    contents = {"dali_ssd/a.py": long, "pipelines/b.py": long, "tests/support/c.py": long, "dali_ssd/d.py": long[5:]}
    contents |= {f"dali_ssd/full/m{number}.py": "" for number in range(MOST_MODULES + 1)}
    contents |= {f"dali_ssd/just/m{number}.py": "" for number in range(MOST_MODULES)}
    contents |= {f"dali_ssd/cli/m{number}.py": "" for number in range(MOST_MODULES + 1)}
    contents["dali_ssd/just/__init__.py"] = ""
    good = ("test_layers.py", "test_a.py", "test_full.py", "pipelines/test_any.py", "just/test_any.py")
    bad = ("test_none.py", "none/test_a.py", "just/none/test_m0.py")
    contents |= {f"tests/unit/{name}": "" for name in (*good, *bad)}
    for name, text in contents.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_what_is_out_of_order_is_named(project: Path) -> None:
    named = ["dali_ssd/a.py", "pipelines/b.py", "tests/support/c.py"]
    assert long_modules(project) == [f"{name}: {MOST_LINES + 1} lines" for name in named]
    assert full_folders(project) == [f"dali_ssd/full: {MOST_MODULES + 1} modules"]
    assert strays(project) == [
        "tests/unit/just/none/test_m0.py",
        "tests/unit/none/test_a.py",
        "tests/unit/test_none.py",
    ]
