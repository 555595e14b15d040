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

from dali_ssd.inspection.numbers import cost_in_words, percent, spread_in_words
from dali_ssd.inspection.options import InspectConfig
from dali_ssd.pages.page import require_pages
from dali_ssd.records.dataset import expand_paths
from dali_ssd.records.format.classes import names_or_none
from dali_ssd.records.format.image_header import Raster, read_raster
from dali_ssd.records.format.labels import parse_label
from dali_ssd.records.inspect import whole_records
from dali_ssd.util.files import atomic_open, require_folder_of
from dali_ssd.util.optional import import_module
from dali_ssd.util.words import counted

if TYPE_CHECKING:
    from dali_ssd.inspection.report import Report

__all__ = ["run"]

_CLASSES = 40
"""Classes that the table in the terminal has."""


def run(argv: list[str]) -> int:
    """Print the table and write the report if asked; return 0 when done."""
    config = tyro.cli(InspectConfig, args=argv, prog="dali-ssd inspect")
    if config.record is not None:
        Console().print(_record_table(config, config.record))
        return 0
    for option, path in (("--html", config.html), ("--json", config.json)):
        if path is not None:
            require_folder_of(option, path)
    if config.html is not None:  # before the work, which may take minutes
        require_pages()
    inspected = import_module("dali_ssd.inspection.examine").examine(config)
    command = shlex.join(["dali-ssd", "inspect", *argv])
    if config.json is not None:
        plain = import_module("dali_ssd.inspection.report").as_json(inspected.report, command)
        with atomic_open(config.json, "w") as file:
            json.dump(plain, file, indent=1, allow_nan=False)
    if config.html is not None:
        import_module("dali_ssd.inspection.showing.page").write_report(config.html, inspected, command)
    _print(inspected.report)
    for path in filter(None, (config.html, config.json)):
        print(path)
    return 0


def _print(report: Report) -> None:
    """Print the table, and the commands of the advice below it: the table would break them into lines."""
    Console().print(_table(report))
    for advice in report.advice:
        if advice.command:
            print(f"# {advice.topic}\n{advice.command}\n")


def _table(report: Report) -> Table:
    title = f"{counted(report.records, 'good record')} in {counted(len(report.shards), 'shard')}"
    table = Table(title=title, show_header=False)
    for name, value in _rows(report):
        table.add_row(name, escape(value))
    return table


def _rows(report: Report) -> Iterator[tuple[str, str]]:
    images, boxes, every = report.images, report.boxes, report.all
    yield "images", ", ".join(f"{count:,} {kind}" for kind, count in images.kinds.items()) or "-"
    yield "width, pixels", spread_in_words(images.width)
    yield "height, pixels", spread_in_words(images.height)
    yield "image file, kB", spread_in_words(images.file_bytes, 1000)
    yield "objects per image", f"{spread_in_words(boxes.per_image)}; {counted(boxes.empty, 'image')} without"
    yield "side, network pixels", spread_in_words(boxes.side)
    yield "width over height", spread_in_words(boxes.ratio)
    yield "difficult objects", f"{boxes.difficult:,}"
    if boxes.objects:
        yield (
            f"{report.network} {report.data_shape}",
            (
                f"{percent(every.before.covered)} of the objects have an anchor at IoU {report.threshold:g}, "
                f"{percent(every.after.covered)} in augmented views; one forced anchor: "
                f"{percent(every.before.forced)}, {percent(every.after.forced)}"
            ),
        )
    if report.cost.images:
        cost = report.cost
        yield "decoding, one core", cost_in_words(cost.mean_ms, cost.ms_per_megapixel)
    shown = sorted(report.classes, key=lambda one: -one.objects)[:_CLASSES]
    for one in sorted(shown, key=lambda one: one.id):
        covered = f", {percent(one.after.covered)} covered in augmented views" if one.after.objects else ""
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
                "be read; `dali-ssd check` says what is wrong"
            ),
        )
    for advice in report.advice:
        yield f"advice: {advice.topic}", f"{advice.seen} {advice.do}"


def _record_table(config: InspectConfig, key: int) -> Table:
    shards = expand_paths(config.shards)
    dataset, names = whole_records(shards), names_or_none(config.classes, shards)
    number = dataset.number_of(key)
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
