"""The inspection of shards that `dali-ssd check`, the loaders, `train` and `eval` share.

lint/framing.py          framing and index                     every whole record, and the bytes between them
lint/content.py          header, label, head of the image      per record, by the tables of box_checks.py and
                         (both cached by shard_report.py)      image_checks.py
lint/coordinate_unit.py  fractions or pixels                   for all records together
lint/labels.py           objects against classes and unit      for all records together
decode/opencv.py         every pixel by OpenCV                 on demand
decode/dali.py           every pixel by DALI                   on demand
lint/dataset_report.py   the findings, and the requirements of loaders and commands
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from dali_ssd.config import AnyUnit, CoordinateUnit
from dali_ssd.errors import DatasetError, MissingDependencyError, RecordError, RecordLocation
from dali_ssd.records.dataset import Dataset, Paths, concatenate, expand_paths, open_dataset
from dali_ssd.records.decode.dali import decode_findings
from dali_ssd.records.decode.opencv import decode_task
from dali_ssd.records.format.index import ensure_index, index_path
from dali_ssd.records.lint.coordinate_unit import LabelUnits, resolve_unit
from dali_ssd.records.lint.dataset_report import DatasetReport
from dali_ssd.records.lint.findings import KINDS, Finding, finding
from dali_ssd.records.lint.framing import Structure, shard_structure
from dali_ssd.records.lint.labels import class_findings, coordinate_findings, units_of
from dali_ssd.records.lint.shard_report import (
    ShardReport,
    Task,
    inspect_records,
    read_report,
    report_path,
    require_any_record,
    tasks_of,
    write_report,
)
from dali_ssd.util.files import cache_folder, not_utf8
from dali_ssd.util.parallel import ordered_map
from dali_ssd.util.progress import track
from dali_ssd.util.turns import one_at_a_time
from dali_ssd.util.words import counted

__all__ = ["Decoder", "inspect_shards", "require_utf8", "whole_records"]

_log = logging.getLogger(__name__)

Decoder = Literal["opencv", "dali"]
"""A library that decodes every image: OpenCV also reports damage inside decodable ones, DALI is training's decoder."""


def inspect_shards(
    paths: Paths,
    *,
    coordinates: AnyUnit = "auto",
    num_classes: int | None = None,
    decoders: Sequence[Decoder] = (),
    workers: int = 1,
    fresh: bool = False,
    index_unlisted: bool = False,
    cache_dir: str | Path | None = None,
) -> DatasetReport:
    """Inspect shards. Faults of theirs are not raised but returned as findings.

    Args:
        paths: a `.rec` path, many, or a glob.
        coordinates: the unit of the boxes; `auto`: the unit that nearly all records look like.
        num_classes: number of classes that ids are checked against; None: not checked.
        decoders: the libraries that decode every image whose head is good.
        workers: processes; 0: as many as there are cores, fewer for small shards.
        fresh: do not read cached reports, write none, and build no missing indexes.
        index_unlisted: give keys to records that an index does not list, so that a repair keeps them; only with
            `fresh`.
        cache_dir: None: see `files.cache_folder`.

    Raises:
        DatasetError: if a path matches no shard, all shards are empty, or the cache folder cannot be used.
        MissingDependencyError: if DALI is the only decoder and not installed.
    """
    shards = expand_paths(paths)
    cache = None if fresh else _Cache(cache_folder(cache_dir))
    reports, findings = _look(shards, workers, cache, index_unlisted)
    if len(reports) == len(shards):
        require_any_record(reports)
    findings += [found for report in reports for found in report.findings]
    findings += _odd_names(report.shard for report in reports)
    unit, doubts = _unit(units_of(reports), coordinates)
    findings += doubts
    findings += coordinate_findings(reports, unit)
    findings += class_findings(reports, num_classes)
    findings += _unusual_images(reports)
    if "opencv" in decoders:
        findings += _decode_by_opencv(reports, workers)
    if "dali" in decoders:
        findings += _decode_by_dali(reports, findings, cache, required="opencv" not in decoders)
    report = DatasetReport(shards, tuple(reports), tuple(findings), unit, num_classes)
    return replace(report, findings=(*report.findings, *_without_aim(report)))


def whole_records(shards: Sequence[Path]) -> Dataset:
    """Return the records of shards, of damaged ones those that are whole.

    Raises DatasetError if there is none.
    """
    try:
        return open_dataset(shards)
    except DatasetError as error:
        checked = inspect_shards(shards)
        if not len(checked.dataset):
            checked.require_readable()
        _log.warning("%s; what follows is from whole records alone", error)
        return checked.dataset


def require_utf8(shards: Iterable[Path]) -> None:
    """Raise DatasetError if DALI cannot open a shard: it takes paths as UTF-8."""
    for found in _odd_names(shards):
        raise DatasetError(found.message)


def _odd_names(shards: Iterable[Path]) -> Iterator[Finding]:
    """Yield a finding per shard that DALI cannot open: it takes paths as UTF-8."""
    for shard in shards:
        shown = not_utf8(shard)
        if shown is not None:
            what = f"DALI cannot open {shown}, whose name is not UTF-8; {KINDS['name-not-utf8'].advice}"
            yield finding("name-not-utf8", RecordLocation(shard), what)


def _unit(units: LabelUnits, wanted: AnyUnit) -> tuple[CoordinateUnit, list[Finding]]:
    """Return the unit of the boxes, and findings if it was guessed or could not be."""
    try:
        unit = resolve_unit(units, wanted)
    except DatasetError as error:
        place = next(place for place, unit in units if unit in ("pixel", "mixed"))
        return "fraction", [finding("unclear-coordinates", place, str(error))]
    if unit == "pixel" and wanted == "auto":
        what = f"{counted(len(units), 'record')}; their boxes are taken as pixels"
        return unit, [finding("labels-in-pixels", _all_of([place.shard for place, _ in units]), what)]
    return unit, []


