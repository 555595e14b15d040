from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dali_ssd.bench.experiment import Run, Trial
from dali_ssd.bench.measuring.outcome import Outcome
from dali_ssd.bench.results.plot import plot_record
from dali_ssd.bench.results.record import BenchResult
from dali_ssd.bench.results.steps import STEPS, step_costs
from dali_ssd.bench.results.summary import Spread
from dali_ssd.bench.results.table import print_record


def run(step: str, number: int, milliseconds: float, batch_size: int = 32) -> Run:
    return Run(Trial(step, 1, batch_size), number, Outcome(1000 / milliseconds, cpu_ms_per_image=milliseconds))


def failed(step: str, number: int) -> Run:
    return Run(Trial(step, 1, 32), number, Outcome(error="RuntimeError: no"))


def test_a_step_costs_what_it_adds_in_the_same_round() -> None:
    runs = [run("read", 1, 1.0), run("plan", 1, 3.0), run("plan", 2, 6.0), run("read", 2, 2.0)]
    read, plan = step_costs(runs)
    assert (read.step, read.cost) == ("read", Spread(1.5, 1.0, 2.0))
    assert (plan.step, plan.cost) == ("plan", Spread(3.0, 2.0, 4.0))
    assert plan.total == Spread(4.5, 3.0, 6.0)


def test_steps_come_in_the_order_of_the_data() -> None:
    runs = [run(step, 1, 1.0) for step in reversed(STEPS)]
    assert [step.step for step in step_costs(runs)] == list(STEPS)


def test_batch_sizes_do_not_mix() -> None:
    runs = [run("read", 1, 1.0), run("plan", 1, 3.0), run("read", 1, 0.5, 128), run("plan", 1, 0.75, 128)]
    costs = [(step.batch_size, step.step, step.cost and step.cost.median) for step in step_costs(runs)]
    assert costs == [(32, "read", 1.0), (32, "plan", 2.0), (128, "read", 0.5), (128, "plan", 0.25)]


def test_a_failing_step_and_the_one_after_it_have_no_cost() -> None:
    read, plan, decode = step_costs([run("read", 1, 1.0), failed("plan", 1), run("decode", 1, 5.0)])
    assert read.cost
    assert (plan.cost, plan.error) == (None, "RuntimeError: no")
    assert (decode.cost, decode.total) == (None, Spread(5.0, 5.0, 5.0))


def test_steps_are_printed_and_drawn(make_record: Callable[..., BenchResult], tmp_path: Path) -> None:
    runs = [run("read", 1, 1.0), run("plan", 1, 1.25), failed("decode", 1)]
    record = replace(make_record(), task="steps", runs=runs)
    stream = io.StringIO()
    print_record(record, stream)
    lines = [line for line in stream.getvalue().splitlines() if line.startswith(("plan ", "decode ", "failed"))]
    assert "0.25" in lines[0]
    assert "40.0" in lines[0]  # 1.25 ms each of 32 images
    assert "failed" in lines[1]
    assert lines[2] == "failed: decode: RuntimeError: no"
    pytest.importorskip("matplotlib")
    plot_record(replace(record, runs=[*runs, run("read", 1, 0.5, 128)]), tmp_path / "steps.png")
    assert (tmp_path / "steps.png").read_bytes().startswith(b"\x89PNG")
