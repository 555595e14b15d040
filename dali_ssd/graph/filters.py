"""Resampling filters as tables: for each output pixel of one axis, which source pixels it takes and with what weight.

Coordinates are continuous: source pixel k covers [k, k + 1), its center is k + 0.5. Only `area` widens with the
shrinking (a triangle as wide as two output pixels, as in Pillow and DALI); the others take single source pixels
however much the image shrinks, as OpenCV's filters of the same names do for GluonCV.
"""

from __future__ import annotations

import math

import numpy as np

from dali_ssd.config import INTERPOLATIONS
from dali_ssd.graph.kernel import inner

__all__ = ["axis_table", "filter_weight", "lanczos_weights"]

_NEAREST, _LINEAR, _CUBIC, _AREA, _LANCZOS = range(len(INTERPOLATIONS))
_SINES = np.sin(np.pi / 3 * np.arange(6))
_COSINES = np.cos(np.pi / 3 * np.arange(6))


@inner
def _radius(kind, scale):  # type: ignore[no-untyped-def]
    """Half the width of a filter in source pixels; `scale` is source pixels an output pixel."""
    if kind == _LANCZOS:
        return 3.0
    if kind == _CUBIC:
        return 2.0
    if kind == _AREA:
        return max(scale, 1.0)
    return 1.0


@inner
def filter_weight(kind, distance, radius):  # type: ignore[no-untyped-def]
    """Weight of a source pixel whose center is `distance` source pixels away; not for Lanczos.

    Cubic is Keys' with a = -0.5 (R. Keys, "Cubic convolution interpolation", 1981).
    """
    x = abs(distance)
    if x >= radius:
        return 0.0
    if kind == _CUBIC:
        if x < 1.0:
            return (1.5 * x - 2.5) * x * x + 1.0
        return ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return 1.0 - x / radius


@inner
def lanczos_weights(raw, distance):  # type: ignore[no-untyped-def]
    """raw (6,) = the weights of Lanczos' filter of 3 lobes, 3 sin(pi x) sin(pi x / 3) / (pi x)^2, for x = distance + k.

    The sines of the sum come from two of `distance` alone: sines for each pixel would cost half as much as the image.
    """
    third_sine, third_cosine = math.sin(math.pi / 3 * distance), math.cos(math.pi / 3 * distance)
    sine = third_sine * (3.0 - 4.0 * third_sine**2)  # of three times the angle
    for k in range(raw.size):
        x = distance + k
        turned = third_sine * _COSINES[k] + third_cosine * _SINES[k]
        near, far = abs(x) < 1e-9, abs(x) >= 3.0
        raw[k] = 1.0 if near else 0.0 if far else 3.0 * (1 - 2 * (k % 2)) * sine * turned / (math.pi * x) ** 2


@inner
def axis_table(kind, size, low, high, length, mirrored):  # type: ignore[no-untyped-def]
    """The table of one axis.

    The view is `low`..`high` in pixels of the decoded region, whose own pixels are 0..length-1. A filter that reaches
    beyond the view repeats the view's edge, as resizing a crop does; what is in the view but not in the region is
    canvas and gets no weight.

    Returns:
        first `(size,) int64`: the first of k source pixels, all of them in the region; weights `(k, size) float32`;
        cover `(size,) float32`: the sum of the weights, below 1 where canvas shows; begin and end of the output pixels
        that show any of the region.
    """
    scale = (high - low) / size
    radius = _radius(kind, scale)
    reach = 1 if kind == _NEAREST else int(math.ceil(2.0 * radius))
    taps = min(reach, length)
    first, weights = np.zeros(size, np.int64), np.zeros((taps, size), np.float32)
    cover = np.zeros(size, np.float32)
    raw = np.empty(reach)
    begin, end = size, 0
    for i in range(size):
        center = low + ((size - 1 - i if mirrored else i) + 0.5) * scale
        start = int(math.floor(center)) if kind == _NEAREST else int(math.floor(center - radius + 0.5))
        first[i] = min(max(start, 0), length - taps)
        total = 0.0
        if kind == _LANCZOS:
            lanczos_weights(raw, start + 0.5 - center)
        for k in range(reach):
            if kind == _NEAREST:
                raw[k] = 1.0
            elif kind != _LANCZOS:
                raw[k] = filter_weight(kind, start + k + 0.5 - center, radius)
            total += raw[k]
        for k in range(reach):
            pixel = min(max(start + k, low), high - 1)
            weight = raw[k] / total
            if weight != 0.0 and 0 <= pixel < length:
                weights[pixel - first[i], i] += weight
                cover[i] += weight
                begin, end = min(begin, i), i + 1
    return first, weights, cover, begin, end
