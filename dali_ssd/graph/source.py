"""Source: records from shards, and the part of their JPEGs decoded that the plan needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nvidia.dali import fn, types

from dali_ssd.config import NvjpegConfig
from dali_ssd.graph.conditional import merge, split
from dali_ssd.graph.jpeg import decode_progressive
from dali_ssd.graph.where import Where

__all__ = [
    "READER",
    "ReaderSlice",
    "corner_and_size",
    "decode",
    "image_shapes",
    "nvjpeg_options",
    "read",
    "source_info",
]

READER = "reader"
"""Name of the reader operator, for `Pipeline.reader_meta`."""


@dataclass(frozen=True)
class ReaderSlice:
    """The part of a dataset that one pipeline reads."""

    paths: Sequence[Path]
    """The `.rec` files."""
    index: Path
    """One index of offsets into their concatenation; records that it leaves out are skipped."""
    number: int = 0
    """Number of this part, of `count`."""
    count: int = 1
    progressive: bool = False
    """Whether many images are progressive JPEGs."""


def read(records: ReaderSlice, *, shuffle: bool, initial_fill: int = 1) -> tuple[Any, Any]:
    """Read records endlessly: encoded images (bytes,) uint8, label vectors (length,) float32.

    A training reader shuffles, takes the next device's part with each pass, and lets passes run into each other; a
    validation reader keeps to its part and fills up the last batch of a pass.
    """
    images, labels = fn.readers.mxnet(
        path=[str(path) for path in records.paths],
        index_path=[str(records.index)],
        shard_id=records.number,
        num_shards=records.count,
        random_shuffle=shuffle,
        initial_fill=initial_fill,
        stick_to_shard=not shuffle,
        pad_last_batch=not shuffle,
        # A shard that becomes shorter under a memory map kills the interpreter (SIGBUS); a plain read only fails, and
        # the loader can name the shard. Cost, against mmap over a shard of 98 MB in 16 paired epochs: not measurable
        # (1.00 of the CPU time per image, quartiles 0.97 and 1.03); the shuffle's window is in memory instead of in the
        # page cache (561 MB instead of 309 MB that are not a file's, at 4096 records of 50 KB).
        dont_use_mmap=True,
        name=READER,
    )
    return images, labels


def image_shapes(images: Any, *, upright: bool) -> Any:
    """Return height, width, channels of each image `(3,) int64`, from its header alone."""
    return fn.peek_image_shape(images, adjust_orientation=upright)


def decode(images: Any, regions: Any, *, where: Where, upright: bool, progressive: bool = False) -> Any:
    """Decode a region `y x height width` of each image: `(height, width, 3) uint8` RGB on `where.device`.

    On the CPU, and with `upright=False`, the pixels are those of MXNet's `imdecode` to the bit. `progressive`: many are
    progressive JPEGs, which then get a decoder of twice the speed; it changes no pixel.
    """
    if where.device == "gpu" or upright or not progressive:
        return _decode(images, regions, where, upright)
    ours, done = decode_progressive(images, regions)
    (decoded, *_), (_, images, regions) = split(done, ours, images, regions)
    return merge(done, decoded, _decode(images, regions, where, upright))


def corner_and_size(regions: Any) -> tuple[Any, Any]:
    """Return the corner `y x` and the size `height width` of regions, `(2,) int32` each, as a decoder takes them."""
    return regions[0:2], regions[2:4]


def source_info(images: Any) -> Any:
    """Return where each record came from, as text in uint8: file name and byte offset."""
    return fn.get_property(images, key="source_info")


def nvjpeg_options(config: NvjpegConfig) -> dict[str, Any]:
    """Return the arguments of a decoder of DALI's that runs on a GPU, for regions or whole images."""
    return {
        "device": "mixed",
        # nvJPEG's default upsamples color by repetition; libjpeg-turbo, whose pixels the CPU has, interpolates.
        "jpeg_fancy_upsampling": True,
        "hw_decoder_load": config.hw_decoder_load,
        "preallocate_width_hint": config.preallocate_width,
        "preallocate_height_hint": config.preallocate_height,
    }


def _decode(images: Any, regions: Any, where: Where, upright: bool) -> Any:
    corners, sizes = corner_and_size(regions)
    if where.device == "gpu" and where.whole:
        options = nvjpeg_options(where.nvjpeg)
        pixels = fn.decoders.image(images, output_type=types.RGB, adjust_orientation=upright, **options)
        return fn.slice(pixels, start=corners, shape=sizes, axis_names="HW")
    # No `bytes_per_sample_hint`: DALI's pool keeps the buffers anyway. On a CPU, with photos of 1280 px, neither their
    # mean size (246 and 222 images/s) nor the largest (246, 247, 244) was faster than no hint (255, 245, 236).
    return fn.decoders.image_slice(
        images,
        start=corners,
        shape=sizes,
        axis_names="HW",
        output_type=types.RGB,
        adjust_orientation=upright,
        **(nvjpeg_options(where.nvjpeg) if where.device == "gpu" else {"device": "cpu"}),
    )
