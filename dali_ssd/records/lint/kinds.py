"""What a kind of finding means: all that anyone asks about it stands with the kind, and nowhere else.

error     the record, entry or shard cannot be used; loaders refuse it (or skip it, if told)
warning   usable, but something is lost or suspicious; `check` ends with 1
note      allowed, only said
"""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["REBUILD_INDEX", "WITHOUT_IT", "WITHOUT_OBJECTS", "Kind", "Part", "Repair", "Severity"]

Severity = Literal["error", "warning", "note"]
Repair = Literal[
    "nothing",
    "drop bytes",
    "drop record",
    "drop object",
    "clip box",
    "convert box",
    "strip bytes",
    "realign record",
    "write index",
]
"""What `dali-ssd check --fix` does with what was found."""
Part = Literal["shard", "index", "record"]

WITHOUT_IT = "`dali-ssd check --fix OUT` writes shards without it"
WITHOUT_OBJECTS = "`dali-ssd check --fix OUT` writes shards without such objects"
REBUILD_INDEX = "rebuild the index by `dali-ssd index`; where the shard is damaged as well, `dali-ssd check --fix OUT`"
"""Advice that several kinds give."""


class Kind(NamedTuple):
    """A kind of finding."""

    severity: Severity
    title: str
    advice: str
    repair: Repair = "nothing"
    part: Part = "record"
    """What is at fault. A record that is, if that is an error, is left out by `on_bad="skip"` and by a quarantine."""
    decodable: bool = True
    """Whether decoding the image can tell more. If not, it would fail for sure, or take the machine's memory."""
    fatal: bool = False
    """Whether nobody can use the data set, whatever is left out of it."""
    logged: bool = False
    """Whether loaders, which go on, log it."""
