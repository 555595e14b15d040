"""Fixtures from the tests of the rooms behind the commands."""

from __future__ import annotations

from tests.support.annotations import coco, one, out, voc
from tests.support.benchmark import shard
from tests.support.check import faulty
from tests.support.records import write

__all__ = ["coco", "faulty", "one", "out", "shard", "voc", "write"]
