"""Small records of real JPEGs, and where they begin in a shard."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import cache
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dali_ssd.records.format.labels import build_label
from dali_ssd.records.format.recordio import Header, frame, pack
from dali_ssd.records.writer import ShardWriter

BOX = (0.1, 0.2, 0.5, 0.6)


@cache
def encoded(kind: str = "JPEG", mode: str = "RGB", size: tuple[int, int] = (40, 30), orientation: int = 1) -> bytes:
    rng = np.random.default_rng(size[0])
    image = Image.fromarray(rng.integers(0, 255, (size[1], size[0], 3), np.uint8)).convert(mode)
    exif = Image.Exif()
    if orientation != 1:
        exif[0x0112] = orientation
    stream = io.BytesIO()
    image.save(stream, kind, exif=exif)
    return stream.getvalue()


def record(
    boxes: Sequence[Sequence[float]] = (BOX,),
    ids: Sequence[float] | None = None,
    image: bytes | None = None,
    label: Sequence[float] | None = None,
) -> bytes:
    ids = range(len(boxes)) if ids is None else ids
    words = build_label(boxes, ids) if label is None else np.array(label, np.float32)
    return pack(Header(words), encoded() if image is None else image)


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write records into `a.rec` (or `name`) with its index; return the shard's path."""

    def write_shard(records: Sequence[bytes], name: str = "a") -> Path:
        folder = tmp_path / "data"
        with ShardWriter(folder, name) as writer:
            for one in records:
                writer.write(one)
        return folder / f"{name}.rec"

    return write_shard


def starts(records: Sequence[bytes]) -> list[int]:
    """Byte offset of each record in a shard of them all, and the shard's size."""
    return list(accumulate((len(frame(one)) for one in records), initial=0))
