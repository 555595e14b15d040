"""Samples of what a process holds, and how much they grow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["Sample", "growth", "take_sample"]


@dataclass(frozen=True)
class Sample:
    """What the process held after some batches."""

    batch: int
    memory: float
    """Resident and the process's own, in 10^6 bytes: pages of mapped files come and go with the page cache."""
    files: int
    """Open file descriptors."""


def take_sample(batch: int) -> Sample:
    """Look at this process now."""
    return Sample(batch, _own_bytes() / 1e6, len(os.listdir("/proc/self/fd")))


def growth(samples: Sequence[Sample], what: str) -> float:
    """Slope of the straight line through the samples of `memory` or `files`, for every 1,000 batches.

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
