"""How many batches a pipeline prepares in one run.

The operators of a pipeline follow each other, and each ends when its last image is ready. Several small batches in one
run leave the threads less often without work: on 2 cores, 96 images a run were 1.11 times (500 px) and 1.13 times
(640 px) as fast as 32 (medians of 4 pairs). Where images are large there is nothing to gain and only memory to lose:
64 photos of 1280 px a run took 1.25 instead of 0.8 GB and were 0.94 times as fast.
"""

from __future__ import annotations

from dali_ssd.config import RenderConfig

__all__ = ["batches_per_run"]

_IMAGES = 96
_BYTES = 224 << 20
"""Room for the decoded images of a run and for what they become."""


def batches_per_run(batch_size: int, mean_pixels: float, image: RenderConfig, num_anchors: int) -> int:
    """Batches that one run prepares, at least 1. `mean_pixels`: of an image of the data, width times height."""
    rendered = 3 * image.data_shape**2 * (4 if image.dtype == "float32" else 2)
    targets = 4 * (1 + 4) * num_anchors
    room = _BYTES / (3 * mean_pixels + rendered + targets)
    return max(1, int(min(_IMAGES, room)) // batch_size)
