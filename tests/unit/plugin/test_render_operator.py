"""The CPU backend of `ssd_render` against the oracle and against the CPU's kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nvidia.dali import fn, pipeline_def, types

from dali_ssd.graph.render import render_kernel
from tests.support.cases import View, usual_views, views
from tests.support.plugin_ops import fed, operators, render_limit, render_pipeline, rendered
from tests.support.shards import draw

pytestmark = [pytest.mark.plugin, pytest.mark.usefixtures("plugin")]


@settings(max_examples=300)
@given(view=views(), size=st.sampled_from([16, 40, 97]), layout=st.sampled_from(["CHW", "HWC"]))
def test_any_view_equals_the_oracle(view: View, size: int, layout: str) -> None:
    (found,) = rendered([view], size, layout)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, view.rendered(size, f"N{layout}"), rtol=0, atol=render_limit(view))


@settings(max_examples=50)
@given(view=views(), layout=st.sampled_from(["CHW", "HWC"]))
def test_float16_is_float32_rounded(view: View, layout: str) -> None:
    """To a nearest value; of two that are equally near the host does not take the even one."""
    (found,), (exact,) = rendered([view], 40, layout, "float16"), rendered([view], 40, layout)
    assert found.dtype == np.float16
    between = np.spacing(np.abs(found)).astype(np.float64)
    assert (np.abs(found.astype(np.float64) - exact) <= between / 2).all()


def test_the_kernels_pictures() -> None:
    """Those of training, of a batch of large images at once."""
    rng = np.random.default_rng(1)
    some = usual_views(rng, 60, images=[draw(rng, 480, 640), draw(rng, 700, 333), draw(rng, 210, 900)])
    like = np.zeros((3, 300), np.uint8)
    for view, found in zip(some, rendered(some, 300), strict=True):
        (wanted,) = render_kernel().on_arrays(view.pixels, view.plan, view.region, like)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=render_limit(view))


@pytest.mark.parametrize("layout", ["CHW", "HWC"])
def test_the_output_names_its_layout(layout: str) -> None:
    tensors = fed(render_pipeline(16, layout), **a_view())[0]
    assert tensors.layout() == layout


def a_view() -> dict[str, list[npt.NDArray[Any]]]:
    (view,) = usual_views(np.random.default_rng(0), 1, images=[np.zeros((30, 40, 3), np.uint8)])
    return {"pixels": [view.pixels], "plans": [view.plan], "regions": [view.region]}


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("pixels", lambda pixels: pixels[:, :-1], "and the region is"),
        ("pixels", lambda pixels: np.repeat(pixels, 2, axis=2), "and the region is"),
        ("pixels", lambda pixels: pixels.astype(np.float32), "pixels must be uint8 with 3 dimensions"),
        ("pixels", lambda pixels: pixels[:, :, 0], "pixels must be uint8 with 3 dimensions"),
        ("plans", lambda plan: plan[:-1], "plans must be float32 of 19 numbers"),
        ("plans", lambda plan: plan.astype(np.float64), "plans must be float32 of 19 numbers"),
        (
            "plans",
            lambda plan: np.where(np.arange(19) == 5, 9, plan).astype(np.float32),
            "shows nothing, or by no filter",
        ),
        ("plans", lambda plan: np.where(np.arange(19) == 2, -900, plan).astype(np.float32), "shows nothing, or by no"),
        ("plans", lambda plan: np.full(19, np.nan, np.float32), "shows nothing, or by no filter"),
        ("plans", lambda plan: np.full(19, 1e30, np.float32), "shows nothing, or by no filter"),
        ("regions", lambda region: region[:3], "regions must be int32 of 4 numbers"),
        ("regions", lambda region: region.astype(np.int64), "regions must be int32 of 4 numbers"),
        ("regions", lambda region: np.array([-(2**31), *region[1:]], np.int32), "begins at"),
    ],
)
def test_what_cannot_be_rendered_is_refused(part: str, change: Any, message: str) -> None:
    given = a_view()
    given[part] = [change(given[part][0])]
    pipeline = render_pipeline(16)  # one of its own: it cannot be used after the error
    with pytest.raises(RuntimeError, match=message):
        fed(pipeline, **given)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size must be within 1..65535, not 0"),
        ({"size": 65536}, "size must be within 1..65535, not 65536"),
        ({"size": 16, "layout": "CWH"}, "layout must be CHW or HWC, not CWH"),
        ({"size": 16, "dtype": types.INT8}, "dtype must be FLOAT or FLOAT16, not int8"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    @pipeline_def(batch_size=1, num_threads=1, device_id=None)
    def define() -> Any:
        return operators.ssd_render(*[fn.external_source(name=name) for name in "abc"], **options)

    with pytest.raises(RuntimeError, match=message):
        define().build()
