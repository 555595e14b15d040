"""JPEGs with damage in the head alone: their segments are taken apart, edited, and put together again.

A head that libjpeg takes may not fit the pixels, which were coded by other tables, for another size or in intervals.
That is no reason to refuse it. libjpeg warns and decodes something, and DALI takes that, as long as the end marker is
there, which no edit here removes. So an image is refused for its head, or it is decoded; there is no third outcome.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from PIL import Image

__all__ = ["jpeg_heads"]

_SOI, _SOS, _SOF0, _SOF1, _SOF2 = 0xD8, 0xDA, 0xC0, 0xC1, 0xC2
_DHT, _DQT, _DRI, _DNL, _DAC, _APP0, _APP1, _APP14, _COM = 0xC4, 0xDB, 0xDD, 0xDC, 0xCC, 0xE0, 0xE1, 0xEE, 0xFE
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
_SIZES = (0, 1, 7, 8, 17, 33, 300, 65500, 65501, 65535)
"""Widths and heights. No two of them together make an image that takes a child's whole memory."""


_Head = list[bytes]
"""Segments, and whatever else is between them; edits take and give such lists."""


class _Jpeg(NamedTuple):
    """A file in two: the segments up to the first scan's, and all that comes after it."""

    head: tuple[bytes, ...]
    rest: bytes


