"""Shared parts of the two repairs. The input is never changed, and every change is listed.

rewrite.py      clean shards: records are repaired if possible, else left out
quarantine.py   links to the same shards, with indexes that leave out every record with an error
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
"""By shard and byte offset: why the record there cannot stay."""


@dataclass
class Repaired:
    """The result of a repair."""

    paths: list[Path] = field(default_factory=list)
    kept: int = 0
    """Records written, including those that were changed."""
    mended: int = 0
    dropped: int = 0
    changes: list[str] = field(default_factory=list)
    """One line per record that was changed or dropped."""


def outputs(target: Path) -> tuple[Path, ...]:
    """Return the files that a repaired shard may consist of."""
    return target, index_path(target), left_out_path(target)


def require_free(shards: Sequence[Path], out: Path, *lists: str) -> list[Path]:
    """Create the folder and return the paths of the repaired shards; `lists`: names of further files to be written.

    Raises `DaliSsdError` if one of the files exists already, or the folder cannot be written to.
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
    """Yield a result to be filled in, with the output folder locked, and copy the class names afterwards.

    They are copied if all shards have the same. Raises as `require_free` does, and `DatasetError` if a shard cannot
    be read, since its records would be missing.
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
    """Return the findings about records that meet the condition, as reasons to leave these records out."""
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
