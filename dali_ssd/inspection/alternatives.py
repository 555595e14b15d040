"""Other anchors for the same boxes: those of other networks, and sizes fitted to the boxes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dali_ssd.anchors import FEATURE_MAPS, MANY_RATIOS, FeatureMap, lay_out
from dali_ssd.inspection.contents import CLASS
from dali_ssd.inspection.matching import best_iou, side_of
from dali_ssd.inspection.network import Network
from dali_ssd.inspection.report import Alternative
from dali_ssd.util.progress import track

__all__ = ["Fitting", "fitted_anchors", "other_networks"]

_BOXES = 10_000
"""Boxes of each kind that candidates are tried on."""
_EQUAL = 0.005
"""Difference in coverage for which more anchors are not worth their work."""
_SCALES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.25, 1.5)
_QUANTILES = ((0.01, 0.99), (0.05, 0.95), (0.05, 0.99), (0.1, 0.9))


@dataclass(frozen=True, eq=False)
class Fitting:
    """Boxes on which anchors are tried, (m, 4+) float32 in network pixels: as stored, and of augmented views."""

    before: NDArray[np.float32]
    after: NDArray[np.float32]
    threshold: float

    @classmethod
    def of(cls, before: NDArray[np.float32], after: NDArray[np.float32], threshold: float, seed: int) -> Fitting:
        """Return a random part of the boxes, few enough to try many anchors on."""
        rng = np.random.default_rng(seed)
        parts = [
            boxes if len(boxes) <= _BOXES else boxes[np.sort(rng.choice(len(boxes), _BOXES, replace=False))]
            for boxes in (before, after)
        ]
        return cls(parts[0], parts[1], threshold)

    def coverage(self, anchors: NDArray[np.float32], scale: float = 1.0) -> tuple[float, float, float]:
        """Return the share of the boxes, enlarged by `scale`, that an anchor (N, 4) covers, as `Alternative` has it.

        Of the stored, of the augmented, and the mean of both over classes: scores are such means, so a rare class
        counts as much as a frequent one.
        """
        shares, by_class = [], []
        for boxes in (self.before, self.after):
            covered = best_iou(boxes[:, :4] * np.float32(scale), anchors)[0] >= np.float32(self.threshold)
            shares.append(float(covered.mean()) if len(boxes) else math.nan)
            _, place = np.unique(boxes[:, CLASS], return_inverse=True)
            counts = np.bincount(place.reshape(-1))
            if len(boxes):
                by_class.append(float((np.bincount(place.reshape(-1), weights=covered) / counts).mean()))
        return shares[0], shares[1], float(np.mean(by_class)) if by_class else math.nan


def other_networks(network: Network, fitting: Fitting) -> tuple[Alternative, ...]:
    """Return what the anchors of every known network would cover, networks of equal anchors together."""
    names: dict[tuple[int, tuple[FeatureMap, ...]], list[str]] = {}
    for (name, data_shape), layers in FEATURE_MAPS.items():
        names.setdefault((data_shape, layers), []).append(name)
    names.setdefault((network.data_shape, network.layers), [network.name])
    found = []
    for (data_shape, layers), some in track(list(names.items()), "trying other networks"):
        anchors = lay_out(layers)
        shares = fitting.coverage(anchors, data_shape / network.data_shape)
        found.append(Alternative(", ".join(some), data_shape, len(anchors), *shares))
    return tuple(sorted(found, key=lambda one: (one.data_shape, -one.before)))


def fitted_anchors(network: Network, fitting: Fitting) -> Alternative | None:
    """Return the best of some choices of sizes and ratios for the network's feature maps; None without boxes.

    Best is the highest mean over classes, and of equal ones (to half a percent) the fewest anchors.
    """
    sides = np.concatenate([side_of(fitting.before), side_of(fitting.after)])
    if not len(fitting.before) or not len(sides):
        return None
    found = []
    for layers in track(list(_candidates(network, sides)), "trying other anchors"):
        anchors = lay_out(layers)
        sizes = (*(layer.sizes[0] for layer in layers), layers[-1].sizes[1])
        ratios = tuple(layer.ratios for layer in layers)
        found.append(
            Alternative(network.name, network.data_shape, len(anchors), *fitting.coverage(anchors), sizes, ratios)
        )
    best = max(one.class_mean for one in found)
    return min(
        (one for one in found if one.class_mean >= best - _EQUAL), key=lambda one: (one.anchors, -one.class_mean)
    )


def _candidates(network: Network, sides: NDArray[np.float64]) -> Iterator[tuple[FeatureMap, ...]]:
    """Yield layers with other sizes, each with the network's ratios and with all ratios on all maps."""
    now = np.array([*(layer.sizes[0] for layer in network.layers), network.layers[-1].sizes[1]])
    count = len(now)
    ladders = [now, *(now * scale for scale in _SCALES)]
    for low, high in _QUANTILES:
        ends = np.quantile(sides, (low, high))
        ladders.append(np.geomspace(max(ends[0], 4.0), max(ends[1], 8.0), count))
        ladders.append(np.maximum(np.quantile(sides, np.linspace(low, high, count)), 4.0))
    for ladder in ladders:
        sizes = _ascending(ladder)
        plain = [replace(layer, sizes=pair) for layer, pair in zip(network.layers, pairwise(sizes), strict=True)]
        yield tuple(plain)
        if any(layer.ratios != MANY_RATIOS for layer in plain):
            yield tuple(replace(layer, ratios=MANY_RATIOS) for layer in plain)


def _ascending(ladder: NDArray[np.float64]) -> Sequence[float]:
    """Round sizes to whole pixels, each at least one above the one before."""
    sizes: list[float] = []
    for size in np.round(ladder).tolist():
        sizes.append(max(size, sizes[-1] + 1) if sizes else size)
    return sizes
