"""The rules of libjpeg, and so of DALI and OpenCV, for the segments in a JPEG's head (ITU-T T.81, annex B).

The decoder refuses a head that breaks one of these rules, whatever the pixels are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from dali_ssd.records.format.jpeg_markers import COM, DAC, DHT, DNL, DQT, DRI, SOF0, SOF1, SOF2, SOF9, SOF10, SOS
from dali_ssd.util.words import counted

__all__ = ["FRAMES", "Head"]

_SEQUENTIAL, _IN_PASSES = (SOF0, SOF1), (SOF2, SOF10)
_DECODED = (*_SEQUENTIAL, SOF9, *_IN_PASSES)
"""Baseline, extended, arithmetic and progressive frames. The rest are lossless or hierarchical."""
FRAMES = frozenset(range(0xC0, 0xD0)) - {DHT, 0xC8, DAC}
"""Markers of frames, which have size and components; the three left out of the range are no frames."""
_IGNORED = frozenset([DNL, COM, *range(0xE0, 0xF0)])
"""DNL, comments and application data: their content never prevents decoding."""
_STANDARD = frozenset([0x00, 0x01, 0x10, 0x11])
"""Huffman tables that libjpeg provides itself for sequential images; motion JPEG leaves them out."""
_LONGEST_SIDE = 65500
"""Largest width and height in pixels that libjpeg accepts."""
_MOST_BLOCKS = 10
"""Largest number of blocks of all components together in one unit of an interleaved scan."""


@dataclass
class Head:
    """The head of one JPEG, checked segment by segment; an image in several scans has further segments between them."""

    frame: int = 0
    """Marker of the frame, 0 before it."""
    components: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By id: blocks per unit, number of the quantization table."""
    quantization: set[int] = field(default_factory=set)
    """Numbers of the tables that were defined."""
    huffman: set[int] = field(default_factory=set)
    """Class (0 DC, 1 AC) and number of the tables that were defined."""
    several_scans: bool = False
    """Whether later scans are needed as well, which decoders then read before they output a pixel."""

    def refusal(self, marker: int, body: bytes) -> str | None:
        """Return why a decoder refuses the image for this segment, or None; `body` comes after the length."""
        if marker in FRAMES:
            return self._frame(marker, body)
        if marker == SOS:
            return self._scan(body)
        if marker == DQT:
            return self._quantization(body)
        if marker == DHT:
            return self._huffman(body)
        if marker == DAC:
            return _conditioning(body)
        if marker == DRI:
            return None if len(body) == 2 else f"a restart interval of {counted(len(body), 'byte')}, not 2"
        return None if marker in _IGNORED else f"it has a segment of the kind 0x{marker:02x}, which no decoder takes"

    def _frame(self, marker: int, body: bytes) -> str | None:
        if self.frame:
            return "it announces its size twice"
        self.frame = marker
        if marker not in _DECODED:
            return f"it is lossless or hierarchical (frame 0x{marker:02x}), which neither DALI nor OpenCV decodes"
        if len(body) < 6 or body[0] != 8:
            return f"it has {counted(body[0] if body else 0, 'bit')} a sample, and DALI decodes 8"
        if max(body[1:3], body[3:5]) > _LONGEST_SIDE.to_bytes(2, "big"):
            return f"it is more than {_LONGEST_SIDE} pixels wide or high"
        if body[5] not in (1, 3, 4) or len(body) != 6 + 3 * body[5]:
            return f"{counted(body[5], 'component')} in a frame of {counted(len(body), 'byte')}"
        for at in range(6, len(body), 3):
            name, sampling, table = body[at : at + 3]
            across, down = sampling >> 4, sampling & 15
            if not (1 <= across <= 4 and 1 <= down <= 4 and table <= 3) or name in self.components:
                return f"component {name} has sampling {across}x{down} and quantization table {table}"
            self.components[name] = (across * down, table)
        return None if _whole(body[7::3]) else "the sampling of its components is in no whole ratio"

    def _quantization(self, body: bytes) -> str | None:
        at = 0
        while at < len(body):
            size, number = 64 << (body[at] >> 4 & 1), body[at] & 15
            if body[at] >> 4 > 1 or number > 3 or at + 1 + size > len(body):
                return f"quantization table {number} is cut or has a number above 3"
            self.quantization.add(number)
            at += 1 + size
        return None

    def _huffman(self, body: bytes) -> str | None:
        at = 0
        while at < len(body):
            table, counts = body[at], body[at + 1 : at + 17]
            end = at + 17 + sum(counts)
            if table >> 4 > 1 or table & 15 > 3 or len(counts) < 16 or end > len(body):
                return f"Huffman table 0x{table:02x} is cut or has a number above 3"
            if not _is_code(counts) or (table >> 4 == 0 and max(body[at + 17 : end], default=0) > 15):
                return f"Huffman table 0x{table:02x} is no code"
            self.huffman.add(table)
            at = end
        return None

    def _scan(self, body: bytes) -> str | None:
        count = body[0] if body else 0
        if not 1 <= count <= 4 or len(body) != 4 + 2 * count:
            return f"{counted(count, 'component')} in a scan of {counted(len(body), 'byte')}"
        names, choices = body[1 : 1 + 2 * count : 2], body[2 : 2 + 2 * count : 2]
        if len(set(names)) < count or not set(names) <= set(self.components):
            return "its scan has components that its frame has not"
        if not self._wanted(choices, *body[-3:]) <= self.huffman | (_STANDARD if self.frame in _SEQUENTIAL else set()):
            return "a Huffman table is missing"
        if not {self.components[name][1] for name in names} <= self.quantization:
            return "a quantization table is missing"
        if count > 1 and sum(self.components[name][0] for name in names) > _MOST_BLOCKS:
            return f"its components have more than {_MOST_BLOCKS} blocks in a unit"
        self.several_scans |= self.frame in _IN_PASSES or count < len(self.components)
        return _passes(count, *body[-3:]) if self.frame in _IN_PASSES else None

    def _wanted(self, choices: bytes, first: int, _last: int, bits: int) -> set[int]:
        """Return the Huffman tables that a scan reads: both per component; if progressive, only those of the pass."""
        dc, ac = {choice >> 4 for choice in choices}, {choice & 15 | 0x10 for choice in choices}
        if self.frame in _SEQUENTIAL:
            return dc | ac
        if self.frame != SOF2:
            return set()
        if first:
            return ac
        return set() if bits >> 4 else dc  # a DC value's further bits are stored as they are


