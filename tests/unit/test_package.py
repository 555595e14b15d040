"""What the package does to a process: importing it does nothing; a loader sets up DALI's memory, if nobody else has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.shards import write_random

VARIABLE = "DALI_MALLOC_POOL_THRESHOLD"
PIPELINE = """
from dali_ssd.util.host_pool import choose_host_pool
choose_host_pool()
from nvidia.dali import fn, pipeline_def
pipeline_def(lambda: fn.random.uniform(shape=[1]))(batch_size=1, num_threads=1, device_id=None).build()
"""


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != VARIABLE}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=inherited | environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("environment", "threshold"), [({}, "256k"), ({VARIABLE: "32M"}, "32M")])
def test_a_loader_has_dali_keep_its_buffers_in_a_pool_unless_the_user_says_otherwise(
    environment: dict[str, str], threshold: str, tmp_path: Path
) -> None:
    pytest.importorskip("nvidia.dali")
    (shard,) = write_random(tmp_path, 2)
    code = f"from dali_ssd import ValLoader; ValLoader({str(shard)!r}, batch_size=1, framework='dlpack')"
    done = run_python(f"import os; {code}; print(os.environ['{VARIABLE}'])", **environment)
    assert done.stdout == f"{threshold}\n", done.stderr


def test_importing_the_package_sets_nothing() -> None:
    code = "import os; before = dict(os.environ); import dali_ssd; assert dict(os.environ) == before"
    assert run_python(code).returncode == 0


def test_dali_knows_the_setting() -> None:
    """Under another name in a later release it would do nothing, and nobody would notice."""
    pytest.importorskip("nvidia.dali")
    assert run_python(PIPELINE).returncode == 0
    refused = run_python(PIPELINE, **{VARIABLE: "much"})
    assert refused.returncode != 0
    assert VARIABLE in refused.stderr
