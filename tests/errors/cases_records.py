"""Shards, indexes, records, class names, and the repairs of `check`."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from dali_ssd.cli.check import run as main_check
from dali_ssd.errors import RecordLocation
from dali_ssd.records.check import check
from dali_ssd.records.dataset import expand_paths, open_dataset
from dali_ssd.records.decode import dali as decoding
from dali_ssd.records.decode.dali import undecodable
from dali_ssd.records.format import recordio
from dali_ssd.records.format.classes import find_classes, read_classes
from dali_ssd.records.format.index import build_index, read_index
from dali_ssd.records.format.labels import parse_label
from dali_ssd.records.format.recordio import MAGIC, frame, frame_at, unpack
from dali_ssd.records.inspect import inspect_shards
from dali_ssd.records.lint.dataset_report import DatasetReport
from dali_ssd.records.lint.findings import finding
from dali_ssd.records.options import CheckConfig
from dali_ssd.records.repair.quarantine import quarantine
from dali_ssd.records.repair.rewrite import fix
from dali_ssd.records.writer import shard_names
from dali_ssd.util.files import atomic_open, cache_folder, locked
from dali_ssd.visualize.tiles import stored_tiles
from tests.errors.cases import Case, encoded, record, refuse, write

PIXELS = (4, 6, 20, 18)


def head(flag: int, length: int) -> bytes:
    return struct.pack("<II", MAGIC, flag << 29 | length)


def with_index(folder: Path, text: str) -> Path:
    shard = write(folder)
    shard.with_suffix(".idx").write_text(text)
    return shard


def without_index(folder: Path, content: bytes) -> Path:
    shard = folder / "a.rec"
    shard.write_bytes(content)
    return shard


def binary(path: Path) -> Path:
    path.write_bytes(b"\xff\x00\x80")
    return path


def label(*words: float) -> object:
    return parse_label(np.array(words, np.float32))


def look(*shards: Path) -> DatasetReport:
    return check(CheckConfig(tuple(map(str, shards))))


def demand(shard: Path) -> None:
    inspect_shards(shard).require_readable()


def repair(folder: Path, *shards: Path) -> object:
    checked = look(*shards)
    return fix(checked.reports, checked.findings, folder, "fraction", None)


def set_aside(folder: Path, *shards: Path) -> object:
    checked = look(*shards)
    return quarantine(checked.reports, checked.findings, folder)


def full_disk(folder: Path, patch: pytest.MonkeyPatch) -> None:
    refuse(patch, "dali_ssd.util.files.sync_file")
    with atomic_open(folder / "a.txt", "w"):
        pass


def full_cache(folder: Path, patch: pytest.MonkeyPatch) -> None:
    shard = write(folder)
    refuse(patch, "dali_ssd.util.files.sync_file")
    inspect_shards(shard)


def changed_meanwhile(folder: Path, patch: pytest.MonkeyPatch) -> None:
    shard = write(folder)
    checked = look(shard)
    content = shard.read_bytes()
    shard.write_bytes(content.replace(encoded(), bytes(len(encoded()))))
    fix(checked.reports, checked.findings, folder / "out", "fraction", None)


def unreadable(folder: Path, _: object) -> object:
    checked = look(write(folder))
    return fix(
        checked.reports,
        [finding("unreadable", RecordLocation(folder / "b.rec"), "gone")],
        folder / "out",
        "fraction",
        1,
    )


def locked_twice(folder: Path) -> None:
    with locked(folder), locked(folder):
        raise AssertionError


def full_disk_in_fix(folder: Path, patch: pytest.MonkeyPatch) -> None:
    shard = write(folder)
    refuse(patch, "dali_ssd.records.writer.sync_file")
    repair(folder / "out", shard)


def no_links(folder: Path, patch: pytest.MonkeyPatch) -> None:
    shard = write(folder)
    refuse(patch, "pathlib.Path.symlink_to")
    set_aside(folder / "out", shard)


def dead_decoder(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decoding, "_WORKER", ("-c", "raise SystemExit(7)"))
    undecodable(open_dataset(write(folder)), range(3))


def too_long(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(recordio, "MAX_LENGTH", 10)
    frame(bytes(11))


def file_of(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def full_disk_in_writer(folder: Path, patch: pytest.MonkeyPatch) -> None:
    refuse(patch, "dali_ssd.records.writer.sync_file")
    write(folder)


def json_is_a_folder(folder: Path, _: object) -> object:
    (folder / "a.json").mkdir()
    return main_check([str(write(folder)), "--json", str(folder / "a.json")])


CASES: dict[str, Case] = {
    "is a folder; give its shards": lambda folder, _: expand_paths(folder),
    "is a device or a pipe": lambda *_: expand_paths("/dev/zero"),
    "shards are .rec files": lambda folder, _: expand_paths(folder / "none.rec"),
    "shards must be a path or pattern": lambda *_: expand_paths(5),  # type: ignore[arg-type]
    "no shards given": lambda folder, _: expand_paths([]),
    "is an index; give the shard": lambda folder, _: expand_paths(write(folder).with_suffix(".idx")),
    "is given twice": lambda folder, _: expand_paths([write(folder), folder / "*.rec"]),
    "no records in {shards}: write them": lambda folder, _: open_dataset(without_index(folder, b"")),
    "cannot read {path}: {reason}": lambda folder, _: read_index(folder / "none.idx"),
    "expected a key and a byte offset": lambda folder, _: read_index(file_of(folder / "a.idx", "zero\n")),
    "does not fit the shard": lambda folder, _: open_dataset(with_index(folder, "0\t4\n")),
    "lists the {what} {value} more than once": lambda folder, _: open_dataset(with_index(folder, "0\t0\n1\t0\n")),
    "tells what can be saved": lambda folder, _: build_index(without_index(folder, b"damage" * 9)),
    "cannot create the cache folder": lambda folder, _: cache_folder(file_of(folder / "file", "") / "cache"),
    "to a folder you can write to": full_cache,
    "cannot write {path}: {reason}": full_disk,
    "inside the head of a record": lambda *_: frame_at(b"123", 0),
    "a part of {size} begins": lambda *_: frame_at(head(0, 99), 0),
    "not the magic number": lambda *_: frame_at(bytes(16), 0),
    "RecordIO knows 0 to 3": lambda *_: frame_at(head(7, 0), 0),
    "which cannot be at": lambda *_: frame_at(head(2, 0), 0),
    "is outside of the shard": lambda *_: frame_at(b"", 8),
    "its header alone takes": lambda *_: unpack(b"short"),
    "the header announces": lambda *_: unpack(struct.pack("<IfQQ", 99, 0, 0, 0)),
    "RecordIO holds at most": too_long,
    "the label is the single number": lambda *_: label(3),
    "the label is empty": lambda *_: label(),
    "it must be whole and": lambda *_: label(-7, 5),
    "cannot hold a header of": lambda *_: label(2, 5, 1),
    "the object {problem}": lambda *_: label(2, 5, np.nan, 0, 0, 1, 1),
    "the image cannot be decoded": lambda folder, _: stored_tiles(
        open_dataset(write(folder, [record(image=b"text")])), [0]
    ),
    "{errors} in the records": lambda folder, _: inspect_shards(write(folder, [record(image=b"")])).require_clean(),
    "more than max_bad": lambda folder, _: inspect_shards(write(folder, [record(image=b"")])).without_bad(0.1),
    "none of {records} has": lambda folder, _: inspect_shards(write(folder, [record([])])).require_objects(),
    "every record is bad": lambda folder, _: inspect_shards(write(folder, [record(image=b"")])).without_bad(1),
    "cannot tell whether the labels": lambda folder, _: demand(write(folder, [record(), record([PIXELS])])),
    "before it began": dead_decoder,
    "no class names in": lambda *_: read_classes(","),
    "class names more than once": lambda *_: read_classes("cat, dog, cat"),
    "there is no {path}: write the class names into it": lambda folder, _: find_classes([folder / "a.rec"]),
    "cannot read class names from": lambda folder, _: find_classes([binary(folder / "classes.txt")]),
    "there is no file {path} with class names": lambda folder, _: read_classes(str(folder / "none.txt")),
    "the class names differ": lambda folder, _: find_classes(
        [file_of(folder / name / "classes.txt", name).with_name("a.rec") for name in ("one", "two")]
    ),
    "the number of classes must be": lambda folder, _: check(CheckConfig((str(write(folder)),), classes="0")),
    "the number of shards must be": lambda *_: shard_names("a", 0),
    "must be a plain file name": lambda *_: shard_names("a/b", 1),
    "add --overwrite": lambda folder, _: (write(folder), write(folder)),
    "cannot write the shards": full_disk_in_writer,
    "two shards have the same name": lambda folder, _: repair(folder / "o", write(folder / "1"), write(folder / "2")),
    "another process is writing to": lambda folder, _: locked_twice(folder),
    "choose an empty folder": lambda folder, _: repair(folder, write(folder)),
    "cannot create files in {folder}": lambda folder, _: repair(file_of(folder / "file", "") / "out", write(folder)),
    "cannot write to {folder}": full_disk_in_fix,
    "cannot link": no_links,
    "no record can be kept": lambda folder, _: repair(folder / "out", write(folder, [record(image=b"")])),
    "every record has an error": lambda folder, _: set_aside(folder / "out", write(folder, [record(image=b"")])),
    "has changed meanwhile": changed_meanwhile,
    "the indexes list none of": lambda folder, _: demand(with_index(folder, "")),
    "nothing was repaired, since": unreadable,
    "{path} is a folder; give the name": json_is_a_folder,
    "bytes in all": lambda folder, _: inspect_shards(without_index(folder, b"")),
    "no records in {shards}": lambda folder, _: demand(without_index(folder, b"damage" * 9)),
}
