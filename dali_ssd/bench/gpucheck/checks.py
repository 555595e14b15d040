"""The assertions on a GPU: pipelines there against the same on the CPU, on the same records and random numbers.

Everything random is drawn on the host, so the results may differ by rounding only: of the renderer where the pixels
come from PNGs, and of nvJPEG as well where they come from JPEGs. `tests/gpu` runs the same checks on drawn records.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from dali_ssd.anchors import vgg_anchors
from dali_ssd.bench.gpucheck.sample import Sample
from dali_ssd.config import INTERPOLATIONS, AugmentConfig, RenderConfig
from dali_ssd.graph.source import ReaderSlice
from dali_ssd.graph.where import Where
from dali_ssd.loader.placement import placement_of
from dali_ssd.loader.recipes import find_recipe
from dali_ssd.records.format.index import ensure_index
from dali_ssd.util.optional import require

__all__ = ["BATCHES", "CHECKS", "CUDA", "PLUGIN", "Check", "CheckResult", "Limits", "check_cuda", "run_check"]

CUDA, PLUGIN = "CUDA", "plugin"
"""Names of the checks that come before all others: whether CUDA works at all; find or build the plugin and load it."""

BATCHES = 6
"""Batches that a check compares, one after the other: more than a pipeline has buffers, so that a buffer which is
written to while it is still read shows. They take one and a half times as many images as the sample has."""
_BATCHES_OF_SAMPLE = 4

_Arrays: TypeAlias = list[npt.NDArray[Any]]
"""An output of a pipeline, on the host."""

_OFFSETS = 1e-5
"""Largest difference of box targets, absolute and relative."""

_FAR = 1e6
"""Levels that count for a value that is not finite: no limit allows it, and JSON can hold it."""


@dataclass(frozen=True)
class Limits:
    """How far images may be from the CPU's: levels are 1/255 of the range from black to white."""

    levels: float
    share: float
    """Largest share of the values that are farther away than `levels`."""
    mean: float
    """Largest mean distance in levels."""


_EXACT = Limits(1.0, share=0.0, mean=0.1)
_NEAREST = Limits(1.0, share=0.001, mean=0.1)
"""A pixel that lies between two may go to either."""
_DECODED = Limits(4.0, share=0.01, mean=1.0)
"""JPEG leaves decoders free to round, and strong contrast makes it half as much again: 1.8 of 64 photos on an H100."""


@dataclass(frozen=True)
class Check:
    """One pipeline that is compared."""

    name: str
    kind: Literal["train", "val"]
    lossless: bool
    """Whether the records are PNGs."""
    limits: Limits
    image: RenderConfig = field(default_factory=RenderConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)


@dataclass(frozen=True)
class CheckResult:
    """The result of one check on one device."""

    name: str
    problem: str = ""
    """What is wrong, or why it was not checked, in one line; empty if the check passed."""
    made: bool = True
    """Whether it was checked; if not, `problem` says why."""
    device: str = ""
    """Where it ran, such as `GPU 0`."""
    placement: str = ""
    """What of the pipeline ran where."""
    farthest: float | None = None
    """Largest distance between values of the images, in levels; None if images were not compared."""
    mean: float | None = None
    share: float | None = None
    """Share of the values beyond the check's levels."""

    @property
    def state(self) -> Literal["passed", "failed", "not checked"]:
        """The result in words."""
        if not self.made:
            return "not checked"
        return "failed" if self.problem else "passed"


def _all_checks() -> Iterator[Check]:
    half = RenderConfig(layout="NHWC", dtype="float16")
    for lossless in (True, False):
        limits, what = (_EXACT, "PNG") if lossless else (_DECODED, "JPEG")
        yield Check(f"validation, {what}", "val", lossless, limits)
        yield Check(f"validation, {what}, NHWC float16", "val", lossless, limits, half)
        yield Check(f"validation, {what}, 512 px", "val", lossless, limits, RenderConfig(data_shape=512))
        for kind in INTERPOLATIONS:
            of_kind = _NEAREST if lossless and kind == "nearest" else limits
            augment = AugmentConfig(interpolations=(kind,))
            yield Check(f"training, {what}, {kind}", "train", lossless, of_kind, augment=augment)
        yield Check(f"training, {what}, all filters, NHWC float16", "train", lossless, limits, half)


CHECKS = {check.name: check for check in _all_checks()}
"""The checks by name that compare; on a GPU all are of the plugin."""


def run_check(check: Check, sample: Sample, where: Where) -> CheckResult:
    """Compare `BATCHES` batches of the sample's records that are made `where` with the CPU's.

    Raises what DALI raises if a pipeline does not run.
    """
    expected, found = (_run(check, sample, one) for one in (Where(), where))
    images = _Distance.of(expected.outputs[0], found.outputs[0], check)
    problem = _distance_problem(images, check.limits) or _other_problem(check, expected, found, where.device)
    placement = str(placement_of(where, find_recipe().targets if check.kind == "train" else None))
    return CheckResult(
        check.name, problem, placement=placement, farthest=images.farthest, mean=images.mean, share=images.share
    )


