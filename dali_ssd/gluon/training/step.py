"""One training step: forward, GluonCV's loss, backward, update."""

from __future__ import annotations

from typing import Any

import mxnet as mx
from gluoncv.loss import SSDMultiBoxLoss
from mxnet import autograd

__all__ = ["TrainStep"]


class TrainStep:
    """Trains a network on one batch at a time.

    A batch has `.data`, `.cls_targets` and `.box_targets`, each a list with one NDArray per device. The loss of a batch
    without a positive anchor is 0, and the update then has only momentum and weight decay.
    """

    def __init__(self, net: Any, trainer: Any, *, amp: bool = False) -> None:
        self._net = net
        self._trainer = trainer
        self._amp = amp
        self._loss = SSDMultiBoxLoss()

    def __call__(self, batch: Any) -> list[Any]:
        """Train on a batch; return a (3,) float32 NDArray per device: see `LossMonitor.push`.

        This does not wait for their values.
        """
        with autograd.record():
            outputs = [self._net(data) for data in batch.data]
            total, cross_entropy, smooth_l1 = self._loss(
                [output[0] for output in outputs],
                [output[1] for output in outputs],
                batch.cls_targets,
                batch.box_targets,
            )
            self._backward(total)
        # The loss is already divided by the number of positive anchors.
        self._trainer.step(1)
        parts = zip(cross_entropy, smooth_l1, batch.cls_targets, strict=True)
        return [mx.nd.concat(ce.sum(), l1.sum(), classes.max(), dim=0) for ce, l1, classes in parts]

    def _backward(self, losses: list[Any]) -> None:
        if not self._amp:
            autograd.backward(losses)
            return
        from mxnet.contrib import amp

        with amp.scale_loss(losses, self._trainer) as scaled:
            autograd.backward(scaled)
