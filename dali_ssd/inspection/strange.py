"""The records that a person should see: the most crowded, those with the smallest objects, and the strangest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from dali_ssd.boxes import iou
from dali_ssd.inspection.contents import BOX, CLASS, Contents, rows_of
from dali_ssd.inspection.matching import side_of
from dali_ssd.inspection.report import Exhibit, ExhibitGroup, Marked, Oddity, Place
from dali_ssd.records.dataset import Dataset
from dali_ssd.util.progress import track
from dali_ssd.util.words import counted

__all__ = ["DUPLICATE_IOU", "duplicates", "find_exhibits"]

DUPLICATE_IOU = 0.9
"""IoU from which two boxes are one object labeled twice, or two that can hardly be told apart."""

_FEW = 6
"""Exhibits of the most crowded records, and of those with the smallest objects."""
_EACH, _PLACES = 3, 100
"""Exhibits of each strange kind, and places."""
_BLOCK = 512
"""Boxes of a crowded record that are compared with all others at once."""
_LONG, _TINY, _FILLING = 8.0, 2.0, 0.98
"""Ratio of a box's longer to its shorter side; side in network pixels; share of the image."""
_PANORAMA, _TIMES = 3.0, 8.0
"""Ratio of an image's sides; times more or fewer pixels than the median."""
_RARE = 0.05
"""Largest share of the images that a format or color may have to be strange."""

_Worth = list[tuple[int, str, Sequence[int]]]
"""Positions of records, what is strange about them, and the objects that it is about; the strangest first."""


def find_exhibits(
    dataset: Dataset, contents: Contents, data_shape: int
) -> tuple[tuple[Oddity, ...], tuple[Exhibit, ...], int]:
    """Return how many there are of each strange kind, the records worth a picture, and the pairs of duplicates."""
    oddities, exhibits = [], []
    seen: set[int] = set()

    def add(group: ExhibitGroup, worth: _Worth, most: int) -> None:
        new = [one for one in worth if one[0] not in seen and not contents.repeats[one[0]]][:most]
        seen.update(row for row, _, _ in new)
        for row, why, objects in new:
            number = int(contents.numbers[row])
            place = dataset.place(number)
            marked = tuple(_marked(contents.objects[at], data_shape) for at in objects)
            exhibits.append(Exhibit(group, why, str(place.shard), int(place.key or 0), number, marked))

    pairs = duplicates(contents)
    add("crowded", _crowded(contents), _FEW)
    add("smallest", _smallest(contents, data_shape), _FEW)
    for what, count, worth in (
        *_strange_boxes(contents, data_shape),
        _twice(contents, pairs),
        *_strange_images(contents),
    ):
        places = [dataset.place(int(contents.numbers[row])) for row, _, _ in worth[:_PLACES]]
        oddities.append(Oddity(what, count, tuple(Place(str(place.shard), int(place.key or 0)) for place in places)))
        add("strange", worth, _EACH)
    return tuple(oddities), tuple(exhibits), sum(pairs.values())


def duplicates(contents: Contents) -> dict[int, int]:
    """Return how many pairs of boxes with an IoU of `DUPLICATE_IOU` each record has, by position, without zeros."""
    found = {}
    for row, rows in enumerate(track(list(rows_of(contents.starts)), "comparing boxes")):
        pairs = sum(len(first) for first, _ in _pairs(contents.objects[rows, BOX]))
        if pairs:
            found[row] = pairs
    return found


