"""The plugin's operators on a GPU against the same on the CPU: sizes that tiles do not divide, crowds, all layouts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dali_ssd.anchors import vgg_anchors
from dali_ssd.config import INTERPOLATIONS
from tests.support.cases import View, random_color, random_objects, usual_views
from tests.support.plugin_ops import (
    encoded,
    fed,
    render_limit,
    render_pipeline,
    rendered,
    target_options,
    target_pipeline,
)
from tests.support.shards import draw

pytestmark = pytest.mark.usefixtures("plugin")

Floats = npt.NDArray[np.float32]


def some_views(seed: int) -> list[View]:
    """Views as training draws them, and some of single pixels, of strips, and of nothing."""
    rng = np.random.default_rng(seed)
    strip = rng.integers(0, 256, (2, 20000, 3), np.uint8)
    odd = [
        View(image, window, kind, bool(number % 2), random_color(rng))
        for kind in INTERPOLATIONS
        for number, (image, window) in enumerate(
            [
                (strip[:1, :1], (-3, -2, 5, 9)),
                (strip[:1, :1], (7, 7, 20, 20)),
                (strip, (0, 0, 20000, 2)),
                (strip, (19999, 1, 20000, 2)),
            ]
        )
    ]
    return usual_views(rng, 40, images=[draw(rng, 480, 640), draw(rng, 333, 90)]) + odd


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("layout", ["CHW", "HWC"])
@pytest.mark.parametrize("size", [1, 33, 97, 300])
def test_rendering(size: int, layout: str, dtype: str) -> None:
    views = some_views(size)
    pairs = (rendered(views, size, layout, dtype, device) for device in ("cpu", "gpu"))
    for view, cpu, gpu in zip(views, *pairs, strict=True):
        assert cpu.dtype == gpu.dtype
        limit = render_limit(view) + (np.spacing(np.abs(cpu).max()) if dtype == "float16" else 0)
        np.testing.assert_allclose(gpu, cpu, rtol=0, atol=limit, err_msg=f"{view.kind} {view.window}")


def batches(size: int) -> list[list[Floats]]:
    """Several in a row, since each takes the memory of the one before: no object, some, and thousands of equal ones."""
    rng = np.random.default_rng(size)
    usual = [random_objects(rng, count, size, whole=True) for count in (0, 1, 2, 5, 33, 70)]
    crowded = [
        random_objects(rng, 3000, size, whole=True),
        random_objects(rng, 0, size, whole=True),
        random_objects(rng, 900, size, whole=True),
    ]
    equal = [np.repeat(random_objects(rng, 1, size, whole=True), count, axis=0) for count in (40, 2000)]
    return [usual, crowded, equal, usual[::-1]]


@pytest.mark.parametrize("size", [300, 512])
def test_targets(size: int) -> None:
    """Also of anchors whose number is no multiple of a block's."""
    for anchors in (vgg_anchors(size), vgg_anchors(size)[:33], vgg_anchors(size)[-1:]):
        on_cpu, on_gpu = (target_pipeline(target_options(anchors), device) for device in ("cpu", "gpu"))
        for batch in batches(size):
            for (classes, offsets), (same, near) in zip(encoded(on_cpu, batch), encoded(on_gpu, batch), strict=True):
                np.testing.assert_array_equal(classes, same)
                np.testing.assert_allclose(offsets, near, rtol=1e-5, atol=1e-5)


def test_outputs_stay_as_they_are_while_the_next_are_made() -> None:
    """What a consumer holds is no memory that a later batch gets."""
    pipeline = render_pipeline(64, device="gpu")
    held: list[tuple[Any, list[npt.NDArray[Any]]]] = []
    for seed in range(6):
        views = some_views(seed)
        inputs = {"pixels": "pixels", "plans": "plan", "regions": "region"}
        output = fed(pipeline, **{name: [getattr(view, part) for view in views] for name, part in inputs.items()})[0]
        held.append((output, [np.array(tensor) for tensor in output.as_cpu()]))
    for output, wanted in held:
        for tensor, array in zip(output.as_cpu(), wanted, strict=True):
            np.testing.assert_array_equal(np.array(tensor), array)


def test_what_cannot_be_rendered_is_refused_on_a_gpu_too() -> None:
    view = some_views(0)[0]
    with pytest.raises(RuntimeError, match="shows nothing, or by no filter"):
        fed(render_pipeline(16, device="gpu"), pixels=[view.pixels], plans=[view.plan * np.nan], regions=[view.region])
