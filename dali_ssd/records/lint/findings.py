"""All kinds of findings of `dali-ssd check`, and findings as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from dali_ssd.errors import RecordLocation
from dali_ssd.records.lint.box_checks import BOX_CHECKS
from dali_ssd.records.lint.image_checks import IMAGE_CHECKS
from dali_ssd.records.lint.kinds import REBUILD_INDEX, WITHOUT_IT, WITHOUT_OBJECTS, Kind, Severity

__all__ = ["KINDS", "Finding", "finding", "from_json", "summary", "to_json", "worst_first"]

_WORST_FIRST: tuple[Severity, ...] = get_args(Severity)

KINDS: dict[str, Kind] = {
    "unreadable": Kind(
        "error", "the shard cannot be read", "check the path and its permissions", part="shard", fatal=True
    ),
    "name-not-utf8": Kind(
        "error",
        "a shard that DALI cannot open, since its name, or its folder's, is not UTF-8",
        "rename it, or link to it under another name",
        part="shard",
        fatal=True,
    ),
    "bad-magic": Kind("error", "bytes where a record should begin", WITHOUT_IT, repair="drop bytes"),
    "bad-parts": Kind(
        "error", "a split record with parts missing or in the wrong order", WITHOUT_IT, repair="drop bytes"
    ),
    "truncated-shard": Kind(
        "error", "the shard ends inside a record", f"copy the shard again; or {WITHOUT_IT}", repair="drop bytes"
    ),
    "swallowed": Kind("error", "a record whose length reaches into the next record", WITHOUT_IT, repair="drop bytes"),
    "misaligned": Kind(
        "error",
        "a record at an offset that is not a multiple of 4",
        "`dali-ssd check --fix OUT` realigns it",
        repair="realign record",
    ),
    "empty-shard": Kind("note", "a shard without records", "delete it if that was not intended", part="shard"),
    "index-missing": Kind(
        "note",
        "no index beside the shard",
        "loaders build it, or run `dali-ssd index`",
        repair="write index",
        part="index",
    ),
    "index-unreadable": Kind("error", "the index cannot be read", REBUILD_INDEX, repair="write index", part="index"),
    "index-foreign": Kind(
        "error", "the index belongs to another file", REBUILD_INDEX, repair="write index", part="index"
    ),
    "index-misfit": Kind(
        "error",
        "index entries that do not point at the beginning of a record",
        REBUILD_INDEX,
        repair="write index",
        part="index",
    ),
    "index-duplicate-key": Kind(
        "error", "keys that the index has more than once", REBUILD_INDEX, repair="write index", part="index"
    ),
    "index-duplicate-offset": Kind(
        "error", "records that the index lists more than once", REBUILD_INDEX, repair="write index", part="index"
    ),
    "unindexed": Kind(
        "warning",
        "records that the index does not list, so they are not read",
        REBUILD_INDEX,
        repair="write index",
        part="index",
        logged=True,
    ),
    "left-out": Kind("note", "damage that the index leaves out", "no action needed: it is not read"),
    "bad-header": Kind(
        "error", "a record too short for its header and label", WITHOUT_IT, repair="drop record", decodable=False
    ),
    "bad-label": Kind("error", "impossible lengths in a label", WITHOUT_IT, repair="drop record"),
    "scalar-label": Kind(
        "error",
        "labels that are a single number, so without boxes (packed without --pack-label, or made for classification)",
        "pack them again by im2rec with --pack-label; a set for classification has no boxes to train on",
        repair="drop record",
    ),
    "not-finite": Kind("error", "NaN, infinite or absurd numbers in a label", WITHOUT_OBJECTS, repair="drop object"),
    "bad-class": Kind(
        "error",
        "class ids that are negative, not whole, or absurd (only -1 is allowed: no object)",
        WITHOUT_OBJECTS,
        repair="drop object",
    ),
    "unknown-class": Kind(
        "error",
        "class ids beyond the class names",
        f"give all class names; or {WITHOUT_OBJECTS}",
        repair="drop object",
    ),
    **{name: check.kind for name, check in BOX_CHECKS.items()},
    "unclear-coordinates": Kind(
        "error",
        "labels in fractions and in pixels, too many of each to guess the unit",
        "give `--coordinates fraction` or `pixel`; with it `dali-ssd check --fix OUT` converts the others",
        fatal=True,
    ),
    "labels-in-pixels": Kind(
        "warning",
        "labels in pixels, which MXNet's and GluonCV's own loaders cannot train on",
        "give `--coordinates pixel` if intended; `dali-ssd check --coordinates fraction --fix OUT` converts them",
        logged=True,
    ),
    "pixel-coordinates": Kind(
        "error",
        "pixel coordinates where fractions belong",
        "if all labels are in pixels, give `--coordinates pixel`; else `dali-ssd check --fix OUT` converts them",
        repair="convert box",
    ),
    "fraction-coordinates": Kind(
        "error",
        "fractions where all other labels have pixel coordinates",
        "`dali-ssd check --coordinates pixel --fix OUT` converts them",
        repair="convert box",
    ),
    "nothing-to-learn": Kind(
        "warning",
        "no record has an object with an area inside its image, so there is nothing to train on",
        "pack them with their labels; only some of the images may be without objects",
    ),
    "nothing-to-count": Kind(
        "warning",
        "all objects are marked difficult, so scores count none",
        "no action needed to train; to score, write them again without the mark, or use other shards",
    ),
    "no-objects": Kind(
        "note",
        "records without objects",
        "no action needed: SSD's loss takes negatives per object, so they teach nothing",
    ),
    "not-an-image": Kind("error", "records that hold no image", WITHOUT_IT, repair="drop record", decodable=False),
    **{name: check.kind for name, check in IMAGE_CHECKS.items()},
    "damaged-image": Kind("warning", "images that decode, with damage inside", WITHOUT_IT, repair="drop record"),
    "unusual-image": Kind(
        "note", "images that are not color JPEGs", "no action needed: they are decoded to RGB like the others"
    ),
}
"""Every kind; reports list those of one severity in this order."""


@dataclass(frozen=True)
class Finding:
    """A fault or a note, and its place."""

    kind: str
    """A key of `KINDS`."""
    place: RecordLocation
    message: str
    """The finding in words, with its numbers."""

    @property
    def meaning(self) -> Kind:
        """The definition of its kind."""
        return KINDS[self.kind]

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return self.meaning.severity

    @property
    def advice(self) -> str:
        """What to do about it."""
        return self.meaning.advice

    @property
    def reason(self) -> str:
        """What its kind means and the message, which has only the numbers of some kinds."""
        return f"{self.meaning.title}: {self.message}"

    def __str__(self) -> str:
        where = str(self.place)
        return f"{where}: {self.message}" if where else self.message


def finding(kind: str, place: RecordLocation, message: str) -> Finding:
    """Return a finding of a known kind."""
    if kind not in KINDS:
        raise KeyError(kind)
    return Finding(kind, place, message)


def to_json(found: Finding) -> dict[str, Any]:
    """Return a finding as plain data, with severity and advice."""
    place = asdict(found.place) | {"shard": None if found.place.shard is None else str(found.place.shard)}
    return {"kind": found.kind, "severity": found.severity, **place, "message": found.message, "advice": found.advice}


def from_json(data: dict[str, Any], shard: Path) -> Finding:
    """Return the finding that `to_json` was given, about `shard`, whose path may have changed since."""
    return finding(data["kind"], RecordLocation(shard, data["key"], data["offset"], data["object"]), data["message"])


def worst_first(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Return the findings by kind, the worst kinds first, without empty kinds."""
    by_kind: dict[str, list[Finding]] = {
        name: [] for name, _ in sorted(KINDS.items(), key=lambda item: _WORST_FIRST.index(item[1].severity))
    }
    for found in findings:
        by_kind[found.kind].append(found)
    return {name: some for name, some in by_kind.items() if some}


def summary(
    findings: Iterable[Finding], show: int, rest: str = "--show 0 prints all, --json FILE writes all"
) -> Iterator[str]:
    """Yield lines of text: the worst kinds first, each with count, advice and its first `show` findings (0: all).

    `rest`: where the others are to be found.
    """
    for name, some in worst_first(findings).items():
        kind = KINDS[name]
        yield f"{kind.severity}: {name}, {len(some)}: {kind.title}; {kind.advice}"
        shown = some[: show or None]
        yield from (f"    {one}" for one in shown)
        if len(some) > len(shown):
            yield f"    ... and {len(some) - len(shown)} more ({rest})"
