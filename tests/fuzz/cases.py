"""Hypothesis strategies for damaged shards: a few small records, damaged as records, as bytes and in the index."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from dali_ssd.records.format.labels import build_label
from dali_ssd.records.format.recordio import MAGIC, Header, frame, pack
from tests.fuzz.jpeg_heads import jpeg_heads
from tests.fuzz.label_vectors import labelled

__all__ = ["Case", "any_cases", "arbitrary", "cases", "damaged", "heads", "how_many", "labels"]


def how_many(share: float) -> int:
    """Cases for a test that has this share of them all: 2,000, or as many as DALI_SSD_FUZZ says."""
    return max(1, round(share * int(os.environ.get("DALI_SSD_FUZZ", "2000"))))


class Case:
    """A shard and its index, None if there is none."""

    def __init__(self, shard: bytes, index: bytes | None) -> None:
        self.shard, self.index = shard, index

    def __repr__(self) -> str:
        """Short: the files of a failing case are kept, and Hypothesis refuses to print so many bytes."""
        return f"Case({len(self.shard)} bytes, index {self.index!r:.60})"

    def write(self, folder: Path, name: str = "a") -> Path:
        """Write both into a folder; return the shard's path."""
        path = folder / f"{name}.rec"
        path.write_bytes(self.shard)
        if self.index is not None:
            path.with_suffix(".idx").write_bytes(self.index)
        return path


def _image(kind: str, mode: str, size: tuple[int, int], **options: Any) -> bytes:
    rng = np.random.default_rng(size[0])
    image = Image.fromarray(rng.integers(0, 255, (size[1], size[0], 3), np.uint8)).convert(mode)
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


_ONE, _TWO = [[0.1, 0.2, 0.5, 0.6]], [[0.1, 0.2, 0.5, 0.6], [0.4, 0.3, 0.9, 0.8]]

_POOL = (
    (build_label(_ONE, [0]), _image("JPEG", "RGB", (24, 16))),
    (build_label(_TWO, [1, 2]), _image("JPEG", "RGB", (48, 40), progressive=True)),
    (build_label(_TWO, [1, 2], [0, 1], header=[7, 8]), _image("JPEG", "RGB", (33, 17), exif=_turned())),
    (build_label([], []), _image("JPEG", "L", (16, 16))),
    (np.array([2, 5], np.float32), _image("PNG", "RGB", (20, 30))),
    (build_label(_ONE, [3], extra=[[1, 2]]), _image("JPEG", "CMYK", (17, 40))),
    (build_label(np.array(_TWO, np.float64) * 16, [0, 0]), _image("PNG", "P", (16, 16))),
    (build_label(_ONE, [0]), _image("JPEG", "RGB", (24, 17)) + struct.pack("<3I", MAGIC, MAGIC, MAGIC)),
)
"""Labels and images of every sort that is read; one with pixel coordinates, one that is split at the magic number."""

_WORDS = (float("nan"), float("inf"), -float("inf"), 3e38, 1e9, 256, 5, 2, 1, 0.5, 0, -0.0, -1, -3e38, 1e-40, 1e-7)
_positions = st.integers(0, 4000)
_insertions = st.binary(max_size=12) | st.just(struct.pack("<I", MAGIC)) | st.just(struct.pack("<I", 1 << 29))
_edits = st.tuples(
    st.sampled_from(["flip", "cut", "insert", "repeat", "word", "swap", "end"]),
    _positions,
    st.integers(0, 200),
    _insertions,
)
_words = st.tuples(st.integers(0, 20), st.sampled_from(_WORDS))
_records = st.tuples(
    st.integers(0, len(_POOL) - 1),
    st.just([]) | st.lists(_words, max_size=2),
    st.just([]) | st.lists(_edits, max_size=1),
)


def damaged(data: bytes, edit: tuple[str, int, int, bytes]) -> bytes:
    """The bytes with one edit: what, where (modulo the length), how far, and what comes in."""
    how, at, count, insert = edit
    at %= len(data) + 1
    if how == "flip":
        return data[:at] + bytes(byte ^ (1 + count % 255) for byte in data[at : at + 1]) + data[at + 1 :]
    if how == "cut":
        return data[:at] + data[at + count :]
    if how == "insert":
        return data[:at] + insert + data[at:]
    if how == "repeat":
        return data[: at + count] + data[at:]
    if how == "word":
        at -= at % 4
        return data[:at] + struct.pack("<f", _WORDS[count % len(_WORDS)]) + data[at + 4 :]
    if how == "end":
        return data[:at]
    return data[at:] + data[:at]


def _record(number: int, words: Sequence[tuple[int, float]], edits: Sequence[tuple[str, int, int, bytes]]) -> bytes:
    label, image = _POOL[number][0].copy(), _POOL[number][1]
    for position, word in words:
        label[position % len(label)] = word
    for edit in edits:
        image = damaged(image, edit)
    return pack(Header(label, number), image)


def _index(records: Sequence[bytes]) -> bytes:
    offsets = np.cumsum([0] + [len(frame(record)) for record in records])
    return "".join(f"{key}\t{offset}\n" for key, offset in enumerate(offsets[:-1])).encode()


def _rarely(edits: int) -> st.SearchStrategy[list[tuple[str, int, int, bytes]]]:
    """No edit in two of three cases, else up to so many."""
    none: st.SearchStrategy[list[tuple[str, int, int, bytes]]] = st.just([])
    return none | none | st.lists(_edits, max_size=edits)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Shards of one to five records; most are whole as records, and damaged in label or image, if at all."""
    records = [_record(*one) for one in draw(st.lists(_records, min_size=1, max_size=5))]
    shard, index = b"".join(map(frame, records)), _index(records)
    for edit in draw(_rarely(3)):
        shard = damaged(shard, edit)
    for edit in draw(_rarely(1)):
        index = damaged(index, edit)
    return Case(shard, draw(st.sampled_from([index, index, index, None])))


arbitrary = st.builds(Case, st.binary(max_size=300), st.none() | st.binary(max_size=40))
"""No shards at all."""


def _shard(records: Sequence[bytes]) -> Case:
    """A shard that is whole as a shard."""
    return Case(b"".join(map(frame, records)), _index(records))


@st.composite
def heads(draw: st.DrawFn) -> Case:
    """Shards with good labels, and JPEGs with damage in the head alone."""
    images = draw(st.lists(jpeg_heads(), min_size=1, max_size=2))
    return _shard([pack(Header(_POOL[0][0], number), image) for number, image in enumerate(images)])


@st.composite
def labels(draw: st.DrawFn) -> Case:
    """Shards with good images, and labels of every length."""
    return _shard(draw(labelled([image for _, image in _POOL])))


any_cases = cases() | cases() | heads() | labels()
"""Shards damaged in any way."""