def _encoded(mode: str, size: tuple[int, int], **options: Any) -> bytes:
    pixels = np.random.default_rng(size[0]).integers(0, 255, (3, 4, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).convert(mode).save(stream, "JPEG", **options)
    return stream.getvalue()


def _apart(data: bytes) -> _Jpeg:
    head: _Head = []
    at = 2
    while not head or head[-1][1] != _SOS:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        head.append(data[at:end])
        at = end
    return _Jpeg(tuple(head), data[at:])


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 8
    return exif


_BASES = tuple(
    map(
        _apart,
        (
            _encoded("RGB", (40, 24)),
            _encoded("RGB", (24, 33), subsampling=0),
            _encoded("RGB", (33, 24), subsampling=1, comment=b"4:2:2"),
            _encoded("RGB", (48, 32), restart_marker_blocks=2),
            _encoded("RGB", (32, 40), exif=_turned(), optimize=True),
            _encoded("L", (17, 32)),
            _encoded("CMYK", (32, 17)),
            _encoded("RGB", (40, 32), progressive=True),
            _encoded("RGB", (32, 32), progressive=True, subsampling=0),
            _encoded("L", (24, 24), progressive=True),
            _encoded("CMYK", (24, 16), progressive=True),
        ),
    )
)
_SPARE = sorted({segment for base in _BASES for segment in base.head})
"""Proper segments, of which some are of another kind of JPEG than the one that they come into."""

_Edit = Callable[[_Head], _Head]


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def _insert(at: int, piece: bytes) -> _Edit:
    return lambda head: [*head[: at % len(head)], piece, *head[at % len(head) :]]


def _remove(at: int) -> _Edit:
    return lambda head: [*head[: at % len(head)], *head[at % len(head) + 1 :]] if len(head) > 1 else head


def _move(at: int, to: int) -> _Edit:
    return lambda head: _insert(to, head[at % len(head)])(_remove(at)(head))


def _repeat(at: int, to: int) -> _Edit:
    return lambda head: _insert(to, head[at % len(head)])(head)


def _overwrite(at: int, offset: int, new: bytes) -> _Edit:
    """Other bytes in one piece, after its marker."""

    def edit(head: _Head) -> _Head:
        piece = head[at % len(head)]
        start = 2 + offset % max(1, len(piece) - 2)
        return [*head[: at % len(head)], piece[:start] + new + piece[start + len(new) :], *head[at % len(head) + 1 :]]

    return edit


def _relabel(at: int, marker: int) -> _Edit:
    def edit(head: _Head) -> _Head:
        piece = head[at % len(head)]
        return [*head[: at % len(head)], piece[:1] + bytes([marker]) + piece[2:], *head[at % len(head) + 1 :]]

    return edit


def _lengthen(at: int, by: int) -> _Edit:
    """A segment that announces more bytes than it has, or fewer."""

    def edit(head: _Head) -> _Head:
        length = int.from_bytes(head[at % len(head)][2:4], "big")
        return _overwrite(at, 0, (max(0, length + by) & 0xFFFF).to_bytes(2, "big"))(head)

    return edit


def _in(markers: Sequence[int], change: Callable[[int], _Edit]) -> _Edit:
    """The change applied to the first segment of one of these kinds; nothing where there is none."""

    def edit(head: _Head) -> _Head:
        places = [at for at, piece in enumerate(head) if piece[1:2] and piece[1] in markers]
        return change(places[0])(head) if places else head

    return edit


_places = st.integers(0, 11)
_bytes = st.integers(0, 255)
_few = st.integers(0, 5) | st.sampled_from(
    [0x10, 0x11, 0x12, 0x21, 0x22, 0x31, 0x13, 0x14, 0x41, 0x44, 0x3F, 63, 64, 255]
)
"""Values that the small fields of SOF and SOS take, and their neighbors."""


def _frame_field(offset: int, value: bytes) -> _Edit:
    return _in(_FRAMES, lambda at: _overwrite(at, offset, value))


def _two(value: int) -> bytes:
    return value.to_bytes(2, "big")


_frame_edits = st.one_of(
    st.builds(_frame_field, st.sampled_from([3, 5]), st.sampled_from(_SIZES).map(_two)),
    st.builds(_frame_field, st.just(2), st.sampled_from([b"\x08", b"\x0c", b"\x10", b"\x00"])),
    st.builds(_frame_field, st.just(7), _few.map(lambda value: bytes([value]))),
    st.builds(_frame_field, st.integers(8, 19), _few.map(lambda value: bytes([value]))),
    st.builds(_frame_field, st.sampled_from([9, 12, 15]), _few.map(lambda value: bytes([value]))),
    st.sampled_from(_FRAMES).map(lambda marker: _in(_FRAMES, lambda at: _relabel(at, marker))),
)
_scan_edits = st.builds(
    lambda offset, value: _in([_SOS], lambda at: _overwrite(at, offset, bytes([value]))), st.integers(2, 13), _few
)


def _renamed(name: int, new: int) -> _Edit:
    """A component under another id, in frame and scan alike."""

    def edit(head: _Head) -> _Head:
        for markers, first, step in ((_FRAMES, 8, 3), ([_SOS], 3, 2)):
            head = _in(markers, lambda at, f=first, s=step: _overwrite(at, f + s * name, bytes([new])))(head)  # type: ignore[misc]
        return head

    return edit


def _scan_of(count: int, first: int, last: int, bits: int) -> _Edit:
    """A first scan of fewer components, with other coefficients."""

    def edit(head: _Head) -> _Head:
        body = head[-1][4:]
        choices = body[1:-3][: 2 * count]
        return [*head[:-1], _segment(_SOS, bytes([len(choices) // 2]) + choices + bytes([first, last, bits]))]

    return edit


def _adobe(transform: int, cut: int) -> bytes:
    return _segment(_APP14, (b"Adobe\0d" + bytes(4) + bytes([transform]))[: 12 - cut])


_tables = st.one_of(
    st.builds(
        lambda number, size: _segment(_DQT, bytes([number]) + bytes([1]) * size), _few, st.sampled_from([63, 64, 128])
    ),
    st.builds(
        lambda number, counts: _segment(_DHT, bytes([number]) + counts + bytes(range(sum(counts) % 256))),
        st.sampled_from([0x00, 0x01, 0x02, 0x03, 0x10, 0x11, 0x13, 0x04, 0x20]),
        st.lists(st.integers(0, 3), min_size=16, max_size=16).map(bytes),
    ),
    st.builds(lambda number, value: _segment(_DAC, bytes([number, value])), _few, _bytes),
    st.builds(_segment, st.sampled_from([_DQT, _DHT, _DAC, _DRI]), st.binary(max_size=4)),
)
_asides = st.one_of(
    st.builds(_adobe, st.integers(0, 3) | st.just(255), st.sampled_from([0, 0, 1, 7])),
    st.builds(_segment, st.sampled_from([*range(0xE0, 0xF0), _COM, _DNL]), st.binary(max_size=20)),
    st.binary(max_size=24).map(lambda tail: _segment(_APP1, b"Exif\0\0" + tail)),
    st.binary(max_size=16).map(lambda tail: _segment(_APP1, b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01" + tail)),
    st.binary(max_size=12).map(lambda tail: _segment(_APP0, b"JFIF\0" + tail)),
    st.integers(0, 9).map(lambda interval: _segment(_DRI, _two(interval))),
    st.builds(_segment, st.integers(0x02, 0xFE), st.binary(max_size=8)),
)
_strays = st.one_of(
    st.binary(min_size=1, max_size=5),
    st.integers(1, 4).map(lambda count: b"\xff" * count),
    st.sampled_from([b"\xff\x01", b"\xff\x00", b"\xff\xd0", b"\xff\xd7", b"\xff\xd8", b"\xff\xd9"]),
)
_structure_edits = st.one_of(
    st.builds(_insert, _places, st.sampled_from(_SPARE)),
    st.builds(_insert, _places, _tables),
    st.builds(_insert, _places, _asides),
    st.builds(_insert, _places, _strays),
    st.builds(_remove, _places),
    st.builds(_move, _places, _places),
    st.builds(_repeat, _places, _places),
    st.builds(_lengthen, _places, st.integers(-20, 20) | st.sampled_from([-0x10000, 0x7FFF, 0xFFFF])),
    st.builds(_overwrite, _places, st.integers(0, 200), st.binary(min_size=1, max_size=2)),
    st.builds(_relabel, _places, _bytes),
)
_edits = st.one_of(
    _structure_edits,
    _frame_edits,
    _scan_edits,
    st.builds(_renamed, st.integers(0, 3), _bytes),
    st.builds(_scan_of, st.integers(1, 4), _few, _few, _few),
)


@st.composite
def jpeg_heads(draw: st.DrawFn) -> bytes:
    """Files of one JPEG whose head has one edit or two; what comes after the first scan's header is whole."""
    base = draw(st.sampled_from(_BASES))
    head = list(base.head)
    for edit in draw(st.lists(_edits, min_size=1, max_size=2)):
        head = edit(head)
    return bytes([0xFF, _SOI]) + b"".join(head) + base.rest
