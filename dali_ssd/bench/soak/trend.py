"""Samples of a process's memory and open files, and their growth."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["Sample", "growth", "take_sample"]


@dataclass(frozen=True)
class Sample:
    """Memory and open files of the process after some batches."""

    batch: int
    memory: float
    """The process's own resident memory in 10^6 bytes, without mapped files, whose pages come and go with the cache."""
    files: int
    """Open file descriptors."""


def take_sample(batch: int) -> Sample:
    """Sample this process now."""
    return Sample(batch, _own_bytes() / 1e6, len(os.listdir("/proc/self/fd")))


def growth(samples: Sequence[Sample], what: str) -> float:
    """Return the slope of a straight line through the samples of `memory` or `files`, per 1,000 batches.

    0 for fewer than two samples.
    """
    if len(samples) < 2:
        return 0.0
    batches = np.array([sample.batch for sample in samples], np.float64)
    values = np.array([getattr(sample, what) for sample in samples], np.float64)
    return float(1000 * np.polyfit(batches, values, 1)[0])


def _own_bytes() -> int:
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * sum(int(fields[name].split()[0]) for name in ("RssAnon", "RssShmem"))
