"""Small shards of drawn images for the tests of graph and loader."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from dali_ssd.graph.source import ReaderSlice
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.labels import build_label
from dali_ssd.records.format.recordio import Header, pack
from dali_ssd.records.writer import ShardWriter

Pixels = npt.NDArray[np.uint8]
Record = tuple[npt.NDArray[np.float32], bytes]


def draw(rng: np.random.Generator, height: int, width: int) -> Pixels:
    """A smooth random image `(height, width, 3)`, so that resampling filters agree on it about."""
    coarse = rng.integers(0, 256, (4, 4, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def encoded(pixels: Pixels, kind: str = "PNG", mode: str = "RGB", **options: Any) -> bytes:
    """The image file, as bytes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def random_boxes(rng: np.random.Generator, count: int) -> npt.NDArray[np.float64]:
    """`(count, 4)` corners as fractions of the image, at least a tenth of it wide and high."""
    low = rng.uniform(0, 0.6, (count, 2))
    return np.concatenate([low, low + rng.uniform(0.1, 0.4, (count, 2))], axis=1)


def random_record(rng: np.random.Generator, *, most: int = 4) -> Record:
    """Label and PNG of an image of 40 to 90 pixels with 0 to `most` objects of 3 classes."""
    height, width, count = (int(rng.integers(*limits)) for limits in ((40, 91), (40, 91), (0, most + 1)))
    label = build_label(random_boxes(rng, count), rng.integers(0, 3, count))
    return label, encoded(draw(rng, height, width))


def write(folder: Path, records: Iterable[Record], *, stem: str = "s", num_shards: int = 1) -> tuple[Path, ...]:
    """Write (label, image file) records; record i has the id and key i."""
    with ShardWriter(folder, stem, num_shards) as writer:
        for number, (label, payload) in enumerate(records):
            writer.write(pack(Header(np.asarray(label, np.float32), number), payload))
    return writer.paths


def write_random(folder: Path, count: int, *, seed: int = 0, num_shards: int = 1) -> tuple[Path, ...]:
    """Write `count` random records."""
    rng = np.random.default_rng(seed)
    return write(folder, [random_record(rng) for _ in range(count)], num_shards=num_shards)


def as_shard(paths: Sequence[Path], number: int = 0, count: int = 1) -> ReaderSlice:
    """What a pipeline takes."""
    dataset = open_dataset(list(paths))
    return ReaderSlice(dataset.shards, dataset.merged_index(), number, count)
