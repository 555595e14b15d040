"""Medians and spreads of the runs, and ratios within each round, taken before the median."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import mean, median

from dali_ssd.bench.experiment import Run, Trial
from dali_ssd.bench.measuring.outcome import Outcome

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
    """Images per second, of all devices."""
    ratio: Spread | None
    """Speed of the reference with the same setting over this one, within the same round."""
    scaling: Spread | None
    """Speed of several devices over that of one times their number, within the same round; None for one device."""
    each: list[float]
    """Images per second of each of several devices, medians."""
    cpu_ms_per_image: float | None
    cores: float | None
    peak_memory_mb: float | None
    """Highest of all rounds."""
    startup_s: float | None
    gpu_utilization: float | None
    gpu_memory_mb: float | None
    gpu_decoder: float | None = None
    gpu_jpeg: float | None = None
    placement: str = ""
    """What ran where; of rounds that differ, each."""
    notes: list[str] = field(default_factory=list)
    """Those of all rounds, each once."""
    error: str = ""


def summarize(runs: Sequence[Run], reference: str = REFERENCE) -> list[Row]:
    """Return one row per trial, in the order of their first runs."""
    trials = dict.fromkeys(run.trial for run in runs)
    return [_row(trial, runs, replace(trial, contender=reference)) for trial in trials]


def _row(trial: Trial, runs: Sequence[Run], reference: Trial) -> Row:
    mine, theirs = _by_round(trial, runs), _by_round(reference, runs)
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
        scaling=Spread.of(_scalings(trial, mine, runs)),
        each=[median(speeds) for speeds in zip(*(_each(outcome) for outcome in outcomes), strict=True)],
        cpu_ms_per_image=middle("cpu_ms_per_image"),
        cores=middle("cores"),
        peak_memory_mb=max((outcome.peak_memory_mb for outcome in outcomes), default=None),
        startup_s=middle("startup_s"),
        gpu_utilization=middle("gpu_utilization"),
        gpu_decoder=middle("gpu_decoder"),
        gpu_jpeg=middle("gpu_jpeg"),
        gpu_memory_mb=max(filter(None, (outcome.gpu_memory_mb for outcome in outcomes)), default=None),
        placement=" or ".join(dict.fromkeys(outcome.placement for outcome in outcomes)),
        notes=list(dict.fromkeys(note for outcome in outcomes for note in outcome.notes)),
        error=next((run.outcome.error for run in runs if run.trial == trial and run.outcome.error), ""),
    )


def _by_round(trial: Trial, runs: Sequence[Run]) -> dict[int, Outcome]:
    return {run.round: run.outcome for run in runs if run.trial == trial and not run.outcome.error}


def _each(outcome: Outcome) -> list[float]:
    return [device.images_per_second for device in outcome.devices]


def _scalings(trial: Trial, mine: dict[int, Outcome], runs: Sequence[Run]) -> Iterator[float]:
    """Yield the scaling of each round, by the mean speed of those of its devices that were measured alone."""
    if len(trial.devices) == 1:
        return
    alone = [_by_round(replace(trial, devices=(number,)), runs) for number in trial.devices]
    for number, outcome in mine.items():
        speeds = [by_round[number].images_per_second for by_round in alone if number in by_round]
        if speeds:
            yield outcome.images_per_second / (len(trial.devices) * mean(speeds))
