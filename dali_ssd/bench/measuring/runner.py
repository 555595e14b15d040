"""Run one contender once in a process of its own, and return its outcome, whatever happens to that process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dali_ssd.bench.measuring.child import Request
from dali_ssd.bench.measuring.sampler import Sampler

__all__ = ["Outcome", "run_child"]

_PACKAGE_ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Outcome:
    """The outcome of one run of a contender: either numbers or an error."""

    images_per_second: float = 0.0
    cpu_ms_per_image: float = 0.0
    """CPU milliseconds of the process and its workers per image."""
    cores: float = 0.0
    """Cores kept busy: CPU seconds over seconds."""
    peak_memory_mb: float = 0.0
    """Most resident memory of the process and its workers, in 10^6 bytes."""
    startup_s: float = 0.0
    """Seconds from the start of the process to its first batch."""
    images: int = 0
    """Images in the window."""
    seconds: float = 0.0
    """Length of the window."""
    gpu_utilization: float | None = None
    """Mean percent in the window."""
    gpu_memory_mb: float | None = None
    error: str = ""
    """Why there are no numbers, in one line; empty if there are."""


def run_child(request: Request, timeout: float) -> Outcome:
    """Measure `request` in a fresh process, which is ended after `timeout` seconds."""
    with tempfile.TemporaryDirectory(prefix="dali-ssd-bench-") as folder:
        return _run_in(Path(folder), request, timeout)


def _run_in(folder: Path, request: Request, timeout: float) -> Outcome:
    asked, answer, log = folder / "request.json", folder / "result.json", folder / "log.txt"
    request = replace(request, work=replace(request.work, folder=str(folder)))
    asked.write_text(json.dumps(asdict(request)))
    started = time.monotonic()
    with log.open("wb") as output, _start(asked, answer, output) as process:
        try:
            with Sampler(process.pid) as sampler:
                code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            return Outcome(error=f"no result after {timeout:g} s; it was stopped")
        finally:
            _end_group(process)
    if not answer.exists():
        return Outcome(error=_last_words(code, log))
    result = json.loads(answer.read_text())
    if "error" in result:
        return Outcome(error=result["error"])
    return _outcome(result["measured"], sampler, started)


def _start(asked: Path, answer: Path, output: Any) -> subprocess.Popen[bytes]:
    # The child must import this package, also from a checkout that is not installed.
    path = os.pathsep.join(filter(None, [str(_PACKAGE_ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-m", "dali_ssd.bench.measuring.child", str(asked), str(answer), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the child and all processes that it started: workers can outlive it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _last_words(code: int, log: Path) -> str:
    """Explain why a process ended without an answer, for example if it was killed for lack of memory."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return f"the process {how}" + (f": {lines[-1].strip()}" if lines else "")


def _outcome(measured: dict[str, Any], sampler: Sampler, started: float) -> Outcome:
    images, seconds, cpu = measured["images"], measured["seconds"], measured["cpu_seconds"]
    gpu = sampler.gpu_between(measured["began"], measured["ended"])
    return Outcome(
        images_per_second=images / seconds,
        cpu_ms_per_image=1000 * cpu / images,
        cores=cpu / seconds,
        peak_memory_mb=sampler.peak_bytes / 1e6,
        startup_s=measured["first_batch"] - started,
        images=images,
        seconds=seconds,
        gpu_utilization=sum(reading.utilization for reading in gpu) / len(gpu) if gpu else None,
        gpu_memory_mb=max(reading.memory_mb for reading in gpu) if gpu else None,
    )
