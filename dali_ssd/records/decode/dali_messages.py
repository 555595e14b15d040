"""Parsing of DALI's messages: why it stopped, whether records are to blame, and the place of a record."""

from __future__ import annotations

from itertools import pairwise

__all__ = ["blames_records", "cause", "parse_source_info"]

_BLAMED = ("readers.mxnet", "RecordIO", "decoders", "peek_image_shape", "nvImageCodec")
"""Words in DALI's messages about records."""


def cause(message: str) -> str | None:
    """Return the line of an error's message that says what happened; None if there is no line at all.

    It is the one after "encountered:", which follows the operator and its traceback; without that, the last.
    """
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if not lines:
        return None
    return next((after for before, after in pairwise(lines) if before == "encountered:"), lines[-1]).rstrip(": ")


def blames_records(message: str) -> bool:
    """Return whether an error is about the records that were read, and not about the pipeline."""
    return any(word in message for word in _BLAMED)


def parse_source_info(text: str) -> tuple[str, int]:
    """Return shard and byte offset of a record from the property `source_info`, `<shard> at index <byte>`."""
    shard, _, offset = text.rpartition(" at index ")
    return shard, int(offset)
