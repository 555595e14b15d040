"""From what torchvision's detection models return to what `dali_ssd.metrics` scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from dali_ssd.metrics.detections import Detections
from dali_ssd.torch.batch import Target

__all__ = ["detections"]


def detections(outputs: Sequence[Target], targets: Sequence[Target]) -> list[Detections]:
    """Return what a network finds in the images of a batch, with what is there, for `dali_ssd.metrics.scores.score`.

    Args:
        outputs: of each image `boxes` (n, 4) in pixels of the network's input, `labels` (n,), class id + 1, and
            `scores` (n,), the best first: as a torchvision model returns them for images of that size.
        targets: of the same images, as `ValLoader` has them; without `difficult`, no object is.
    """
    return [_detections(output, target) for output, target in zip(outputs, targets, strict=True)]


def _detections(output: Target, target: Target) -> Detections:
    difficult = target.get("difficult", torch.zeros(len(target["labels"])))
    boxes, scores, true_boxes = (_numbers(part) for part in (output["boxes"], output["scores"], target["boxes"]))
    ids, true_ids = (_numbers(each["labels"]).astype(np.int32) - 1 for each in (output, target))
    return Detections(boxes, ids, scores, true_boxes, true_ids, _numbers(difficult) > 0)


def _numbers(part: torch.Tensor) -> NDArray[np.float32]:
    """Return a tensor as NumPy's, which has no bfloat16."""
    numbers: NDArray[np.float32] = part.detach().to("cpu", torch.float32).numpy()
    return numbers
