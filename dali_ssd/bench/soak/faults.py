"""Shards with planted faults: drawn records, of which some are bad in every known way, and some unusual but good."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.index import index_path, read_index
from dali_ssd.records.format.labels import build_label
from dali_ssd.records.format.recordio import Header, pack
from dali_ssd.records.writer import ShardWriter
from dali_ssd.synthetic import write_shapes

__all__ = ["BAD", "BROKEN_FRAME", "UNUSUAL", "Planted", "Record", "plant"]

Record: TypeAlias = tuple[str, int]
"""Name of the shard, and key of the record."""
Change: TypeAlias = Callable[[Header, bytes], tuple[Header, bytes]]

_SHARDS = 4
_BOX = (0.2, 0.3, 0.6, 0.7)


def _image(change: Callable[[bytes], bytes]) -> Change:
    return lambda header, image: (header, change(image))


def _label(*words: float) -> Change:
    """Return a change that sets the label to exactly these numbers."""
    return lambda header, image: (replace(header, label=np.array(words, np.float32)), image)


def _object(*row: float) -> Change:
    """Return a change that sets a label with one good object, and one of class id xmin ymin xmax ymax."""
    return _label(*build_label([_BOX], [0]), *row)


def _without_pixels(jpeg: bytes) -> bytes:
    """Replace the pixels of a JPEG by zeros and keep head and tail, so that only a decoder notices."""
    begin = jpeg.index(b"\xff\xda") + 2
    begin += int.from_bytes(jpeg[begin : begin + 2], "big")
    return jpeg[: begin - 12] + bytes(len(jpeg) - begin + 10) + b"\xff\xd9"


def _encoded(kind: str, mode: str) -> Callable[[bytes], bytes]:
    def encode(jpeg: bytes) -> bytes:
        stream = io.BytesIO()
        Image.open(io.BytesIO(jpeg)).convert(mode).save(stream, kind)
        return stream.getvalue()

    return encode


BAD: dict[str, Change] = {
    "no image": _image(lambda jpeg: b""),
    "text for an image": _image(lambda jpeg: b"404 Not Found " * 40),
    "JPEG cut in half": _image(lambda jpeg: jpeg[: len(jpeg) // 2]),
    "JPEG cut in its head": _image(lambda jpeg: jpeg[:100]),
    "JPEG with zeros for pixels": _image(_without_pixels),
    "NaN in a box": _object(1, np.nan, 0.2, 0.6, 0.7),
    "infinite box": _object(1, 0.1, 0.2, np.inf, 0.7),
    "NaN for a class id": _object(np.nan, 0.1, 0.2, 0.6, 0.7),
    "pixel coordinates": _object(1, 20, 30, 90, 120),
    "inverted box": _object(1, 0.6, 0.2, 0.1, 0.7),
    "class id that there is not": _object(999, 0.1, 0.2, 0.6, 0.7),
    "class id that is not whole": _object(1.5, 0.1, 0.2, 0.6, 0.7),
    "label with half an object": _label(2, 5, 1, 0.1, 0.2),
    "absurd header length": _label(-7, 5, 1, 0.1, 0.2, 0.6, 0.7),
    "absurd object width": _label(2, 1e9, 1, 0.1, 0.2, 0.6, 0.7),
}
"""Records that must be left out, by their fault."""
BROKEN_FRAME = "magic number overwritten"
"""One more fault, planted in the file instead of the record."""

UNUSUAL: dict[str, Change] = {
    "no objects": _label(2, 5),
    "only a negative class id": _label(2, 5, -1, -1, -1, -1, -1),
    "box beyond the image": _object(1, 0.5, 0.5, 1.2, 1.1),
    "box without area": _object(1, 0.4, 0.4, 0.4, 0.6),
    "columns beyond the box": _label(4, 7, 0.5, 0.5, 1, 0.1, 0.2, 0.6, 0.7, 1, 3),
    "PNG": _image(_encoded("PNG", "RGB")),
    "gray JPEG": _image(_encoded("JPEG", "L")),
    "CMYK JPEG": _image(_encoded("JPEG", "CMYK")),
}
"""Records that must be delivered, by their unusual property."""


@dataclass(frozen=True)
class Planted:
    """Shards, and the faults planted in their records."""

    shards: tuple[Path, ...]
    bad: dict[Record, str]
    unusual: dict[Record, str]
    good: frozenset[Record]
    """All records that are not bad, including the unusual ones."""


def plant(folder: Path, count: int, copies: int, seed: int) -> Planted:
    """Draw `count` records into shards, with `copies` of each fault and each unusual record.

    Raises ConfigError if `count` is below 1, and ValueError if it is less than the number of these records.
    """
    (drawn,) = write_shapes(folder / "drawn", "drawn", count, seed=seed)
    changes = [name for name in (*BAD, *UNUSUAL, BROKEN_FRAME) for _ in range(copies)]
    chosen = _chosen(count, changes, seed)
    source = open_dataset(drawn)
    with ShardWriter(folder, "soak", _SHARDS) as writer:
        for number in range(count):
            change = (BAD | UNUSUAL).get(chosen.get(number, ""))
            header, image = source.read(number)
            writer.write(pack(*(change(header, image) if change else (header, image))), key=number)
    shards = writer.paths
    names: dict[Record, str] = {}
    for shard in shards:
        index = read_index(index_path(shard))
        for key, offset in zip(index.keys.tolist(), index.offsets.tolist(), strict=True):
            names[shard.name, key] = chosen.get(key, "")
            if chosen.get(key) == BROKEN_FRAME:
                _overwrite(shard, offset)
    bad = {record: name for record, name in names.items() if name in BAD or name == BROKEN_FRAME}
    unusual = {record: name for record, name in names.items() if name in UNUSUAL}
    return Planted(shards, bad, unusual, frozenset(names.keys() - bad.keys()))


def _chosen(count: int, changes: Sequence[str], seed: int) -> dict[int, str]:
    """Return which records are changed, and how."""
    numbers = np.random.default_rng(seed).choice(count, len(changes), replace=False).tolist()
    return dict(zip(numbers, changes, strict=True))


def _overwrite(shard: Path, offset: int) -> None:
    with open(shard, "r+b") as file:
        file.seek(offset)
        file.write(b"\xff")
