"""Fixtures that the tests of the command `check` have too."""

from __future__ import annotations

from tests.support.check import faulty
from tests.support.records import write

__all__ = ["faulty", "write"]
