"""Interleaved rounds: each runs every contender once, so that a slow minute of the machine affects all alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dali_ssd.bench.measuring.outcome import Outcome
from dali_ssd.util.words import counted, number_runs

__all__ = ["Run", "Trial", "plan", "run_rounds"]


@dataclass(frozen=True)
class Trial:
    """One contender with one setting; run once per round."""

    contender: str
    threads: int
    """Of each device."""
    batch_size: int
    """Of each device."""
    devices: tuple[int, ...] = (0,)
    """Numbers of the devices that are measured at once."""

    def __str__(self) -> str:
        return f"{self.contender}, {counted(self.threads, 'thread')}, batch {self.batch_size}{self.where}"

    @property
    def where(self) -> str:
        """The devices in words, to be added to a contender; empty for the first alone."""
        return "" if self.devices == (0,) else f" on device{'s' * (len(self.devices) > 1)} {number_runs(self.devices)}"


@dataclass(frozen=True)
class Run:
    """One trial in one round (from 1)."""

    trial: Trial
    round: int
    outcome: Outcome


def plan(
    contenders: Sequence[str],
    threads: Sequence[int],
    batch_sizes: Sequence[int],
    devices: Sequence[tuple[int, ...]] = ((0,),),
) -> list[Trial]:
    """Return all combinations, with contenders of the same setting next to each other."""
    return [
        Trial(name, count, size, numbers)
        for size in batch_sizes
        for count in threads
        for numbers in devices
        for name in contenders
    ]


def run_rounds(
    trials: Sequence[Trial],
    rounds: int,
    run: Callable[[Trial], Outcome],
    report: Callable[[Run], None] = lambda _: None,
) -> list[Run]:
    """Run every trial once per round, every second round in the opposite order, and `report` each run as it ends.

    A trial that fails is not run again; the others continue.
    """
    runs: list[Run] = []
    failed: set[Trial] = set()
    for number in range(1, rounds + 1):
        for trial in trials if number % 2 else reversed(trials):
            if trial in failed:
                continue
            runs.append(Run(trial, number, run(trial)))
            if runs[-1].outcome.error:
                failed.add(trial)
            report(runs[-1])
    return runs
