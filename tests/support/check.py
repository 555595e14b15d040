"""Shards for check and repair: one with a fault of each kind, and the findings on any."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dali_ssd.records.check import check
from dali_ssd.records.lint.dataset_report import DatasetReport
from dali_ssd.records.options import CheckConfig
from tests.support.records import BOX, Write, encoded, record

GOOD = [record([(0.1, 0.1, 0.2 + i / 40, 0.5)], [i % 3]) for i in range(12)]


def look(shard: Path, **options: object) -> DatasetReport:
    return check(CheckConfig((str(shard),), workers=1, **options))  # type: ignore[arg-type]


def kinds(checked: DatasetReport) -> list[str]:
    return [found.kind for found in checked.findings]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def faulty(write: Write) -> Path:
    """Twelve good records and seven that are not; the shard's end is cut off."""
    bad = [
        record(image=b"text"),
        record(image=encoded()[:-9]),
        record([BOX, (0.5, 0.2, 0.1, 0.6)]),
        record([(4, 3, 20, 15)]),
        record([BOX, (0.5, 0.5, 1.5, 0.9), (0.1, 0.2, 0.1, 0.6)]),
        record(label=[2, 5, 1]),
        record(),
    ]
    shard = write([*GOOD, *bad])
    shard.write_bytes(shard.read_bytes()[:-40])
    return shard


FAULTS = [
    "truncated-shard", "not-an-image", "truncated-image", "inverted-box", "overhanging-box",
    "zero-area-box", "bad-label", "pixel-coordinates",
]  # fmt: skip
INDEX_FAULTS: dict[str, Callable[[list[str]], list[str]]] = {
    "a record is not in it": lambda lines: lines[:5] + lines[6:],
    "an entry points into the middle": lambda lines: [*lines[:5], "5\t40\n", *lines[6:]],
    "a record twice": lambda lines: [*lines[:6], f"40\t{lines[5].split()[1]}\n", *lines[6:]],
    "a key twice": lambda lines: [*lines[:5], f"4\t{lines[5].split()[1]}\n", *lines[6:]],
    "it is empty": lambda lines: [],
}
