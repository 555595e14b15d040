"""`dali-ssd inspect SHARDS`: print the contents of a data set or of one record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from dali_ssd.errors import DatasetError
from dali_ssd.records.dataset import Dataset, open_dataset
from dali_ssd.records.format.classes import find_classes, read_classes
from dali_ssd.records.format.image_header import Raster, read_raster
from dali_ssd.records.format.labels import parse_label
from dali_ssd.records.summary import DatasetSummary, summarize
from dali_ssd.util.words import counted

__all__ = ["InspectConfig", "run"]


@dataclass(frozen=True)
class InspectConfig:
    """Print the contents of a data set or of one record."""

    shards: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Shards or patterns such as 'data/*.rec'."""
    record: int | None = None
    """Number of a record, from 0 over all shards: print its label and image header instead."""
    classes: str = ""
    """A file with one class name per line, or names separated by commas; default: classes.txt beside the shards."""


def run(argv: list[str]) -> int:
    """Print the table; return 0 when done."""
    config = tyro.cli(InspectConfig, args=argv, prog="dali-ssd inspect")
    dataset = open_dataset(config.shards)
    names = _class_names(config, dataset)
    table = _dataset_table(dataset, names) if config.record is None else _record_table(dataset, config.record, names)
    Console().print(table)
    return 0


def _class_names(config: InspectConfig, dataset: Dataset) -> Sequence[str]:
    """Return the class names; none if there is no classes.txt, since the table does not need them."""
    if config.classes:
        return read_classes(config.classes)
    try:
        return find_classes(dataset.shards)
    except DatasetError:
        return ()


def _name(class_id: int, names: Sequence[str]) -> str:
    return f"{class_id} {names[class_id]}" if 0 <= class_id < len(names) else str(class_id)


def _dataset_table(dataset: Dataset, names: Sequence[str]) -> Table:
    summary = summarize(dataset)
    table = Table(
        title=f"{counted(len(dataset), 'record')} in {counted(len(dataset.shards), 'shard')}", show_header=False
    )
    for row in _summary_rows(summary, names):
        table.add_row(*row)
    return table


def _spread(values: Sequence[float] | NDArray[Any]) -> str:
    """Format median and range of some numbers."""
    if len(values) == 0:
        return "-"
    return f"median {np.median(values):.4g}, {np.min(values):.4g} to {np.max(values):.4g}"


def _summary_rows(summary: DatasetSummary, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield "images", ", ".join(f"{count} {kind}" for kind, count in summary.formats.most_common()) or "-"
    yield "width, pixels", _spread(summary.widths)
    yield "height, pixels", _spread(summary.heights)
    yield "image file, kB", _spread(np.asarray(summary.image_bytes) / 1000)
    yield "objects per image", f"{_spread(summary.objects)}; {counted(summary.objects.count(0), 'image')} without"
    sides = np.concatenate([np.zeros((0, 2), np.float32), *summary.box_sides])
    yield "box width", _spread(sides[:, 0])
    yield "box height", _spread(sides[:, 1])
    yield "difficult objects", str(summary.difficult)
    for class_id, count in sorted(summary.classes.items()):
        yield f"class {_name(class_id, names)}", counted(count, "object")
    if summary.unreadable:
        yield "unreadable", f"{counted(summary.unreadable, 'record')}; `dali-ssd check` says what is wrong"


def _record_table(dataset: Dataset, number: int, names: Sequence[str]) -> Table:
    if not 0 <= number < len(dataset):
        raise DatasetError(f"there is no record {number}; the dataset has records 0 to {len(dataset) - 1}")
    place = dataset.place(number)
    header, image = dataset.read(number)
    objects = parse_label(header.label, place)
    raster = read_raster(image)
    table = Table(title=str(place), show_header=False)
    table.add_row("id, id2", f"{header.id}, {header.id2}")
    table.add_row("image", f"{counted(len(image), 'byte')}, {'not an image' if raster is None else _describe(raster)}")
    table.add_row("label header", f"{header.label[:2].tolist()} {objects.header.tolist() or ''}".strip())
    for row, (class_id, box) in enumerate(zip(objects.class_ids, objects.boxes, strict=True)):
        difficult = ", difficult" if objects.difficult[row] else ""
        corners = " ".join(f"{side:.6g}" for side in box)
        table.add_row(f"object {row}", f"{_name(int(class_id), names)}: {corners}{difficult}")
    return table


def _describe(raster: Raster) -> str:
    turned = f", EXIF orientation {raster.orientation}" if raster.orientation != 1 else ""
    return f"{raster.width} x {raster.height} {raster.kind}{turned}"
