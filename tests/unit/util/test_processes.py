from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dali_ssd.util.processes import how_ended

CHILD = """
import time
from dali_ssd.util.processes import die_with
die_with({parent})
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "ended with exit code 0"),
        (2, "ended with exit code 2"),
        (-9, "was ended by SIGKILL"),
        (143, "was ended by SIGTERM"),
        (128, "ended with exit code 128"),
        (255, "ended with exit code 255"),
    ],
)
def test_how_a_process_ended(code: int, words: str) -> None:
    assert how_ended(code) == words


def test_a_process_dies_with_its_parent() -> None:
    program = f"""
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}.format(parent=os.getpid())], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=False)
    child = int(done.stdout)
    assert done.returncode == -signal.SIGKILL
    end = time.monotonic() + 10
    while command(child) and time.monotonic() < end:
        time.sleep(0.05)
    assert not command(child)


def command(process: int) -> bytes:
    """The command line of a process; none if it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def test_a_process_whose_parent_is_gone_dies_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD.format(parent=1 << 30)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
