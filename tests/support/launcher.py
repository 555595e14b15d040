"""`dali-ssd launch` with small programs in place of training."""

from __future__ import annotations

import subprocess
import sys

from tests.support.paths import ROOT

__all__ = ["end", "launch", "lines_of", "start"]

LAUNCH = """
import sys
from dali_ssd.launch.start import supervisor
from dali_ssd.launch.start.options import LaunchConfig
from dali_ssd.launch.start.run import launch
supervisor.GRACE_S = supervisor._CAUSE_S = 1.0
sys.exit(launch(LaunchConfig({options}), ["train"], (sys.executable, "-c", sys.argv[1])))
"""
BEGIN = """
import os, signal, sys, time
rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
def print(*words, flush=True): os.write(1, (" ".join(map(str, words)) + "\\n").encode())
"""
"""How each rank's program begins. Its `print` writes a line at once, in a handler of signals as well."""


def start(program: str, options: str = "processes=3") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", LAUNCH.format(options=options), BEGIN + program],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True, start_new_session=True,
    )  # fmt: skip


def end(process: subprocess.Popen[str], limit: float = 50) -> tuple[int, list[str], list[str]]:
    """Exit code, and the lines of both streams in alphabetical order."""
    try:
        out, errors = process.communicate(timeout=limit)
    finally:
        process.kill()
    return process.returncode, sorted(out.splitlines()), sorted(errors.splitlines())


def launch(program: str, options: str = "processes=3") -> tuple[int, list[str], list[str]]:
    return end(start(program, options))


def lines_of(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stdout
    return sorted(process.stdout.readline().rstrip() for _ in range(count))
