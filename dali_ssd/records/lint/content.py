"""The checks of one record: its header, its label and the head of its image."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dali_ssd.errors import RecordError, RecordLocation
from dali_ssd.records.format.image_header import FORMATS, Raster, read_raster
from dali_ssd.records.format.jpeg_markers import SIGNATURE
from dali_ssd.records.format.labels import (
    FRACTION_LIMIT,
    MAX_CLASS_ID,
    is_object,
    is_plausible,
    proper_ids,
    split_label,
)
from dali_ssd.records.format.recordio import unpack
from dali_ssd.records.lint.box_checks import CHECKS_INSIDE, box_faults
from dali_ssd.records.lint.findings import KINDS, Finding, finding
from dali_ssd.records.lint.image_checks import IMAGE_CHECKS
from dali_ssd.util.words import counted

__all__ = [
    "Content",
    "LabelUnit",
    "check_record",
    "describe",
    "in_fractions",
    "in_pixels",
    "unit_of",
]

LabelUnit = Literal["none", "fraction", "pixel", "mixed"]
"""The unit that the coordinates of a record seem to have; none: it has no usable box; mixed: some of both."""

_ONE = np.ones(2, np.float32)
"""Width and height of an image as fractions of itself."""


@dataclass
class Content:
    """The content of a record, and all findings on it."""

    findings: list[Finding] = field(default_factory=list)
    unit: LabelUnit = "none"
    top_class: int = -1
    """Largest class id; -1 without objects."""
    objects: int = 0
    """Objects with a proper class id and an area inside the image."""
    difficult: int = 0
    """Number of these that are marked difficult."""
    image: str = ""
    """Format and channels of the image if it is not a color JPEG: `PNG RGBA`, `JPEG CMYK`."""
    label: int = 0
    """CRC-32 of the label vector."""
    pixels: int = 0
    """Pixels of the image; 0 if its head cannot be read."""
    progressive: bool = False
    """Whether the image is a progressive JPEG."""


def unit_of(rows: NDArray[np.float32]) -> LabelUnit:
    """Return the unit that the coordinates of label rows (n, B) seem to have."""
    if not (is_object(rows) & is_plausible(rows)).any():
        return "none"
    if not in_pixels(rows).any():
        return "fraction"
    return "mixed" if in_fractions(rows).any() else "pixel"


def in_pixels(rows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return (n,) bool: objects among label rows (n, B) with a coordinate that cannot be a fraction of the image."""
    real = is_object(rows) & is_plausible(rows)
    large: NDArray[np.bool_] = real & (np.abs(rows[:, 1:5]) > FRACTION_LIMIT).any(axis=1)
    return large


