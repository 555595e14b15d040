"""Fixtures that the tests of the command `convert` have too."""

from __future__ import annotations

from tests.support.annotations import coco, one, out, voc

__all__ = ["coco", "one", "out", "voc"]
