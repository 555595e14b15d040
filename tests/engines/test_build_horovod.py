"""Horovod as `make horovod` builds and installs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.engines

SUM = """
import dali_ssd
import horovod.mxnet as hvd
import mxnet as mx

hvd.init()
total = hvd.allreduce(mx.nd.ones(3) * (hvd.rank() + 1), average=False)
print("sum over", hvd.size(), total.asnumpy().tolist(), flush=True)
"""


def run(*command: str | Path) -> str:
    """Return what a command says. It gets two minutes, after which it is killed with all that it started."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    output = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=output, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            said, _ = process.communicate(timeout=120)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, said
    return said


def test_it_is_not_built_twice() -> None:
    assert run("tools/build-horovod", sys.executable) == f"Horovod is installed for {sys.executable}\n"


def test_horovodrun_sums_over_two_processes(tmp_path: Path) -> None:
    (tmp_path / "sum.py").write_text(SUM)
    horovodrun = (sys.executable, "-m", "dali_ssd.launch.horovodrun")
    said = run(*horovodrun, "-np", "2", sys.executable, tmp_path / "sum.py")
    assert said.count("sum over 2 [3.0, 3.0, 3.0]") == 2, said