def in_fractions(rows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return (n,) bool: objects among label rows (n, B) that must be fractions, since no object is so small in pixels.

    Their boxes are smaller than a pixel, or hardly larger and in the image's corner, such as (0, 0, 1, 1), which as
    fractions is the whole image. A pixel elsewhere, such as (1, 0, 2, 1), may be an object.
    """
    real, low, high = is_object(rows) & is_plausible(rows) & ~in_pixels(rows), rows[:, 1:3], rows[:, 3:5]
    with np.errstate(invalid="ignore", over="ignore"):
        tiny = (high - low).prod(axis=1) < 1
        corner = (low <= 0).all(axis=1) & (high < 2).all(axis=1)
        small: NDArray[np.bool_] = real & (high > low).all(axis=1) & (tiny | corner)
    return small


def check_record(record: bytes, place: RecordLocation) -> Content:
    """Check a record's header, label and image head; the image is not decoded."""
    content = Content()
    try:
        header, payload = unpack(record, place)
    except RecordError as error:
        content.findings.append(finding("bad-header", place, error.problem))
        return content
    content.label = zlib.crc32(header.label.tobytes())
    raster = _check_image(payload, place, content)
    try:
        _, rows = split_label(header.label, place)
    except RecordError as error:
        kind = "scalar-label" if header.label.size == 1 else "bad-label"
        content.findings.append(finding(kind, place, error.problem))
        return content
    if len(rows) and _usual(rows):
        content.unit, content.top_class = "fraction", int(rows[:, 0].max())
        if CHECKS_INSIDE:
            _judge(rows, box_faults(rows[:, 1:5], rows[:, 0] >= 0, _ONE, CHECKS_INSIDE), place, content)
        else:
            _count(rows, content)
        return content
    content.unit = unit_of(rows)
    with np.errstate(invalid="ignore"):  # NaN is one of the findings
        _check_rows(rows, place, content, raster)
    return content


def describe(row: NDArray[np.float32]) -> str:
    """Return an object's label row (B,) in words."""
    mark = "".join(f", difficult {value:g}" for value in row[5:6] if not np.isfinite(value))
    return f"class {row[0]:g}, box ({', '.join(f'{value:g}' for value in row[1:5])}){mark}"


def _check_image(data: bytes, place: RecordLocation, content: Content) -> Raster | None:
    raster = read_raster(data)
    if raster is None:
        content.findings.append(_no_image(data, place))
        return None
    content.pixels, content.progressive = raster.width * raster.height, raster.progressive
    problems = {kind: check.find(raster, len(data)) for kind, check in IMAGE_CHECKS.items()}
    content.findings += [finding(kind, place, what) for kind, what in problems.items() if what is not None]
    usable = raster.format in FORMATS and not raster.turned_tiff
    if usable and (raster.format, raster.mode) != ("JPEG", "RGB"):
        content.image = f"{raster.format} {raster.mode}"
    return raster


def _no_image(data: bytes, place: RecordLocation) -> Finding:
    if data.startswith(SIGNATURE):
        return finding("truncated-image", place, f"a JPEG of {counted(len(data), 'byte')} that does not tell its size")
    what = (
        f"{counted(len(data), 'byte')}, beginning with {data[:8]!r}" if data else "there are no bytes behind the label"
    )
    return finding("not-an-image", place, what)


def _usual(rows: NDArray[np.float32]) -> bool:
    """Return whether all rows (n, B) are objects with a proper class id and a box inside the image: no findings."""
    ids, low, high = rows[:, 0], rows[:, 1:3], rows[:, 3:5]
    inside = rows[:, :5].min() >= 0 and high.max() <= 1  # NaN compares false
    proper = (ids == np.floor(ids)).all() and ids.max() <= MAX_CLASS_ID
    return bool(inside and (high > low).all() and proper and np.isfinite(rows[:, 5:6]).all())


def _check_rows(rows: NDArray[np.float32], place: RecordLocation, content: Content, raster: Raster | None) -> None:
    """Add the findings on the objects (n, B) of a label to `content`."""
    real = is_object(rows)
    if not real.any():
        content.findings.append(finding("no-objects", place, "no objects"))
        return
    finite = is_plausible(rows)
    ids = np.where(finite, rows[:, 0], 0)
    fitting = proper_ids(ids)
    content.top_class = int(ids[real & fitting].max(initial=-1))
    problems = [("not-finite", real & ~finite), ("bad-class", real & ~fitting)]
    size: NDArray[np.float32] | None = _ONE
    if content.unit in ("pixel", "mixed"):
        size = None if raster is None else np.array((raster.width, raster.height), np.float32)
    problems += box_faults(rows[:, 1:5], real & finite, size)
    _judge(rows, problems, place, content)


def _judge(
    rows: NDArray[np.float32],
    problems: Sequence[tuple[str, NDArray[np.bool_]]],
    place: RecordLocation,
    content: Content,
) -> None:
    """Add findings on label rows (n, B), as `problems` gives them by (kind, (n,) bool), and count the good objects."""
    useful = is_object(rows)
    for kind, bad in problems:
        if KINDS[kind].repair == "drop object":
            useful &= ~bad
        for number in np.flatnonzero(bad):
            where = replace(place, object=int(number))
            content.findings.append(finding(kind, where, describe(rows[number])))
    _count(rows[useful], content)


def _count(rows: NDArray[np.float32], content: Content) -> None:
    """Count good objects (n, B); their boxes may reach beyond the image."""
    content.objects = len(rows)
    content.difficult = int((rows[:, 5] != 0).sum()) if rows.shape[1] > 5 else 0
