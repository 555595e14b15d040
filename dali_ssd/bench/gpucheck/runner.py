"""Run the checks of one device in a process of its own, and keep the results, whatever happens to that process."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from dali_ssd.bench.gpucheck.checks import CHECKS, CUDA, PLUGIN, CheckResult
from dali_ssd.bench.gpucheck.child import CheckRequest
from dali_ssd.bench.gpucheck.sample import Sample
from dali_ssd.bench.measuring.devices import Device
from dali_ssd.bench.measuring.process import end_group, last_words, start_python

__all__ = ["check_device", "names_of_checks"]

_CHILD = "dali_ssd.bench.gpucheck.child"
_POLL = 0.1
"""Seconds between two looks at the results."""


def names_of_checks(device: Device) -> list[str]:
    """Return the names of the checks of a device; a CPU, as a twin of a GPU in tests, needs no CUDA."""
    return [CUDA, PLUGIN, *CHECKS] if device.kind == "gpu" else [*CHECKS]


def check_device(
    device: Device, sample: Sample, names: Sequence[str], timeout: float, report: Callable[[CheckResult], None]
) -> None:
    """Check a device in a process that sees no other, and `report` each result as it comes.

    If the process dies or says nothing for `timeout` seconds, the check that it was at has failed. After any failure
    the rest goes on in a new process, since CUDA can be of no use after an error. If CUDA does not work at all, the
    rest is not checked.
    """
    left = list(names)

    def arrived(result: CheckResult) -> None:
        left.remove(result.name)
        report(replace(result, device=str(device)))
        if result.name == CUDA and result.problem:
            for name in [*left]:
                arrived(CheckResult(name, "CUDA does not work on this device", made=False))

    while left:
        with tempfile.TemporaryDirectory(prefix="dali-ssd-check-") as folder:
            why = _run(device, CheckRequest(sample, device.kind, tuple(left)), Path(folder), timeout, arrived)
        if why and left:
            arrived(CheckResult(left[0], why))


def _run(
    device: Device, request: CheckRequest, folder: Path, timeout: float, arrived: Callable[[CheckResult], None]
) -> str:
    """Run one process to its end, and return why it died at a check; empty if it did not."""
    asked, results, log = folder / "request.json", folder / "results.jsonl", folder / "log.txt"
    asked.write_text(json.dumps(asdict(request)))
    results.touch()
    process = start_python(_CHILD, asked, results, device, log)
    try:
        seen, heard = 0, time.monotonic()
        while True:
            code = process.poll()  # before the results: none can come after it has ended
            lines = results.read_text().splitlines(keepends=True)[seen:]
            for line in (line for line in lines if line.endswith("\n")):
                arrived(CheckResult(**json.loads(line)))
                seen, heard = seen + 1, time.monotonic()
            if code == 0:
                return "" if seen else "the process ended without a result"
            if code is not None:
                return last_words(code, log)
            if time.monotonic() - heard > timeout:
                return f"no result after {timeout:g} s; it was stopped"
            time.sleep(_POLL)
    finally:
        end_group(process)
