"""From what torchvision's detection models return to what `dali_ssd.metrics` scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dali_ssd.metrics.detections import Detections
from dali_ssd.torch.batch import Target

__all__ = ["detections"]


def detections(outputs: Sequence[Target], targets: Sequence[Target]) -> list[Detections]:
    """Return what a network finds in the images of a batch, with what is there, for `dali_ssd.metrics.scores.score`.

    Args:
        outputs: of each image `boxes` (n, 4) in pixels of the network's input, `labels` (n,), class id + 1, and
            `scores` (n,), the best first: as a torchvision model returns them for images of that size.
        targets: of the same images, as `ValLoader` has them.
    """
    return [_detections(output, target) for output, target in zip(outputs, targets, strict=True)]


def _detections(output: Target, target: Target) -> Detections:
    found, true = ({name: part.detach().cpu().numpy() for name, part in each.items()} for each in (output, target))
    ids, true_ids = (each["labels"].astype(np.int32) - 1 for each in (found, true))
    boxes, scores = found["boxes"].astype(np.float32), found["scores"].astype(np.float32)
    return Detections(boxes, ids, scores, true["boxes"], true_ids, true["difficult"])
