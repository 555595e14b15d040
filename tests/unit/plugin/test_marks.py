"""The mark `plugin`: its tests are skipped without compilers, but fail in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dali_ssd.plugin.sources import dali_here
from tests.support import plugin
from tests.support.paths import ROOT
from tests.support.plugin import clean_path, need_compiler, script

MARKED = Path(__file__).with_name("test_toolkit.py")


def run_tests(marks: str, **environment: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", marks, str(MARKED)]
    inherited = {name: value for name, value in os.environ.items() if name not in ("CI", "NVCC_CCBIN")}
    done = subprocess.run(command, cwd=ROOT, env=inherited | environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_without_a_compiler_its_tests_are_skipped_but_fail_in_ci(tmp_path: Path) -> None:
    code, said = run_tests("plugin", PATH=str(tmp_path))
    assert code == 0 and "1 skipped" in said
    code, said = run_tests("plugin", PATH=str(tmp_path), CI="true")
    assert code == 1 and "1 error" in said and "there is no g++" in said


def test_a_run_without_them_needs_no_compiler_in_ci(tmp_path: Path) -> None:
    code, said = run_tests("not plugin", PATH=str(tmp_path), CI="true")
    assert code == 0 and "1 deselected" in said and "skipped" not in said


def test_tests_that_need_the_cpp_compiler_alone_run_without_nvcc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dali_here()  # which is not found by the path below
    monkeypatch.setattr(plugin, "no_compiler", plugin.no_compiler.__wrapped__)
    monkeypatch.delenv("CI", raising=False)
    script(clean_path(monkeypatch, tmp_path / "bin") / "g++", "echo 12")
    need_compiler(nvcc=False)
    with pytest.raises(pytest.skip.Exception, match=r"no CUDA 1\d toolkit to build the plugin with"):
        need_compiler()
