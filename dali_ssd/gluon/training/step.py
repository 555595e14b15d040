"""One training step: forward, GluonCV's loss, backward, update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mxnet as mx
from gluoncv.loss import SSDMultiBoxLoss
from mxnet import autograd

__all__ = ["Computed", "TrainStep", "count_positives"]


@dataclass(frozen=True)
class Computed:
    """What the forward pass of a batch gives, lists with one NDArray per device."""

    losses: list[Any]
    """(B,) float32 sums of both losses, divided by the number of positive anchors of this process's batch."""
    cross_entropy: list[Any]
    smooth_l1: list[Any]
    highest_class: list[Any]
    """(1,) float32."""


class TrainStep:
    """Trains a network on one batch at a time: `forward`, then `update`; or both by calling it.

    A batch has `.data`, `.cls_targets` and `.box_targets`, each a list with one NDArray per device. The loss of a batch
    without a positive anchor is 0, and the update then has only momentum and weight decay.
    """

    def __init__(self, net: Any, trainer: Any, *, amp: bool = False) -> None:
        self._net = net
        self._trainer = trainer
        self._amp = amp
        self._loss = SSDMultiBoxLoss()

    def __call__(self, batch: Any) -> list[Any]:
        """Train on a batch in the only process; return what `update` returns."""
        return self.update(self.forward(batch))

    def forward(self, batch: Any) -> Computed:
        """Compute the losses of a batch; this does not wait for their values."""
        with autograd.record():
            outputs = [self._net(data) for data in batch.data]
            losses, cross_entropy, smooth_l1 = self._loss(
                [output[0] for output in outputs],
                [output[1] for output in outputs],
                batch.cls_targets,
                batch.box_targets,
            )
        return Computed(losses, cross_entropy, smooth_l1, [classes.max() for classes in batch.cls_targets])

    def update(self, computed: Computed, share: float = 1.0) -> list[Any]:
        """Update with the gradients of all processes; return a (3,) float32 NDArray per device: see `LossMonitor.push`.

        `share` is this process's share of the positive anchors of all: with it, the losses are divided by the positive
        anchors of all processes, as one process would divide them. This does not wait for values.
        """
        self._backward(computed.losses, share)
        # The loss is already divided by the number of positive anchors.
        self._trainer.step(1)
        parts = zip(computed.cross_entropy, computed.smooth_l1, computed.highest_class, strict=True)
        return [mx.nd.concat(ce.sum() * share, l1.sum() * share, highest, dim=0) for ce, l1, highest in parts]

    def _backward(self, losses: list[Any], share: float) -> None:
        weights = None if share == 1 else [mx.nd.full(loss.shape, share, ctx=loss.context) for loss in losses]
        if not self._amp:
            autograd.backward(losses, weights)
            return
        from mxnet.contrib import amp

        # Recorded, since scaling is a part of what is differentiated.
        with autograd.record(), amp.scale_loss(losses, self._trainer) as scaled:
            autograd.backward(scaled, weights)


def count_positives(batch: Any) -> Any:
    """Return the number of positive anchors of a batch, over all devices: (1,) float32 NDArray on the CPU.

    Asked for before the forward pass, it is there before that ends.
    """
    counts = [(classes > 0).sum().as_in_context(mx.cpu()) for classes in batch.cls_targets]
    return mx.nd.add_n(*counts)
