"""Definition of a kind of finding: all that depends on the kind is defined here, and nowhere else.

error     the record, entry or shard cannot be used; loaders refuse it (or skip it, if told)
warning   usable, but something is lost or suspicious; `check` ends with 1
note      allowed, for information
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
"""What `dali-ssd check --fix` does about a finding."""
Part = Literal["shard", "index", "record"]

WITHOUT_IT = "`dali-ssd check --fix OUT` writes shards without it"
WITHOUT_OBJECTS = "`dali-ssd check --fix OUT` writes shards without such objects"
REBUILD_INDEX = "rebuild the index by `dali-ssd index`; if the shard is damaged as well, `dali-ssd check --fix OUT`"
"""Advice that several kinds share."""


class Kind(NamedTuple):
    """A kind of finding."""

    severity: Severity
    title: str
    advice: str
    repair: Repair = "nothing"
    part: Part = "record"
    """The part at fault. `on_bad="skip"` and a quarantine leave out records that are at fault by an error."""
    decodable: bool = True
    """Whether decoding the image can find more. If not, decoding surely fails or exhausts the memory."""
    fatal: bool = False
    """Whether it makes the whole data set unusable, whatever is left out."""
    logged: bool = False
    """Whether loaders, which go on, log it as a warning."""
