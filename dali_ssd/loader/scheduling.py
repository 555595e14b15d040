"""Division of the work for a device among pipelines, among their runs, and between the decoders.

Within a pipeline the operators follow each other, and each ends when its last image is ready: threads wait for the
slowest of them, and while the decoder is set up for a batch. Two pipelines that take turns fill each other's gaps: on 2
cores, two of one thread each were 1.05 (500 px) and 1.03 (1280 px) times as fast as one of two threads; three, or two
of two threads each, were slower.

A run costs 1 ms of CPU whatever its length, and longer ones leave the threads less often without work: with 64 images
per run, two pipelines were 1.04 times as fast as with 32 at 500 px, and as fast at 640 px; with 96 slower. With large
images there is nothing to gain and only memory to lose: 64 photos of 1280 px per run took 1.25 instead of 0.8 GB and
were 0.94 times as fast.

(Medians of 4 to 6 paired measurements.)
"""

from __future__ import annotations

from dali_ssd.config import RenderConfig

__all__ = ["batches_per_run", "many_progressive", "pipelines_per_device"]

_PIPELINES = 2
_BATCHES = 12
"""Fewest batches per pass for which pipelines take turns: an epoch may then be off by one batch of these."""
_IMAGES = 128
_BYTES = 224 << 20
"""Most images of a run, and most bytes for its decoded images and what is made of them.

Both are for all pipelines of a device, and neither depends on the number of cores: in runs of another length DALI draws
other random numbers."""

_PROGRESSIVE = 0.1
"""Smallest share of progressive JPEGs for which their own decoder is used. It saves 0.75 ms of CPU per progressive
photo of 500 px, and costs 0.05 ms per image that it declines."""


def pipelines_per_device(device: str, batches: int) -> int:
    """Return how many pipelines take turns with the batches of a device, `batches` per pass.

    The number of cores does not count, so that a seed gives the same batches on every machine.
    """
    return _PIPELINES if device == "cpu" and batches >= _BATCHES else 1


def batches_per_run(batch_size: int, pipelines: int, mean_pixels: float, image: RenderConfig, num_anchors: int) -> int:
    """Return how many batches one run of each of a device's pipelines prepares on a CPU, at least 1.

    Args:
        batch_size: images per batch on this device.
        pipelines: how many take turns.
        mean_pixels: width times height of an image of the data, on average.
        image: the network's input.
        num_anchors: how many anchors have targets.
    """
    rendered = 3 * image.data_shape**2 * (4 if image.dtype == "float32" else 2)
    targets = 4 * (1 + 4) * num_anchors
    room = _BYTES / (3 * mean_pixels + rendered + targets)
    return max(1, int(min(_IMAGES, room) / pipelines) // batch_size)


def many_progressive(share: float) -> bool:
    """Return whether the decoder of progressive JPEGs is worth using for this share of them among the records."""
    return share >= _PROGRESSIVE
