"""Advice on anchors, input, labels and images: what was seen, what it costs, what to do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dali_ssd.config import AugmentConfig, PipelineConfig
from dali_ssd.inspection.contents import CLASS, Contents
from dali_ssd.inspection.cost import predicted_ms
from dali_ssd.inspection.report import Advice, Alternative, Report
from dali_ssd.inspection.shards import advise_on_shards
from dali_ssd.inspection.strange import DUPLICATE_IOU
from dali_ssd.util.words import counted, first_few

__all__ = ["TOPICS", "Grounds", "advise"]

_GAIN = 0.02
"""Share of the objects that must be gained by other anchors, or by another input, to be worth a word."""
_ENOUGH = 200
"""Objects to which anchors can be fitted without fitting them to chance."""
_TOO_SMALL = 0.05
"""Share of objects smaller than a cell of the finest map, of difficult ones, and of duplicates, worth a word."""
_IMBALANCE, _RARE = 20, 50
"""Times more objects of the most frequent class than of the least; objects below which a class is hardly learned."""
_EMPTY, _PROGRESSIVE, _SAVED = 0.3, 0.1, 0.2
"""Shares of records without objects, of progressive JPEGs, and of the decoding that smaller images save."""
_ROOM = 2
"""Times the network's input that the shorter side of an image needs, so that a crop of half of it is not enlarged."""
_SORTED = 0.3
"""How much more often than by chance two records in a row have the same main class in data that is in order."""


@dataclass(frozen=True, eq=False)
class Grounds:
    """What the advice is based on."""

    report: Report
    contents: Contents
    network: Alternative
    """The network's own anchors, on the same boxes."""
    duplicates: int
    """Pairs of boxes that are nearly the same."""
    augment: AugmentConfig
    gpus: int


TOPICS = (
    "Damage", "Anchor sizes", "Larger input", "Shrinking augmentation", "Tiny objects", "Classes without objects",
    "Class imbalance", "Difficult objects", "Overlapping boxes", "Repeated images", "Records without objects", "Large "
    "images",
    "Progressive JPEGs", "Records in order", "Large shards", "Small shards", "Uneven shards", "Few records per GPU",
)  # fmt: skip
"""All topics of advice."""


def advise(grounds: Grounds) -> tuple[Advice, ...]:
    """Return all advice there is, the urgent first."""
    found = [
        advice
        for part in (
            _errors, _anchors, _larger_input, _augmentation, _tiny_objects, _classes, _difficult, _duplicates, _repeats,
            _empty, _large_images, _progressive, _order,
        )
        for advice in part(grounds)
    ]  # fmt: skip
    found += advise_on_shards(grounds.report, grounds.gpus)
    return tuple(sorted(found, key=lambda advice: not advice.urgent))


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _errors(grounds: Grounds) -> Iterator[Advice]:
    report = grounds.report
    if report.bad or report.unreadable:
        lost = [counted(report.bad, "record") + " with errors"] if report.bad else []
        lost += [counted(report.unreadable, "shard") + " that cannot be read"] if report.unreadable else []
        yield Advice(
            "Damage",
            f"{' and '.join(lost)}; nothing else in this report is about them.",
            "Training refuses to begin, or leaves them out with `--on-bad skip`.",
            "Write clean shards; the table of findings says what is wrong with each.",
            f"dali-ssd check {_shards(report)} --fix clean",
            urgent=True,
        )


