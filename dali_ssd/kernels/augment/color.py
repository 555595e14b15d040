"""Color: all four changes of the SSD recipe, and the normalization, as one 3x4 matrix an image.

Brightness, contrast, saturation and hue are affine in RGB, so any order of them is one matrix; applying it costs the
same as normalizing alone. Values are not clipped in between, as in GluonCV, so the product is exact.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dali_ssd.config import AugmentConfig, RenderConfig
from dali_ssd.graph.kernel import inner
from dali_ssd.kernels.random import chance, uniform

__all__ = ["color_settings", "draw_color", "normalization"]

LUMA = np.array([0.299, 0.587, 0.114])
"""ITU-R BT.601 weights of a gray value."""
TO_YIQ = np.array([LUMA, [0.596, -0.274, -0.321], [0.211, -0.523, 0.311]])
"""NTSC color space: hue is a rotation of its I and Q."""
FROM_YIQ = np.linalg.inv(TO_YIQ)

Settings = npt.NDArray[np.float64]


def color_settings(augment: AugmentConfig, render: RenderConfig) -> Settings:
    """What `draw_color` needs of the options, `(19,) float64`: 7 ranges, hue in radians, then the normalization."""
    ranges = (augment.color_probability, augment.brightness, *augment.contrast, *augment.saturation)
    return np.array([*ranges, np.deg2rad(augment.hue), *normalization(render).ravel()])


def normalization(render: RenderConfig) -> Settings:
    """`(3, 4) float64`: RGB of 0..255 to the network's input, `(rgb / 255 - mean) / std`."""
    scale = np.diag(1 / (255 * np.asarray(render.std)))
    offset = -np.asarray(render.mean) / np.asarray(render.std)
    return np.concatenate([scale, offset[:, None]], axis=1)


@inner
def _after(outer, inner):  # type: ignore[no-untyped-def]
    """The affine map that does `inner` first and `outer` second, all (3, 4)."""
    result = np.empty((3, 4))
    for i in range(3):
        for j in range(4):
            total = outer[i, 3] if j == 3 else 0.0
            for k in range(3):
                total += outer[i, k] * inner[k, j]
            result[i, j] = total
    return result


@inner
def _scaled(factor):  # type: ignore[no-untyped-def]
    result = np.zeros((3, 4))
    for i in range(3):
        result[i, i] = factor
    return result


@inner
def _saturated(factor):  # type: ignore[no-untyped-def]
    result = _scaled(factor)
    for i in range(3):
        for j in range(3):
            result[i, j] += (1.0 - factor) * LUMA[j]
    return result


@inner
def _hue_rotated(angle):  # type: ignore[no-untyped-def]
    cos, sin = np.cos(angle), np.sin(angle)
    result = np.zeros((3, 4))
    for i in range(3):
        for j in range(3):
            y, in_phase, quadrature = TO_YIQ[0, j], TO_YIQ[1, j], TO_YIQ[2, j]
            result[i, j] = (
                FROM_YIQ[i, 0] * y
                + FROM_YIQ[i, 1] * (cos * in_phase - sin * quadrature)
                + FROM_YIQ[i, 2] * (sin * in_phase + cos * quadrature)
            )
    return result


@inner
def draw_color(state, settings):  # type: ignore[no-untyped-def]
    """Draw the color changes of one image: `(3, 4) float64` from RGB of 0..255 to the network's input.

    Brightness comes first, then contrast, saturation and hue (the SSD paper's data layer, and GluonCV's
    `random_color_distort`). Those draw whether contrast comes before or after the other two; here it is a plain factor
    and they are linear, so both orders are the same matrix.
    """
    probability, shift, contrast_low, contrast_high, saturation_low, saturation_high, turn = settings[:7]
    color = _scaled(1.0)
    if chance(state, probability):
        color[:, 3] = uniform(state, -shift, shift)
    if chance(state, probability):
        color = _after(_scaled(uniform(state, contrast_low, contrast_high)), color)
    if chance(state, probability):
        color = _after(_saturated(uniform(state, saturation_low, saturation_high)), color)
    if chance(state, probability):
        color = _after(_hue_rotated(uniform(state, -turn, turn)), color)
    return _after(settings[7:].reshape(3, 4), color)
