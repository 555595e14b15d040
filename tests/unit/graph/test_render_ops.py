"""Rendering with DALI's operators, which are the same on CPU and GPU, against the oracle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from nvidia.dali import pipeline_def

from dali_ssd.config import INTERPOLATIONS, RenderConfig
from dali_ssd.graph.render_ops import render_with_operators
from dali_ssd.kernels.augment.color import normalization
from tests.support.cases import FULL_RANGE, View, random_color, usual_views
from tests.support.pipes import Dtype, Layout, arrays, fixed

TOLERANCE = FULL_RANGE / 255
"""What the issue asks for."""


def noisy(rng: np.random.Generator, height: int, width: int) -> npt.NDArray[np.uint8]:
    """An image on which no two filters look alike."""
    return rng.integers(0, 256, (height, width, 3)).astype(np.uint8)


def by_operators(cases: list[View], config: RenderConfig) -> list[npt.NDArray[np.float64]]:
    @pipeline_def(batch_size=len(cases), num_threads=2, device_id=None)
    def pipeline():  # type: ignore[no-untyped-def]
        pixels = fixed([view.pixels for view in cases], layout="HWC")
        plans, regions = fixed([view.plan for view in cases]), fixed([view.region for view in cases])
        return render_with_operators(pixels, plans, regions, config)

    (images,) = pipeline().run()
    assert images.layout() == config.layout[1:]
    return [array.astype(np.float64) for array in arrays(images)]


def away_from_the_seam(view: View, size: int) -> npt.NDArray[np.bool_]:
    """Mask `(S, S)` without the pixels whose filter sees both image and canvas, and one more on either side."""
    masks = []
    height, width = view.image.shape[:2]
    x0, y0, x1, y1 = view.window
    for low, high, length in ((y0, y1, height), (x0, x1, width)):
        scale = (high - low) / size
        reach = {"nearest": 0.0, "linear": 1.0, "cubic": 2.0, "area": max(scale, 1.0), "lanczos": 3.0}[view.kind]
        mask = np.ones(size, bool)
        for edge in (0, length):
            if low < edge < high:
                begin, end = (edge - reach - low) / scale - 1, (edge + reach - low) / scale + 1
                mask[max(int(np.floor(begin)), 0) : max(int(np.ceil(end)), 0)] = False
        masks.append(mask)
    both: npt.NDArray[np.bool_] = masks[0][:, None] & masks[1][None, :]
    return both[:, ::-1] if view.mirrored else both


def as_dali_renders(view: View) -> View:
    """DALI has no mean over boxes: its triangle takes the place of area."""
    return replace(view, kind="triangle") if view.kind == "area" else view


def check(cases: list[View], config: RenderConfig, tolerance: float) -> None:
    size = config.data_shape
    for view, found in zip(cases, by_operators(cases, config), strict=True):
        wanted, mask = as_dali_renders(view).rendered(size, config.layout), away_from_the_seam(view, size)
        if config.layout == "NCHW":
            wanted, found = wanted.transpose(1, 2, 0), found.transpose(1, 2, 0)
        error = np.abs(found - wanted)[mask]
        strength = max(1.0, 255 * np.abs(view.color[:, :3]).sum(axis=1).max() / FULL_RANGE)
        worst = error.max(initial=0.0) / strength
        assert worst <= tolerance, (view.kind, view.window, view.image.shape, view.mirrored, worst)


@pytest.mark.parametrize("kind", INTERPOLATIONS)
@pytest.mark.parametrize("mirrored", [False, True])
def test_views_within_the_image(kind: str, mirrored: bool) -> None:
    rng = np.random.default_rng(0)
    images = [noisy(rng, 60, 80), noisy(rng, 200, 150), noisy(rng, 31, 240)]
    cases = []
    for image in images:
        height, width = image.shape[:2]
        for window in ((0, 0, width, height), (3, 5, width - 10, height - 7), (width // 2, 0, width, height // 2)):
            cases.append(View(image, window, kind, mirrored, random_color(rng)))
    check(cases, RenderConfig(data_shape=64), TOLERANCE)


@pytest.mark.parametrize("kind", INTERPOLATIONS)
@pytest.mark.parametrize("mirrored", [False, True])
def test_views_on_a_canvas(kind: str, mirrored: bool) -> None:
    rng = np.random.default_rng(1)
    image = noisy(rng, 60, 80)
    windows = [(-40, -30, 120, 90), (-5, -100, 300, 61), (10, -20, 60, 30), (70, 50, 200, 200), (-200, -200, 5, 100)]
    cases = [View(image, window, kind, mirrored, random_color(rng)) for window in windows]
    check(cases, RenderConfig(data_shape=64), TOLERANCE)


@pytest.mark.parametrize(
    "window", [(-30, 2, -5, 20), (2, 40, 20, 60), (0, -20, 20, 0), (20, 0, 40, 20), (-9, -9, -1, -1)]
)
def test_a_view_beside_the_image_is_all_canvas(window: tuple[int, int, int, int]) -> None:
    view = View(np.full((20, 20, 3), 200, np.uint8), window, "linear", False, normalization(RenderConfig()))
    (found,) = by_operators([view], RenderConfig(data_shape=24))
    assert not found.any()


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_layouts_and_types(layout: Layout, dtype: Dtype) -> None:
    rng = np.random.default_rng(2)
    cases = usual_views(rng, 20, images=[noisy(rng, 60, 80), noisy(rng, 90, 50), noisy(rng, 300, 400)])
    rounding = 0.02 if dtype == "float16" else 0.0
    check(cases, RenderConfig(data_shape=48, dtype=dtype, layout=layout), TOLERANCE + rounding)


def test_tiny_regions() -> None:
    rng = np.random.default_rng(3)
    cases = []
    for shape in ((1, 1), (1, 50), (50, 1), (2, 3)):
        image = rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
        for window in ((0, 0, shape[1], shape[0]), (-7, -9, shape[1] + 5, shape[0] + 3)):
            cases.append(View(image, window, "linear", True, random_color(rng)))
    check(cases, RenderConfig(data_shape=33), TOLERANCE)


def test_any_window_whatever() -> None:
    """Also windows that show a sliver of the image, or nothing: `fn.resize` must not be led out of its input."""
    rng = np.random.default_rng(4)
    cases = []
    for number in range(300):
        height, width = (int(side) for side in rng.integers(1, 40, 2))
        x0, y0 = int(rng.integers(-80, width + 5)), int(rng.integers(-80, height + 5))
        window = (x0, y0, x0 + int(rng.integers(1, 160)), y0 + int(rng.integers(1, 160)))
        kind = INTERPOLATIONS[number % len(INTERPOLATIONS)]
        cases.append(View(noisy(rng, height, width), window, kind, bool(number % 2), random_color(rng)))
    check(cases, RenderConfig(data_shape=24), TOLERANCE)
