"""Medians and spreads of the runs, and ratios within each round, taken before the median."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from dali_ssd.bench.experiment import Run, Trial

__all__ = ["REFERENCE", "Row", "Spread", "summarize"]

REFERENCE = "dali_ssd"
"""The contender that the others are compared with."""


@dataclass(frozen=True)
class Spread:
    """Median, lowest and highest of some values."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread | None:
        """Return the spread of `values`; None if there are none."""
        known = sorted(values)
        return cls(median(known), known[0], known[-1]) if known else None


@dataclass(frozen=True)
class Row:
    """A trial over all its rounds; None for what could not be measured."""

    trial: Trial
    rounds: int
    """Rounds that gave numbers."""
    speed: Spread | None
    """Images per second."""
    ratio: Spread | None
    """Speed of the reference with the same setting over this one, within the same round."""
    cpu_ms_per_image: float | None
    cores: float | None
    peak_memory_mb: float | None
    """Highest of all rounds."""
    startup_s: float | None
    gpu_utilization: float | None
    gpu_memory_mb: float | None
    error: str = ""


def summarize(runs: Sequence[Run], reference: str = REFERENCE) -> list[Row]:
    """Return one row per trial, in the order of their first runs."""
    trials = dict.fromkeys(run.trial for run in runs)
    return [_row(trial, runs, Trial(reference, trial.threads, trial.batch_size)) for trial in trials]


def _row(trial: Trial, runs: Sequence[Run], reference: Trial) -> Row:
    mine = {run.round: run.outcome for run in runs if run.trial == trial and not run.outcome.error}
    theirs = {run.round: run.outcome for run in runs if run.trial == reference and not run.outcome.error}
    outcomes = list(mine.values())

    def middle(name: str) -> float | None:
        values = [getattr(outcome, name) for outcome in outcomes if getattr(outcome, name) is not None]
        return median(values) if values else None

    ratios = [theirs[i].images_per_second / outcome.images_per_second for i, outcome in mine.items() if i in theirs]
    return Row(
        trial,
        rounds=len(mine),
        speed=Spread.of(outcome.images_per_second for outcome in outcomes),
        ratio=Spread.of(ratios),
        cpu_ms_per_image=middle("cpu_ms_per_image"),
        cores=middle("cores"),
        peak_memory_mb=max((outcome.peak_memory_mb for outcome in outcomes), default=None),
        startup_s=middle("startup_s"),
        gpu_utilization=middle("gpu_utilization"),
        gpu_memory_mb=max(filter(None, (outcome.gpu_memory_mb for outcome in outcomes)), default=None),
        error=next((run.outcome.error for run in runs if run.trial == trial and run.outcome.error), ""),
    )
