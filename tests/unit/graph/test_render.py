"""The render kernel against the oracle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nvidia.dali import pipeline_def

from dali_ssd.config import INTERPOLATIONS, RenderConfig
from dali_ssd.graph.render import render, render_kernel
from dali_ssd.graph.where import Where
from dali_ssd.kernels.augment.color import normalization
from tests.support.cases import FULL_RANGE, View, random_color, usual_views, views
from tests.support.pipes import Dtype, Layout, fixed
from tests.support.shards import draw

TOLERANCE = 1e-3 * FULL_RANGE
"""A quarter of what the issue asks for, 1/255 of full range."""


def by_kernel(view: View, size: int, layout: str = "NCHW") -> npt.NDArray[np.float32]:
    like = np.zeros((3, size) if layout == "NCHW" else (size, 3), np.uint8)
    return render_kernel().on_arrays(view.pixels, view.plan, view.region, like)[0]


def limit(view: View) -> float:
    """The tolerance, for colors whose range is wider than that of plain normalization."""
    return TOLERANCE * max(1.0, 255 * float(np.abs(view.color[:, :3]).sum(axis=1).max()) / FULL_RANGE)


@settings(max_examples=300)
@given(view=views(), size=st.integers(16, 40), layout=st.sampled_from(["NCHW", "NHWC"]))
def test_any_view_equals_the_oracle(view: View, size: int, layout: str) -> None:
    found = by_kernel(view, size, layout)
    np.testing.assert_allclose(found, view.rendered(size, layout), rtol=0, atol=limit(view))


@pytest.mark.parametrize("kind", INTERPOLATIONS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (2, 3), (300, 2)])
def test_tiny_regions(kind: str, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
    for window in ((0, 0, shape[1], shape[0]), (-7, -9, shape[1] + 5, shape[0] + 3), (0, 0, 1, 1)):
        view = View(image, window, kind, bool(shape[0] % 2), random_color(rng))
        np.testing.assert_allclose(by_kernel(view, 33), view.rendered(33), rtol=0, atol=limit(view))


@pytest.mark.parametrize(
    "window", [(-30, 2, -5, 20), (2, 40, 20, 60), (0, -20, 20, 0), (20, 0, 40, 20), (-9, -9, -1, -1)]
)
def test_a_view_beside_the_image_is_all_canvas(window: tuple[int, int, int, int]) -> None:
    image = np.full((20, 20, 3), 200, np.uint8)
    for kind in INTERPOLATIONS:
        view = View(image, window, kind, False, normalization(RenderConfig()))
        assert not by_kernel(view, 24).any()


def test_the_mean_color_is_zero_and_not_seen_beside_the_canvas() -> None:
    config = RenderConfig(mean=(0.2, 0.4, 0.6))
    image = np.tile(np.array([51, 102, 153], np.uint8), (30, 30, 1))
    for kind in INTERPOLATIONS:
        view = View(image, (-20, -20, 60, 60), kind, False, normalization(config))
        np.testing.assert_allclose(by_kernel(view, 40), 0, atol=1e-5)


@settings(max_examples=40)
@given(view=views())
def test_a_mirrored_view_is_the_view_mirrored(view: View) -> None:
    other = View(view.image, view.window, view.kind, not view.mirrored, view.color)
    if view.kind == "nearest":
        return  # a pixel exactly between two goes to the one or the other side
    np.testing.assert_allclose(by_kernel(view, 20), by_kernel(other, 20)[:, :, ::-1], rtol=0, atol=limit(view))


def test_large_images_of_the_usual_views() -> None:
    rng = np.random.default_rng(1)
    images = [draw(rng, 480, 640), draw(rng, 700, 333), draw(rng, 210, 900)]
    for view in usual_views(rng, 40, images=images):
        np.testing.assert_allclose(by_kernel(view, 300), view.rendered(300), rtol=0, atol=limit(view))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_in_a_pipeline(layout: Layout, dtype: Dtype) -> None:
    config = RenderConfig(data_shape=48, dtype=dtype, layout=layout)
    rng = np.random.default_rng(2)
    cases = usual_views(rng, 10, images=[draw(rng, 60, 80), draw(rng, 90, 50)])

    @pipeline_def(batch_size=len(cases), num_threads=2, device_id=None)
    def pipeline():  # type: ignore[no-untyped-def]
        sources = ([view.pixels for view in cases], [view.plan for view in cases], [view.region for view in cases])
        pixels, plans, regions = (fixed(values) for values in sources)
        return render(pixels, plans, regions, config, where=Where())

    (images,) = pipeline().run()
    assert images.dtype.name == ("FLOAT16" if dtype == "float16" else "FLOAT")
    assert images.layout() == layout[1:]
    for view, image in zip(cases, images, strict=True):
        assert np.asarray(image).dtype == dtype
        wanted = view.rendered(48, layout)
        rounding = np.abs(wanted).max() * 2.0**-10 if dtype == "float16" else 0.0
        np.testing.assert_allclose(np.asarray(image, np.float64), wanted, rtol=0, atol=limit(view) + rounding)
