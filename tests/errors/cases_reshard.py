"""`dali-ssd reshard`."""

from __future__ import annotations

from pathlib import Path

from tests.errors.cases import Case, write
from tests.support.reshard import cut, deal


def damaged(folder: Path, _: object) -> object:
    shard = write(folder)
    cut(shard)
    return deal(shard, out=folder / "out")


def named_in_part(folder: Path, _: object) -> object:
    one, two = write(folder / "1"), write(folder / "2")
    (one.parent / "classes.txt").write_text("cat\n")
    return deal(one, two, out=folder / "out")


def names_of_others(folder: Path, _: object) -> object:
    (folder / "out").mkdir()
    (folder / "out" / "classes.txt").write_text("cat\n")
    return deal(write(folder), out=folder / "out")


CASES: dict[str, Case] = {
    "in the shards, so nothing was written": damaged,
    "would be replaced, and belongs to": lambda folder, _: deal(write(folder), out=folder, overwrite=True),
    "class names beside some of the shards": named_in_part,
    "would name the classes of the new shards": names_of_others,
    "cannot fill": lambda folder, _: deal(write(folder), out=folder / "out", shards=5),
}
