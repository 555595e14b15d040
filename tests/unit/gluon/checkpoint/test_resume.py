"""A checkpoint of another number of processes or devices: the epoch that had begun begins again, and that is said."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("mxnet")

from dali_ssd.gluon.checkpoint.file import read_checkpoint, write_checkpoint
from dali_ssd.gluon.options import TrainConfig
from dali_ssd.gluon.training.trainer import Trainer
from dali_ssd.reporting.log import TrainLog
from tests.support.score import Score

CONFIG = TrainConfig(epochs=2, lr=0.01, global_batch_size=2, checkpoint_every=1, checkpoint_keep=99, save_interval=0)
BATCHES = 3
AGAIN = "It was taken with another number of processes or devices: epoch {} begins with its first batch"


@pytest.fixture(scope="module")
def checkpoints(make_net: Any, make_loader: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The prefix of those after each step of a run on one device."""
    prefix = str(tmp_path_factory.mktemp("one") / "one")
    Trainer(make_net(), make_loader(BATCHES), CONFIG, prefix=prefix).run()
    return prefix


def of_two_processes(path: Path) -> Path:
    """As if two processes had taken it, with a part for each."""
    arrays, meta = read_checkpoint(path)
    assert meta["devices"] == [1, 1]
    two = path.with_name(f"two{path.name}")
    write_checkpoint(two, arrays, meta | {"devices": [2, 1], "loaders": meta["loaders"] * 2})
    return two


class WithEpoch:
    """A loader that counts its epochs, as `TrainLoader` does."""

    def __init__(self, loader: Any) -> None:
        self.loader, self.epoch, self.begun = loader, -1, list[int]()

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Any:
        self.begun.append(self.epoch)
        yield from self.loader
        self.epoch += 1

    def state_dict(self) -> Any:
        return self.loader.state_dict()

    def load_state_dict(self, state: Any) -> None:
        raise AssertionError("a state of another rank has been loaded")


@pytest.mark.parametrize(("step", "epoch", "steps"), [(3, 1, 6), (5, 1, 8)], ids=["between epochs", "inside of one"])
def test_the_epoch_begins_again_and_that_is_said(
    make_net: Any, make_loader: Any, checkpoints: str, step: int, epoch: int, steps: int, caplog: Any
) -> None:
    loader = WithEpoch(make_loader(BATCHES))
    net = make_net(seed=5)
    path = of_two_processes(Path(f"{checkpoints}_{step:08d}.ckpt"))
    with TrainLog(quiet=True) as log:
        log.logger.addHandler(caplog.handler)
        log.logger.setLevel(logging.INFO)
        trainer = Trainer(net, loader, CONFIG, log=log)
        trainer.resume(path)
        log.logger.removeHandler(caplog.handler)
    assert any(message.startswith(AGAIN.format(epoch)) for message in caplog.messages), caplog.messages
    assert any(message.endswith(f"[Epoch {epoch}][Batch 0]") for message in caplog.messages)
    stored, _ = read_checkpoint(path)
    for name, parameter in net._collect_params_with_prefix().items():
        if f"parameters/{name}" in stored:
            np.testing.assert_array_equal(parameter.data().asnumpy(), stored[f"parameters/{name}"])
    result = trainer.run()
    assert (result.epochs, result.steps) == (2, steps)
    assert loader.begun == list(range(epoch, 2))


def test_what_is_trained_is_not_trained_again(
    make_net: Any, make_loader: Any, checkpoints: str, tmp_path: Path
) -> None:
    """A run that ended before it had scored the last batches of its epoch."""
    arrays, meta = read_checkpoint(of_two_processes(Path(f"{checkpoints}_00000003.ckpt")))
    path = tmp_path / "trained.ckpt"
    write_checkpoint(path, arrays, meta | {"position": meta["position"] | {"epoch": 0, "batch": 3, "trained": True}})
    loader, scored = WithEpoch(make_loader(BATCHES)), list[int]()

    def score(net: Any) -> Score:
        scored.append(len(loader.begun))
        return Score()

    trainer = Trainer(make_net(), loader, CONFIG, score=score)
    trainer.resume(path)
    assert trainer.run().steps == 6
    assert loader.begun == [1] and scored == [0, 1]


def test_one_device_goes_on_as_two(make_net: Any, make_loader: Any, checkpoints: str, tmp_path: Path) -> None:
    """All devices get the weights and the momentum; the run learns on, and its own checkpoints are to the bit."""
    path = Path(f"{checkpoints}_00000004.ckpt")
    net = make_net(devices=2, seed=5)
    trainer = Trainer(net, make_loader(BATCHES, devices=2, images=1), CONFIG, prefix=str(tmp_path / "two"))
    trainer.resume(path)
    stored, _ = read_checkpoint(path)
    for name, parameter in net._collect_params_with_prefix().items():
        if f"parameters/{name}" in stored:
            for data in parameter.list_data():
                np.testing.assert_array_equal(data.asnumpy(), stored[f"parameters/{name}"])
    result = trainer.run()
    assert (result.epochs, result.steps) == (2, 4 + BATCHES)
    assert result.checkpoint and read_checkpoint(result.checkpoint)[1]["devices"] == [1, 2]


def test_the_same_number_goes_on_where_it_was(make_net: Any, make_loader: Any, checkpoints: str, caplog: Any) -> None:
    with TrainLog(quiet=True) as log:
        log.logger.addHandler(caplog.handler)
        trainer = Trainer(make_net(), make_loader(BATCHES), CONFIG, log=log)
        trainer.resume(Path(f"{checkpoints}_00000004.ckpt"))
        log.logger.removeHandler(caplog.handler)
    assert not any("begins with its first batch" in message for message in caplog.messages)
    assert trainer.run().steps == 6
