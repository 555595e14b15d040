"""The checks with a CPU in place of the GPU: they pass on what is equal, and find what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dali_ssd.bench.gpucheck import checks
from dali_ssd.bench.gpucheck.checks import BATCHES, CHECKS, CheckResult, run_check
from dali_ssd.bench.gpucheck.sample import Sample
from dali_ssd.config import INTERPOLATIONS, AugmentConfig, NvjpegConfig, TargetConfig
from dali_ssd.graph.where import Where
from dali_ssd.loader.recipes import find_recipe
from tests.support.own_plugin import load_plugin_or_skip

OTHER = Where(nvjpeg=NvjpegConfig(hw_decoder_load=0.5))
"""The CPU as well, but to be told from what it is compared with."""


@pytest.mark.parametrize("name", CHECKS)
def test_what_is_equal_passes(name: str, sample: Sample) -> None:
    result = run_check(CHECKS[name], sample, OTHER)
    assert result == CheckResult(name, placement=result.placement, farthest=0.0, mean=0.0, share=0.0)
    assert result.placement.startswith("decode: CPU, render: CPU")
    assert ("targets: CPU" in result.placement) == (CHECKS[name].kind == "train")


@pytest.mark.plugin
@pytest.mark.parametrize("name", CHECKS)
def test_the_plugin_on_a_cpu_passes(name: str, sample: Sample) -> None:
    """Its sources are those of its GPU operators: the nearest to them that there is without a GPU."""
    load_plugin_or_skip()
    result = run_check(CHECKS[name], sample, Where(plugin=True))
    assert result.problem == ""
    assert result.farthest is not None and result.farthest < 0.5


def test_every_filter_is_checked_with_and_without_loss() -> None:
    filters = [(check.augment.interpolations, check.lossless) for check in CHECKS.values() if check.kind == "train"]
    assert {((kind,), lossless) for kind in INTERPOLATIONS for lossless in (True, False)} < set(filters)


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Changes arguments of the pipelines that are compared with the CPU's."""

    def change(**arguments: Any) -> None:
        recipe = find_recipe()

        def train(records: Any, anchors: Any, augment: Any, image: Any, targets: Any, **options: Any) -> Any:
            given = {"records": records, "anchors": anchors, "augment": augment, "image": image, "targets": targets}
            given |= options
            return recipe.train(**(given | arguments if options["where"] is OTHER else given))

        def val(records: Any, image: Any, **options: Any) -> Any:
            given = {"records": records, "image": image} | options
            return recipe.val(**(given | arguments if options["where"] is OTHER else given))

        monkeypatch.setattr(checks, "find_recipe", lambda: replace(recipe, train=train, val=val))

    return change


@pytest.mark.parametrize(
    ("name", "arguments", "problem"),
    [
        (
            "training, PNG, linear",
            {"augment": AugmentConfig(interpolations=("cubic",))},
            "of the values are more than 1",
        ),
        ("training, JPEG, area", {"augment": AugmentConfig(interpolations=("linear",))}, "more than 4 levels away"),
        ("training, PNG, linear", {"targets": TargetConfig(iou_threshold=0.4)}, "class targets differ"),
        (
            "training, PNG, linear",
            {"targets": TargetConfig(stds=(0.1, 0.1, 0.2, 0.2001))},
            "box targets differ by more",
        ),
        ("validation, PNG", {"unit": "pixel"}, "labels differ"),
    ],
)
def test_what_differs_is_found(
    name: str, arguments: dict[str, Any], problem: str, sample: Sample, changed: Any
) -> None:
    changed(**arguments)
    assert problem in run_check(CHECKS[name], sample, OTHER).problem


def test_a_small_shift_of_all_values_is_found(sample: Sample, changed: Any) -> None:
    """Below the limit of each value, above that of their mean."""
    image = CHECKS["validation, PNG"].image
    red, green, blue = (mean + 0.5 / 255 for mean in image.mean)
    changed(image=replace(image, mean=(red, green, blue)))
    result = run_check(CHECKS["validation, PNG"], sample, OTHER)
    assert result.problem == "values are 0.50 levels away on average, 0.1 may be"
    assert result.farthest == pytest.approx(0.5, abs=0.01)


class Tampered:
    """A pipeline whose batches from `first` on are changed."""

    def __init__(self, pipeline: Any, change: Callable[[list[Any]], list[Any]], first: int = 0) -> None:
        self._pipeline, self._change, self._left = pipeline, change, first

    def build(self) -> None:
        self._pipeline.build()

    def run(self) -> list[Any]:
        outputs = [[np.array(one) for one in output] for output in self._pipeline.run()]
        self._left -= 1
        return outputs if self._left >= 0 else self._change(outputs)


@pytest.fixture
def tampered(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Changes the batches of pipelines: of those that are compared with the CPU's, or of both."""

    def tamper(change: Callable[[list[Any]], list[Any]], first: int = 0, both: bool = False) -> None:
        recipe = find_recipe()

        def wrapped(made: Callable[..., Any]) -> Callable[..., Any]:
            def make(*parts: Any, **options: Any) -> Any:
                pipeline = made(*parts, **options)
                return Tampered(pipeline, change, first) if both or options["where"] != Where() else pipeline

            return make

        monkeypatch.setattr(
            checks, "find_recipe", lambda: replace(recipe, train=wrapped(recipe.train), val=wrapped(recipe.val))
        )

    return tamper


@pytest.mark.parametrize("first", [1, BATCHES - 1])
def test_a_buffer_that_is_written_to_too_early_is_found_in_later_batches(
    first: int, sample: Sample, tampered: Callable[..., None]
) -> None:
    """As by a race of streams or a staging buffer that is used again: the first batches are right."""
    tampered(lambda outputs: [[np.zeros_like(one) for one in outputs[0]], *outputs[1:]], first)
    assert "levels away" in run_check(CHECKS["validation, PNG"], sample, OTHER).problem


def test_more_batches_are_compared_than_a_pipeline_has_buffers() -> None:
    assert BATCHES >= 4


def test_other_records_are_found(sample: Sample, tampered: Callable[..., None]) -> None:
    tampered(lambda outputs: [*outputs[:-1], [one + 1 for one in outputs[-1]]])
    assert run_check(CHECKS["training, PNG, linear"], sample, OTHER).problem == "the batches hold other records"


def test_targets_without_a_positive_anchor_show_nothing(sample: Sample, tampered: Callable[..., None]) -> None:
    tampered(lambda outputs: [outputs[0], [one * 0 for one in outputs[1]], *outputs[2:]], both=True)
    assert "no anchor is positive" in run_check(CHECKS["training, PNG, linear"], sample, OTHER).problem


@pytest.mark.parametrize("name", ["validation, PNG", "training, PNG, linear"])
def test_what_does_not_reach_the_gpu_is_found(name: str, sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline that is asked for a GPU and works on the CPU."""
    recipe = find_recipe()

    def on_cpu(made: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *parts, **options: made(*parts, **options | {"where": Where(), "device_id": None})

    monkeypatch.setattr(
        checks, "find_recipe", lambda: replace(recipe, train=on_cpu(recipe.train), val=on_cpu(recipe.val))
    )
    assert run_check(CHECKS[name], sample, Where("gpu")).problem == "an output is not on the GPU"


def test_values_that_are_no_numbers_are_found() -> None:
    check = CHECKS["validation, PNG"]
    broken = np.zeros((3, 300, 300), np.float32)
    broken[1, 2, 3] = np.nan
    distance = checks._Distance.of([np.zeros_like(broken)], [broken], check)
    assert distance.share > check.limits.share
    assert np.isfinite([distance.farthest, distance.mean]).all()
