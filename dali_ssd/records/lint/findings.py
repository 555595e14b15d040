"""What `dali-ssd check` can find: kinds, how bad each is, and what to do about it.

error     the record, entry or shard cannot be used; loaders refuse it (or skip it, if told)
warning   usable, but something is lost or suspicious; `check` ends with 1
note      allowed, only said
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from dali_ssd.errors import RecordLocation

__all__ = ["KINDS", "Finding", "Kind", "Severity", "finding", "from_json", "summary", "to_json", "worst_first"]

Severity = Literal["error", "warning", "note"]
_WORST_FIRST: tuple[Severity, ...] = get_args(Severity)


class Kind(NamedTuple):
    """A kind of finding."""

    severity: Severity
    title: str
    advice: str


_FIX = "`dali-ssd check --fix OUT` writes shards without it"
_FIX_OBJECT = "`dali-ssd check --fix OUT` writes shards without such objects"
_INDEX = "rebuild the index by `dali-ssd index`; where the shard is damaged as well, `dali-ssd check --fix OUT`"

KINDS: dict[str, Kind] = {
    "unreadable": Kind("error", "the shard cannot be read", "check the path and its permissions"),
    "name-not-utf8": Kind(
        "error",
        "a shard whose name, or whose folder's, is not UTF-8, so that DALI cannot open it",
        "rename it, or link to it under another name",
    ),
    "bad-magic": Kind("error", "bytes where a record should begin", _FIX),
    "bad-parts": Kind("error", "a split record with parts missing or in the wrong order", _FIX),
    "truncated-shard": Kind("error", "the shard ends inside of a record", f"copy the shard again; or {_FIX}"),
    "swallowed": Kind("error", "a record whose length reaches into the next record", _FIX),
    "misaligned": Kind(
        "error", "a record at an offset that is no multiple of 4", "`dali-ssd check --fix OUT` realigns it"
    ),
    "empty-shard": Kind("note", "a shard without records", "delete it, if that was not meant"),
    "index-missing": Kind("note", "no index beside the shard", "loaders build it; or run `dali-ssd index`"),
    "index-unreadable": Kind("error", "the index is not one", _INDEX),
    "index-foreign": Kind("error", "the index belongs to another file", _INDEX),
    "index-misfit": Kind("error", "index entries that do not point at the beginning of a record", _INDEX),
    "index-duplicate-key": Kind("error", "keys that the index has more than once", _INDEX),
    "index-duplicate-offset": Kind("error", "records that the index lists more than once", _INDEX),
    "unindexed": Kind("warning", "records that the index does not list, so nobody reads them", _INDEX),
    "left-out": Kind("note", "damage that the index leaves out", "nothing; it is not read"),
    "bad-header": Kind("error", "a record too short for its header and label", _FIX),
    "bad-label": Kind("error", "label lengths that cannot be true", _FIX),
    "scalar-label": Kind(
        "error",
        "labels that are one number, so without boxes (packed without --pack-label, or made for classification)",
        "pack them again by im2rec with --pack-label; a set for classification has no boxes to train on",
    ),
    "not-finite": Kind("error", "NaN, infinite or absurd numbers in a label", _FIX_OBJECT),
    "bad-class": Kind(
        "error", "class ids that are negative, not whole, or absurd (-1 alone means no object)", _FIX_OBJECT
    ),
    "unknown-class": Kind(
        "error", "class ids that the class names do not reach", f"give all class names; or {_FIX_OBJECT}"
    ),
    "inverted-box": Kind("error", "boxes with left and right, or top and bottom, exchanged", _FIX_OBJECT),
    "zero-area-box": Kind("warning", "boxes without area", _FIX_OBJECT),
    "outside-box": Kind("warning", "boxes that lie outside of the image", _FIX_OBJECT),
    "overhanging-box": Kind("warning", "boxes that reach beyond the image", "`dali-ssd check --fix OUT` clips them"),
    "unclear-coordinates": Kind(
        "error",
        "labels of which some have fractions and some pixels, so that neither can be guessed",
        "say `--coordinates fraction` or `pixel` if one is meant; `dali-ssd check --fix OUT` then converts the others",
    ),
    "labels-in-pixels": Kind(
        "warning",
        "labels in pixels, which MXNet's and GluonCV's own loaders cannot train on",
        "say `--coordinates pixel` if that is meant; `dali-ssd check --coordinates fraction --fix OUT` converts them",
    ),
    "pixel-coordinates": Kind(
        "error",
        "pixel coordinates where fractions belong",
        "if all labels are so, say `--coordinates pixel`; else `dali-ssd check --fix OUT` converts them",
    ),
    "fraction-coordinates": Kind(
        "error",
        "fractions where all other labels have pixel coordinates",
        "`dali-ssd check --coordinates pixel --fix OUT` converts them",
    ),
    "nothing-to-learn": Kind(
        "warning",
        "no record has an object with an area inside of its image, so no training takes these shards",
        "pack them with their labels; images without objects may stand among others",
    ),
    "nothing-to-count": Kind(
        "warning",
        "all objects are marked difficult, so no score counts one",
        "nothing for training; to score, write them again without the mark, or take others",
    ),
    "no-objects": Kind("note", "records without objects", "nothing; they are trained on as background"),
    "not-an-image": Kind("error", "records that hold no image", _FIX),
    "unknown-format": Kind("error", "images in a format that is not decoded for training", _FIX),
    "turned-tiff": Kind(
        "error",
        "TIFFs with an orientation tag, which some readers follow and some do not, so that boxes would fit only some",
        f"pack them again, saved upright or as JPEG or PNG; or {_FIX}",
    ),
    "truncated-image": Kind("error", "images that end too early", _FIX),
    "stray-bytes": Kind(
        "error",
        "JPEGs with bytes in their head that belong to no segment, which DALI does not decode",
        "`dali-ssd check --fix OUT` takes the bytes out, without loss",
    ),
    "undecodable-image": Kind("error", "images that cannot be decoded", _FIX),
    "damaged-image": Kind("warning", "images that decode, with damage inside", _FIX),
    "huge-image": Kind("error", "images of an absurd size (a decompression bomb?)", _FIX),
    "unusual-image": Kind(
        "note", "images that are not color JPEGs", "nothing; they are decoded to RGB like the others"
    ),
    "exif-rotation": Kind(
        "note",
        "images with EXIF rotation",
        "labels refer to the raw raster, as MXNet decodes it; draw some by `dali-ssd show`",
    ),
}
"""Every kind; in the report those of one severity are in this order."""


@dataclass(frozen=True)
class Finding:
    """Something that was found at a place."""

    kind: str
    """A key of `KINDS`."""
    place: RecordLocation
    message: str
    """What is there, with the numbers."""

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return KINDS[self.kind].severity

    @property
    def advice(self) -> str:
        """What to do about it."""
        return KINDS[self.kind].advice

    def __str__(self) -> str:
        where = str(self.place)
        return f"{where}: {self.message}" if where else self.message


def finding(kind: str, place: RecordLocation, message: str) -> Finding:
    """A finding of a known kind."""
    if kind not in KINDS:
        raise KeyError(kind)
    return Finding(kind, place, message)


def to_json(found: Finding) -> dict[str, Any]:
    """A finding as plain data, with severity and advice."""
    place = asdict(found.place) | {"shard": None if found.place.shard is None else str(found.place.shard)}
    return {"kind": found.kind, "severity": found.severity, **place, "message": found.message, "advice": found.advice}


def from_json(data: dict[str, Any], shard: Path) -> Finding:
    """The finding about `shard` that `to_json` was given; the shard may go by another name than it did then."""
    return finding(data["kind"], RecordLocation(shard, data["key"], data["offset"], data["object"]), data["message"])


def worst_first(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """The findings of each kind that there is, the worst kinds first."""
    by_kind: dict[str, list[Finding]] = {
        name: [] for name, _ in sorted(KINDS.items(), key=lambda item: _WORST_FIRST.index(item[1].severity))
    }
    for found in findings:
        by_kind[found.kind].append(found)
    return {name: some for name, some in by_kind.items() if some}


def summary(findings: Iterable[Finding], show: int) -> Iterator[str]:
    """Lines for people: the worst kinds first, each with count, advice and its first `show` places (0: all)."""
    for name, some in worst_first(findings).items():
        kind = KINDS[name]
        yield f"{kind.severity}: {name}, {len(some)}: {kind.title}; {kind.advice}"
        shown = some[: show or None]
        yield from (f"    {one}" for one in shown)
        if len(some) > len(shown):
            yield f"    ... and {len(some) - len(shown)} more (--show 0 prints all, --json FILE writes all)"
