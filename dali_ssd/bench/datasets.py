"""Describe the records of a benchmark, and make the data sets of this project's results from other shards.

    python -m dali_ssd.bench.datasets SRC.rec OUT.rec --longest-side 500 --quality 92 --min-records 1900

Boxes are fractions of the image, so labels stay as they are.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from PIL import Image

from dali_ssd.errors import ConfigError, DatasetError
from dali_ssd.records.dataset import Dataset, open_dataset
from dali_ssd.records.format.labels import parse_label
from dali_ssd.records.format.recordio import Header, pack
from dali_ssd.records.writer import ShardWriter
from dali_ssd.util.progress import track
from dali_ssd.util.words import counted

__all__ = ["Description", "MakeConfig", "describe", "main", "make_set", "resized"]

_SAMPLE = 256
"""Records to read for a description."""


@dataclass(frozen=True)
class Description:
    """The contents of the records; their sizes decide how fast a loader can be."""

    shards: list[str]
    records: int
    mean_width: float
    """Pixels."""
    mean_height: float
    mean_objects: float
    mean_kilobytes: float
    """Size of the encoded image in 10^3 bytes."""


def describe(dataset: Dataset) -> Description:
    """Describe a data set by an even sample of its records, without those whose image header cannot be read."""
    chosen = range(0, len(dataset), max(1, len(dataset) // _SAMPLE))
    rows = [row for row in (_describe_record(dataset, i) for i in chosen) if row is not None]
    if not rows:
        raise DatasetError(f"no readable image in {', '.join(map(str, dataset.shards))}; run `dali-ssd check` on it")
    width, height, objects, size = (sum(column) / len(rows) for column in zip(*rows, strict=True))
    return Description([str(shard) for shard in dataset.shards], len(dataset), width, height, objects, size / 1000)


@dataclass(frozen=True)
class MakeConfig:
    """Repeat the records of shards into one new shard, with smaller images if wanted."""

    src: str
    """Shard or pattern to read."""
    out: Path
    """Shard to write."""
    longest_side: int = 0
    """Pixels of the longer side of each image, which is saved as a JPEG; 0: leave images unchanged."""
    quality: int = 92
    """JPEG quality of the smaller images."""
    min_records: int = 0
    """Repeat all records until there are at least this many."""

    def __post_init__(self) -> None:
        if self.longest_side < 0 or self.min_records < 0 or not 1 <= self.quality <= 100:
            raise ConfigError("longest_side and min_records must not be negative, and quality must be within 1..100")
        if self.out.suffix != ".rec":
            raise ConfigError(f"the shard to write must end in .rec, not {self.out.name!r}")


def make_set(config: MakeConfig) -> int:
    """Write the data set and return its number of records. Raises DatasetError if there is nothing to read."""
    dataset = open_dataset(config.src)
    repeats = max(1, -(-config.min_records // len(dataset)))
    records = [_made(dataset, i, config) for i in track(range(len(dataset)), "reading")]
    with ShardWriter(config.out.parent, config.out.stem, overwrite=True) as writer:
        for number in range(repeats * len(records)):
            header, payload = records[number % len(records)]
            writer.write(pack(Header(header.label, number), payload))
    return repeats * len(records)


def resized(payload: bytes, longest_side: int, quality: int) -> bytes:
    """Scale an encoded image to `longest_side` pixels and return it as a JPEG."""
    image = Image.open(io.BytesIO(payload)).convert("RGB")
    scale = longest_side / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    buffer = io.BytesIO()
    image.resize((width, height), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def main(argv: Sequence[str] | None = None) -> None:
    """Run `make_set` from the command line."""
    positional = (tyro.conf.PositionalRequiredArgs,)
    config = tyro.cli(MakeConfig, args=argv, prog="python -m dali_ssd.bench.datasets", config=positional)
    print(f"{config.out}: {counted(make_set(config), 'record')}")


def _describe_record(dataset: Dataset, i: int) -> tuple[int, int, int, int] | None:
    try:
        header, payload = dataset.read(i)
        width, height = Image.open(io.BytesIO(payload)).size
        return width, height, len(parse_label(header.label)), len(payload)
    except (DatasetError, OSError):
        return None


def _made(dataset: Dataset, i: int, config: MakeConfig) -> tuple[Header, bytes]:
    header, payload = dataset.read(i)
    return header, resized(payload, config.longest_side, config.quality) if config.longest_side else payload


if __name__ == "__main__":
    main()
