"""The wheel: the plugin's sources are in it, and nothing that was built."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from dali_ssd.plugin.sources import own_sources
from tests.support.paths import ROOT, pyproject

pytestmark = pytest.mark.slow


def build_backend_is_here() -> bool:
    """Whether pip need not load what builds the package."""
    (needed,) = pyproject()["build-system"]["requires"]
    try:
        return int(version("setuptools").partition(".")[0]) >= int(needed.removeprefix("setuptools>="))
    except PackageNotFoundError:
        return False


def wheel_of(checkout: Path, folder: Path) -> Path:
    options = ["--no-build-isolation"] if build_backend_is_here() else []
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", *options, "-w", str(folder), str(checkout)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if "No matching distribution found for setuptools" in done.stderr and not os.environ.get("CI"):
        pytest.skip("setuptools cannot be loaded")
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.iterdir()
    return wheel


def test_it_has_the_sources_of_the_plugin_and_no_binary(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    for name in ("dali_ssd", "pipelines"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout / name)
    for left in ("ssd_render.o", "dali_ssd-2.4.0.so", "build.log"):  # by hand, or by an editor
        (checkout / "dali_ssd" / "plugin" / "cuda" / left).touch()
    wheel = wheel_of(checkout, tmp_path / "wheels")
    assert wheel.name.endswith("-py3-none-any.whl")
    names = {Path(name) for name in zipfile.ZipFile(wheel).namelist()}
    sources = own_sources().folder
    expected = {path.relative_to(ROOT) for path in sources.iterdir() if path.suffix in (".cu", ".h")}
    assert expected and {name for name in names if name.parent == sources.relative_to(ROOT)} == expected
    assert {Path("dali_ssd/plugin/driver.py"), Path("dali_ssd/plugin/guard.py")} <= names
    suffixes = {name.suffix for name in names if not name.parts[0].endswith(".dist-info")}
    assert suffixes == {".py", ".typed", ".cu", ".h", ".css", ".html"}
