"""What the two repairs of damaged shards share. The input is never touched, and everything that was changed is listed.

rewrite.py      shards with what can be mended mended, and the rest left out
quarantine.py   links to the same shards, with indexes that leave every record with an error out
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dali_ssd.errors import DaliSsdError, DatasetError
from dali_ssd.records.format.classes import CLASSES_FILE
from dali_ssd.records.format.index import index_path
from dali_ssd.records.lint.findings import Finding
from dali_ssd.records.lint.framing import left_out_path
from dali_ssd.records.lint.shard_report import ShardReport
from dali_ssd.util.files import atomic_open, locked, make_folder

__all__ = ["Reasons", "Repaired", "outputs", "reasons_where", "repairing", "require_free"]

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


def require_free(shards: Sequence[Path], out: Path, *lists: str) -> list[Path]:
    """Where the repaired shards go, in a folder that exists then; `lists`: names of more files that are to be written.

    Raises `DaliSsdError` where that would touch anything that is there already, or where nothing can be written.
    """
    targets = [out / shard.name for shard in shards]
    if len(set(targets)) < len(targets):
        raise DaliSsdError("two shards have the same name; repair them one by one into different folders")
    for path in (*(path for target in targets for path in outputs(target)), *(out / name for name in lists)):
        if path.exists():
            raise DaliSsdError(f"{path} exists already; choose an empty folder, the input is never changed")
    make_folder(out)
    return targets


@contextmanager
def repairing(
    reports: Sequence[ShardReport], findings: Iterable[Finding], out: Path, *lists: str
) -> Iterator[Repaired]:
    """A repair's result, to be filled; meanwhile the folder is its own.

    Raises as `require_free` does, and `DatasetError` where a shard could not be read: what it holds would be missing.

    Afterwards the class names are beside the repaired shards as well, where all shards have the same.
    """
    unreadable = [str(found.place.shard) for found in findings if found.kind == "unreadable"]
    if unreadable:
        raise DatasetError(f"nothing was repaired, since {', '.join(unreadable)} cannot be read; repair the rest alone")
    shards = [report.shard for report in reports]
    require_free(shards, out, *lists)
    with locked(out):
        yield Repaired(require_free(shards, out, *lists))
        _copy_classes(shards, out)


def reasons_where(findings: Iterable[Finding], condition: Callable[[Finding], bool]) -> Reasons:
    """The findings about records that meet the condition, as reasons to leave the record out."""
    texts: dict[Path, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for found in findings:
        place = found.place
        if place.shard is not None and place.offset is not None and condition(found):
            texts[place.shard][place.offset].append(f"{found.kind}: {found.message}")
    return {shard: {at: "; ".join(some) for at, some in by_offset.items()} for shard, by_offset in texts.items()}


def _copy_classes(shards: Sequence[Path], out: Path) -> None:
    names = {shard.parent / CLASSES_FILE for shard in shards}
    texts = {path.read_bytes() if path.is_file() else b"" for path in names}
    if len(texts) == 1 and b"" not in texts and not (out / CLASSES_FILE).exists():
        with atomic_open(out / CLASSES_FILE) as file:
            file.write(texts.pop())
