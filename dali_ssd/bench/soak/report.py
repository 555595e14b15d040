"""The report of a soak as Markdown."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dali_ssd import __version__
from dali_ssd.bench.soak.run import Soaked
from dali_ssd.bench.soak.trend import growth
from dali_ssd.machine.describe import describe_machine, versions
from dali_ssd.util.words import counted

__all__ = ["describe_code", "report"]

_PERCENTILES = {"median": 50, "9 of 10 within": 90, "99 of 100 within": 99, "999 of 1,000 within": 99.9, "longest": 100}
_ENDS = 200
"""Training steps at the start and at the end whose mean loss is reported."""


def describe_code() -> str:
    """Return the version, and in a checkout the commit. Call it before a run, during which it may change."""
    done = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return __version__ + (f", commit {done.stdout.strip()}" if done.returncode == 0 else "")


def report(result: Soaked, command: Sequence[str], date: str, code: str, picture: str = "") -> str:
    """Return the report: command, machine, `code`, results, and a link to `picture` if there is one."""
    parts = [
        "# The soak",
        "`make soak` loads from shards with planted faults, trains and scores, and checks that nothing grows and that\n"
        "no bad record is delivered. This is the report of its last run.",
        _verdict(result),
        _table(_setting(command, date, code), "run"),
        _table(_done(result), "done"),
        _table(_held(result), "held"),
        f"![Memory and open files over the batches]({picture})" if picture else "",
        _table(_waits(result), "waits for a batch, ms"),
        "## Planted records",
        _table(_records(result), "records"),
        _table(_faults(result), "fault"),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdict(result: Soaked) -> str:
    if not result.failures:
        return f"**All is well, but {result.not_measured}.**" if result.not_measured else "**All is well.**"
    return "\n".join(["**Not all is well:**", "", *(f"- {failure}" for failure in result.failures)])


def _table(rows: dict[str, str], title: str) -> str:
    return "\n".join([f"| {title} | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())])


def _setting(command: Sequence[str], date: str, code: str) -> dict[str, str]:
    machine, known = describe_machine(), versions()
    where = [
        f"{counted(machine.cores, 'core')} of {machine.cpu}",
        f"{machine.memory_gb:.0f} GB",
        *(machine.gpus or ["no GPU"]),
    ]
    return {
        "date": date,
        "command": f"`{' '.join(command)}`",
        "machine": ", ".join(where),
        "dali_ssd": code,
        "with": f"DALI {known['dali']}, MXNet {known['mxnet']}, Python {known['python']}",
    }


def _done(result: Soaked) -> dict[str, str]:
    config, losses = result.config, result.losses
    speed = result.batches * config.batch_size / result.seconds
    size = f"{counted(config.batch_size, 'image')} of {config.data_shape} px each"
    rows = {
        "batches": f"{result.batches:,} of {config.batches:,}, {size}",
        "training steps": f"{result.steps:,}, mobilenet0.25",
        "scorings": f"{result.scorings}, the last with mAP {result.mean_ap:.3f}" if result.scorings else "none",
        "time": f"{result.seconds / 60:.1f} minutes, {speed:.0f} images/s",
    }
    if losses:
        first, last = (float(np.mean(part)) for part in (losses[:_ENDS], losses[-_ENDS:]))
        rows["mean loss"] = f"{first:.2f} in the first {_ENDS} steps, {last:.2f} in the last"
    return rows


def _held(result: Soaked) -> dict[str, str]:
    if not result.samples:
        return {"samples": "none: the run ended too early"}
    late = result.settled
    if result.not_measured:
        last = result.samples[-1]
        return {
            "own memory": f"{last.memory:.0f} MB at the end",
            "open files": f"{last.files} at the end",
            "their growth": result.not_measured,
        }
    memory, files = [sample.memory for sample in late], [sample.files for sample in late]
    return {
        "own memory": f"{memory[0]:.0f} MB at batch {late[0].batch:,}, {memory[-1]:.0f} MB at the end, "
        f"{min(memory):.0f} to {max(memory):.0f} MB between",
        "its growth": f"{growth(late, 'memory'):+.3f} MB per 1,000 batches, "
        f"at most {result.config.max_memory:g} allowed",
        "open files": f"{files[0]} at batch {late[0].batch:,}, {files[-1]} at the end, "
        f"{min(files)} to {max(files)} between",
        "their growth": f"{growth(late, 'files'):+.3f} per 1,000 batches, at most {result.config.max_files:g} allowed",
        "samples": f"{len(result.samples)}, of which {len(late)} count: caches fill up in the first "
        f"{counted(result.config.settling, 'batch')}",
    }


def _waits(result: Soaked) -> dict[str, str]:
    if len(result.waits) < 2:
        return {}
    later = 1000 * np.array(result.waits[1:])
    rows = {"first batch": f"{1000 * result.waits[0]:.0f}"}
    rows |= {name: f"{np.percentile(later, percent):.1f}" for name, percent in _PERCENTILES.items()}
    rows["share of the time"] = f"{sum(result.waits) / result.seconds:.0%}"
    return rows


def _records(result: Soaked) -> dict[str, str]:
    planted = result.planted
    seen = len(planted.good & result.delivered)
    return {
        "drawn": f"{len(planted.good) + len(planted.bad)} in {counted(len(planted.shards), 'shard')}",
        "bad": f"{len(planted.bad)}, of which {len(planted.bad.keys() & result.delivered)} were delivered",
        "good": f"{len(planted.good)}, of which {seen} were delivered; {len(planted.unusual)} of them are unusual",
    }


def _faults(result: Soaked) -> dict[str, str]:
    left_out, delivered = Counter(result.planted.bad.values()), Counter(result.planted.unusual.values())
    rows = {name: f"{counted(count, 'record')}, left out" for name, count in sorted(left_out.items())}
    return rows | {name: f"{counted(count, 'record')}, delivered" for name, count in sorted(delivered.items())}
