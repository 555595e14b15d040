"""What the marks of tests do in CI and elsewhere, and what ends a test that hangs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import LONG, LONG_S
from tests.support.paths import ROOT, pyproject

SKIPPED = """
import pytest

@pytest.mark.{mark}
def test_that_is_skipped():
    pytest.skip("needs more")
"""
HANGS = """
import ctypes
import pytest

@pytest.mark.timeout(2)
def test_that_hangs():
    ctypes.PyDLL(None).sleep(100)  # which keeps the GIL
"""
FAILS_AND_HANGS = """
import pytest, time

@pytest.fixture
def slow():
    yield
    time.sleep(100)

@pytest.mark.timeout(2)
def test_that_fails(slow):
    assert False
"""
HOOKS = (
    "pytest_configure",
    "pytest_runtest_makereport",
    "pytest_runtest_teardown",
    "pytest_timeout_cancel_timer",
    "pytest_timeout_set_timer",
    "pytest_unconfigure",
)
HOOK = f"from tests.conftest import {', '.join(HOOKS)}\n"


def run_pytest(folder: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of a folder with the settings and hooks of these tests."""
    (folder / "conftest.py").write_text(HOOK)
    settings = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder), "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", *settings, *options, str(folder)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize(
    ("ci", "mark", "fails"),
    [
        ("true", "engines", True),
        ("true", "browser", True),
        ("true", "slow", False),
        ("", "engines", False),
        ("", "browser", False),
        ("true", "engines(root=True)", None),
    ],
)
def test_an_engine_or_browser_that_is_missing_is_no_reason_to_skip_in_ci(
    tmp_path: Path, ci: str, mark: str, fails: bool | None
) -> None:
    """Where another user than root runs CI, its tests are skipped all the same."""
    (tmp_path / "test_skipped.py").write_text(SKIPPED.format(mark=mark))
    done = run_pytest(tmp_path, CI=ci)
    expected = os.geteuid() == 0 if fails is None else fails
    assert ("1 failed" in done.stdout, "1 skipped" in done.stdout) == (expected, not expected), done.stdout
    named = mark.partition("(")[0]
    assert not expected or f"no test marked {named} may be in CI: needs more" in done.stdout


def test_a_failed_test_that_hangs_at_its_end_is_ended(tmp_path: Path) -> None:
    (tmp_path / "test_fails.py").write_text(FAILS_AND_HANGS)
    done = run_pytest(tmp_path, "-n", "0")
    assert "Timeout (0:00:02)!" in done.stderr and "in slow" in done.stderr


@pytest.mark.parametrize("processes", ["0", "1"])
def test_a_test_that_hangs_is_ended_and_its_stacks_are_shown(tmp_path: Path, processes: str) -> None:
    (tmp_path / "test_hangs.py").write_text(HANGS)
    done = run_pytest(tmp_path, "-n", processes)
    assert done.returncode != 0
    assert "Timeout (0:00:02)!" in done.stderr and "in test_that_hangs" in done.stderr


def test_marked_tests_have_more_time(pytestconfig: pytest.Config) -> None:
    """Whatever mark that is."""
    marks = [line.partition(":")[0] for line in pyproject()["tool"]["pytest"]["ini_options"]["markers"]]
    assert sorted(LONG) == sorted(marks)
    assert float(pytestconfig.getini("timeout")) < LONG_S
