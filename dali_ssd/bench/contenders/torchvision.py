"""torchvision's way to train an SSD: its reference's transforms in a DataLoader, one worker process per thread.

The workers also do what torchvision's SSD does itself before its loss: they normalize and resize the images, match the
boxes with the anchors and encode them. Images are PIL's, the reference's default: with tensors from
`torchvision.io`, the whole takes as long with small photos, and half as long again with large ones.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.models.detection._utils import BoxCoder, SSDMatcher
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import box_convert, box_iou
from torchvision.transforms import v2
from torchvision.tv_tensors import BoundingBoxes

from dali_ssd.bench.contenders.shared_memory import check_shared_memory
from dali_ssd.bench.work import Work, WorkBatch
from dali_ssd.config import IMAGENET_MEAN, IMAGENET_STD
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.labels import parse_label

__all__ = ["batches"]

_FILL = (123.0, 117.0, 104.0)
"""Color of the canvas that zooming out adds, of 255, in the reference."""


def batches(work: Work, anchors: NDArray[np.float32]) -> Iterator[WorkBatch]:
    """Yield the batches of a DataLoader with `work.threads` worker processes, epoch after epoch."""
    check_shared_memory(work, len(anchors))
    torch.manual_seed(work.seed)
    records: Any = _Records(work, anchors)  # no class of PyTorch's, but any map from numbers will do
    loader = DataLoader(
        records,
        work.batch_size,
        shuffle=True,
        num_workers=work.threads,
        # The reference drops the rest of an epoch; a data set that is smaller than a batch would be all rest.
        drop_last=len(records) >= work.batch_size,
        persistent_workers=True,
        pin_memory=work.device == "gpu",
    )
    device = "cuda" if work.device == "gpu" else "cpu"
    while True:
        for arrays in loader:
            yield WorkBatch(len(arrays[0]), *([array.to(device)] for array in arrays))


class _Records:
    """The records as a map from their numbers to what the network is trained on."""

    def __init__(self, work: Work, anchors: NDArray[np.float32]) -> None:
        self._dataset = open_dataset(work.shards)
        self._augment = _augmentation()
        self._input = _Input(work.data_shape)
        self._targets = _Targets(anchors)

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, number: int) -> tuple[Any, Any, Any]:
        """Return the data `(3, S, S)`, classes `(N,)` and boxes `(N, 4)` of a record, all tensors of float32."""
        header, payload = self._dataset.read(number)
        objects = parse_label(header.label)
        image = Image.open(io.BytesIO(payload)).convert("RGB")
        corners = torch.from_numpy(objects.boxes) * torch.tensor(image.size * 2)
        boxes = BoundingBoxes(corners, format="XYXY", canvas_size=image.size[::-1])
        labels = torch.from_numpy(objects.class_ids).long() + 1
        data, target = self._input(*self._augment(image, {"boxes": boxes, "labels": labels}))
        return data, *self._targets(target["boxes"], target["labels"])


def _augmentation() -> Any:
    """Return the reference's preset `ssd`: a PIL image to a float tensor in 0..1, without boxes that are cut off."""
    return v2.Compose(
        [
            v2.RandomPhotometricDistort(),
            v2.RandomZoomOut(fill=_FILL),
            v2.RandomIoUCrop(),
            v2.RandomHorizontalFlip(0.5),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.SanitizeBoundingBoxes(),
            v2.ToPureTensor(),
        ]
    )


class _Input:
    """What the model does to an image and its boxes (pixels) first: both become those of the network's input."""

    def __init__(self, side: int) -> None:
        mean, std = list(IMAGENET_MEAN), list(IMAGENET_STD)
        self._transform = GeneralizedRCNNTransform(side, side, mean, std, fixed_size=(side, side))

    def __call__(self, image: Any, target: Any) -> Any:
        return self._transform.resize(self._transform.normalize(image), target)


class _Targets:
    """What the model makes of boxes for its loss, for all anchors instead of the positive ones alone."""

    def __init__(self, anchors: NDArray[np.float32]) -> None:
        self._anchors = box_convert(torch.from_numpy(anchors), "cxcywh", "xyxy")
        self._match = SSDMatcher(0.5)
        self._coder = BoxCoder((10.0, 10.0, 5.0, 5.0))  # one over the usual stds of offsets

    def __call__(self, boxes: Any, labels: Any) -> tuple[Any, Any]:
        """Return the class `(N,)`, 0 for background, and the offsets `(N, 4)` of each anchor, float32.

        `boxes`: `(n, 4)` corners in network pixels; `labels`: `(n,)`, from 1.
        """
        classes, offsets = torch.zeros(len(self._anchors)), torch.zeros_like(self._anchors)
        if len(boxes):
            matches = self._match(box_iou(boxes, self._anchors))
            positive = matches >= 0
            objects = matches[positive]
            classes[positive] = labels[objects].float()
            offsets[positive] = self._coder.encode_single(boxes[objects], self._anchors[positive])
        return classes, offsets
