"""The assertions on a GPU: pipelines there against the same on the CPU, on the same records and random numbers.

Everything random is drawn on the host, so the results may differ by rounding only: of the renderer where the pixels
come from PNGs, and of nvJPEG as well where they come from JPEGs. `tests/gpu` runs the same checks on drawn records.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dali_ssd.bench.anchors import vgg_anchors
from dali_ssd.bench.gpucheck.sample import Sample
from dali_ssd.config import INTERPOLATIONS, AugmentConfig, RenderConfig
from dali_ssd.graph.source import ReaderSlice
from dali_ssd.graph.where import Where
from dali_ssd.loader.recipes import find_recipe
from dali_ssd.records.format.index import ensure_index

__all__ = ["CHECKS", "PLUGIN", "Check", "CheckResult", "Limits", "run_check"]

PLUGIN = "plugin"
"""Name of the check that finds or builds the plugin and loads it; it comes before all others."""

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
"""JPEG leaves decoders free to round, and strong contrast makes it half as much again; none of it was measured yet."""


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
    """What is wrong, in one line; empty if the check passed."""
    device: str = ""
    """Where it ran, such as `GPU 0`."""
    farthest: float | None = None
    """Largest distance between values of the images, in levels; None if images were not compared."""
    mean: float | None = None
    share: float | None = None
    """Share of the values beyond the check's levels."""


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
"""The checks by name, without that of the plugin."""


def run_check(check: Check, sample: Sample, where: Where) -> CheckResult:
    """Compare one batch of all records of the sample that is made `where` with the CPU's.

    Raises what DALI raises if a pipeline does not run.
    """
    expected, found = (_run(check, sample, one) for one in (Where(), where))
    images = _Distance.of(expected[0], found[0], check)
    problem = _problem(check, images, expected, found, where.device)
    return CheckResult(check.name, problem, "", images.farthest, images.mean, images.share)


@dataclass(frozen=True)
class _Distance:
    """How far images are from the CPU's, in levels."""

    farthest: float
    mean: float
    share: float

    @classmethod
    def of(cls, expected: Any, found: Any, check: Check) -> _Distance:
        std = np.array(check.image.std)
        scale = 255 * (std if check.image.layout == "NHWC" else std[:, None, None])
        pairs = zip(_arrays(expected), _arrays(found), strict=True)
        levels = np.stack([np.abs(one.astype(np.float64) - two.astype(np.float64)) * scale for one, two in pairs])
        levels[~np.isfinite(levels)] = _FAR
        return cls(float(levels.max()), float(levels.mean()), float((levels > check.limits.levels).mean()))


def _run(check: Check, sample: Sample, where: Where) -> tuple[Any, ...]:
    path = Path(sample.exact if check.lossless else sample.jpegs)
    records = ReaderSlice([path], ensure_index(path))
    recipe = find_recipe()
    common = {"upright": False, "unit": sample.unit, "where": where}
    options = {
        "batch_size": sample.count,
        "num_threads": 2,
        "device_id": 0 if where.device == "gpu" else None,
        "seed": 7,
    }
    if check.kind == "val":
        pipeline = recipe.val(records, check.image, **common, **options)
    else:
        anchors = vgg_anchors(check.image.data_shape)
        parts = (records, anchors, check.augment, check.image, recipe.targets)
        pipeline = recipe.train(*parts, initial_fill=sample.count, **common, **options)
    pipeline.build()
    return tuple(pipeline.run())


def _problem(check: Check, images: _Distance, expected: tuple[Any, ...], found: tuple[Any, ...], device: str) -> str:
    limits = check.limits
    if images.share > limits.share:
        return (
            f"{images.share:.2%} of the values are more than {limits.levels:g} levels away, {limits.share:.1%} may be"
        )
    if images.mean > limits.mean:
        return f"values are {images.mean:.2f} levels away on average, {limits.mean:g} may be"
    made = found[:3] if check.kind == "train" else found[:1]
    if device == "gpu" and not all(type(output).__name__.endswith("GPU") for output in made):
        return "an output is not on the GPU"
    others = (_arrays(outputs[place]) for place in range(1, len(expected)) for outputs in (expected, found))
    return _target_problem(*others) if check.kind == "train" else _label_problem(*others)


def _label_problem(labels: Any, found_labels: Any, places: Any, found_places: Any) -> str:
    if not _equal(places, found_places):
        return "the batch holds other records"
    return "" if _equal(labels, found_labels) else "labels differ"


def _target_problem(
    classes: Any, found_classes: Any, boxes: Any, found_boxes: Any, places: Any, found_places: Any
) -> str:
    if not _equal(places, found_places):
        return "the batch holds other records"
    if not _equal(classes, found_classes):
        wrong = sum(int((one != two).sum()) for one, two in zip(classes, found_classes, strict=True))
        return f"{wrong} of {sum(map(len, classes))} class targets differ"
    if not any(one.any() for one in classes):
        return "no anchor is positive on the CPU, so the targets show nothing"
    close = all(np.allclose(one, two, _OFFSETS, _OFFSETS) for one, two in zip(boxes, found_boxes, strict=True))
    return "" if close else f"box targets differ by more than {_OFFSETS:g}"


def _equal(one: list[npt.NDArray[Any]], two: list[npt.NDArray[Any]]) -> bool:
    return len(one) == len(two) and all(map(np.array_equal, one, two))


def _arrays(tensors: Any) -> list[npt.NDArray[Any]]:
    """Return the tensors of an output on the host."""
    return [np.array(tensor) for tensor in (tensors.as_cpu() if hasattr(tensors, "as_cpu") else tensors)]
