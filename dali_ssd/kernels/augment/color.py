"""Color: all four changes of the SSD recipe, and the normalization, as one 3x4 matrix per image.

Brightness, contrast, saturation and hue are affine in RGB, so any order of them is one matrix; applying it costs the
same as normalizing alone. Values are not clipped in between, as in GluonCV, so the product is exact.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dali_ssd.config import AugmentConfig, RenderConfig
from dali_ssd.kernels.compile import kernel_function, pack_record
from dali_ssd.kernels.random import chance, uniform

__all__ = ["COLOR_SETTINGS", "color_settings", "draw_color", "normalization"]

LUMA = np.array([0.299, 0.587, 0.114])
"""ITU-R BT.601 weights of a gray value."""
TO_YIQ = np.array([LUMA, [0.596, -0.274, -0.321], [0.211, -0.523, 0.311]])
"""NTSC color space: hue is a rotation of its I and Q."""
FROM_YIQ = np.linalg.inv(TO_YIQ)

COLOR_SETTINGS = np.dtype(
    [
        ("probability", np.float32),
        ("brightness", np.float32),
        ("contrast", np.float32, 2),
        ("saturation", np.float32, 2),
        ("hue", np.float32),  # radians
        ("normalization", np.float32, (3, 4)),
    ]
)
"""The options that `draw_color` needs."""


def color_settings(augment: AugmentConfig, render: RenderConfig) -> npt.NDArray[np.float32]:
    """Return the options as a packed record of `COLOR_SETTINGS`."""
    return pack_record(
        COLOR_SETTINGS,
        augment.color_probability,
        augment.brightness,
        augment.contrast,
        augment.saturation,
        np.deg2rad(augment.hue),
        normalization(render),
    )


def normalization(render: RenderConfig) -> npt.NDArray[np.float64]:
    """Return the matrix `(3, 4) float64` from RGB of 0..255 to the network's input, `(rgb / 255 - mean) / std`."""
    scale = np.diag(1 / (255 * np.asarray(render.std)))
    offset = -np.asarray(render.mean) / np.asarray(render.std)
    return np.concatenate([scale, offset[:, None]], axis=1)


@kernel_function
def draw_color(state, settings):  # type: ignore[no-untyped-def]
    """Draw the color changes of one image: `(3, 4) float64` from RGB of 0..255 to the network's input.

    `settings` is a record of `COLOR_SETTINGS`.

    Brightness comes first, then contrast, saturation and hue (the SSD paper's data layer, and GluonCV's
    `random_color_distort`). Both of these draw whether contrast comes before or after the other two; here it is a plain
    factor and they are linear, so both orders give the same matrix.
    """
    probability, shift, turn = settings.probability, settings.brightness, settings.hue
    color = _scaled(1.0)
    if chance(state, probability):
        color[:, 3] = uniform(state, -shift, shift)
    if chance(state, probability):
        color = _after(_scaled(uniform(state, settings.contrast[0], settings.contrast[1])), color)
    if chance(state, probability):
        color = _after(_saturated(uniform(state, settings.saturation[0], settings.saturation[1])), color)
    if chance(state, probability):
        color = _after(_hue_rotated(uniform(state, -turn, turn)), color)
    return _after(settings.normalization, color)


@kernel_function
def _after(outer, inner):  # type: ignore[no-untyped-def]
    """Return the affine map that applies `inner` first and `outer` second, all (3, 4)."""
    result = np.empty((3, 4))
    for i in range(3):
        for j in range(4):
            total = outer[i, 3] if j == 3 else 0.0
            for k in range(3):
                total += outer[i, k] * inner[k, j]
            result[i, j] = total
    return result


@kernel_function
def _scaled(factor):  # type: ignore[no-untyped-def]
    result = np.zeros((3, 4))
    for i in range(3):
        result[i, i] = factor
    return result


@kernel_function
def _saturated(factor):  # type: ignore[no-untyped-def]
    result = _scaled(factor)
    for i in range(3):
        for j in range(3):
            result[i, j] += (1.0 - factor) * LUMA[j]
    return result


@kernel_function
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
