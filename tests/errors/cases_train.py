"""Training and scoring."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import mxnet as mx
import numpy as np
import pytest
from gluoncv.model_zoo.ssd.anchor import LiteAnchorGenerator

from dali_ssd.config import InputConfig
from dali_ssd.gluon.checkpoint.file import read_checkpoint, read_content, write_checkpoint
from dali_ssd.gluon.checkpoint.parameters import load_parameters, save_parameters
from dali_ssd.gluon.distributed.meetings import Meetings, failed_elsewhere
from dali_ssd.gluon.distributed.start import own_device, require_same_options
from dali_ssd.gluon.distributed.workers import OneWorker
from dali_ssd.gluon.evaluate import evaluate
from dali_ssd.gluon.networks import zoo
from dali_ssd.gluon.networks.mobilenet import SMALL_NETWORKS
from dali_ssd.gluon.networks.zoo import build_network, initialize
from dali_ssd.gluon.options import EvalConfig, TrainConfig
from dali_ssd.gluon.scoring import score_file
from dali_ssd.gluon.trained.choice import choose_to_score
from dali_ssd.gluon.training.devices import devices_of
from dali_ssd.gluon.training.failure import lost
from dali_ssd.gluon.training.heartbeat import Heartbeat
from dali_ssd.gluon.training.loss_monitor import LossMonitor
from dali_ssd.gluon.training.run import Setup, train
from dali_ssd.gluon.training.schedule import parse_decay_epochs
from dali_ssd.gluon.training.trainer import Trainer
from dali_ssd.inspection.network import find_network
from dali_ssd.reporting.history import read_history
from dali_ssd.reporting.log import TrainLog
from tests.errors.cases import Case, labeled, write

SMALL: dict[str, Any] = {
    "network": "mobilenet0.25",
    "input": InputConfig(data_shape=128),
    "pretrained_base": "no",
    "gpus": "",
}


def network(*classes: str) -> Any:
    net = build_network("mobilenet0.25", 128, classes or ("a",))
    initialize(net, [mx.cpu()], 128)
    return net


def config(folder: Path, **options: Any) -> TrainConfig:
    given = {"train": (str(write(folder / "data")),), "classes": "a,b", "save_prefix": f"{folder}/"}
    return TrainConfig(**(SMALL | given | options))


def training(**options: Any) -> Case:
    return lambda folder, _: train(config(folder, **options))


def other_names(folder: Path, _: object) -> object:
    shards = [write(folder / "train"), write(folder / "val")]
    for shard, names in zip(shards, ("a\nb\n", "b\na\n"), strict=True):
        text_file(shard.parent / "classes.txt", names)
    return train(config(folder, train=(str(shards[0]),), val=(str(shards[1]),), classes=""))


def trainer(folder: Path, **options: Any) -> Trainer:
    return Trainer(network(), (), TrainConfig(epochs=1), prefix=str(folder / "net"), **options)


def checkpoint(folder: Path, **changes: Any) -> Path:
    """A checkpoint of a training run that has not begun, with some of its state changed."""
    one = trainer(folder)
    path = one._now.save(str(folder / "net"), 1)
    arrays, meta = read_checkpoint(path)
    write_checkpoint(path, arrays, meta | changes)
    return path


def inside_epoch(folder: Path, _: object) -> None:
    trainer(folder).resume(checkpoint(folder, position={"epoch": 0, "batch": 1, "step": 1}))


def other_training(folder: Path, _: object) -> None:
    trainer(folder, identity={"seed": 2}).resume(checkpoint(folder, identity={"seed": 1}))


def other_network(folder: Path, _: object) -> None:
    path = checkpoint(folder)
    Trainer(network("a", "b"), (), TrainConfig()).resume(path)


def other_format(folder: Path, patch: pytest.MonkeyPatch) -> object:
    path = folder / "a.ckpt"
    with patch.context() as before:
        before.setattr("dali_ssd.gluon.checkpoint.file.FORMAT", 99)
        write_checkpoint(path, {}, {})
    return read_checkpoint(path)


def text_file(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def other_parameters(folder: Path, _: object) -> None:
    save_parameters(network("a", "b"), folder / "a.params")
    load_parameters(network(), folder / "a.params", mx.cpu())


def watched(*values: float) -> None:
    monitor = LossMonitor(lambda *_: None, 2)
    monitor.push(7, 0.1, [mx.nd.array(values)], None)
    monitor.flush()


def another_process(size: int) -> OneWorker:
    """The second of some processes, before it meets the others."""
    workers = OneWorker()
    vars(workers).update(rank=1, size=size, local_rank=1, local_size=size)
    return workers


class Other(OneWorker):
    """Two processes, of which the second says what the first does, but for the first number."""

    size = 2

    def add(self, values: Any) -> Any:
        if values.size == 4:  # the lengths of the messages
            return mx.nd.array(np.tile(values.asnumpy()[:2], 2))
        text = values.asnumpy().astype("<u2")[: values.size // 2].tobytes()
        both = text + text.replace(b"0.1", b"0.2")
        return mx.nd.array(np.frombuffer(both, "<u2"))


def one_gpu(_: object, patch: pytest.MonkeyPatch) -> object:
    patch.setattr(mx.context, "num_gpus", lambda: 1)
    return own_device(another_process(3))


def unknown_class(folder: Path, _: object) -> object:
    batch = [mx.nd.zeros((1, 3, 128, 128))], [mx.nd.array([[[1, 1, 9, 9, 5, 0]]])]
    one = type("Batch", (), {"data": batch[0], "labels": batch[1]})
    return evaluate(network(), [one], ("a",), 128)


def score(folder: Path, records: list[bytes]) -> object:
    shard = write(folder, records)
    save_parameters(network(), folder / "a.params")
    options = {name: value for name, value in SMALL.items() if name != "pretrained_base"}
    return scored(params=str(folder / "a.params"), val=(str(shard),), classes="a", **options)


def scored(**options: Any) -> object:
    config = EvalConfig(**options)
    return score_file(config, choose_to_score(config))


def labels_of_others(folder: Path, _: object) -> object:
    shard = write(folder / "data")
    text_file(folder / "data" / "classes.txt", "a")
    told = {"network": "mobilenet0.25", "classes": ["b"]}
    return scored(params=str(checkpoint(folder, identity=told)), val=(str(shard),))


def no_server(folder: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setenv("MXNET_GLUON_REPO", "http://127.0.0.1:9/")
    patch.setenv("MXNET_HOME", str(folder))
    return train(config(folder, pretrained_base="yes"))


def other_anchors(_: object, patch: pytest.MonkeyPatch) -> object:
    lite = partial(SMALL_NETWORKS["mobilenet0.25", 128], anchor_generator=LiteAnchorGenerator)
    patch.setitem(zoo.OWN_NETWORKS, ("lite", 128), lite)
    return find_network("lite", 128)


CASES: dict[str, Case] = {
    "the anchors of {network} {size} are not laid out": other_anchors,
    "no training shards": lambda *_: train(TrainConfig()),
    "no shards to score on": lambda *_: scored(params="a.params", val=()),
    "the classes beside the validation shards": other_names,
    "checkpoints of an earlier training": lambda folder, _: train(
        config(text_file(folder / "ssd_128_mobilenet0.25_custom_00000007.ckpt", "").parent)
    ),
    "was trained with": lambda folder, _: scored(
        params=str(checkpoint(folder, identity={"stds": [0.3, 0.3, 0.3, 0.3]})),
        val=(str(write(folder / "data")),),
        classes="a",
        network="mobilenet0.25",
        input=InputConfig(data_shape=128),
        gpus="",
    ),
    "the classes beside the shards": labels_of_others,
    "no SSD of": lambda *_: build_network("resnet18", 300, ["a"]),
    "a network needs at least one class name": lambda *_: build_network("mobilenet0.25", 128, []),
    "no pretrained base": no_server,
    "--gpus must be numbers": lambda *_: devices_of("first"),
    "MXNet finds no GPU": lambda *_: devices_of("99"),
    "a GPU is named twice": lambda _, patch: (
        patch.setattr(mx.context, "num_gpus", lambda: 2),
        devices_of("0,0"),
    ),
    "--amp needs a GPU": training(amp=True),
    "cannot be divided among": lambda folder, _: Setup.from_config(config(folder), another_process(3), 1),
    "on a machine with": one_gpu,
    "this build of MXNet has none": lambda *_: OneWorker("nccl"),
    "--lr-decay-epoch must be": lambda *_: parse_decay_epochs("ten"),
    "{reason}; choose another --save-prefix": lambda folder, _: TrainLog(
        text_file(folder / "file", "") / "train.log"
    ).__enter__(),
    "--start-epoch goes with": training(resume="a.ckpt", start_epoch=3),
    "cannot read {path}: {reason}; use an older one": lambda folder, _: read_content(folder),
    "there is no checkpoint": lambda folder, _: read_checkpoint(folder / "none.ckpt"),
    "is not a whole checkpoint": lambda folder, _: read_checkpoint(text_file(folder / "a.ckpt", "text")),
    "has another format": other_format,
    "{path} belongs to another training": other_training,
    "was taken inside an epoch": inside_epoch,
    "the checkpoint belongs to another network": other_network,
    "there is no parameter file": lambda folder, _: load_parameters(None, folder / "none.params", None),
    "is empty; copy it again": lambda folder, _: load_parameters(None, text_file(folder / "a.params", ""), None),
    "is no parameter file of MXNet": lambda folder, _: load_parameters(
        None, text_file(folder / "a.params", "PK\3\4"), None
    ),
    "is cut short or damaged": lambda folder, _: load_parameters(None, text_file(folder / "a.params", "\x12\1"), None),
    "{path} belongs to another network: {differences}; are": other_parameters,
    "class id {id} at step": lambda *_: watched(1, 1, 9),
    "the loss is not finite": lambda *_: watched(np.nan, 1, 1),
    "start all with the same options": lambda *_: require_same_options(TrainConfig(lr=0.1), Other()),
    "process {process} failed": lambda *_: failed_elsewhere(1, "no disk"),
    "is at the meeting for": lambda *_: Meetings(another_process(2)).meet("log"),
    "its connection to the other processes": lambda *_: lost(mx.base.MXNetError("closed"), 2),
    "no batch in epoch": lambda folder, _: trainer(folder).run(),
    "a label has class id": unknown_class,
    "must name a file that can be": lambda folder, _: Heartbeat(folder / "none" / "beat").__enter__(),
    "no objects with an area in": lambda folder, _: score(folder, [labeled(2, 5)] * 2),
    "are marked difficult": lambda folder, _: score(folder, [labeled(2, 6, 0, 0.1, 0.1, 0.6, 0.6, 1)] * 2),
    "is no metrics file": lambda folder, _: read_history(text_file(folder / "a.jsonl", "text\n")),
}
