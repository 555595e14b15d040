"""What each step of dali_ssd's pipeline costs: the difference to the pipeline that ends one step before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dali_ssd.bench.experiment import Run
from dali_ssd.bench.measuring.runner import Outcome
from dali_ssd.bench.results.summary import Spread

__all__ = ["CONTENDER", "STEPS", "StepCost", "step_costs"]

CONTENDER = "dali_ssd.bench.contenders.steps"
"""The module that runs the pipeline up to a step."""

STEPS = {
    "read": "read records in random order",
    "plan": "parse the label, draw view and colors, move the boxes",
    "place": "for a GPU: place what the view shows for DALI's operators, the last that the host does",
    "decode": "decode what the view shows",
    "render": "resample, place, mirror, color and normalize it",
    "encode": "make the training targets",
    "hand over": "hand the batch to MXNet: the whole TrainLoader",
}
"""The steps in the order of the data, and what they do."""


@dataclass(frozen=True)
class StepCost:
    """One step's part of the time."""

    step: str
    cost: Spread | None
    """CPU milliseconds an image that the step adds, from runs of the same round; may fall below 0 by noise."""
    total: Spread | None
    """CPU milliseconds an image up to and with this step."""
    speed: Spread | None
    """Images a second if the pipeline ended here."""
    error: str = ""


def step_costs(runs: Sequence[Run]) -> list[StepCost]:
    """Return the cost of each step that was run."""
    names = [step for step in STEPS if any(run.trial.contender == step for run in runs)]
    return [_cost(step, before, runs) for step, before in zip(names, [None, *names], strict=False)]


def _cost(step: str, before: str | None, runs: Sequence[Run]) -> StepCost:
    mine = _outcomes(step, runs)
    totals = {number: outcome.cpu_ms_per_image for number, outcome in mine.items()}
    bases = dict.fromkeys(mine, 0.0)  # nothing comes before the first step
    if before is not None:
        bases = {number: outcome.cpu_ms_per_image for number, outcome in _outcomes(before, runs).items()}
    return StepCost(
        step,
        Spread.of(total - bases[number] for number, total in totals.items() if number in bases),
        Spread.of(totals.values()),
        Spread.of(outcome.images_per_second for outcome in mine.values()),
        next((run.outcome.error for run in runs if run.trial.contender == step and run.outcome.error), ""),
    )


def _outcomes(step: str | None, runs: Sequence[Run]) -> dict[int, Outcome]:
    """Return what worked of a step, by round."""
    return {run.round: run.outcome for run in runs if run.trial.contender == step and not run.outcome.error}
