"""What importing the package does to a process: it sets up DALI's memory, and leaves a user's own choice alone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

VARIABLE = "DALI_MALLOC_POOL_THRESHOLD"
PIPELINE = """
import dali_ssd
from nvidia.dali import fn, pipeline_def
pipeline_def(lambda: fn.random.uniform(shape=[1]))(batch_size=1, num_threads=1, device_id=None).build()
"""


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != VARIABLE}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=inherited | environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("environment", "threshold"), [({}, "256k"), ({VARIABLE: "32M"}, "32M")])
def test_dali_keeps_its_buffers_in_a_pool_unless_the_user_says_otherwise(
    environment: dict[str, str], threshold: str
) -> None:
    assert run_python(f"import dali_ssd, os; print(os.environ['{VARIABLE}'])", **environment).stdout == f"{threshold}\n"


def test_dali_knows_the_setting() -> None:
    """Under another name in a later release it would do nothing, and nobody would notice."""
    pytest.importorskip("nvidia.dali")
    assert run_python(PIPELINE).returncode == 0
    refused = run_python(PIPELINE, **{VARIABLE: "much"})
    assert refused.returncode != 0
    assert VARIABLE in refused.stderr
