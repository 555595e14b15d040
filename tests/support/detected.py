"""Images with detections: written down, or drawn so that boxes overlap in all ways and no two scores are equal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from dali_ssd.metrics.detections import Detections

__all__ = ["CLASSES", "Box", "detected", "image_lists", "overlap"]

CLASSES = 3
Box = tuple[float, float, float, float]


def detected(
    found: Sequence[tuple[Box, int, float]], true: Sequence[tuple[Box, int]], difficult: Sequence[bool] = ()
) -> Detections:
    """An image with detections (box, class id, score) and objects (box, class id)."""
    return Detections(
        np.array([box for box, _, _ in found], np.float32).reshape(-1, 4),
        np.array([class_id for _, class_id, _ in found], np.int32),
        np.array([score for _, _, score in found], np.float32),
        np.array([box for box, _ in true], np.float32).reshape(-1, 4),
        np.array([class_id for _, class_id in true], np.int32),
        np.array(difficult or [False] * len(true), bool),
    )


def overlap(a: Any, b: Any) -> float:
    """Overlap of two boxes that include their last pixels, by plain arithmetic."""
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    shared = width * height if width > 0 and height > 0 else 0
    areas = [(box[2] - box[0] + 1) * (box[3] - box[1] + 1) for box in (a, b)]
    return float(shared / (sum(areas) - shared))


@st.composite
def image_lists(draw: Any) -> list[Detections]:
    """Up to four images; few places for corners, so that many boxes meet."""
    corner, side, class_id = st.integers(0, 3), st.integers(1, 4), st.integers(0, CLASSES - 1)
    box = st.builds(lambda x, y, w, h: (10 * x, 10 * y, 10 * x + 10 * w, 10 * y + 10 * h), corner, corner, side, side)
    counts = draw(st.lists(st.integers(0, 6), max_size=4))
    scores = iter(draw(st.lists(st.integers(1, 999), min_size=sum(counts), max_size=sum(counts), unique=True)))
    images = []
    for count in counts:
        found = [(draw(box), draw(class_id), next(scores) / 1000) for _ in range(count)]
        true = draw(st.lists(st.tuples(box, class_id), max_size=4))
        difficult = draw(st.lists(st.booleans(), min_size=len(true), max_size=len(true)))
        images.append(detected(found, true, difficult))
    return images
