"""Objects, images and anchors counted: by class, by size, by layer, in bins."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dali_ssd.inspection.contents import CLASS, DIFFICULT, Contents
from dali_ssd.inspection.matching import Matches, side_of
from dali_ssd.inspection.network import Network
from dali_ssd.inspection.numbers import histogram, spread
from dali_ssd.inspection.report import (
    BoxFacts,
    ClassFacts,
    Coverage,
    Group,
    ImageFacts,
    LayerFacts,
)

__all__ = ["LARGE", "SMALL", "box_facts", "class_facts", "coverage", "image_facts", "layer_facts", "size_groups"]

SMALL, LARGE = 32, 96
"""Sides of squares, in network pixels, between which an object is medium: COCO's limits, there in image pixels."""
_POINTS = 1200
"""Boxes of the chart of widths and heights: more would be a blot, and make the page heavy."""
_BINS = 30


def coverage(matches: Matches, some: NDArray[np.bool_]) -> Coverage:
    """Return how the anchors meet some of the objects, (m,) bool."""
    count = int(some.sum())
    if not count:
        return Coverage(0, math.nan, math.nan, math.nan, math.nan)
    positives = matches.positives[some]
    return Coverage(
        count,
        covered=float(matches.covered[some].mean()),
        forced=float(matches.forced[some].mean()),
        untrained=float((positives == 0).mean()),
        positives=float(np.median(positives)),
    )


def size_groups(before: Matches, after: Matches) -> tuple[Group, ...]:
    """Return small, medium and large objects, and all."""
    groups = []
    for name, low, high in (
        (f"small, below {SMALL} px", 0, SMALL),
        ("medium", SMALL, LARGE),
        (f"large, {LARGE} px or more", LARGE, math.inf),
        ("all", 0, math.inf),
    ):
        shares = [coverage(one, (one.sides >= low) & (one.sides < high)) for one in (before, after)]
        groups.append(Group(name, shares[0], shares[1]))
    return tuple(groups)


def class_facts(contents: Contents, names: Sequence[str], before: Matches, after: Matches) -> tuple[ClassFacts, ...]:
    """Return all classes that have a name or an object, by their ids."""
    ids = contents.objects[:, CLASS].astype(np.int64)
    # Ids may be far apart, so they are counted by their place among those that occur.
    present, place = np.unique(ids, return_inverse=True)
    place = place.reshape(-1)
    objects = np.bincount(place, minlength=len(present))
    difficult = np.bincount(place, weights=contents.objects[:, DIFFICULT] != 0, minlength=len(present))
    pairs = np.unique(contents.owner * max(len(present), 1) + place)
    images = np.bincount(pairs % max(len(present), 1), minlength=len(present)) if len(pairs) else objects
    rows = {int(one): row for row, one in enumerate(present)}
    found = []
    for one in sorted(set(range(len(names))) | set(rows)):
        shares = [coverage(matches, matches.objects[:, CLASS] == one) for matches in (before, after)]
        row = rows.get(one)
        counts = (0, 0, 0) if row is None else (int(images[row]), int(objects[row]), int(difficult[row]))
        found.append(ClassFacts(one, _name(one, names), *counts, *shares))
    return tuple(found)


def layer_facts(network: Network, before: Matches, after: Matches) -> tuple[LayerFacts, ...]:
    """Return each feature map and the objects whose best anchor it has."""
    layers = network.layer_of
    owners = [np.where(one.anchor >= 0, layers[one.anchor], -1) for one in (before, after)]
    found = []
    for number, layer in enumerate(network.layers):
        mine = [owner == number for owner in owners]
        shares = [float(some.mean()) if len(some) else math.nan for some in mine]
        covered = float(before.covered[mine[0]].mean()) if mine[0].any() else math.nan
        found.append(LayerFacts(layer, int((layers == number).sum()), shares[0], shares[1], covered))
    return tuple(found)


def image_facts(contents: Contents) -> ImageFacts:
    """Return the sizes and formats of the images."""
    kilobytes = contents.image_bytes / 1000
    return ImageFacts(
        width=spread(contents.sizes[:, 0]),
        height=spread(contents.sizes[:, 1]),
        short_side=spread(contents.sizes.min(axis=1) if len(contents) else ()),
        file_bytes=spread(contents.image_bytes),
        kinds=dict(Counter(contents.kinds).most_common()),
        progressive=float(contents.progressive.mean()) if len(contents) else math.nan,
        megapixels=histogram(contents.megapixels, _bins(contents.megapixels)),
        kilobytes=histogram(kilobytes, _bins(kilobytes)),
    )


def box_facts(contents: Contents, data_shape: int, before: Matches, seed: int) -> BoxFacts:
    """Return the boxes in numbers; the points are of the sample that was matched."""
    shapes = (contents.objects[:, 2:4] - contents.objects[:, :2]).astype(np.float64)
    sides, ratios = side_of(contents.objects), shapes[:, 0] / shapes[:, 1]
    count = len(before.objects)
    chosen = np.random.default_rng(seed).permutation(count)[:_POINTS]
    drawn = (before.objects[chosen, 2:4] - before.objects[chosen, :2]).astype(np.float64).round(2)
    most = max(int(contents.counts.max(initial=0)), 1)
    step = -(-(most + 1) // _BINS)  # whole numbers of objects per bin, or some bins would have more of them
    return BoxFacts(
        objects=len(contents.objects),
        difficult=int((contents.objects[:, DIFFICULT] != 0).sum()),
        per_image=spread(contents.counts),
        empty=int((contents.counts == 0).sum()),
        objects_per_image=histogram(contents.counts, np.arange(0, most + 1 + step, step) - 0.5),
        side=spread(sides),
        sides=histogram(sides, np.geomspace(2, data_shape, _BINS + 1)),
        ratio=spread(ratios),
        ratios=histogram(ratios, np.geomspace(1 / 8, 8, _BINS + 1)),
        points=tuple(
            (float(width), float(height), bool(covered))
            for (width, height), covered in zip(drawn, before.covered[chosen], strict=True)
        ),
    )


def _name(class_id: int, names: Sequence[str]) -> str:
    return names[class_id] if class_id < len(names) else f"class {class_id}"


def _bins(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return even bins up to the 99th percentile, above which a few large values would flatten the rest."""
    top = float(np.percentile(values, 99)) if len(values) else 1.0
    low = float(values.min(initial=top))
    return np.linspace(min(low, top - 1e-3), top, _BINS + 1)
