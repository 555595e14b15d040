"""Notes on what a conversion changed, assumed or left out: counted per kind in the terminal, listed in a file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from dali_ssd.convert.sample import Note
from dali_ssd.util.words import counted

__all__ = ["KINDS", "Report", "reason"]

KINDS = {
    "no-annotation": ("image", "left out: listed in the split, but there is no annotation file"),
    "broken-annotation": ("image", "left out: the annotation file cannot be read"),
    "unread-folder": ("folder", "of annotations left out: the system refuses to list its files"),
    "mac-file": ("file", "left out: named ._*, so metadata that macOS keeps beside another file"),
    "same-id": ("annotation file", "left out: another has the same name but for its suffix"),
    "broken-image": ("image", "left out: no id, or no usable file name, in the annotation file"),
    "same-image-id": ("image", "left out: others have the same id, so nobody can tell whose the objects are"),
    "repeated-image": ("image", "listed again under the same id: taken once"),
    "missing-image": ("image", "left out: the file is missing"),
    "unreadable-image": ("image", "left out: the file cannot be read"),
    "not-an-image": ("image", "left out: the file is empty or not an image"),
    "format": ("image", "left out: a format that MXNet or DALI cannot decode"),
    "turned-tiff": ("image", "left out: a TIFF with an orientation tag, which decoders read in different ways"),
    "stray-bytes": (
        "JPEG",
        "with stray bytes in the head, which DALI refuses (--on-bad decides; `dali-ssd check --fix` removes the bytes)",
    ),
    "cut-image": ("image", "truncated, or refused by decoders (--on-bad decides)"),
    "huge-image": ("image", "with more pixels than can be decoded (--on-bad decides)"),
    "size-differs": (
        "image",
        "whose annotation gives another size than the file (--on-bad decides; keep takes boxes as pixels of the file)",
    ),
    "empty-left-out": ("image", "left out: no objects"),
    "unknown-image": ("object", "left out: its image is not in the annotation file"),
    "crowd": ("object", "left out: a crowd (kept with --crowd, marked difficult)"),
    "broken-object": ("object", "left out: no class, no image, or no box of four numbers"),
    "fraction-box": ("object", "left out: too small for pixels, likely fractions (read by --coordinates fraction)"),
    "pixel-box": ("object", "left out: in pixels, although --coordinates is fraction"),
    "unknown-class": ("object", "left out: a class that is not in the list"),
    "not-finite": ("object", "left out: a coordinate is NaN or infinite"),
    "inverted": ("object", "left out: left and right, or top and bottom, are exchanged"),
    "zero-area": ("object", "left out: the box has no area"),
    "outside": ("object", "left out: the box lies outside the image"),
    "difficult-word": ("object", "taken as not difficult: <difficult> is not a whole number"),
    "crowd-word": ("object", "taken as not a crowd: 'iscrowd' is not a whole number"),
    "clipped": ("box", "clipped at the image's border"),
    "other-case": (
        "image",
        "found under a name that differs in upper and lower case, or in the Unicode form of letters",
    ),
    "size-rounded": ("image", "whose annotation gives a size that is a pixel off: the file's is used"),
    "exif-upright": (
        "image",
        "with EXIF rotation whose annotation has the upright size: boxes turned to the raw raster",
    ),
    "exif-raw": ("image", "with EXIF rotation whose annotation has the raw size: boxes taken as they are"),
    "exif-assumed-raw": ("image", "with EXIF rotation, which the size does not show: boxes taken as of the raw raster"),
    "exif-forced": ("image", "with EXIF rotation: raster of the annotation chosen by --exif"),
    "unused-class": ("class", "not used by any annotation, but with a class id (left out by --drop-empty-classes)"),
    "dropped-class": ("class", "left out: not used by any annotation"),
    "similar-classes": ("class", "with the same name as another except for case"),
    "background-class": ("class", "named as the background, which the network adds itself"),
    "fractions": ("box", "read as fractions, by --coordinates"),
    "empty": ("image", "kept without objects"),
}
"""Every kind of note, in the order of the report: the noun that is counted, in the singular, and the text after it."""


def reason(kind: str) -> str:
    """Return the text of a kind without the consequence."""
    return KINDS[kind][1].removeprefix("left out: ").partition(" (")[0]


class Report:
    """Notes of a conversion, and its totals."""

    def __init__(self) -> None:
        self.images = 0
        """Records written."""
        self.objects = 0
        """Objects written."""
        self._notes: dict[str, list[Note]] = defaultdict(list)

    def add(self, notes: Iterable[Note]) -> None:
        """Add notes; their order within a kind is kept."""
        for note in notes:
            self._notes[note.kind].append(note)

    def count(self, kind: str) -> int:
        """Return the number of notes of a kind."""
        return len(self._notes[kind]) if kind in self._notes else 0

    def lines(self, examples: int | None = 3) -> Iterator[str]:
        """Yield the lines of the report, with at most `examples` notes per kind; None: all."""
        yield f"{counted(self.images, 'image')} with {counted(self.objects, 'object')}"
        for kind, (word, what) in KINDS.items():
            notes = self._notes.get(kind, [])
            if not notes:
                continue
            yield f"{counted(len(notes), word)} {what}"
            for note in notes[:examples]:
                yield f"    {note.where}" + (f": {note.detail}" if note.detail else "")
            if examples is not None and len(notes) > examples:
                yield f"    ... and {len(notes) - examples} more"
