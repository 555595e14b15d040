"""`dali-ssd inspect SHARDS`: show a data set as an SSD sees it, or one record."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import tyro
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dali_ssd.errors import DatasetError
from dali_ssd.inspection.options import InspectConfig
from dali_ssd.records.dataset import Dataset, expand_paths, open_dataset
from dali_ssd.records.format.classes import CLASSES_FILE, class_names
from dali_ssd.records.format.image_header import Raster, read_raster
from dali_ssd.records.format.labels import parse_label
from dali_ssd.util.files import atomic_open, require_folder_of
from dali_ssd.util.optional import import_module, require
from dali_ssd.util.words import counted

if TYPE_CHECKING:
    from dali_ssd.inspection.report import Report, Spread

__all__ = ["run"]

_CLASSES = 40
"""Classes that the table in the terminal has."""


def run(argv: list[str]) -> int:
    """Print the table and write the report if asked; return 0 when done."""
    config = tyro.cli(InspectConfig, args=argv, prog="dali-ssd inspect")
    if config.record is not None:
        Console().print(_record_table(config))
        return 0
    for option, path in (("--html", config.html), ("--json", config.json)):
        if path is not None:
            require_folder_of(option, path)
    if config.html is not None:  # before the work, which may take minutes
        for name in ("jinja2", "matplotlib"):
            require(name)
    inspected = import_module("dali_ssd.inspection.examine").examine(config)
    if config.json is not None:
        plain = import_module("dali_ssd.inspection.report").as_json(inspected.report)
        with atomic_open(config.json, "w") as file:
            json.dump(plain, file, indent=1, allow_nan=False)
    if config.html is not None:
        command = shlex.join(["dali-ssd", "inspect", *argv])
        import_module("dali_ssd.inspection.showing.page").write_report(config.html, inspected, command)
    Console().print(_table(inspected.report))
    for path in filter(None, (config.html, config.json)):
        print(path)
    return 0


def _table(report: Report) -> Table:
    title = f"{counted(report.records, 'good record')} in {counted(len(report.shards), 'shard')}"
    table = Table(title=title, show_header=False)
    for name, value in _rows(report):
        table.add_row(name, escape(value))
    return table


def _rows(report: Report) -> Iterator[tuple[str, str]]:
    images, boxes, every = report.images, report.boxes, report.all
    yield "images", ", ".join(f"{count:,} {kind}" for kind, count in images.kinds.items()) or "-"
    yield "width, pixels", _spread(images.width)
    yield "height, pixels", _spread(images.height)
    yield "image file, kB", _spread(images.file_bytes, 1000)
    yield "objects per image", f"{_spread(boxes.per_image)}; {counted(boxes.empty, 'image')} without"
    yield "side, network pixels", _spread(boxes.side)
    yield "width over height", _spread(boxes.ratio)
    yield "difficult objects", f"{boxes.difficult:,}"
    if boxes.objects:
        yield (
            f"{report.network} {report.data_shape}",
            (
                f"{every.before.covered:.1%} of the objects have an anchor at IoU {report.threshold:g}, "
                f"{every.after.covered:.1%} in augmented views; one forced anchor: {every.before.forced:.1%}, "
                f"{every.after.forced:.1%}"
            ),
        )
    if report.cost.images:
        cost = report.cost
        yield "decoding, one core", f"{cost.mean_ms:.2f} ms per image, {cost.ms_per_megapixel:.1f} ms per megapixel"
    shown = sorted(report.classes, key=lambda one: -one.objects)[:_CLASSES]
    for one in sorted(shown, key=lambda one: one.id):
        covered = f", {one.after.covered:.1%} covered in augmented views" if one.after.objects else ""
        name = one.name if one.name == f"class {one.id}" else f"class {one.id} {one.name}"
        yield escape(name), f"{counted(one.objects, 'object')}{covered}"
    if len(report.classes) > len(shown):
        yield "more classes", f"{len(report.classes) - len(shown):,}; --html and --json have all"
    for finding in report.findings:
        yield f"{finding.severity}: {finding.kind}", f"{finding.count:,}: {finding.title}"
    if report.bad or report.unreadable:
        yield (
            "left out",
            (
                f"{counted(report.bad, 'record')} with errors and {counted(report.unreadable, 'shard')} that cannot "
                "be read; "
                "`dali-ssd check` says what is wrong"
            ),
        )
    for advice in report.advice:
        yield f"advice: {advice.topic}", f"{advice.seen} {advice.do}"


def _spread(values: Spread, unit: float = 1) -> str:
    """Format median and range of some numbers."""
    if values.median != values.median:
        return "-"
    return f"median {values.median / unit:.4g}, {values.least / unit:.4g} to {values.most / unit:.4g}"


def _names(config: InspectConfig) -> Sequence[str]:
    """Return the class names; none if nothing names them, since the table does not need them."""
    shards = expand_paths(config.shards)
    named = config.classes or all((shard.parent / CLASSES_FILE).is_file() for shard in shards)
    return class_names(config.classes, shards) if named else ()


def _record_table(config: InspectConfig) -> Table:
    dataset: Dataset = open_dataset(config.shards)
    names, number = _names(config), config.record or 0
    if not 0 <= number < len(dataset):
        raise DatasetError(f"there is no record {number}; the dataset has records 0 to {len(dataset) - 1}")
    place = dataset.place(number)
    header, image = dataset.read(number)
    objects = parse_label(header.label, place)
    raster = read_raster(image)
    table = Table(title=escape(str(place)), show_header=False)
    table.add_row("id, id2", f"{header.id}, {header.id2}")
    table.add_row("image", f"{counted(len(image), 'byte')}, {'not an image' if raster is None else _describe(raster)}")
    table.add_row("label header", f"{header.label[:2].tolist()} {objects.header.tolist() or ''}".strip())
    for row, (class_id, box) in enumerate(zip(objects.class_ids, objects.boxes, strict=True)):
        difficult = ", difficult" if objects.difficult[row] else ""
        corners = " ".join(f"{side:.6g}" for side in box)
        table.add_row(f"object {row}", escape(f"{_name(int(class_id), names)}: {corners}{difficult}"))
    return table


def _name(class_id: int, names: Sequence[str]) -> str:
    return f"{class_id} {names[class_id]}" if 0 <= class_id < len(names) else str(class_id)


def _describe(raster: Raster) -> str:
    turned = f", EXIF orientation {raster.orientation}" if raster.orientation != 1 else ""
    return f"{raster.width} x {raster.height} {raster.kind}{turned}"
