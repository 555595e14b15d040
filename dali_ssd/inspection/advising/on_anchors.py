"""Advice on anchors: other sizes, a larger input, a milder augmentation, objects that are too small."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from dali_ssd.inspection.advising.commands import milder_recipe, train_command
from dali_ssd.inspection.advising.grounds import Grounds, gain, worst_class
from dali_ssd.inspection.numbers import percent
from dali_ssd.inspection.report import Advice

__all__ = ["advise_on_anchors"]

_GAIN = 0.02
"""Coverage, as a mean over classes, that other anchors, or another input, must gain to be worth a word."""
_ENOUGH = 200
"""Objects to which anchors can be fitted without fitting them to chance."""
_TINY = 0.05
"""Share of objects smaller than a cell of the finest map that is worth a word."""


def advise_on_anchors(grounds: Grounds) -> Iterator[Advice]:
    """Yield advice on anchors and the size of objects."""
    for part in (_anchors, _larger_input, _augmentation, _tiny_objects):
        yield from part(grounds)


def _anchors(grounds: Grounds) -> Iterator[Advice]:
    report, now, best = grounds.report, grounds.network, grounds.report.fitted
    if best is None or report.sample.objects < _ENOUGH or gain(now, best) < _GAIN:
        return
    every = report.all
    sizes = ", ".join(f"{size:g}" for size in best.sizes)
    ratios = ", ".join(_ratios(some) for some in best.ratios)
    more = "" if best.anchors == now.anchors else f", with {best.anchors:,} anchors in place of {now.anchors:,}"
    forced = f"{percent(every.before.forced)} (augmented: {percent(every.after.forced)})"
    yield Advice(
        "Anchor sizes",
        f"The anchors of {report.network} at {report.data_shape} px cover {percent(now.before)} of the objects as "
        f"stored, and {percent(now.after)} in augmented views{worst_class(report)}. {forced} are trained by a single "
        "anchor that fits badly, or by none.",
        "Such an object gives one positive anchor a step or less, with a large offset to learn, where one that is "
        f"covered gives {every.before.positives:.0f} anchors in the median: it is learned later and found less "
        "exactly.",
        'Register a network with these sizes and ratios ("Add a network" in the documentation). They would cover '
        f"{percent(best.before)} and {percent(best.after)}: as a mean over classes and over both, "
        f"{percent(best.class_mean)} in place of {percent(now.class_mean)}{more}.",
        f"sizes=[{sizes}],\nratios=[{ratios}],",
    )


def _larger_input(grounds: Grounds) -> Iterator[Advice]:
    report, now, config = grounds.report, grounds.network, grounds.config
    larger = [one for one in report.alternatives if one.data_shape > report.data_shape]
    own = [one for one in larger if report.network in one.names]
    for one in sorted(own or larger, key=lambda one: -gain(now, one))[:1]:
        if not gain(now, one) >= _GAIN:  # it is NaN without objects
            return
        name = report.network if own else one.names[0]
        recipe = f", with a recipe like {config.input.recipe} of that size" if config.input.recipe else ""
        times = (one.data_shape / report.data_shape) ** 2
        yield Advice(
            "Larger input",
            f"{name} at {one.data_shape} px covers {percent(one.before)} of the objects as stored and "
            f"{percent(one.after)} in augmented views; {report.network} at {report.data_shape} px, "
            f"{percent(now.before)} and {percent(now.after)}. As a mean over classes and over both, that is "
            f"{percent(one.class_mean)} in place of {percent(now.class_mean)}.",
            f"{times:.1f} times as many pixels per image for the network, and about as much more time and memory.",
            f"Train at the larger size if the small objects matter{recipe}.",
            train_command(config, name, one.data_shape),
        )


def _augmentation(grounds: Grounds) -> Iterator[Advice]:
    report, now, milder, augment = grounds.report, grounds.network, grounds.report.milder, grounds.report.augment
    if milder is not None and milder.class_mean - now.class_mean >= _GAIN:
        yield Advice(
            "Shrinking augmentation",
            f"{percent(now.before)} of the objects are covered as stored, and {percent(now.after)} in augmented "
            f"views{worst_class(report)}: {augment.expand_probability:.0%} of the views put the image on a "
            f"canvas of up to {augment.expand_ratio[1]:g} times its side, where small objects become too small for the "
            "anchors.",
            "Training spends time on objects that no anchor fits. Keep it if you need to find small objects.",
            f"Compare scores with a milder augmentation, in which {percent(milder.after)} of the objects are covered: "
            "save the lines of this advice as `milder.py`, and train with `--recipe milder:recipe` from its folder, "
            "with that in `PYTHONPATH`.",
            milder_recipe(grounds.config, milder.expand_ratio),
        )


def _tiny_objects(grounds: Grounds) -> Iterator[Advice]:
    report = grounds.report
    step = report.layers[0].layer.step
    points = np.array([(width, height) for width, height, _ in report.boxes.points]).reshape(-1, 2)
    share = float((np.sqrt(points.prod(axis=1)) < step).mean()) if len(points) else 0.0
    if share >= _TINY:
        need = math.ceil(report.data_shape * 2 * step / max(report.boxes.side.median, 1e-6) / 32) * 32
        yield Advice(
            "Tiny objects",
            f"{percent(share)} of the objects are smaller than {step:g} px in the network, a cell of its finest "
            f"feature map. The median side of all is {report.boxes.side.median:.1f} px; 5% are below "
            f"{report.boxes.side.low:.1f} px.",
            "Objects in one cell share its anchors, and few pixels are left to tell what they are.",
            "Cut the images into overlapping tiles before the conversion, or take a larger input: for a median side "
            f"of two cells, the whole image would have to be {need} px.",
        )


def _ratios(some: tuple[float, ...]) -> str:
    return "[" + ", ".join("1 / 3" if math.isclose(ratio, 1 / 3) else f"{ratio:g}" for ratio in some) + "]"
