"""Run one contender once, one fresh process per device, and return its outcome, whatever happens to the processes.

Several devices are measured as they are used in training on a node: a process each, which sees its own GPU only and
has its own part of the cores. So a contender knows of one device, `Work` is the same for one and for eight, and no
lock of Python's, pipeline or crash is shared. Two parts of a CPU go the same way, which is how this is tested without a
GPU. The windows overlap by a `Meeting`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dali_ssd.bench.measuring.child import Request
from dali_ssd.bench.measuring.devices import Device
from dali_ssd.bench.measuring.meeting import Meeting
from dali_ssd.bench.measuring.outcome import Outcome, of_one, of_several
from dali_ssd.bench.measuring.sampler import Sampler

__all__ = ["end_group", "last_words", "run_on", "start_python"]

_PACKAGE_ROOT = Path(__file__).resolve().parent.parent.parent
_POLL = 0.05
"""Seconds between two looks at the processes."""


def run_on(devices: Sequence[Device], request: Request, timeout: float) -> Outcome:
    """Measure `request` on all `devices` at once, each in a fresh process, which is ended after `timeout` seconds."""
    with tempfile.TemporaryDirectory(prefix="dali-ssd-bench-") as folder, ExitStack() as stack:
        request = replace(request, meeting=Meeting(folder, len(devices)))
        children = [_start(device, request, Path(folder), stack) for device in devices]
        with Sampler([child.process.pid for child in children], any(device.gpu for device in devices)) as sampler:
            failed = _wait(children, timeout)
        if failed:
            return Outcome(error=failed)
        parts = [_outcome(child, sampler, place) for place, child in enumerate(children)]
        return of_several(parts)


def start_python(module: str, arguments: Sequence[str], device: Device, log: Path) -> subprocess.Popen[bytes]:
    """Start a module of this package in a process group of its own that sees this device only."""
    # The child must import this package, also from a checkout that is not installed.
    path = os.pathsep.join(filter(None, [str(_PACKAGE_ROOT), os.environ.get("PYTHONPATH")]))
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments, str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **device.environment, "PYTHONPATH": path},
            start_new_session=True,
        )


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process of `start_python` and all that it started: workers can outlive it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def last_words(code: int, log: Path) -> str:
    """Explain why a process ended without an answer, for example if it was killed for lack of memory."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return f"the process {how}" + (f": {lines[-1].strip()}" if lines else "")


@dataclass(frozen=True)
class _Child:
    """The process of one device."""

    device: Device
    process: subprocess.Popen[bytes]
    folder: Path
    started: float
    """Time of the monotonic clock."""
    alone: bool

    @property
    def error(self) -> str:
        """Why it ended without numbers; empty if it gave some, or still runs."""
        code, answer = self.process.poll(), self.folder / "result.json"
        if code is None:
            return ""
        error = json.loads(answer.read_text()).get("error", "") if answer.exists() else self._last_words(code)
        return error if self.alone or not error else f"{self.device}: {error}"

    def _last_words(self, code: int) -> str:
        return last_words(code, self.folder / "log.txt")


def _start(device: Device, request: Request, shared: Path, stack: ExitStack) -> _Child:
    folder = shared / f"device-{device.number}"
    folder.mkdir()
    request = replace(request, work=replace(request.work, folder=str(folder)), cores=device.cores)
    asked = folder / "request.json"
    asked.write_text(json.dumps(asdict(request)))
    started = time.monotonic()
    arguments = [str(asked), str(folder / "result.json")]
    process = start_python("dali_ssd.bench.measuring.child", arguments, device, folder / "log.txt")
    stack.callback(end_group, process)
    return _Child(device, process, folder, started, request.meeting.members == 1)


def _wait(children: Sequence[_Child], timeout: float) -> str:
    """Wait until all have ended, or one without numbers: the others would wait for it. Return why, or nothing."""
    deadline = time.monotonic() + timeout
    while True:
        running = any(child.process.poll() is None for child in children)
        error = next((child.error for child in children if child.error), "")
        if error or not running:
            return error
        if time.monotonic() > deadline:
            return f"no result after {timeout:g} s; it was stopped"
        time.sleep(_POLL)


def _outcome(child: _Child, sampler: Sampler, place: int) -> Outcome:
    measured = json.loads((child.folder / "result.json").read_text())["measured"]
    gpu = child.device.gpu
    readings = sampler.gpu_between(gpu.uuid, measured["began"], measured["ended"]) if gpu else []
    return of_one(measured, sampler.peak_bytes[place], child.started, readings)
