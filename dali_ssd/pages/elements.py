"""What pages are made of: text, numbers, tables, charts and pictures. All of it is plain data; `page.html` lays it out.

Texts are escaped when they are written. In a text, `backquotes` mark code, and an empty line begins a new paragraph.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Literal, TypeAlias

__all__ = [
    "Cell",
    "Chart",
    "Charts",
    "Element",
    "Facts",
    "Fold",
    "Gallery",
    "Matrix",
    "Note",
    "Picture",
    "Share",
    "Stats",
    "Table",
    "Text",
]


@dataclass(frozen=True)
class Text:
    """Paragraphs."""

    text: str
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Facts:
    """Names and their values, one below the other."""

    rows: Sequence[tuple[str, str]]
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Stats:
    """The few numbers that one looks for first, large: value, name, and a word on it or an empty text."""

    numbers: Sequence[tuple[str, str, str]]
    kind: ClassVar[str] = "stats"


@dataclass(frozen=True)
class Share:
    """A cell of a table that is a share, drawn as a bar with its percentage."""

    value: float
    """0..1; NaN: unknown."""

    @property
    def width(self) -> float:
        """Return the width of the bar in percent, 0 if the share is unknown."""
        return 100 * min(max(self.value, 0.0), 1.0) if self.known else 0.0

    @property
    def known(self) -> bool:
        """Return whether there is a value."""
        return self.value == self.value


Cell: TypeAlias = "str | int | float | Decimal | Share | datetime"
"""A `Decimal` is written with all of its digits, a float with three or more."""


@dataclass(frozen=True)
class Table:
    """Rows of cells below a row of names. Numbers are aligned right, NaN is a dash, and times stay in one line."""

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Matrix:
    """Counts of what is in a row and in a column; the larger the share, the darker the cell."""

    corner: str
    """What rows and columns are."""
    columns: Sequence[str]
    rows: Sequence[str]
    counts: Sequence[Sequence[int]]
    shares: Sequence[Sequence[float]]
    """0..1, written below the counts."""
    caption: str = ""
    kind: ClassVar[str] = "matrix"


@dataclass(frozen=True)
class Note:
    """A remark that stands out: what was seen, and what to do about it."""

    level: Literal["good", "info", "advice", "warning", "error"]
    title: str
    text: str = ""
    command: str = ""
    """A command line to copy."""
    kind: ClassVar[str] = "note"


@dataclass(frozen=True)
class Picture:
    """A raster image inside the page; `pictures.picture` makes one."""

    uri: str
    width: int
    """Pixels."""
    height: int
    alt: str
    """What can be seen, for those who cannot."""
    caption: str = ""
    kind: ClassVar[str] = "picture"


@dataclass(frozen=True)
class Gallery:
    """Pictures side by side, as many as fit in a row: four in a wide window, one on a telephone."""

    pictures: Sequence[Picture]
    """None is enlarged, so they should be about as wide as a column; see `pictures.IN_GALLERY`."""
    kind: ClassVar[str] = "gallery"


@dataclass(frozen=True)
class Chart:
    """A drawing in the colors of the page; `charts.chart` makes one."""

    svg: str
    """An `<svg>` element: trusted, since only `charts` writes it."""
    width: int
    """CSS pixels at which its letters have their usual size."""
    alt: str
    caption: str = ""
    kind: ClassVar[str] = "chart"


@dataclass(frozen=True)
class Charts:
    """Charts side by side, as many as fit in a row."""

    charts: Sequence[Chart]
    kind: ClassVar[str] = "charts"


@dataclass(frozen=True)
class Fold:
    """Elements behind a line that opens them."""

    summary: str
    elements: Sequence[Element]
    kind: ClassVar[str] = "fold"


Element: TypeAlias = "Text | Facts | Stats | Table | Matrix | Note | Picture | Gallery | Chart | Charts | Fold"
