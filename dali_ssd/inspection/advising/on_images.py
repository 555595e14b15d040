"""Advice on images: repeated ones, large ones, progressive JPEGs, and the order of the records."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from dali_ssd.config import PipelineConfig
from dali_ssd.inspection.advising.commands import reshard_command
from dali_ssd.inspection.advising.grounds import Grounds
from dali_ssd.inspection.advising.on_shards import wanted_shards
from dali_ssd.inspection.contents import CLASS, Contents
from dali_ssd.inspection.cost import predicted_ms
from dali_ssd.inspection.numbers import percent
from dali_ssd.inspection.report import Advice
from dali_ssd.util.words import counted

__all__ = ["advise_on_images"]

_SAVED, _PROGRESSIVE, _FASTER = 0.2, 0.1, 0.9
"""Share of the decoding that smaller images save; of progressive JPEGs; time of a baseline JPEG over theirs."""
_ROOM = 2
"""Times the network's input that the shorter side of an image needs, so that a crop of half of it is not enlarged."""
_SORTED = 0.3
"""How much more often than by chance two records in a row have the same main class in data that is in order."""


def advise_on_images(grounds: Grounds) -> Iterator[Advice]:
    """Yield advice on image files and their order."""
    for part in (_repeats, _large_images, _progressive, _order):
        yield from part(grounds)


def _repeats(grounds: Grounds) -> Iterator[Advice]:
    repeated = int(grounds.contents.repeats.sum())
    if repeated:
        yield Advice(
            "Repeated images",
            f"{repeated:,} of {grounds.report.records:,} records have the same image file as an earlier one.",
            "They count more often than others, and where one copy is trained on and the other is scored on, scores "
            "are too good.",
            "Keep one of each, unless they are repeated on purpose; look for them in the shards for scoring too.",
        )


def _large_images(grounds: Grounds) -> Iterator[Advice]:
    report, cost, contents = grounds.report, grounds.report.cost, grounds.contents
    want = _ROOM * report.data_shape
    short = contents.sizes.min(axis=1, initial=1 << 30)
    scale = np.minimum(1.0, want / np.maximum(short, 1))
    pixels = float(contents.megapixels.mean()) if len(short) else 0.0
    if not pixels or math.isnan(cost.mean_ms) or not cost.mean_ms:
        return
    smaller, line = contents.megapixels * scale**2, not math.isnan(cost.ms_per_megapixel)
    # Images of one size do not tell what each costs whatever its size, so pixels are then taken to be all of it.
    after = float(predicted_ms(cost, smaller).mean() if line else cost.mean_ms * smaller.mean() / pixels)
    about = f"about {after:.2f} ms would do, by the measured {cost.ms_per_megapixel:.2f} ms per megapixel"
    bound = f"no less than {after:.2f} ms would do, since not all of it grows with the pixels"
    if after <= (1 - _SAVED) * cost.mean_ms:
        yield Advice(
            "Large images",
            f"The shorter side of the images is {report.images.short_side.median:,.0f} px in the median, and the "
            f"network gets {report.data_shape} px. Decoding takes {cost.mean_ms:.2f} ms of a core per image.",
            f"{'About' if line else 'At most'} {percent(1 - after / cost.mean_ms)} of the decoding: "
            f"{about if line else bound}. Files would be smaller too.",
            f"Shrink images to a shorter side of {want} px, with their boxes, before the conversion: a crop of half "
            "of the image then still has all pixels that the network takes.",
        )


def _progressive(grounds: Grounds) -> Iterator[Advice]:
    report = grounds.report
    pairs = [(one.ms, one.baseline_ms) for one in report.cost.images if not math.isnan(one.baseline_ms)]
    if report.images.progressive < _PROGRESSIVE or not pairs:
        return
    slow, fast = np.array(pairs).mean(axis=0)
    if fast <= _FASTER * slow:
        yield Advice(
            "Progressive JPEGs",
            f"{percent(report.images.progressive)} of the images are progressive JPEGs.",
            f"{slow:.2f} ms of a core per such image, and {fast:.2f} ms for the same pixels as a baseline JPEG. "
            "nvJPEG's hardware decoder takes baseline JPEGs only.",
            "Rewrite the files without loss before the conversion; they become a few percent larger.",
            "jpegtran -copy all -optimize -outfile BASELINE.jpg PROGRESSIVE.jpg",
        )


def _order(grounds: Grounds) -> Iterator[Advice]:
    contents, part = grounds.contents, grounds.report.records // grounds.config.gpus
    main = np.array([_main_class(contents, row) for row in range(len(contents))])
    main = main[main >= 0]
    if part <= PipelineConfig.initial_fill or len(main) < 2:
        return  # the shuffle's window holds all of them
    same, chance = float((main[1:] == main[:-1]).mean()), float(((np.bincount(main) / len(main)) ** 2).sum())
    if same >= chance + _SORTED:
        wanted = wanted_shards(grounds)
        yield Advice(
            "Records in order",
            f"Two records in a row have the same main class in {percent(same)} of the cases; by chance it would be "
            f"{percent(chance)}.",
            f"The shuffle draws from a window of {PipelineConfig.initial_fill:,} records, so batches are one-sided.",
            f"Write the records in random order, to {counted(wanted, 'shard')}.",
            reshard_command(grounds.config, wanted),
            urgent=True,
        )


def _main_class(contents: Contents, row: int) -> int:
    """Return the most frequent class of a record, -1 without objects."""
    ids = contents.objects[contents.starts[row] : contents.starts[row + 1], CLASS].astype(np.int64)
    return int(np.bincount(ids).argmax()) if len(ids) else -1
