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

_QUICK = 2_000
"""Boxes of each kind on which candidates are tried. Results are from all, as those of the network itself are."""
_EQUAL = 0.005
"""Difference in coverage for which more anchors are not worth their work."""
_SCALES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.25, 1.5)
_TRYING = "trying other anchors"
_QUANTILES = ((0.01, 0.99), (0.05, 0.95), (0.05, 0.99), (0.1, 0.9))


@dataclass(frozen=True, eq=False)
class Fitting:
    """Boxes on which anchors are tried, (m, 4+) float32 in network pixels: as stored, and of augmented views."""

    before: NDArray[np.float32]
    after: NDArray[np.float32]
    threshold: float

    def part(self, most: int, seed: int) -> Fitting:
        """Return a random part: at most so many boxes of each kind."""
        rng = np.random.default_rng(seed)
        parts = [
            boxes if len(boxes) <= most else boxes[np.sort(rng.choice(len(boxes), most, replace=False))]
            for boxes in (self.before, self.after)
        ]
        return Fitting(parts[0], parts[1], self.threshold)

    def coverage(self, anchors: NDArray[np.float32], scale: float = 1.0) -> tuple[float, float, float]:
        """Return the share of the boxes, enlarged by `scale`, that an anchor (N, 4) covers, as `Alternative` has it.

        Of the stored, of the augmented, and the mean of both over classes: scores are such means, so a rare class
        counts as much as a frequent one.
        """
        (before, before_mean), (after, after_mean) = (
            self._shares(boxes, anchors, scale) for boxes in (self.before, self.after)
        )
        known = [mean for mean in (before_mean, after_mean) if not math.isnan(mean)]
        return before, after, sum(known) / len(known) if known else math.nan

    def by_class(self, anchors: NDArray[np.float32]) -> tuple[float, float]:
        """Return the mean over classes of the share that an anchor (N, 4) covers, of stored and of augmented boxes."""
        return self._shares(self.before, anchors, 1)[1], self._shares(self.after, anchors, 1)[1]

    def _shares(self, boxes: NDArray[np.float32], anchors: NDArray[np.float32], scale: float) -> tuple[float, float]:
        """Return the share of boxes that is covered, and the mean of these shares over classes."""
        if not len(boxes):
            return math.nan, math.nan
        covered = best_iou(boxes[:, :4] * np.float32(scale), anchors)[0] >= np.float32(self.threshold)
        _, place = np.unique(boxes[:, CLASS], return_inverse=True)
        place = place.reshape(-1)
        by_class = np.bincount(place, weights=covered) / np.bincount(place)
        return float(covered.mean()), float(by_class.mean())


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
        found.append(Alternative(tuple(some), data_shape, len(anchors), *shares))
    return tuple(sorted(found, key=lambda one: (one.data_shape, -one.before)))


def fitted_anchors(network: Network, fitting: Fitting, seed: int) -> Alternative | None:
    """Return the best sizes and ratios that were found for the network's feature maps; None without boxes.

    Best is the highest mean over classes, and of equal ones (to half a percent) the fewest anchors. Some ladders of
    sizes are tried, and the best is then changed size by size.
    """
    sides = np.concatenate([side_of(fitting.before), side_of(fitting.after)])
    if not len(fitting.before):
        return None
    quick = fitting.part(_QUICK, seed)
    tried = [(quick.coverage(lay_out(maps))[2], maps) for maps in track(list(_candidates(network, sides)), _TRYING)]
    best = max(mean for mean, _ in tried)
    # The fewest anchors, and of these the best.
    mean, maps = min(
        ((mean, maps) for mean, maps in tried if mean >= best - _EQUAL), key=lambda one: (_count(one[1]), -one[0])
    )
    maps = _refined(maps, mean, quick)
    anchors, sizes = lay_out(maps), (*(one.sizes[0] for one in maps), maps[-1].sizes[1])
    ratios = tuple(one.ratios for one in maps)
    return Alternative((network.name,), network.data_shape, len(anchors), *fitting.coverage(anchors), sizes, ratios)


def _refined(maps: tuple[FeatureMap, ...], mean: float, quick: Fitting) -> tuple[FeatureMap, ...]:
    """Change one size after the other as long as it helps: by a fifth, then by a tenth."""
    ladder = [*(one.sizes[0] for one in maps), maps[-1].sizes[1]]
    for factor in track([0.8, 1.25, 0.8, 1.25, 0.9, 1.1, 0.9, 1.1], "fitting anchors"):
        for number in range(len(ladder)):
            changed = _ascending(np.array([*ladder[:number], ladder[number] * factor, *ladder[number + 1 :]]))
            other = _resized(maps, changed)
            covered = quick.coverage(lay_out(other))[2]
            if covered > mean + 1e-6:
                ladder, maps, mean = list(changed), other, covered
    return maps


def _count(maps: tuple[FeatureMap, ...]) -> int:
    return len(lay_out(maps))


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
        plain = _resized(network.layers, sizes)
        yield plain
        if any(layer.ratios != MANY_RATIOS for layer in plain):
            yield tuple(replace(layer, ratios=MANY_RATIOS) for layer in plain)


def _resized(maps: tuple[FeatureMap, ...], sizes: Sequence[float]) -> tuple[FeatureMap, ...]:
    return tuple(replace(one, sizes=pair) for one, pair in zip(maps, pairwise(sizes), strict=True))


def _ascending(ladder: NDArray[np.float64]) -> Sequence[float]:
    """Round sizes to whole pixels, each at least a tenth above the one before: equal maps would be of no use."""
    sizes: list[float] = []
    for size in np.round(ladder).tolist():
        sizes.append(max(size, float(math.ceil(1.1 * sizes[-1]))) if sizes else size)
    return sizes
