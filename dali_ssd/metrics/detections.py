"""Detections to score: the objects that a network finds in an image, and the true ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Detections"]


@dataclass(frozen=True)
class Detections:
    """The objects that a network finds in one image, the best first, and the true ones."""

    boxes: NDArray[np.float32]
    """(n, 4) xmin ymin xmax ymax, network pixels."""
    class_ids: NDArray[np.int32]
    """(n,)"""
    scores: NDArray[np.float32]
    """(n,), 0..1."""
    true_boxes: NDArray[np.float32]
    """(m, 4)"""
    true_ids: NDArray[np.int32]
    """(m,)"""
    difficult: NDArray[np.bool_]
    """(m,)"""
