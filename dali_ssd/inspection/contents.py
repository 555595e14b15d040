"""What the labels and the heads of the images of a data set say, as arrays: no pixel is decoded."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dali_ssd.config import CoordinateUnit, RenderConfig
from dali_ssd.graph.plan import validation_kernel
from dali_ssd.kernels.plan import validation_settings
from dali_ssd.records.dataset import Dataset
from dali_ssd.records.format.image_header import read_raster
from dali_ssd.records.format.recordio import frame_at, join, map_shard, unpack
from dali_ssd.records.lint.shard_report import Task, tasks_of
from dali_ssd.util.parallel import ordered_map
from dali_ssd.util.progress import track

__all__ = ["BOX", "CLASS", "DIFFICULT", "Contents", "read_contents", "rows_of"]

BOX, CLASS, DIFFICULT = slice(0, 4), 4, 5
"""Columns of objects."""


@dataclass(frozen=True, eq=False)
class Contents:
    """The good records of a data set, n of them, with m objects."""

    numbers: NDArray[np.int64]
    """(n,) number of each record in the data set."""
    sizes: NDArray[np.int64]
    """(n, 2) width and height of the images in pixels."""
    image_bytes: NDArray[np.int64]
    """(n,)"""
    checksums: NDArray[np.int64]
    """(n,) CRC-32 of the image files."""
    kinds: tuple[str, ...]
    """Format, channels, and whether progressive, of each image."""
    progressive: NDArray[np.bool_]
    """(n,)"""
    labels: tuple[NDArray[np.float32], ...]
    """The label of each record, as stored."""
    objects: NDArray[np.float32]
    """(m, 6) xmin ymin xmax ymax in network pixels, without what lies outside the image, class id, difficult."""
    starts: NDArray[np.int64]
    """(n + 1,) the rows of `objects` that belong to record i are `starts[i]` to `starts[i + 1]`."""

    def __len__(self) -> int:
        return len(self.numbers)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(n,) objects of each record."""
        return np.diff(self.starts)

    @cached_property
    def owner(self) -> NDArray[np.int64]:
        """(m,) position of the record of each object."""
        return np.repeat(np.arange(len(self)), self.counts)

    @cached_property
    def repeats(self) -> NDArray[np.bool_]:
        """(n,) whether an earlier record has the same image file, by size and checksum."""
        _, first = np.unique(np.column_stack([self.checksums, self.image_bytes]), axis=0, return_index=True)
        repeats = np.ones(len(self), bool)
        repeats[first] = False
        return repeats

    @cached_property
    def megapixels(self) -> NDArray[np.float64]:
        """(n,) millions of pixels of each image."""
        return np.asarray(self.sizes.prod(axis=1) / 1e6)

    def sides(self, data_shape: int) -> NDArray[np.float64]:
        """Return width and height of the boxes in pixels of their images, (m, 2)."""
        network = (self.objects[:, 2:4] - self.objects[:, :2]).astype(np.float64)
        return np.asarray(network * self.sizes[self.owner] / data_shape)


def read_contents(
    dataset: Dataset, bad: Sequence[int], image: RenderConfig, unit: CoordinateUnit, workers: int
) -> Contents:
    """Read label and image head of all records but the bad ones, and return their boxes as the network gets them.

    Raises DatasetError if a shard cannot be read any more.
    """
    numbers = np.delete(np.arange(len(dataset)), bad)
    tasks = _tasks(dataset, numbers)
    looked = track(ordered_map(_look, tasks, workers, worth=32), "reading records (256 a step)", len(tasks))
    looks = [one for some in looked for one in some]
    kept = [row for row, look in enumerate(looks) if look.width and look.height]
    settings, some = validation_settings(image, unit), [looks[row] for row in kept]
    rows = [_objects(look, settings, image.data_shape) for look in some]
    return Contents(
        numbers=numbers[kept],
        sizes=np.array([(look.width, look.height) for look in some], np.int64).reshape(-1, 2),
        image_bytes=np.array([look.bytes for look in some], np.int64),
        checksums=np.array([look.checksum for look in some], np.int64),
        kinds=tuple(look.kind for look in some),
        progressive=np.array([look.progressive for look in some], bool),
        labels=tuple(look.label for look in some),
        objects=np.concatenate([np.zeros((0, 6), np.float32), *rows]),
        starts=np.cumsum([0, *map(len, rows)]),
    )


def rows_of(starts: NDArray[np.int64]) -> Iterator[slice]:
    """Yield the rows of each record, from the (n + 1,) positions at which they begin."""
    for first, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        yield slice(first, end)


class _Look(NamedTuple):
    """A record as it is read, and a checksum of its image."""

    width: int
    """0: it is no image."""
    height: int
    bytes: int
    kind: str
    progressive: bool
    checksum: int
    label: NDArray[np.float32]


def _tasks(dataset: Dataset, numbers: NDArray[np.int64]) -> list[Task]:
    tasks: list[Task] = []
    shards = np.searchsorted(dataset.starts, dataset.offsets[numbers], side="right") - 1
    for shard in np.unique(shards):
        some = numbers[shards == shard]
        offsets = dataset.offsets[some] - dataset.starts[shard]
        records = list(zip(offsets.tolist(), dataset.keys[some].tolist(), strict=True))
        tasks += tasks_of(dataset.shards[shard], records)
    return tasks


def _look(task: Task) -> list[_Look]:
    shard, records = task
    found = []
    with map_shard(shard) as buffer:
        for offset, _ in records:
            header, data = unpack(join(buffer, frame_at(buffer, offset, shard)))
            raster = read_raster(data)
            size = (0, 0) if raster is None else (raster.width, raster.height)
            kind, progressive = ("", False) if raster is None else (raster.kind, raster.progressive)
            found.append(_Look(*size, len(data), kind, progressive, zlib.crc32(data), header.label))
    return found


def _objects(look: _Look, settings: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Return the objects of a record as `Contents` has them: the view of validation, cut to the image."""
    shape = np.array([look.height, look.width, 3], np.int64)
    _, _, objects = validation_kernel().on_arrays(look.label, shape, settings)
    objects = objects[objects[:, CLASS] >= 0]
    objects[:, BOX] = objects[:, BOX].clip(0, side)
    return np.asarray(objects[(objects[:, 2:4] > objects[:, :2]).all(axis=1)])
