"""Event files of TensorBoard, read as they are on disk."""

from __future__ import annotations

import struct
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["read_events"]


def read_events(path: Path) -> list[Any]:
    """Return the whole events of a file, or of all in a folder, in their order."""
    parse = import_module("tensorboardX.proto.event_pb2").Event.FromString
    files = sorted(path.glob("events.out.tfevents.*")) if path.is_dir() else [path]
    return [parse(payload) for file in files for payload in _payloads(file.read_bytes())]


def _payloads(data: bytes) -> list[bytes]:
    """Each event is its length (8 bytes), a checksum of that (4), its bytes, and a checksum of them (4)."""
    found, at = [], 0
    while at + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        end = at + 12 + length
        if end + 4 > len(data):
            break
        found.append(data[at + 12 : end])
        at = end + 4
    return found
