"""Statistics of a dataset, to look at before training on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dali_ssd.errors import RecordError
from dali_ssd.records.dataset import Dataset
from dali_ssd.records.format.image_header import Raster, read_raster
from dali_ssd.records.format.labels import Objects, parse_label
from dali_ssd.util.progress import track

__all__ = ["DatasetSummary", "summarize"]


@dataclass
class DatasetSummary:
    """Counts over all records of a dataset."""

    records: int = 0
    unreadable: int = 0
    """Records whose frame, label or image header cannot be read; `dali-ssd check` reports why."""
    difficult: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    classes: Counter[int] = field(default_factory=Counter)
    objects: list[int] = field(default_factory=list)
    """Objects per record."""
    widths: list[int] = field(default_factory=list)
    heights: list[int] = field(default_factory=list)
    image_bytes: list[int] = field(default_factory=list)
    box_sides: list[NDArray[np.float32]] = field(default_factory=list)
    """(n, 2) width and height of the boxes, in the labels' unit."""

    def add(self, objects: Objects, raster: Raster, image_bytes: int) -> None:
        """Count one record."""
        self.records += 1
        self.difficult += int(objects.difficult.sum())
        self.formats[raster.kind] += 1
        self.classes.update(objects.class_ids.tolist())
        self.objects.append(len(objects.class_ids))
        self.widths.append(raster.width)
        self.heights.append(raster.height)
        self.image_bytes.append(image_bytes)
        self.box_sides.append(objects.boxes[:, 2:] - objects.boxes[:, :2])


def summarize(dataset: Dataset) -> DatasetSummary:
    """Read every record's label and image header."""
    summary = DatasetSummary()
    for number in track(range(len(dataset)), "reading records"):
        place = dataset.place(number)
        try:
            header, image = dataset.read(number)
            objects = parse_label(header.label, place)
        except RecordError:
            summary.unreadable += 1
            continue
        raster = read_raster(image)
        if raster is None:
            summary.unreadable += 1
        else:
            summary.add(objects, raster, len(image))
    return summary
