"""Keeps one child process for many cases, and starts another if a case has killed it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import IO

from tests.support.paths import ROOT

__all__ = ["Died", "Server"]

_LIMITS = {"structure": 60.0, "heads": 60.0, "labels": 60.0, "repaired": 60.0, "decoded": 600.0}
"""Seconds that an answer may take: a hundred times what it takes on a machine that is not busy."""
_FIRST = 600.0
"""Seconds for the first answer to each task: kernels may have to be compiled."""


class Died(AssertionError):
    """The child crashed, or did not answer in time."""


class Server:
    """Hands cases to a child process and counts how they ended."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.seconds = self.slowest = 0.0
        self.peak = 0
        """Memory of the child at its highest, in MB."""
        self._answered: set[str] = set()
        self._child: subprocess.Popen[str] | None = None
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it

    def ask(self, task: str, folder: Path) -> tuple[str, str]:
        """Return outcome and reason. Raises `Died` if there is no answer; the next request starts a new child."""
        child = self._child or self._start()
        begin = time.monotonic()
        limit = _LIMITS[task] if task in self._answered else _FIRST
        outcome, why, peak = self._exchange(child, task, str(folder), limit)
        self._answered.add(task)
        self.seconds += time.monotonic() - begin
        self.slowest = max(self.slowest, time.monotonic() - begin)
        self.peak = max(self.peak, peak)
        self.outcomes[f"{task}: {outcome}"] += 1
        return outcome, why

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._kill(self._child)
        self._log.close()

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "ignore", "-m", "tests.fuzz.child"]
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=self._log, text=True)
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "a.rec").touch()
            self._exchange(self._child, "structure", name, _FIRST)
        return self._child

    def _exchange(self, child: subprocess.Popen[str], task: str, folder: str, limit: float) -> tuple[str, str, int]:
        assert child.stdin is not None and child.stdout is not None  # asked for when it was started
        child.stdin.write(json.dumps([task, folder]) + "\n")
        child.stdin.flush()
        ready = select.select([child.stdout], [], [], limit)[0]
        line = child.stdout.readline() if ready else ""
        if line:
            outcome, why, peak = json.loads(line)
            return outcome, why, peak
        self._kill(child)
        self.outcomes[f"{task}: died"] += 1
        raise Died(f"no answer for {limit:g} s" if not ready else f"died of {child.returncode}: {self._last_words()}")

    def _kill(self, child: subprocess.Popen[str]) -> None:
        """End the child and the processes that it has started."""
        self._child = None
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.kill()
        child.communicate()

    def _last_words(self) -> str:
        self._log.seek(max(0, os.fstat(self._log.fileno()).st_size - 2000))
        return self._log.read().decode("utf-8", "replace")
