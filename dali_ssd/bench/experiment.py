"""Interleaved rounds: each runs every contender once, so that a slow minute of the machine affects all alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dali_ssd.bench.measuring.runner import Outcome

__all__ = ["Run", "Trial", "plan", "run_rounds"]


@dataclass(frozen=True)
class Trial:
    """One contender with one setting; run once per round."""

    contender: str
    threads: int
    batch_size: int

    def __str__(self) -> str:
        return f"{self.contender}, {self.threads} thread{'s' * (self.threads != 1)}, batch {self.batch_size}"


@dataclass(frozen=True)
class Run:
    """One trial in one round (from 1)."""

    trial: Trial
    round: int
    outcome: Outcome


def plan(contenders: Sequence[str], threads: Sequence[int], batch_sizes: Sequence[int]) -> list[Trial]:
    """Return all combinations, with contenders of the same setting next to each other."""
    return [Trial(name, count, size) for size in batch_sizes for count in threads for name in contenders]


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
