"""What a whole run leaves for people to look at, however it ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mxnet")
pytest.importorskip("jinja2")

from dali_ssd.errors import DaliSsdError, TrainingError
from dali_ssd.gluon.checkpoint.file import find_checkpoints
from dali_ssd.gluon.options import TrainConfig
from dali_ssd.gluon.training.trainer import FitResult, Trainer
from dali_ssd.reporting.history import read_history
from dali_ssd.reporting.log import TrainLog
from dali_ssd.reporting.views.facts import RunFacts, options_of
from dali_ssd.reporting.views.page import PageView, report_path
from dali_ssd.reporting.views.tensorboard import TensorBoardView
from dali_ssd.reporting.views.view import View, Views
from tests.support.events import read_events
from tests.support.score import Score

CONFIG = TrainConfig(epochs=3, lr=0.01, global_batch_size=2, log_interval=2, save_interval=0)


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    return str(tmp_path / "ssd")


def train(
    net: Any, loader: Any, prefix: str, *, resume: Path | None = None, tensorboard: bool = False, epochs: int = 3
) -> FitResult:
    config = replace(CONFIG, epochs=epochs)
    run = RunFacts("ssd", epochs, ("circle", "star"), 10, 0, tuple(options_of(config)))
    with TrainLog(Path(f"{prefix}_train.log"), quiet=True) as log:
        views: list[View] = [PageView(prefix, run, log.events)]
        views += [TensorBoardView(f"{prefix}_tb", run)] if tensorboard else []
        trainer = Trainer(net, loader, config, prefix=prefix, score=lambda _: Score(), log=log, views=Views(views))
        if resume is not None:
            trainer.resume(resume)
        return trainer.run()


def page_of(prefix: str) -> str:
    return report_path(prefix).read_text(encoding="utf-8")


class Interrupted:
    """Batches before one of which the process gets a signal."""

    def __init__(self, loader: Any, number: int) -> None:
        self._loader, self._number = loader, number

    def __iter__(self) -> Iterator[Any]:
        for number, batch in enumerate(self._loader):
            if number == self._number:
                os.kill(os.getpid(), signal.SIGINT)
            yield batch


def test_a_run_that_ends(make_net: Any, make_loader: Any, prefix: str) -> None:
    train(make_net(), make_loader(3), prefix)
    page = page_of(prefix)
    assert "Ended: 3 of 3 epochs done" in page
    assert 'http-equiv="refresh"' not in page


def test_a_run_that_a_signal_stops_says_how_to_go_on(make_net: Any, make_loader: Any, prefix: str) -> None:
    loader = make_loader(3)
    result = train(make_net(), Interrupted(loader, 1), prefix, epochs=2)
    assert result.exit_code == 130
    page = page_of(prefix)
    assert "Stopped by a signal: 0 of 2 epochs done" in page
    assert "SIGINT: stopped after step 2; saved" in page and f"--resume {result.checkpoint}" in page


def test_a_run_that_fails_says_why(make_net: Any, make_loader: Any, poisoned: Any, prefix: str) -> None:
    loader = make_loader(3)
    loader.batches[2] = poisoned(loader.batches[2])
    with pytest.raises(TrainingError):
        train(make_net(), loader, prefix)
    page = page_of(prefix)
    assert "Failed: 0 of 3 epochs done" in page
    assert "the loss is not finite at step 3" in page and "nothing was saved" in page


def test_a_resumed_run_goes_on_with_both_views(make_net: Any, make_loader: Any, prefix: str) -> None:
    pytest.importorskip("tensorboardX")
    train(make_net(), make_loader(3), prefix, tensorboard=True, epochs=2)
    checkpoint = find_checkpoints(prefix)[0]  # of the first epoch: the second is trained again
    train(make_net(), make_loader(3), prefix, tensorboard=True, resume=checkpoint)
    page = page_of(prefix)
    assert "Ended: 3 of 3 epochs done" in page and "Going on from" in page
    history = read_history(Path(f"{prefix}_metrics.jsonl"))
    steps = [entry["step"] for entry in history if entry["kind"] == "epoch"]
    assert steps == [3, 6, 9]
    starts = [event.step for event in read_events(Path(f"{prefix}_tb")) if event.HasField("session_log")]
    assert sorted(starts) == [0, steps[0] + 1]


def test_a_page_that_cannot_be_written_ends_no_run(make_net: Any, make_loader: Any, prefix: str) -> None:
    report_path(prefix).mkdir()
    assert train(make_net(), make_loader(3), prefix).epochs == 3
    lines = Path(f"{prefix}_train.log").read_text().splitlines()
    assert len([line for line in lines if line.startswith("cannot write the training report, training goes on")]) == 1


def test_two_runs_of_one_prefix(make_net: Any, make_loader: Any, prefix: str) -> None:
    with (
        TrainLog(Path(f"{prefix}_train.log"), quiet=True),
        pytest.raises(DaliSsdError, match="another process is writing to"),
    ):
        train(make_net(), make_loader(3), prefix)
    assert train(make_net(), make_loader(1), prefix).epochs == 3