def _anchors(grounds: Grounds) -> Iterator[Advice]:
    report, now, best = grounds.report, grounds.network, grounds.report.fitted
    if best is None or report.sample.objects < _ENOUGH or _gain(now, best) < _GAIN:
        return
    every = report.all
    sizes = ", ".join(f"{size:g}" for size in best.sizes)
    ratios = ", ".join(_ratios(some) for some in best.ratios)
    forced = f"{_percent(every.before.forced)} (augmented: {_percent(every.after.forced)})"
    yield Advice(
        "Anchor sizes",
        f"{_percent(now.before)} of the stored objects and {_percent(now.after)} of those in augmented views have an "
        f"anchor of {report.network} {report.data_shape} at IoU {report.threshold:g}, {_percent(now.class_mean)} in "
        "the "
        f"mean of both over classes{_worst_class(report)}. {forced} are trained by a single anchor that fits badly, "
        "or by "
        "none.",
        "Such an object gives one positive anchor a step or less, with a large offset to learn, where one that is "
        "covered "
        f"gives {_median_of_covered(report)} in the median: it is learned later and found less exactly.",
        "Register a network with these sizes and ratios (`docs/extending/network.md`). With them "
        f"{_percent(best.before)} "
        f"and {_percent(best.after)} would have an anchor, {_percent(best.class_mean)} in the mean over classes, by "
        f"{best.anchors:,} anchors in place of {now.anchors:,}.",
        f"sizes=[{sizes}],\nratios=[{ratios}],",
    )


def _larger_input(grounds: Grounds) -> Iterator[Advice]:
    report, now = grounds.report, grounds.network
    larger = [one for one in report.alternatives if one.data_shape > report.data_shape]
    own = [one for one in larger if report.network in one.name.split(", ")]
    for one in sorted(own or larger, key=lambda one: -_gain(now, one))[:1]:
        if not _gain(now, one) >= _GAIN:  # it is NaN without objects
            return
        name = report.network if own else one.name.split(", ")[0]
        times = (one.data_shape / report.data_shape) ** 2
        yield Advice(
            "Larger input",
            f"With {name} at {one.data_shape} px, {_percent(one.before)} of the stored objects and "
            f"{_percent(one.after)} of the augmented ones have an anchor ({_percent(one.class_mean)} in the mean over "
            f"classes), and with {report.network} at {report.data_shape} px {_percent(now.before)} and "
            f"{_percent(now.after)} ({_percent(now.class_mean)}).",
            f"{times:.1f} times as many pixels per image for the network, and about as much more time and memory for "
            "it.",
            "Train at the larger size if the small objects matter.",
            f"dali-ssd train --network {name} --data-shape {one.data_shape} --train {_shards(report)}",
        )


def _augmentation(grounds: Grounds) -> Iterator[Advice]:
    report, now, milder, augment = grounds.report, grounds.network, grounds.report.milder, grounds.augment
    if milder is not None and _gain(now, milder) >= _GAIN:
        yield Advice(
            "Shrinking augmentation",
            f"{_percent(now.before)} of the objects as stored are covered, and {_percent(now.after)} of those in "
            f"augmented views{_worst_class(report)}: {augment.expand_probability:.0%} of the views put the image on a "
            f"canvas of up to {augment.expand_ratio[1]:g} times its side, where small objects become too small for the "
            "anchors.",
            "Part of the training is spent on objects that no anchor fits. It is what teaches a network small "
            "objects, so "
            "if such are to be found it may be worth that.",
            f"Compare scores with a recipe whose augmentation is milder (`docs/inspect.md` has one): with it "
            f"{_percent(milder.after)} of the objects in augmented views are covered.",
            f"augment = AugmentConfig({milder.name})",
        )


def _tiny_objects(grounds: Grounds) -> Iterator[Advice]:
    report = grounds.report
    step = report.layers[0].layer.step
    points = np.array([(width, height) for width, height, _ in report.boxes.points]).reshape(-1, 2)
    share = float((np.sqrt(points.prod(axis=1)) < step).mean()) if len(points) else 0.0
    if share >= _TOO_SMALL:
        need = math.ceil(report.data_shape * 2 * step / max(report.boxes.side.median, 1e-6) / 32) * 32
        yield Advice(
            "Tiny objects",
            f"{_percent(share)} of the objects are smaller than {step:g} px in the network, a cell of its finest "
            "feature "
            f"map; their median side is {report.boxes.side.median:.1f} px, of 5% below {report.boxes.side.low:.1f} px.",
            "Objects in one cell share its anchors, and few pixels are left to tell what they are.",
            "Cut the images into overlapping tiles before the conversion, or take a larger input: for a median side "
            "of two "
            f"cells, the whole image would have to be {need} px.",
        )


