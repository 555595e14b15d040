"""The cost of each step of dali_ssd's pipeline: the difference from the pipeline that ends one step before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dali_ssd.bench.experiment import Run
from dali_ssd.bench.measuring.outcome import Outcome
from dali_ssd.bench.results.summary import Spread

__all__ = ["CONTENDER", "STEPS", "StepCost", "step_costs"]

CONTENDER = "dali_ssd.bench.contenders.steps"
"""The module that runs the pipeline up to a step."""

STEPS = {
    "read": "read records in random order",
    "plan": "parse the label, draw view and colors, transform the boxes",
    "place": "for a GPU without the plugin: place the view for DALI's operators",
    "host": "for a GPU: the rest on the host: the decoder's arguments, the records' names, without the plugin targets",
    "decode": "decode the part of the image in the view",
    "render": "resample, place, mirror, color and normalize the pixels",
    "encode": "make the training targets",
    "hand over": "return the batch as arrays of the framework: the whole TrainLoader",
}
"""The steps in the order of the data, with descriptions."""


@dataclass(frozen=True)
class StepCost:
    """The cost of one step."""

    step: str
    batch_size: int
    cost: Spread | None
    """CPU milliseconds per image that the step adds, from runs of the same round; noise may make it negative."""
    total: Spread | None
    """CPU milliseconds per image up to and including this step."""
    speed: Spread | None
    """Images per second if the pipeline ended here."""
    error: str = ""


def step_costs(runs: Sequence[Run]) -> list[StepCost]:
    """Return the cost of each step that was run, batch size by batch size."""
    costs = []
    for size in sorted({run.trial.batch_size for run in runs}):
        of_size = [run for run in runs if run.trial.batch_size == size]
        names = [step for step in STEPS if any(run.trial.contender == step for run in of_size)]
        costs += [_cost(step, before, of_size) for step, before in zip(names, [None, *names], strict=False)]
    return costs


def _cost(step: str, before: str | None, runs: Sequence[Run]) -> StepCost:
    mine = _outcomes(step, runs)
    totals = {number: outcome.cpu_ms_per_image for number, outcome in mine.items()}
    bases = dict.fromkeys(mine, 0.0)  # nothing comes before the first step
    if before is not None:
        bases = {number: outcome.cpu_ms_per_image for number, outcome in _outcomes(before, runs).items()}
    return StepCost(
        step,
        runs[0].trial.batch_size,
        Spread.of(total - bases[number] for number, total in totals.items() if number in bases),
        Spread.of(totals.values()),
        Spread.of(outcome.images_per_second for outcome in mine.values()),
        next((run.outcome.error for run in runs if run.trial.contender == step and run.outcome.error), ""),
    )


def _outcomes(step: str | None, runs: Sequence[Run]) -> dict[int, Outcome]:
    """Return the successful runs of a step by round."""
    return {run.round: run.outcome for run in runs if run.trial.contender == step and not run.outcome.error}