def _pairs(boxes: NDArray[np.float32]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the rows of boxes that are duplicates of later ones, and the rows of these, block by block."""
    for at in range(0, len(boxes) if len(boxes) > 1 else 0, _BLOCK):
        first, second = np.nonzero(np.triu(iou(boxes[at : at + _BLOCK], boxes), at + 1) >= DUPLICATE_IOU)
        yield first + at, second


def _crowded(contents: Contents) -> _Worth:
    order = np.argsort(-contents.counts, kind="stable").tolist()
    return [(row, counted(int(contents.counts[row]), "object"), ()) for row in order if contents.counts[row]]


def _smallest(contents: Contents, data_shape: int) -> _Worth:
    sides = side_of(contents.objects)
    own = contents.sides(data_shape)
    return [
        (row, f"smallest box {own[at, 0]:.0f} x {own[at, 1]:.0f} px, {sides[at]:.1f} px in the network", (at,))
        for row, at in _first_of_each(contents, np.argsort(sides, kind="stable"))
    ]


def _strange_boxes(contents: Contents, data_shape: int) -> Iterator[tuple[str, int, _Worth]]:
    """Yield each kind of strange things: what it is, how many there are, and the records that have them."""
    own, sides = contents.sides(data_shape), side_of(contents.objects)
    long = own.max(axis=1) / np.maximum(own.min(axis=1), 1e-9)
    share = (sides / data_shape) ** 2
    objects: list[tuple[str, NDArray[np.float64], float, Callable[[int], str]]] = [
        (f"boxes more than {_LONG:g} times as long as wide", long, _LONG, lambda at: f"box of {_ratio(own[at])}"),
        (f"boxes of less than {_TINY:g} network pixels", -sides, -_TINY, lambda at: f"box of {sides[at]:.1f} px"),
        (
            f"boxes that fill {_FILLING:.0%} of the image or more",
            share,
            _FILLING,
            lambda at: f"box fills {share[at]:.0%} of the image",
        ),
    ]
    for what, values, least, why in objects:
        found = np.flatnonzero(values >= least)
        order = found[np.argsort(-values[found], kind="stable")]
        yield what, len(found), [(row, why(at), (at,)) for row, at in _first_of_each(contents, order)]


def _twice(contents: Contents, pairs: dict[int, int]) -> tuple[str, int, _Worth]:
    most = sorted(pairs, key=lambda row: -pairs[row])[:_PLACES]
    what = f"pairs of boxes that overlap by IoU {DUPLICATE_IOU:g} or more"
    worth = [(row, f"{counted(pairs[row], 'pair')} of overlapping boxes", _paired(contents, row)) for row in most]
    return what, sum(pairs.values()), worth


def _paired(contents: Contents, row: int) -> Sequence[int]:
    """Return the objects of a record that are duplicates of each other."""
    begin, end = (int(at) for at in contents.starts[row : row + 2])
    paired = [both for pair in _pairs(contents.objects[begin:end, BOX]) for both in pair]
    objects: list[int] = (begin + np.unique(np.concatenate(paired))).tolist()
    return objects


def _strange_images(contents: Contents) -> Iterator[tuple[str, int, _Worth]]:
    sizes, pixels = contents.sizes, contents.sizes.prod(axis=1).astype(np.float64)
    long = sizes.max(axis=1, initial=0) / np.maximum(sizes.min(axis=1, initial=1 << 30), 1)
    away = np.abs(np.log(pixels / np.median(pixels))) if len(pixels) else pixels
    for what, values, least in (
        (f"images more than {_PANORAMA:g} times as long as wide", long, _PANORAMA),
        (f"images of {_TIMES:g} times more or fewer pixels than the median", away, np.log(_TIMES)),
    ):
        order = [row for row in np.argsort(-values, kind="stable").tolist() if values[row] >= least]
        yield what, len(order), [(row, f"image of {sizes[row, 0]} x {sizes[row, 1]} px", ()) for row in order]
    kinds = Counter(contents.kinds)
    rare = {kind for kind, count in kinds.items() if count <= _RARE * len(contents)}
    order = [row for row, kind in enumerate(contents.kinds) if kind in rare]
    yield "images of an unusual format or color", len(order), [(row, contents.kinds[row], ()) for row in order]


def _first_of_each(contents: Contents, order: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield record and object for the first few objects of an order, each record once."""
    records: Sequence[int] = contents.owner[order[:10000]].tolist()
    seen: set[int] = set()
    for row, at in zip(records, order.tolist(), strict=False):
        if row not in seen:
            seen.add(row)
            yield row, at


def _marked(row: NDArray[np.float32], data_shape: int) -> Marked:
    """Return an object of `Contents` as a picture marks it."""
    xmin, ymin, xmax, ymax = (float(side) / data_shape for side in row[BOX])
    return Marked(int(row[CLASS]), (xmin, ymin, xmax, ymax))


def _ratio(sides: NDArray[np.float64]) -> str:
    return f"{sides[0]:.0f} x {sides[1]:.0f} px"
