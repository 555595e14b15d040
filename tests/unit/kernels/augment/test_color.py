"""The color matrix against its four changes done to pixels one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_ssd.config import AugmentConfig, RenderConfig
from dali_ssd.kernels.augment.color import normalization
from dali_ssd.records.format.labels import build_label
from tests.support.oracle import SplitMix64
from tests.support.planning import draw_plan

NO_OBJECT = build_label(np.zeros((0, 4)), [])
SEEDS = st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))


def color_drawn(seed: tuple[int, int], augment: AugmentConfig) -> npt.NDArray[np.float64]:
    return draw_plan(NO_OBJECT, (50, 60), seed, augment).color


def step_by_step(
    pixels: npt.NDArray[np.float64], random: SplitMix64, augment: AugmentConfig
) -> npt.NDArray[np.float64]:
    """Pixels `(n, 3)` of 0..255 after the changes that `random` draws, normalized."""
    if random.uniform(0, 1) < augment.color_probability:
        pixels = pixels + random.uniform(-augment.brightness, augment.brightness)
    if random.uniform(0, 1) < augment.color_probability:
        pixels = pixels * random.uniform(*augment.contrast)
    if random.uniform(0, 1) < augment.color_probability:
        factor = random.uniform(*augment.saturation)
        gray = pixels @ np.array([0.299, 0.587, 0.114])
        pixels = factor * pixels + (1 - factor) * gray[:, None]
    if random.uniform(0, 1) < augment.color_probability:
        turn = np.deg2rad(random.uniform(-augment.hue, augment.hue))
        to_yiq = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.321], [0.211, -0.523, 0.311]])
        y, i, q = to_yiq @ pixels.T
        turned = np.stack([y, np.cos(turn) * i - np.sin(turn) * q, np.sin(turn) * i + np.cos(turn) * q])
        pixels = np.linalg.solve(to_yiq, turned).T
    return (pixels / 255 - RenderConfig.mean) / RenderConfig.std


@given(seed=SEEDS, probability=st.sampled_from([0.0, 0.5, 1.0]), hue=st.sampled_from([0.0, 36.0, 180.0]))
def test_the_matrix_is_all_changes_in_turn(seed: tuple[int, int], probability: float, hue: float) -> None:
    augment = AugmentConfig(color_probability=probability, hue=hue)
    pixels = np.random.default_rng(0).uniform(0, 255, (30, 3))
    matrix = color_drawn(seed, augment)
    wanted = step_by_step(pixels, SplitMix64((seed[0] << 32) ^ seed[1]), augment)
    np.testing.assert_allclose(pixels @ matrix[:, :3].T + matrix[:, 3], wanted, atol=1e-5)


@pytest.mark.parametrize("first", ["contrast", "saturation"])
def test_contrast_commutes_with_what_follows(first: str) -> None:
    """GluonCV draws whether contrast comes before or after saturation and hue: both are the same matrix."""
    rng = np.random.default_rng(1)
    scale = np.eye(3) * rng.uniform(0.5, 1.5)
    other = rng.uniform(-1, 1, (3, 3))
    product = scale @ other if first == "contrast" else other @ scale
    np.testing.assert_allclose(product, other * scale[0, 0])


def test_probability_0_is_the_normalization() -> None:
    for seed in range(20):
        matrix = color_drawn((seed, 1), AugmentConfig(color_probability=0))
        np.testing.assert_allclose(matrix, normalization(RenderConfig()), rtol=1e-6)


def test_probability_1_always_changes() -> None:
    drawn = [color_drawn((seed, 1), AugmentConfig(color_probability=1)) for seed in range(50)]
    assert all(np.abs(matrix - normalization(RenderConfig())).max() > 1e-4 for matrix in drawn)


def drawn_values(augment: AugmentConfig, value: str) -> npt.NDArray[np.float64]:
    """One number that tells a change from the matrix, over many draws where it is the only change."""
    normalize = normalization(RenderConfig())
    found = []
    for seed in range(1500):
        matrix = color_drawn((seed, 5), augment)
        change = np.linalg.inv(normalize[:, :3]) @ matrix[:, :3]
        shift = np.linalg.inv(normalize[:, :3]) @ (matrix[:, 3] - normalize[:, 3])
        found.append(shift[0] if value == "shift" else change.sum() / 3)
    return np.array(found)


def test_ranges_of_brightness_and_contrast() -> None:
    still: dict[str, Any] = {"saturation": (1.0, 1.0), "hue": 0.0, "color_probability": 1.0}
    shifts = drawn_values(AugmentConfig(brightness=32, contrast=(1.0, 1.0), **still), "shift")
    assert -32.01 <= shifts.min() < -31 and 31 < shifts.max() <= 32.01 and abs(shifts.mean()) < 2
    factors = drawn_values(AugmentConfig(brightness=0, contrast=(0.5, 1.5), **still), "factor")
    assert 0.499 <= factors.min() < 0.51 and 1.49 < factors.max() <= 1.501 and abs(factors.mean() - 1) < 0.03


def test_each_change_comes_half_of_the_time() -> None:
    unchanged = normalization(RenderConfig())
    still = [np.allclose(color_drawn((seed, 9), AugmentConfig()), unchanged, atol=1e-7) for seed in range(3000)]
    assert abs(np.mean(still) - 1 / 16) < 0.02


@given(seed=SEEDS)
def test_gray_keeps_no_color_through_saturation_and_hue(seed: tuple[int, int]) -> None:
    """Hue turns around gray as far as NTSC's rounded numbers have it, which is 0.01."""
    matrix = color_drawn(seed, AugmentConfig(brightness=0, contrast=(1.0, 1.0), hue=180, color_probability=1))
    change = np.linalg.inv(normalization(RenderConfig())[:, :3]) @ matrix[:, :3]
    np.testing.assert_allclose(change.sum(axis=1), 1, atol=0.01)
