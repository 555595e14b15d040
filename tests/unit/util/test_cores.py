"""Cores near a device, by what the kernel of the tests lists."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_ssd.util import cores
from dali_ssd.util.cores import all_cores, cores_near, divide_cores

BUS = "0000:01:00.0"


def listing(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Have the kernel say that these cores are near the device."""
    (folder / BUS).mkdir()
    (folder / BUS / "local_cpulist").write_text(text)
    monkeypatch.setattr(cores, "_PCI", folder)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 8, 9})


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("0-1,8\n", {0, 1, 8}),
        ("2\n", {2}),
        ("0-127", {0, 1, 2, 8, 9}),
        ("1-2,9-11\n", {1, 2, 9}),
        ("8,2,9-9\n", {2, 8, 9}),
    ],
)
def test_cores_are_near_that_the_kernel_lists_and_this_process_may_use(
    text: str, near: set[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing(tmp_path, monkeypatch, text)
    assert cores_near(BUS) == near


@pytest.mark.parametrize("text", ["", "\n", "none\n", "3-7\n", "99\n"])
def test_all_are_near_if_it_does_not_tell(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing(tmp_path, monkeypatch, text)
    assert cores_near(BUS) == cores_near("0000:02:00.0") == {0, 1, 2, 8, 9}


def test_all_cores_are_those_of_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert os.sched_getaffinity(0) <= all_cores()
    (tmp_path / "online").write_text("0-5,7\n")
    monkeypatch.setattr(cores, "_ONLINE", tmp_path / "online")
    assert all_cores() == {0, 1, 2, 3, 4, 5, 7}
    monkeypatch.setattr(cores, "_ONLINE", tmp_path / "none")
    assert all_cores() == os.sched_getaffinity(0)


@given(st.sets(st.integers(0, 200), min_size=1), st.integers(1, 16))
def test_cores_are_dealt_out_evenly(cores: set[int], count: int) -> None:
    parts = divide_cores([cores] * count)
    assert {core for part in parts for core in part} == cores
    if len(cores) >= count:
        assert sum(map(len, parts)) == len(cores)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert all(parts)


PROGRAM = """
import os, threading
from dali_ssd.util.cores import bind_process

def wait():
    started.wait()

mine = sorted(os.sched_getaffinity(0))
started = threading.Event()
before = threading.Thread(target=wait)
before.start()
bind_process(mine[-1:])
after = threading.Thread(target=wait)
after.start()
threads = [int(name) for name in os.listdir("/proc/self/task")]
assert len(threads) >= 3
assert all(os.sched_getaffinity(thread) == {mine[-1]} for thread in threads)
started.set()
"""


def test_a_process_is_bound_with_threads_that_run_and_that_it_starts() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)
