"""Train with either loader and score: trainer, initial weights and scoring are the same, only the loader differs.

    python -m dali_ssd.bench.accuracy train.rec test.rec --loader gluoncv --seed 0

Prints a line of JSON: mAP, COCO AP and the seconds that the epochs took.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import mxnet as mx
import numpy as np
import tyro
from gluoncv.data import RecordFileDetection
from gluoncv.data.batchify import Stack, Tuple
from gluoncv.data.transforms.presets.ssd import SSDDefaultTrainTransform
from mxnet import gluon

from dali_ssd.gluon.evaluate import evaluate
from dali_ssd.gluon.networks.zoo import anchors_of, build_network, initialize
from dali_ssd.gluon.options import TrainConfig
from dali_ssd.gluon.training.trainer import Trainer
from dali_ssd.loader import TrainLoader, ValLoader
from dali_ssd.loader.batch import Batch
from dali_ssd.metrics.scores import Scores
from dali_ssd.records.dataset import expand_paths
from dali_ssd.records.format.classes import find_classes
from dali_ssd.reporting.log import TrainLog

__all__ = ["AccuracyConfig", "compare", "main"]


@dataclass(frozen=True)
class AccuracyConfig:
    """Train an SSD from scratch on the CPU with one of the two loaders, and score it."""

    train: str
    """Shard to train on, with its `.idx` and `classes.txt`."""
    val: str
    """Shard to score on."""
    loader: Literal["dali_ssd", "gluoncv"] = "dali_ssd"
    seed: int = 0
    """Seed of the initial weights and the loader; GluonCV's worker processes derive theirs from it."""
    network: str = "mobilenet0.25"
    data_shape: int = 300
    batch_size: int = 16
    workers: int = 2
    """Worker processes of GluonCV's loader, threads of dali_ssd's."""
    epochs: int = 60
    lr: float = 0.01
    lr_decay_epoch: str = "42,54"


def compare(config: AccuracyConfig, log: TrainLog) -> dict[str, Any]:
    """Train and score with these options; return the numbers to compare."""
    random.seed(config.seed)
    np.random.seed(config.seed)
    mx.random.seed(config.seed)
    classes = find_classes(expand_paths((config.train,)))
    net = build_network(config.network, config.data_shape, classes)
    initialize(net, [mx.cpu()], config.data_shape)
    options = TrainConfig(
        epochs=config.epochs, lr=config.lr, lr_decay_epoch=config.lr_decay_epoch, log_interval=0, save_interval=0
    )
    began = time.perf_counter()
    result = Trainer(net, _batches(config, anchors_of(net, config.data_shape)), options, log=log).run()
    seconds = time.perf_counter() - began
    scores = _score(config, net, classes)
    return {
        "loader": config.loader,
        "seed": config.seed,
        "mAP": round(scores.mean_ap, 4),
        "AP": {name: round(value, 4) for name, value in zip(classes, scores.ap, strict=True)},
        "COCO AP": round(scores.coco["AP"], 4),
        "seconds": round(seconds, 1),
        "images a second": round(result.time.speed, 1),
        "waiting for data": round(result.time.data_share, 3),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Run `compare` from the command line."""
    positional = (tyro.conf.PositionalRequiredArgs,)
    config = tyro.cli(AccuracyConfig, args=argv, prog="python -m dali_ssd.bench.accuracy", config=positional)
    with TrainLog() as log:
        print(json.dumps(compare(config, log)))


class _GluonEpochs:
    """GluonCV's DataLoader for `Trainer`: batches of lists, copied out of shared memory."""

    def __init__(self, config: AccuracyConfig, anchors: Any) -> None:
        transform = SSDDefaultTrainTransform(config.data_shape, config.data_shape, anchors)
        self._loader = gluon.data.DataLoader(
            RecordFileDetection(config.train).transform(transform),
            config.batch_size,
            shuffle=True,
            last_batch="rollover",
            batchify_fn=Tuple(Stack(), Stack(), Stack()),
            num_workers=config.workers,
        )

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Batch]:
        for parts in self._loader:
            data, cls_targets, box_targets = ([part.as_in_context(mx.cpu())] for part in parts)
            yield Batch(data, cls_targets, box_targets)


def _batches(config: AccuracyConfig, anchors: Any) -> Any:
    if config.loader == "gluoncv":
        return _GluonEpochs(config, anchors)
    return TrainLoader(
        config.train,
        anchors=anchors,
        batch_size=config.batch_size,
        data_shape=config.data_shape,
        seed=config.seed,
        num_threads=config.workers,
    )


def _score(config: AccuracyConfig, net: Any, classes: Sequence[str]) -> Scores:
    with ValLoader(config.val, batch_size=config.batch_size, data_shape=config.data_shape) as loader:
        return evaluate(net, loader, classes, config.data_shape)


if __name__ == "__main__":
    main()