def check_cuda() -> CheckResult:
    """Run the smallest kernel of DALI between copies to a GPU and back. Raises what DALI raises if that cannot be."""
    dali = require("nvidia.dali")
    expected = np.arange(1000, dtype=np.int32)
    pipeline = dali.Pipeline(batch_size=1, num_threads=1, device_id=0, prefetch_queue_depth=1)
    with pipeline:
        pipeline.set_outputs(dali.fn.cast(dali.types.Constant(expected).gpu(), dtype=dali.types.FLOAT))
    pipeline.build()
    (found,) = pipeline.run()
    same = _equal([expected], _arrays(found))
    return CheckResult(CUDA, "" if same else "what came back from the GPU is something else")


@dataclass(frozen=True)
class _Distance:
    """How far images are from the CPU's, in levels."""

    farthest: float
    mean: float
    share: float

    @classmethod
    def of(cls, expected: _Arrays, found: _Arrays, check: Check) -> _Distance:
        std = np.array(check.image.std)
        scale = 255 * (std if check.image.layout == "NHWC" else std[:, None, None])
        farthest, means, shares = [], [], []
        for one, two in zip(expected, found, strict=True):
            levels = np.abs(one.astype(np.float64) - two.astype(np.float64)) * scale
            levels[~np.isfinite(levels)] = _FAR
            farthest.append(float(levels.max()))
            means.append(float(levels.mean()))
            shares.append(float((levels > check.limits.levels).mean()))
        return cls(max(farthest), mean(means), mean(shares))


@dataclass(frozen=True)
class _Made:
    """What a pipeline made: its outputs, all batches of each, copied to the host, and where all of them were."""

    outputs: list[_Arrays]
    on_gpu: list[bool]


def _run(check: Check, sample: Sample, where: Where) -> _Made:
    path = Path(sample.exact if check.lossless else sample.jpegs)
    records, recipe = ReaderSlice([path], ensure_index(path)), find_recipe()
    options = {
        "upright": False,
        "unit": sample.unit,
        "where": where,
        "batch_size": max(1, sample.count // _BATCHES_OF_SAMPLE),
        "num_threads": 2,
        "device_id": 0 if where.device == "gpu" else None,
        "seed": 7,
    }
    if check.kind == "val":
        pipeline = recipe.val(records, check.image, **options)
    else:
        anchors = vgg_anchors(check.image.data_shape)
        parts = (records, anchors, check.augment, check.image, recipe.targets)
        pipeline = recipe.train(*parts, initial_fill=sample.count, **options)
    pipeline.build()
    batches = []
    for _ in range(BATCHES):
        outputs = pipeline.run()
        batches.append([(_arrays(output), type(output).__name__.endswith("GPU")) for output in outputs])
    by_output = list(zip(*batches, strict=True))
    return _Made(
        [[array for arrays, _ in parts for array in arrays] for parts in by_output],
        [all(on_gpu for _, on_gpu in parts) for parts in by_output],
    )


def _distance_problem(images: _Distance, limits: Limits) -> str:
    if images.share > limits.share:
        far = f"{images.share:.2%} of the values are more than {limits.levels:g} levels away"
        return f"{far}, {limits.share:.1%} may be"
    if images.mean > limits.mean:
        return f"values are {images.mean:.2f} levels away on average, {limits.mean:g} may be"
    return ""


def _other_problem(check: Check, expected: _Made, found: _Made, device: str) -> str:
    made = found.on_gpu[: 3 if check.kind == "train" else 1]
    if device == "gpu" and not all(made):
        return "an output is not on the GPU"
    if not _equal(expected.outputs[-1], found.outputs[-1]):
        return "the batches hold other records"
    if check.kind == "train":
        return _target_problem(expected.outputs[1:3], found.outputs[1:3])
    return "" if _equal(expected.outputs[1], found.outputs[1]) else "labels differ"


def _target_problem(expected: list[_Arrays], found: list[_Arrays]) -> str:
    (classes, boxes), (found_classes, found_boxes) = expected, found
    if not _equal(classes, found_classes):
        wrong = sum(int((one != two).sum()) for one, two in zip(classes, found_classes, strict=True))
        return f"{wrong} of {sum(map(len, classes))} class targets differ"
    if not any(one.any() for one in classes):
        return "no anchor is positive on the CPU, so the targets show nothing"
    close = all(np.allclose(one, two, _OFFSETS, _OFFSETS) for one, two in zip(boxes, found_boxes, strict=True))
    return "" if close else f"box targets differ by more than {_OFFSETS:g}"


def _equal(one: _Arrays, two: _Arrays) -> bool:
    return len(one) == len(two) and all(map(np.array_equal, one, two))


def _arrays(tensors: Any) -> _Arrays:
    """Return the tensors of an output on the host, copied."""
    return [np.array(tensor) for tensor in (tensors.as_cpu() if hasattr(tensors, "as_cpu") else tensors)]
