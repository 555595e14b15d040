"""The record of an experiment as JSON: everything needed to judge the numbers or to repeat them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dali_ssd.bench.datasets import Description
from dali_ssd.bench.experiment import Run, Trial
from dali_ssd.bench.measuring.before import Before
from dali_ssd.bench.measuring.outcome import Outcome
from dali_ssd.bench.results.summary import summarize
from dali_ssd.errors import DatasetError
from dali_ssd.machine.describe import Machine
from dali_ssd.util.files import atomic_open

__all__ = ["BenchResult", "read_record", "write_record"]

_FORMAT = "dali-ssd bench 1"


@dataclass(frozen=True)
class BenchResult:
    """One experiment."""

    command: list[str]
    """Command line of the experiment."""
    date: str
    """Start in ISO format with the time zone."""
    task: str
    """Measured task: `load`, `train` and the network, or `steps`."""
    data_shape: int
    device: str
    """Where it was measured: `cpu`, `gpu`, or in words."""
    versions: dict[str, str]
    machine: Machine
    data: Description
    runs: list[Run]
    before: Before = field(default_factory=Before)


def write_record(path: Path, record: BenchResult) -> None:
    """Write a record and its summary, whole or not at all."""
    rows = [asdict(row) for row in summarize(record.runs)]
    with atomic_open(path, "w") as file:
        json.dump({"format": _FORMAT, **asdict(record), "summary": rows}, file, indent=1)
        file.write("\n")


def read_record(path: Path) -> BenchResult:
    """Read what `write_record` wrote. Raises DatasetError if the file is missing or not a record."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if fields.pop("format") != _FORMAT:
            raise KeyError(f"the format is not {_FORMAT!r}")
        return _restored(fields)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DatasetError(f"{path} is no record of `dali-ssd bench --json`: {error}") from error


def _restored(fields: dict[str, Any]) -> BenchResult:
    del fields["summary"]
    runs = [Run(_trial(run["trial"]), run["round"], Outcome.restored(run["outcome"])) for run in fields.pop("runs")]
    machine, data = Machine(**fields.pop("machine")), Description(**fields.pop("data"))
    before = Before.restored(fields.pop("before", {}))
    return BenchResult(machine=machine, data=data, runs=runs, before=before, **fields)


def _trial(fields: dict[str, Any]) -> Trial:
    return Trial(**{**fields, "devices": tuple(fields.get("devices", Trial.devices))})
