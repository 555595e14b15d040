from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from dali_ssd.bench.measuring.resources import cpu_seconds, process_tree, resident_bytes

HOLD = "ballast = bytearray(b'x' * 10**8); print(1, flush=True); input()"
CODE = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLD!r}])"


@pytest.fixture
def grandchild() -> Iterator[subprocess.Popen[bytes]]:
    """A child whose own child holds 100 MB."""
    with subprocess.Popen([sys.executable, "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.communicate(b"\n")


def test_the_tree_goes_down_to_grandchildren(grandchild: subprocess.Popen[bytes]) -> None:
    assert len(process_tree(grandchild.pid)) == 2
    assert set(process_tree(grandchild.pid)) < set(process_tree(os.getpid()))


def test_memory_of_descendants_counts(grandchild: subprocess.Popen[bytes]) -> None:
    assert 100e6 < resident_bytes(grandchild.pid) < 300e6


def test_cpu_seconds_grow_with_work() -> None:
    before, end = cpu_seconds(os.getpid()), time.process_time() + 0.2
    while time.process_time() < end:
        pass
    assert 0.15 < cpu_seconds(os.getpid()) - before < 2


def test_a_process_that_is_gone_has_nothing() -> None:
    process = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    gone = int(process.stdout)
    assert process_tree(gone) == [gone]
    assert cpu_seconds(gone) == 0
    assert resident_bytes(gone) == 0
