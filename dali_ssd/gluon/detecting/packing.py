"""Image files as temporary shards, so that they take the way of the records that a network is scored on."""

from __future__ import annotations

import io
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageFile

from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.image_header import FORMATS, MAX_PIXELS, read_raster
from dali_ssd.records.format.labels import build_label
from dali_ssd.records.format.recordio import Header, pack
from dali_ssd.records.inspect import inspect_shards
from dali_ssd.records.writer import ShardWriter
from dali_ssd.util.words import first_line

__all__ = ["LeftOut", "Packed", "groups", "packed"]

_GROUP_BYTES, _GROUP_IMAGES = 1 << 28, 2048
"""Largest group: its images are on disk twice, and are all decoded once before the first goes on."""


class LeftOut(NamedTuple):
    """An image that cannot be read."""

    name: str
    """File, or shard and record."""
    reason: str


@dataclass(frozen=True)
class Packed:
    """Image files in a shard."""

    shard: Path | None
    """None if no image can be read."""
    files: Mapping[int, Path]
    """Files by the keys of their records."""
    left_out: tuple[LeftOut, ...]


def groups(files: Sequence[Path]) -> Iterator[list[Path]]:
    """Yield files in groups that can be packed at once."""
    group: list[Path] = []
    total = 0
    for file in files:
        group.append(file)
        total += file.stat().st_size if file.exists() else 0
        if total > _GROUP_BYTES or len(group) == _GROUP_IMAGES:
            yield group
            group, total = [], 0
    if group:
        yield group


@contextmanager
def packed(files: Sequence[Path]) -> Iterator[Packed]:
    """Write image files, their bytes unchanged, into a shard of records without objects, which is deleted at the end.

    Each is decoded once by training's decoder, and those that it cannot decode are left out. A file of another format
    that Pillow reads, such as a GIF, is packed as a PNG of its first picture.
    """
    with tempfile.TemporaryDirectory() as name:
        folder, left_out = Path(name), []
        images: dict[int, Path] = {}
        with ShardWriter(folder, "all") as writer:
            for number, file in enumerate(files):
                data = _image_of(file)
                if isinstance(data, LeftOut):
                    left_out.append(data)
                    continue
                writer.write(pack(_NOTHING, data), key=number)
                images[number] = file
        if images:
            bad = _undecodable(folder / "all.rec", folder)
            left_out += [LeftOut(str(images.pop(key)), reason) for key, reason in bad.items()]
            if bad and images:
                _copy(folder / "all.rec", folder, images)
        shard = folder / ("good.rec" if (folder / "good.rec").exists() else "all.rec") if images else None
        yield Packed(shard, images, tuple(left_out))


_NOTHING = Header(build_label([], []))


def _image_of(file: Path) -> bytes | LeftOut:
    """Return the bytes to pack."""
    if file.exists() and not file.is_file():  # a pipe may have no end, and none may ever write to it
        return LeftOut(str(file), "a device, a pipe or a socket; copy its content to a file")
    try:
        data = file.read_bytes()
    except OSError as error:
        return LeftOut(str(file), error.strerror or "cannot be read")
    raster = read_raster(data)
    if raster is None:
        return LeftOut(str(file), "not an image" if data else "the file is empty")
    if raster.format in FORMATS:
        return data
    if raster.width * raster.height > MAX_PIXELS:
        return LeftOut(str(file), f"{raster.format} of {raster.width}x{raster.height}, which is too large")
    try:
        with _strict(), warnings.catch_warnings(), Image.open(io.BytesIO(data)) as image:
            warnings.simplefilter("ignore")  # of sizes that are accepted here, and of odd metadata
            content = io.BytesIO()
            image.convert("RGB").save(content, "PNG")
    except Exception as error:  # Pillow raises many kinds on damaged files
        return LeftOut(str(file), f"{raster.format} that cannot be read: {first_line(error)}")
    return content.getvalue()


@contextmanager
def _strict() -> Iterator[None]:
    """Have Pillow refuse images that are cut: GluonCV has it fill them up with gray, wherever it is imported."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _undecodable(shard: Path, cache: Path) -> dict[int, str]:
    """Return why records of a shard cannot be used, by their keys."""
    report = inspect_shards(shard, decoders=("dali",), cache_dir=cache)
    return {found.place.key: found.reason for found in report.errors if found.place.key is not None}


def _copy(shard: Path, folder: Path, keys: Mapping[int, Path]) -> None:
    """Write the records of these keys of a shard into `good.rec`."""
    with ShardWriter(folder, "good") as writer:
        for record in open_dataset(shard, folder):
            if record.place.key in keys:
                writer.write(pack(record.header, record.image), key=record.place.key)
