"""What the marks of tests do in CI and elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

SKIPPED = """
import pytest

@pytest.mark.engines({arguments})
def test_of_an_engine():
    pytest.skip("needs horovod")
"""
HOOK = "from tests.conftest import pytest_runtest_makereport\n"


@pytest.mark.parametrize(
    ("ci", "arguments", "fails"), [("true", "", True), ("", "", False), ("true", "root=True", None)]
)
def test_an_engine_that_is_missing_is_no_reason_to_skip_in_ci(
    tmp_path: Path, ci: str, arguments: str, fails: bool | None
) -> None:
    """Where another user than root runs CI, its tests are skipped all the same."""
    (tmp_path / "conftest.py").write_text(HOOK)
    (tmp_path / "test_engine.py").write_text(SKIPPED.format(arguments=arguments))
    command = [sys.executable, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path)]
    environ = {**os.environ, "CI": ci, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", str(tmp_path)], env=environ, capture_output=True, text=True, timeout=100
    )
    expected = os.geteuid() == 0 if fails is None else fails
    assert ("1 failed" in done.stdout, "1 skipped" in done.stdout) == (expected, not expected), done.stdout
    assert not expected or "no test of an engine may be in CI: needs horovod" in done.stdout