def _classes(grounds: Grounds) -> Iterator[Advice]:
    classes = grounds.report.classes
    there = sorted((one for one in classes if one.objects), key=lambda one: one.objects)
    absent = [one.name for one in classes if not one.objects]
    if absent and there:
        yield Advice(
            "Classes without objects",
            f"{counted(len(absent), 'class')} of {len(classes)} without an object: "
            f"{', '.join(first_few(absent, 'class'))}.",
            "Their outputs learn nothing, cost memory and time, and a mean over classes leaves them out.",
            "Leave them out of the class names and convert again, unless other shards have them.",
        )
    if len(there) > 1 and there[-1].objects >= _IMBALANCE * there[0].objects:
        rare = [f"{one.name} ({one.objects:,})" for one in there if one.objects < _RARE]
        some = f" Hardly enough to learn from: {', '.join(first_few(rare, 'class'))}." if rare else ""
        yield Advice(
            "Class imbalance",
            f"{there[-1].name} has {there[-1].objects:,} objects and {there[0].name} {there[0].objects:,}, "
            f"{there[-1].objects / there[0].objects:,.0f} times fewer.{some}",
            "The loss is mostly of the frequent classes, and a mean over classes is as much of the rare ones.",
            "Watch AP per class. Add images of the rare classes, or write their records to a shard of their own and "
            "name "
            "it with the others, with a copy of it for each further time that they should be seen.",
        )


def _difficult(grounds: Grounds) -> Iterator[Advice]:
    boxes = grounds.report.boxes
    if boxes.objects and boxes.difficult >= _TOO_SMALL * boxes.objects:
        yield Advice(
            "Difficult objects",
            f"{boxes.difficult:,} of {boxes.objects:,} objects ({_percent(boxes.difficult / boxes.objects)}) are "
            "marked "
            "difficult.",
            "They are trained on like all others, and scores count neither them nor their detections.",
            "Nothing, if the mark means what it does in Pascal VOC. If it means an unsure label, take those objects "
            "out "
            "of the annotations before the conversion.",
        )


def _duplicates(grounds: Grounds) -> Iterator[Advice]:
    pairs, objects = grounds.duplicates, grounds.report.boxes.objects
    if objects and pairs >= max(1, 0.001 * objects):
        yield Advice(
            "Overlapping boxes",
            f"{counted(pairs, 'pair')} of boxes with an IoU of {DUPLICATE_IOU:g} or more, among {objects:,} objects.",
            "An object that is labeled twice counts as missed once in every score, and two classes of one box "
            "contradict "
            "each other.",
            "Look at the strangest records below, and correct the annotations.",
        )


def _repeats(grounds: Grounds) -> Iterator[Advice]:
    repeated = int(grounds.contents.repeats.sum())
    if repeated:
        yield Advice(
            "Repeated images",
            f"{repeated:,} of {grounds.report.records:,} records have the same image file as an earlier one.",
            "They count more often than others, and where one copy is trained on and the other is scored on, scores "
            "are "
            "too good.",
            "Keep one of each, unless they are repeated on purpose; look for them in the shards for scoring too.",
        )


def _empty(grounds: Grounds) -> Iterator[Advice]:
    report = grounds.report
    if report.records and report.boxes.empty >= _EMPTY * report.records and report.boxes.objects:
        yield Advice(
            "Records without objects",
            f"{report.boxes.empty:,} of {report.records:,} records have no object.",
            "GluonCV's loss takes as many negatives from an image as its positive anchors allow, so such an image adds "
            "nothing to it, and costs as much to load and compute as any other.",
            "Leave them out of the training shards; keep them in those for scoring, where they can have false "
            "detections.",
            "dali-ssd convert voc SRC OUT --drop-empty",
        )


