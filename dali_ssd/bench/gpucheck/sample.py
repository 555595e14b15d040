"""Some of the user's records for the checks: as they are, and as PNGs, which decoders cannot decode differently."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from dali_ssd.config import CoordinateUnit
from dali_ssd.errors import DatasetError
from dali_ssd.records.dataset import Dataset
from dali_ssd.records.format.recordio import Header, pack
from dali_ssd.records.inspect import inspect_shards
from dali_ssd.records.writer import ShardWriter
from dali_ssd.util.words import counted

__all__ = ["Sample", "take_sample"]


@dataclass(frozen=True)
class Sample:
    """Two shards with the same records and labels."""

    jpegs: str
    """Path of the shard with the JPEGs as they are."""
    exact: str
    """Path of the shard with their pixels as PNGs."""
    count: int
    unit: CoordinateUnit
    """Unit of the labels' boxes."""


def take_sample(shards: Sequence[Path], count: int, folder: Path) -> Sample:
    """Write up to `count` records into two shards in `folder`, evenly taken from all.

    Only from JPEGs of gray or color: what nvJPEG makes of CMYK is its own, and other formats are decoded on the host.

    Raises:
        DatasetError: a shard is missing or damaged, or there is no such JPEG among those looked at.
    """
    report = inspect_shards(shards)
    report.require_readable()
    dataset = report.require_clean()
    records = list(_jpegs(dataset, count))
    if not records:
        looked = counted(min(count, len(dataset)), "record")
        raise DatasetError(
            f"no JPEG of gray or color among {looked} of {dataset.shards[0].parent}, so nothing to check"
        )
    with ShardWriter(folder, "jpegs") as jpegs, ShardWriter(folder, "exact") as exact:
        for number, (header, payload) in enumerate(records):
            jpegs.write(pack(Header(header.label, number), payload))
            exact.write(pack(Header(header.label, number), _png(payload)))
    return Sample(str(jpegs.paths[0]), str(exact.paths[0]), len(records), report.unit)


def _jpegs(dataset: Dataset, count: int) -> Iterator[tuple[Header, bytes]]:
    count = min(count, len(dataset))
    for place in range(count):
        header, payload = dataset.read(place * len(dataset) // count)
        image = Image.open(io.BytesIO(payload))
        if image.format == "JPEG" and image.mode in ("L", "RGB"):
            yield header, payload


def _png(payload: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(payload)).convert("RGB").save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
