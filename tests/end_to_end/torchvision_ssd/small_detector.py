"""`examples/torchvision_ssd.py` with a small detector in place of torchvision's, which need not be installed.

    small_detector.py OPTIONS

SMALL_DETECTOR_STOP=RANK:STEP lets this rank send itself SIGTERM while it trains on this step.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from examples.torchvision_ssd import Network, Options, main

SIDE = 32


class Detector(nn.Module):  # type: ignore[misc]
    """Finds one object an image: has batch normalization and dropout, whose states a checkpoint must hold.

    Images without objects add nothing to the losses, as in torchvision's SSDs.
    """

    def __init__(self, classes: int, *, plain: bool = False) -> None:
        super().__init__()
        between = [] if plain else [nn.BatchNorm2d(8), nn.Dropout(0.2)]
        pooled = [nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()]
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2), *between, *pooled)
        self.head = nn.Linear(32, classes + 1 + 4)
        self.calls = 0

    def forward(self, images: Any, targets: Any = None) -> Any:
        logits, boxes = self.head(self.features(images)).split([self.head.out_features - 4, 4], dim=1)
        if not self.training:
            scores, labels = logits[:, 1:].softmax(dim=1).max(dim=1)
            each = zip(boxes.clamp(0, 1) * SIDE, scores, labels + 1, strict=True)
            return [{"boxes": box[None], "scores": score[None], "labels": label[None]} for box, score, label in each]
        self.calls += 1
        if os.environ.get("SMALL_DETECTOR_STOP") == f"{os.environ.get('RANK', 0)}:{self.calls}":
            os.kill(os.getpid(), signal.SIGTERM)
        some = torch.tensor([len(target["labels"]) > 0 for target in targets])
        objects = [target for target in targets if len(target["labels"])]
        labels = torch.stack([target["labels"][0] for target in objects]) if objects else torch.zeros(0).long()
        wanted = torch.stack([target["boxes"][0] / SIDE for target in objects]) if objects else torch.zeros(0, 4)
        count = max(1, int(some.sum()))
        return {
            "classification": functional.cross_entropy(logits[some], labels, reduction="sum") / count,
            "bbox_regression": functional.smooth_l1_loss(boxes[some], wanted, reduction="sum") / count,
            "positives": some.sum(),
        }


def small_network(options: Options, classes: int) -> Network:
    return Network(Detector(classes), SIDE, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


if __name__ == "__main__":
    sys.exit(main(small_network))