def _large_images(grounds: Grounds) -> Iterator[Advice]:
    report, cost, contents = grounds.report, grounds.report.cost, grounds.contents
    want = _ROOM * report.data_shape
    short = contents.sizes.min(axis=1, initial=1 << 30)
    scale = np.minimum(1.0, want / np.maximum(short, 1))
    if not len(short) or math.isnan(cost.mean_ms) or not cost.mean_ms:
        return
    after = float(predicted_ms(cost, contents.megapixels * scale**2).mean())
    if after <= (1 - _SAVED) * cost.mean_ms:
        yield Advice(
            "Large images",
            f"The shorter side of the images is {report.images.short_side.median:,.0f} px in the median, and the "
            "network "
            f"gets {report.data_shape} px. Decoding takes {cost.mean_ms:.2f} ms of a core per image.",
            f"{_percent(1 - after / cost.mean_ms)} of the decoding: about {after:.2f} ms would do, by the measured "
            f"{cost.ms_per_megapixel:.2f} ms per megapixel, and files would be smaller.",
            f"Shrink images to a shorter side of {want} px, with their boxes, before the conversion: a crop of half "
            "of the "
            "image then still has all pixels that the network takes.",
        )


def _progressive(grounds: Grounds) -> Iterator[Advice]:
    report = grounds.report
    pairs = [(one.ms, one.baseline_ms) for one in report.cost.images if not math.isnan(one.baseline_ms)]
    if report.images.progressive < _PROGRESSIVE or not pairs:
        return
    slow, fast = np.array(pairs).mean(axis=0)
    if fast <= 0.9 * slow:
        yield Advice(
            "Progressive JPEGs",
            f"{_percent(report.images.progressive)} of the images are progressive JPEGs.",
            f"{slow:.2f} ms of a core per such image, and {fast:.2f} ms for the same pixels as a baseline JPEG. "
            "nvJPEG's "
            "hardware decoder takes baseline JPEGs only.",
            "Rewrite the files without loss before the conversion; they become a few percent larger.",
            "jpegtran -copy all -optimize -outfile BASELINE.jpg PROGRESSIVE.jpg",
        )


def _order(grounds: Grounds) -> Iterator[Advice]:
    contents, part = grounds.contents, grounds.report.records // grounds.gpus
    main = np.array([_main_class(contents, row) for row in range(len(contents))])
    main = main[main >= 0]
    if part <= PipelineConfig.initial_fill or len(main) < 2:
        return  # the shuffle's window holds all of them
    same, chance = float((main[1:] == main[:-1]).mean()), float(((np.bincount(main) / len(main)) ** 2).sum())
    if same >= chance + _SORTED:
        yield Advice(
            "Records in order",
            f"Two records in a row have the same main class in {_percent(same)} of the cases; by chance it would be "
            f"{_percent(chance)}.",
            f"The shuffle draws from a window of {PipelineConfig.initial_fill:,} records, so batches are one-sided.",
            "Shuffle when the shards are written.",
            "dali-ssd convert voc SRC OUT --shuffle",
            urgent=True,
        )


def _main_class(contents: Contents, row: int) -> int:
    """Return the most frequent class of a record, -1 without objects."""
    ids = contents.objects[contents.starts[row] : contents.starts[row + 1], CLASS].astype(np.int64)
    return int(np.bincount(ids).argmax()) if len(ids) else -1


def _gain(now: Alternative, other: Alternative) -> float:
    return other.class_mean - now.class_mean


def _median_of_covered(report: Report) -> str:
    return f"{report.all.before.positives:.0f} anchors"


def _worst_class(report: Report) -> str:
    """Return the class that anchors meet worst in augmented views, in words; nothing if there is only one."""
    seen = [one for one in report.classes if one.after.objects]
    if len(seen) < 2:
        return ""
    worst = min(seen, key=lambda one: one.after.covered)
    return f" (the least is {worst.name} with {_percent(worst.after.covered)} in augmented views)"


def _ratios(some: tuple[float, ...]) -> str:
    return "[" + ", ".join("1 / 3" if math.isclose(ratio, 1 / 3) else f"{ratio:g}" for ratio in some) + "]"


def _shards(report: Report) -> str:
    return " ".join(first_few([shard.path for shard in report.shards], "shard", 3))
