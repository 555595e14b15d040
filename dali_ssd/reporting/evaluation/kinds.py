"""What becomes of detections and objects, by the names that charts, tables and titles share."""

from __future__ import annotations

from dali_ssd.metrics.analysis import Analysis
from dali_ssd.metrics.verdicts import WRONG, Kind

__all__ = ["LABELS", "MISSED", "counts_of", "title_of"]

_NAMES = {
    Kind.RIGHT: "right",
    Kind.LOCALIZATION: "badly placed",
    Kind.CONFUSION: "another class",
    Kind.DUPLICATE: "duplicate",
    Kind.BACKGROUND: "background",
}
"""Of detections."""
MISSED = "missed"
"""Of objects that no detection finds."""
_ORDER = (Kind.RIGHT, *WRONG)
LABELS = (*(_NAMES[kind] for kind in _ORDER), MISSED)
"""In the order of `counts_of`."""


def title_of(kind: Kind) -> str:
    """Return the title of the section of a kind."""
    return _NAMES[kind].capitalize()


def counts_of(analysis: Analysis, class_id: int | None = None) -> list[int]:
    """Count detections by kind, and last the objects that are missed, of one class or of all."""
    kinds = analysis.kinds(class_id)
    return [*(kinds[kind] for kind in _ORDER), analysis.missed(class_id)]
