"""What a conversion changed, assumed or left out: counted by kind for the terminal, listed in full for a file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from dali_ssd.convert.sample import Note

__all__ = ["KINDS", "Report"]

KINDS = {
    "no-annotation": "images left out: listed in the split, but there is no annotation file",
    "broken-annotation": "images left out: the annotation file cannot be read",
    "same-id": "annotation files left out: another has the same name but for its suffix",
    "missing-image": "images left out: the file is missing",
    "unreadable-image": "images left out: the file cannot be read",
    "not-an-image": "images left out: the file is empty or not an image",
    "format": "images left out: a format that MXNet or DALI cannot decode",
    "turned-tiff": "images left out: a TIFF with an orientation tag, which decoders read in different ways",
    "stray-bytes": "JPEGs that DALI refuses for bytes in their head (kept, `dali-ssd check --fix` takes these out)",
    "cut-image": "images that are cut or cannot be decoded (--on-bad says what to do with them)",
    "huge-image": "images that claim more pixels than can be decoded (--on-bad says what to do with them)",
    "empty-left-out": "images left out: no objects",
    "unknown-image": "objects left out: their image is not in the annotation file",
    "crowd": "objects left out: crowd regions (--crowd keeps them, marked difficult)",
    "broken-object": "objects left out: no name, or no box of four numbers",
    "fraction-box": "objects left out: smaller than a pixel, likely fractions (--coordinates fraction reads them)",
    "pixel-box": "objects left out: pixels where --coordinates fraction wants fractions",
    "unknown-class": "objects left out: a class that is not in the list",
    "not-finite": "objects left out: a coordinate is NaN or infinite",
    "inverted": "objects left out: left and right, or top and bottom, are exchanged",
    "zero-area": "objects left out: the box has no area",
    "outside": "objects left out: the box lies outside of the image",
    "difficult-word": "objects taken as not difficult: what the annotation says of it is no whole number",
    "clipped": "boxes clipped at the image's border",
    "other-case": "images found under a name with other upper and lower case",
    "size-differs": "images whose annotation gives another size than the file: the file's counts, boxes as they are",
    "exif-upright": "images with EXIF rotation whose annotation has the upright size: boxes turned to the raw raster",
    "exif-raw": "images with EXIF rotation whose annotation has the raw size: boxes taken as they are",
    "exif-assumed-raw": "images with EXIF rotation where no size tells: boxes taken as of the raw raster",
    "exif-forced": "images with EXIF rotation: raster of the annotation chosen by --exif",
    "unused-class": "classes that no annotation uses; they keep their ids (--drop-empty-classes leaves them out)",
    "dropped-class": "classes left out: no annotation uses them",
    "similar-classes": "classes whose names differ in upper and lower case only",
    "background-class": "classes that are named as background; the network has one of its own",
    "fractions": "boxes read as fractions, by --coordinates",
    "empty": "images kept without objects",
}
"""Every kind of note with its explanation, in the order of the report."""


class Report:
    """Notes of a conversion, and its totals."""

    def __init__(self) -> None:
        self.images = 0
        """Records written."""
        self.objects = 0
        """Objects written."""
        self._notes: dict[str, list[Note]] = defaultdict(list)

    def add(self, notes: Iterable[Note]) -> None:
        """Take notes down; their order within a kind is kept."""
        for note in notes:
            self._notes[note.kind].append(note)

    def count(self, kind: str) -> int:
        """Number of notes of a kind."""
        return len(self._notes[kind]) if kind in self._notes else 0

    def lines(self, examples: int | None = 3) -> Iterator[str]:
        """The report; with at most `examples` of each kind, or all for None."""
        yield f"{self.images} images with {self.objects} objects"
        for kind, title in KINDS.items():
            notes = self._notes.get(kind, [])
            if not notes:
                continue
            yield f"{len(notes)} {title}"
            for note in notes[:examples]:
                yield f"    {note.where}" + (f": {note.detail}" if note.detail else "")
            if examples is not None and len(notes) > examples:
                yield f"    ... and {len(notes) - examples} more"
