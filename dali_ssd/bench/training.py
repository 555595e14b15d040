"""Train a network on a contender's batches, with the training step of `dali-ssd train`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mxnet import gluon

from dali_ssd.bench.contenders.device import mxnet_context
from dali_ssd.bench.work import Contender, Work, WorkBatch
from dali_ssd.gluon.networks.zoo import anchors_of, build_network, for_training, initialize
from dali_ssd.gluon.training.step import TrainStep

__all__ = ["trained_batches"]

_CLASSES = tuple(f"class {number}" for number in range(20))
"""As many as Pascal VOC has, so that the cost of the network's head does not depend on the data."""
_TRAINER = {"learning_rate": 1e-4, "momentum": 0.9, "wd": 5e-4}


def trained_batches(contender: Contender, work: Work, network: str) -> Iterator[WorkBatch]:
    """Yield each batch of `contender` after training a network with the backbone `network` on it.

    Losses are read one step late, as in `dali-ssd train`, which keeps the device busy.
    """
    net, device = build_network(network, work.data_shape, _CLASSES), mxnet_context(work)
    initialize(net, [device], work.data_shape)
    anchors = anchors_of(net, work.data_shape).asnumpy()[0]
    for_training(net)
    step = TrainStep(net, gluon.Trainer(net.collect_params(), "sgd", _TRAINER))
    losses: list[Any] = []
    for batch in contender.batches(work, anchors):
        on_device = _moved(batch, device)
        previous, losses = losses, step(on_device)
        for loss in previous:
            loss.wait_to_read()
        yield on_device


def _moved(batch: WorkBatch, device: Any) -> WorkBatch:
    """Copy a batch to the network's device, as `split_and_load` does: Gluon's workers deliver in shared memory."""
    data, classes, boxes = (
        [array.as_in_context(device) for array in part] for part in (batch.data, batch.cls_targets, batch.box_targets)
    )
    return WorkBatch(batch.size, data, classes, boxes, placement=batch.placement)
