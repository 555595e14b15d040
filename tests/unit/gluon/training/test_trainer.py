from __future__ import annotations

import json
import logging
import os
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mxnet")

from dali_ssd.errors import CheckpointError, TrainingError
from dali_ssd.gluon.options import TrainConfig
from dali_ssd.gluon.training.trainer import Trainer
from dali_ssd.launch.signals import StopSignal
from dali_ssd.loader.placement import Placement
from dali_ssd.reporting.history import read_history
from dali_ssd.reporting.log import TrainLog
from tests.support.score import Score

CONFIG = TrainConfig(epochs=3, lr=0.01, lr_decay_epoch="2", global_batch_size=2, log_interval=2, save_interval=2)


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    return str(tmp_path / "ssd")


def names(prefix: str) -> set[str]:
    return {path.name for path in Path(prefix).parent.iterdir()}


def test_an_epoch_shorter_than_the_interval_has_a_line_at_its_end(
    make_net: Any, make_loader: Any, prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def steps(interval: int) -> list[tuple[int, int]]:
        config = replace(CONFIG, epochs=2, log_interval=interval)
        with TrainLog() as log:
            Trainer(make_net(), make_loader(3), config, prefix=prefix, log=log).run()
        entries = [entry for entry in read_history(Path(f"{prefix}_metrics.jsonl")) if entry["kind"] == "step"]
        lines = re.findall(r"^\[Epoch (\d)\]\[Batch (\d)\], Speed: [1-9]", capsys.readouterr().err, re.MULTILINE)
        assert lines == [(str(entry["epoch"]), str(entry["batch"] - 1)) for entry in entries]
        return [(entry["epoch"], entry["batch"]) for entry in entries]

    assert steps(100) == [(0, 3), (1, 3)]
    assert steps(3) == [(0, 3), (1, 3)]
    assert steps(2) == [(0, 2), (1, 2)]
    assert steps(0) == []


def test_files_log_and_metrics(
    make_net: Any, make_loader: Any, prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = iter([0.25, 0.75, 0.5])
    with TrainLog(Path(f"{prefix}_train.log")) as log:
        trainer = Trainer(
            make_net(), make_loader(5), CONFIG, prefix=prefix, score=lambda net: Score(next(scores)), log=log
        )
        result = trainer.run()
    assert (result.epochs, result.steps, result.best_map, result.exit_code) == (3, 15, 0.75, 0)
    assert result.time.images == 30
    assert names(prefix) == {
        "ssd_train.log", "ssd_metrics.jsonl", "ssd_curve.png", "ssd_best.params", "ssd_best_map.log",
        "ssd_0000_0.2500.params", "ssd_0002_0.5000.params", "ssd_00000010.ckpt", "ssd_00000015.ckpt",
    }  # fmt: skip
    assert Path(f"{prefix}_best_map.log").read_text() == "0000:\t0.2500\n0001:\t0.7500\n"
    lines = Path(f"{prefix}_train.log").read_text().splitlines()
    assert "Start training from [Epoch 0]" in lines
    assert "[Epoch 2] Set learning rate to 0.001" in lines
    speed = r"\[Epoch 1\]\[Batch 3\], Speed: \d+\.\d{3} samples/sec, CrossEntropy=\d+\.\d{3}, SmoothL1=\d+\.\d{3}"
    assert any(re.fullmatch(speed, line) for line in lines)
    assert any(re.fullmatch(r"\[Epoch 1\] Training cost: .*", line) for line in lines)
    at = lines.index("[Epoch 1] Validation: ")
    assert lines[at + 1 : at + 3] == ["circle=0.25", "mAP=0.75"]
    # The console shows what the file has, and nothing goes to stdout, which is for results.
    captured = capsys.readouterr()
    assert captured.err.splitlines() == lines
    assert captured.out == ""
    history = read_history(Path(f"{prefix}_metrics.jsonl"))
    assert [entry["map"] for entry in history if entry["kind"] == "epoch"] == [0.25, 0.75, 0.5]
    assert [entry["step"] for entry in history if entry["kind"] == "step"] == [2, 4, 7, 9, 12, 14]


def test_any_iterable_will_do_and_nothing_is_written_without_a_prefix(
    make_net: Any, make_batch: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    class Endless:
        def __iter__(self) -> Iterator[Any]:
            return (make_batch(number) for number in range(2))

    result = Trainer(make_net(), Endless(), replace(CONFIG, epochs=2)).run()
    assert result.steps == 4
    assert result.checkpoint is None
    assert list(tmp_path.iterdir()) == []


def test_what_runs_where_is_in_the_log_and_the_metrics(make_net: Any, make_loader: Any, prefix: str) -> None:
    loader = make_loader(2)
    loader.placement = Placement("nvJPEG", "plugin", "plugin")
    with TrainLog(Path(f"{prefix}_train.log")) as log:
        Trainer(make_net(), loader, replace(CONFIG, epochs=1), prefix=prefix, log=log).run()
    lines = Path(f"{prefix}_train.log").read_text().splitlines()
    assert "Loading: decode: nvJPEG, render: plugin, targets: plugin" in lines
    first = read_history(Path(f"{prefix}_metrics.jsonl"))[0]
    assert first == {"kind": "placement", "decode": "nvJPEG", "render": "plugin", "targets": "plugin"}


def test_validation_keeps_its_intervals(make_net: Any, make_loader: Any) -> None:
    scored = []

    def score(net: Any) -> Score:
        scored.append(net)
        return Score(0.5)

    config = replace(CONFIG, epochs=6, val_interval=4, save_interval=0, log_interval=0)
    Trainer(make_net(), make_loader(1), config, score=score).run()
    # Epochs 0 and 4, and the last one whatever the interval.
    assert len(scored) == 3


def test_a_loss_that_is_not_finite_stops(make_net: Any, make_loader: Any, poisoned: Any, prefix: str) -> None:
    loader = make_loader(4)
    loader.batches[2] = poisoned(loader.batches[2])
    trainer = Trainer(make_net(), loader, replace(CONFIG, checkpoint_every=1, checkpoint_keep=9), prefix=prefix)
    with pytest.raises(TrainingError, match=r"step 3 .*lr=0\.01.*record 20; record 21"):
        trainer.run()
    # What is on disk is from before the bad step.
    assert {name for name in names(prefix) if name.endswith(".ckpt")} == {"ssd_00000001.ckpt", "ssd_00000002.ckpt"}


def test_a_bad_last_batch_of_an_epoch_is_not_saved(make_net: Any, make_loader: Any, poisoned: Any, prefix: str) -> None:
    loader = make_loader(2)
    loader.batches[1] = poisoned(loader.batches[1])
    with pytest.raises(TrainingError, match="step 2"):
        Trainer(make_net(), loader, CONFIG, prefix=prefix).run()
    assert not [name for name in names(prefix) if name.endswith((".ckpt", ".params"))]


def test_a_loader_without_a_batch(make_net: Any) -> None:
    with pytest.raises(TrainingError, match="no batch in epoch 0"):
        Trainer(make_net(), [], CONFIG).run()


def raise_signal_at(loader: Any, number: int) -> Any:
    batch = loader.batches[number]

    class Signaling(type(loader)):  # type: ignore[misc]
        def __iter__(self) -> Iterator[Any]:
            for item in super().__iter__():
                if item is batch:
                    os.kill(os.getpid(), signal.SIGTERM)
                yield item

    return Signaling(loader.batches)


def test_a_signal_finishes_the_step_and_saves(
    make_net: Any, make_loader: Any, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    with TrainLog() as log:
        log.logger.addHandler(caplog.handler)
        result = Trainer(make_net(), raise_signal_at(make_loader(4), 1), CONFIG, prefix=prefix, log=log).run()
        log.logger.removeHandler(caplog.handler)
    assert result.exit_code == 128 + signal.SIGTERM
    assert result.steps == 2
    assert result.checkpoint == Path(f"{prefix}_00000002.ckpt")
    message = caplog.messages[-1]
    assert (
        message == f"SIGTERM: stopped after step 2; saved {result.checkpoint}; go on with --resume {result.checkpoint}"
    )


def test_a_signal_while_scoring_scores_again_after_resuming(make_net: Any, make_loader: Any, prefix: str) -> None:
    stop = StopSignal()

    def interrupted(net: Any) -> Score:
        os.kill(os.getpid(), signal.SIGINT)
        return next(stop.guard([Score(0.5)]))

    config = replace(CONFIG, epochs=1)
    result = Trainer(make_net(), make_loader(2), config, prefix=prefix, score=interrupted, stop=stop).run()
    assert (result.exit_code, result.epochs, result.steps) == (128 + signal.SIGINT, 0, 2)
    assert result.checkpoint
    again = Trainer(make_net(), make_loader(2), config, prefix=prefix, score=lambda net: Score(0.5))
    again.resume(result.checkpoint)
    finished = again.run()
    assert (finished.epochs, finished.steps, finished.best_map) == (1, 2, 0.5)


@pytest.mark.parametrize("stop_after", [1, 3, 4, 6])
def test_a_resumed_training_is_the_same_to_the_bit(
    make_net: Any,
    make_loader: Any,
    weights_of: Callable[[Any], dict[str, Any]],
    tmp_path: Path,
    stop_after: int,
) -> None:
    config = replace(CONFIG, epochs=3, checkpoint_every=1, checkpoint_keep=99)
    whole, part = str(tmp_path / "whole"), str(tmp_path / "part")
    net = make_net()
    Trainer(net, make_loader(3), config, prefix=whole, score=lambda net: Score(0.5)).run()
    other = make_net(seed=9)
    resumed = Trainer(other, make_loader(3), config, prefix=part, score=lambda net: Score(0.5))
    resumed.resume(Path(f"{whole}_{stop_after:08d}.ckpt"))
    result = resumed.run()
    assert (result.epochs, result.steps) == (3, 9)
    expected, found = weights_of(net), weights_of(other)
    assert all((expected[name] == found[name]).all() for name in expected)
    timeless = ("epoch", "step", "lr", "cross_entropy", "smooth_l1", "map")
    histories = [read_history(Path(f"{prefix}_metrics.jsonl")) for prefix in (whole, part)]
    seen = [[[entry.get(name) for name in timeless] for entry in history] for history in histories]
    assert seen[0] == seen[1]


def test_a_checkpoint_of_another_training_is_refused(make_net: Any, make_loader: Any, prefix: str) -> None:
    first = Trainer(
        make_net(), make_loader(1), replace(CONFIG, epochs=1), prefix=prefix, identity={"batch_size": 2, "seed": 1}
    )
    path = first.run().checkpoint
    assert path
    other = Trainer(make_net(), make_loader(1), CONFIG, identity={"batch_size": 4, "seed": 1})
    with pytest.raises(CheckpointError, match=r"batch_size was 2 and is 4$"):
        other.resume(path)


def test_inside_an_epoch_a_loader_must_know_how_to_go_on(make_net: Any, make_loader: Any, prefix: str) -> None:
    loader = make_loader(3)
    config = replace(CONFIG, epochs=1, checkpoint_every=1, checkpoint_keep=9)
    Trainer(make_net(), loader, config, prefix=prefix).run()
    inside, between = Path(f"{prefix}_00000001.ckpt"), Path(f"{prefix}_00000003.ckpt")
    plain = Trainer(make_net(), loader.batches, replace(config, epochs=2))
    with pytest.raises(CheckpointError, match="inside an epoch"):
        plain.resume(inside)
    plain.resume(between)
    assert plain.run().steps == 6


def test_parameters_with_a_start_epoch_decay_as_in_gluoncv(make_net: Any, make_loader: Any, prefix: str) -> None:
    config = replace(CONFIG, start_epoch=2, lr_decay_epoch="1,2")
    Trainer(make_net(), make_loader(1), config, prefix=prefix).run()
    *_, entry = [json.loads(line) for line in Path(f"{prefix}_metrics.jsonl").read_text().splitlines()]
    assert entry["epoch"] == 2
    assert entry["lr"] == pytest.approx(0.0001)


def test_a_loader_that_is_too_slow_is_reported(
    make_net: Any, make_loader: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dali_ssd.reporting.meter.STARVED", -1.0)
    with TrainLog() as log:
        log.logger.addHandler(caplog.handler)
        Trainer(make_net(), make_loader(1), replace(CONFIG, epochs=1), log=log).run()
        log.logger.removeHandler(caplog.handler)
    assert any("The data is the bottleneck" in message and "(-j)" in message for message in caplog.messages)


def test_momentum_is_in_the_checkpoint(make_net: Any, make_loader: Any, prefix: str) -> None:
    from dali_ssd.gluon.checkpoint.file import read_checkpoint

    path = Trainer(make_net(), make_loader(1), replace(CONFIG, epochs=1), prefix=prefix).run().checkpoint
    assert path
    arrays, meta = read_checkpoint(path)
    momentum = {name: array for name, array in arrays.items() if name.startswith("momentum/0/")}
    assert momentum
    assert any(np.abs(array).max() > 0 for array in momentum.values())
    assert not any("running_mean" in name for name in momentum)
    assert meta["lr"] == 0.01


def test_logger_is_left_as_it_was(tmp_path: Path) -> None:
    logger = logging.getLogger("dali_ssd.train")
    before = list(logger.handlers)
    with TrainLog(tmp_path / "a" / "x.log") as log:
        log.logger.info("line")
    assert logger.handlers == before
    assert (tmp_path / "a" / "x.log").read_text() == "line\n"