def _whole(sampling: Sequence[int]) -> bool:
    """Return whether the largest sampling factors, across and down, are multiples of all, as libjpeg requires."""
    across, down = [factors >> 4 for factors in sampling], [factors & 15 for factors in sampling]
    return not any(max(factors) % factor for factors in (across, down) for factor in factors)


def _conditioning(body: bytes) -> str | None:
    """Return the fault in parameters of arithmetic coding, pairs of a table (AC from 16 on) and a value, or None."""
    if len(body) % 2:
        return f"arithmetic coding conditions of {len(body)} bytes"
    for table, value in zip(body[::2], body[1::2], strict=True):
        if table > 31 or (table < 16 and value & 15 > value >> 4):
            return f"arithmetic coding conditions of table {table} with the value {value}"
    return None


@lru_cache(maxsize=256)  # most baseline files have the standard tables
def _is_code(counts: bytes) -> bool:
    """Return whether a code with `counts` words per length, 1 to 16 bits, exists; the word of all ones is reserved."""
    word = 0
    for bits, count in enumerate(counts, 1):
        word = 2 * word + count
        if count and word >= 1 << bits:
            return False
    return sum(counts) <= 256


def _passes(components: int, first: int, last: int, bits: int) -> str | None:
    """Return the fault in the coefficients and bits of a progressive image's scan, or None."""
    high, low = bits >> 4, bits & 15
    dc = first == 0 and last == 0
    ac = components == 1 and 1 <= first <= last <= 63
    if not (dc or ac) or low > 13 or (high and low != high - 1):
        return f"its scan has coefficients {first} to {last}, bits {high} to {low}"
    return None
