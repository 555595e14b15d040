"""What the two repairs of damaged shards share. The input is never touched, and everything that was changed is listed.

fix.py          shards with what can be mended mended, and the rest left out
quarantine.py   links to the same shards, with indexes that leave every record with an error out
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dali_ssd.errors import DaliSsdError
from dali_ssd.files import make_folder
from dali_ssd.records.findings import Finding
from dali_ssd.records.index import index_path
from dali_ssd.records.shard_report import ShardReport
from dali_ssd.records.structure import left_out_path

__all__ = ["Reasons", "Repaired", "outputs", "prepare", "reasons_where"]

Reasons = dict[Path, dict[int, str]]
"""Why the record at a byte offset of a shard cannot stay."""


@dataclass
class Repaired:
    """What a repair wrote."""

    paths: list[Path] = field(default_factory=list)
    kept: int = 0
    """Records, mended ones included."""
    mended: int = 0
    dropped: int = 0
    changes: list[str] = field(default_factory=list)
    """One line for each record that was mended or dropped."""


def outputs(target: Path) -> tuple[Path, ...]:
    """Files that a repaired shard may consist of."""
    return target, index_path(target), left_out_path(target)


def prepare(reports: Sequence[ShardReport], out: Path) -> list[Path]:
    """Where the repaired shards go, in a folder that exists then.

    Raises `DaliSsdError` where that would touch anything that is there already, or where nothing can be written.
    """
    targets = [out / report.shard.name for report in reports]
    if len(set(targets)) < len(targets):
        raise DaliSsdError("two shards have the same name; repair them one by one into different folders")
    for target in targets:
        there = [path for path in outputs(target) if path.exists()]
        if there:
            raise DaliSsdError(f"{there[0]} exists already; choose an empty folder, the input is never changed")
    make_folder(out)
    return targets


def reasons_where(findings: Iterable[Finding], condition: Callable[[Finding], bool]) -> Reasons:
    """The findings about records that meet the condition, as reasons to leave the record out."""
    texts: dict[Path, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for found in findings:
        place = found.place
        if place.shard is not None and place.offset is not None and condition(found):
            texts[place.shard][place.offset].append(f"{found.kind}: {found.message}")
    return {shard: {at: "; ".join(some) for at, some in by_offset.items()} for shard, by_offset in texts.items()}