def _all_of(shards: Iterable[Path | None]) -> RecordLocation:
    """Return the place of what holds for all records together: their shard if there is only one."""
    names = set(shards)
    return RecordLocation(names.pop()) if len(names) == 1 else RecordLocation()


def _without_aim(report: DatasetReport) -> Iterator[Finding]:
    """Yield what `require_objects` and `require_countable` will refuse, so that `check` reports it as well."""
    good, place = report.records - len(report.bad), _all_of(report.shards)
    if good and not report.objects:
        yield finding("nothing-to-learn", place, f"{counted(good, 'record')} without an object")
    elif good and report.objects == report.difficult:
        yield finding("nothing-to-count", place, counted(report.objects, "object"))


@dataclass(frozen=True)
class _Cache:
    """Reports of earlier inspections, valid as long as shard and index stay the same."""

    folder: Path

    def path(self, shard: Path) -> Path:
        """Return the path of a shard's report, whose name depends on the index; a missing index is built first."""
        if not index_path(shard).exists():
            with suppress(RecordError):  # a damaged shard gets no index; its report tells why
                ensure_index(shard, self.folder)
        return report_path(shard, self.folder)

    def reports(self, shards: Iterable[Path]) -> dict[Path, ShardReport]:
        """Return the reports that there are."""
        found = {}
        for shard in shards:
            with suppress(DatasetError):  # it cannot be read, which the inspection reports
                found[shard] = read_report(report_path(shard, self.folder), shard)
        return {shard: report for shard, report in found.items() if report is not None}


def _look(
    shards: Sequence[Path], workers: int, cache: _Cache | None, index_unlisted: bool
) -> tuple[list[ShardReport], list[Finding]]:
    """Return the report of each readable shard, and a finding for each of the others."""
    reports = {} if cache is None else cache.reports(shards)
    missing = [shard for shard in shards if shard not in reports]
    unreadable: list[Finding] = []
    if missing:
        turn = nullcontext() if cache is None else one_at_a_time(cache.folder, "inspecting these shards", shards)
        with turn:
            more, unreadable = _inspect(missing, workers, cache, index_unlisted)
        reports |= more
    return [reports[shard] for shard in shards if shard in reports], unreadable


def _inspect(
    shards: Sequence[Path], workers: int, cache: _Cache | None, index_unlisted: bool
) -> tuple[dict[Path, ShardReport], list[Finding]]:
    """Inspect shards that are not in the cache by now; return what `_look` does."""
    reports: dict[Path, ShardReport] = {}
    kept_at: dict[Path, Path] = {}
    structures: list[Structure] = []
    unreadable: list[Finding] = []
    for shard in track(shards, "reading shards", len(shards)) if len(shards) > 1 else shards:
        try:
            known = None
            if cache is not None:
                kept_at[shard] = cache.path(shard)
                known = read_report(kept_at[shard], shard)
            if known is None:
                structures.append(shard_structure(shard))
            else:
                reports[shard] = known
        except DatasetError as error:
            unreadable.append(finding("unreadable", RecordLocation(shard), str(error)))
    if index_unlisted:
        for structure in structures:
            structure.index_unlisted()
    for report in inspect_records(structures, workers):
        reports[report.shard] = report
        if cache is not None:
            write_report(report, kept_at[report.shard])
    return reports, unreadable


def _unusual_images(reports: Sequence[ShardReport]) -> Iterator[Finding]:
    """Yield one note per unusual format, with the place of its first image."""
    first: dict[str, RecordLocation] = {}
    counts: dict[str, int] = {}
    for report in reports:
        for facts in report.records:
            if facts.image:
                first.setdefault(facts.image, RecordLocation(report.shard, facts.key, facts.offset))
                counts[facts.image] = counts.get(facts.image, 0) + 1
    for image, place in first.items():
        are = "image is" if counts[image] == 1 else "images are"
        yield finding("unusual-image", place, f"{counts[image]} {are} {image}, this is the first")


_Where = tuple["Path | None", "int | None"]


def _not_decoded(findings: Iterable[Finding]) -> set[_Where]:
    return {(found.place.shard, found.place.offset) for found in findings if not found.meaning.decodable}


def _decode_by_opencv(reports: Sequence[ShardReport], workers: int) -> list[Finding]:
    tasks: list[Task] = []
    for report in reports:
        bad = _not_decoded(report.findings)
        worth = [(facts.offset, facts.key) for facts in report.records if (report.shard, facts.offset) not in bad]
        tasks += tasks_of(report.shard, worth, 16)
    results = ordered_map(decode_task, tasks, workers, isolated=True, worth=8)  # half a second of decoding
    return [found for some in track(results, "decoding (16 images a step)", len(tasks)) for found in some]


def _decode_by_dali(
    reports: Sequence[ShardReport], findings: Sequence[Finding], cache: _Cache | None, required: bool
) -> Sequence[Finding]:
    """Return a finding for each image that DALI cannot decode.

    If DALI is missing: raise `MissingDependencyError` if it is `required`, else log a warning and return none.
    """
    dataset = concatenate([report.part() for report in reports])
    bad = _not_decoded(findings)
    places = [dataset.place(number) for number in range(len(dataset))]
    good = [number for number, place in enumerate(places) if (place.shard, place.offset) not in bad]
    try:
        if cache is None:
            return decode_findings(dataset, good, cached=False)
        return decode_findings(dataset, good, cache_dir=cache.folder)
    except MissingDependencyError:
        if required:
            raise
        # Shards can be checked on a machine that does not train.
        _log.warning("images are decoded by OpenCV alone: DALI, which decodes them for training, is not installed")
        return []
