"""Run one contender once, one fresh process per device, and return its outcome, whatever happens to the processes.

Several devices are measured as they are used in training on a node: a process each, which sees its own GPU only and
has its own part of the cores. So a contender knows of one device, `Work` is the same for one and for eight, and no
lock of Python's, pipeline or crash is shared. Two parts of a CPU go the same way, which is how this is tested without a
GPU. The windows overlap by a `Meeting`.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from dali_ssd.bench.measuring.child import Request
from dali_ssd.bench.measuring.devices import Device
from dali_ssd.bench.measuring.meeting import Meeting
from dali_ssd.bench.measuring.outcome import NO_READING, Outcome, of_one, of_several
from dali_ssd.bench.measuring.process import end_group, last_words, start_python
from dali_ssd.bench.measuring.sampler import Sampler

__all__ = ["run_on"]

_CHILD = "dali_ssd.bench.measuring.child"
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
        return of_several({str(device): part for device, part in zip(devices, parts, strict=True)})


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
    process = start_python(_CHILD, asked, folder / "result.json", device, folder / "log.txt")
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
    outcome = of_one(measured, sampler.peak_bytes[place], child.started, readings)
    return replace(outcome, notes=[NO_READING]) if gpu and not readings else outcome
