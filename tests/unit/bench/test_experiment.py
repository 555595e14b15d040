from __future__ import annotations

from dali_ssd.bench.experiment import Run, Trial, plan, run_rounds
from dali_ssd.bench.measuring.outcome import Outcome


def test_plan_holds_every_combination_once() -> None:
    trials = plan(["a", "b"], [1, 2], [8, 16])
    assert len(trials) == len(set(trials)) == 8
    assert trials[:2] == [Trial("a", 1, 8), Trial("b", 1, 8)]


def test_contenders_on_the_same_devices_are_neighbors() -> None:
    trials = plan(["a", "b"], [1], [8], [(0,), (0, 1)])
    assert [(trial.contender, trial.devices) for trial in trials] == [
        ("a", (0,)),
        ("b", (0,)),
        ("a", (0, 1)),
        ("b", (0, 1)),
    ]


def test_rounds_are_interleaved_and_turn_around() -> None:
    a, b = plan(["a", "b"], [1], [8])
    runs = run_rounds([a, b], 3, lambda _: Outcome(1.0))
    assert [(run.round, run.trial) for run in runs] == [(1, a), (1, b), (2, b), (2, a), (3, a), (3, b)]


def test_a_failing_trial_is_tried_once_and_the_others_go_on() -> None:
    a, b = plan(["a", "b"], [1], [8])
    runs = run_rounds([a, b], 3, lambda trial: Outcome(error="no") if trial == a else Outcome(1.0))
    assert [run.round for run in runs if run.trial == a] == [1]
    assert [run.round for run in runs if run.trial == b] == [1, 2, 3]


def test_each_run_is_reported_as_it_ends() -> None:
    seen: list[Run] = []
    runs = run_rounds(plan(["a"], [1, 2], [8]), 2, lambda _: Outcome(1.0), seen.append)
    assert seen == runs


def test_a_trial_says_what_it_is() -> None:
    assert str(Trial("stock", 1, 32)) == "stock, 1 thread, batch 32"
    assert str(Trial("stock", 2, 32)) == "stock, 2 threads, batch 32"
    assert str(Trial("stock", 2, 32, (1,))) == "stock, 2 threads, batch 32 on device 1"
    assert str(Trial("stock", 2, 32, (0, 3))) == "stock, 2 threads, batch 32 on devices 0,3"
