"""A page: a title and sections of elements, written as one HTML file."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from dali_ssd import __version__
from dali_ssd.pages.elements import Cell, Element
from dali_ssd.util.files import atomic_open
from dali_ssd.util.optional import require

__all__ = ["Page", "Section", "page_html", "require_pages", "write_page"]

_TEMPLATE, _STYLE = "page.html", "page.css"
_CODE = re.compile(r"`([^`]+)`")
_PARAGRAPHS = re.compile(r"\n\s*\n")


@dataclass(frozen=True)
class Section:
    """A part of a page that the list at its top links to."""

    title: str
    elements: Sequence[Element]
    lead: str = ""
    """A sentence or two below the title: what is shown, and how to read it."""


@dataclass(frozen=True)
class Page:
    """A whole page."""

    title: str
    sections: Sequence[Section]
    lead: str = ""
    """A sentence or two below the title."""
    summary: Sequence[Element] = ()
    """Elements above the first section."""
    made_by: str = ""
    """The command line behind the page, for its last line."""
    made_at: datetime = field(default_factory=lambda: datetime.now().astimezone())
    reload_s: int = 0
    """Seconds after which a browser shows the page anew, for one that still changes; 0: never."""


def write_page(path: str | Path, page: Page) -> None:
    """Replace the file at `path` with a page.

    Raises MissingDependencyError if Jinja2 is missing, DaliSsdError if the file cannot be written.
    """
    # A path may hold bytes that are not UTF-8; they are shown by their numbers.
    content = page_html(page).encode("utf-8", "backslashreplace")
    with atomic_open(path, "wb") as file:
        file.write(content)


def page_html(page: Page) -> str:
    """Return a page as HTML; raises MissingDependencyError if Jinja2 is missing."""
    html: str = _environment().get_template(_TEMPLATE).render(page=page, version=__version__)
    return html


def require_pages() -> None:
    """Raise MissingDependencyError if a page with charts could not be made: before the work that it shows."""
    for name in ("jinja2", "matplotlib"):
        require(name)


@functools.cache
def _environment() -> Any:
    jinja2 = require("jinja2")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dali_ssd.pages"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"prose": _prose, "paragraphs": _PARAGRAPHS.split, "cell": _cell, "anchor": _anchor}
    environment.filters["breakable"] = _breakable
    environment.tests |= {"number": _is_number, "moment": lambda value: isinstance(value, datetime)}
    environment.globals["style"] = _markup(environment.loader.get_source(environment, _STYLE)[0])
    return environment


def _markup(html: str) -> Any:
    """Mark HTML of our own as safe."""
    return require("markupsafe").Markup(html)


def _prose(text: str) -> Any:
    """Escape a text and turn `code` into an element."""
    return _markup(_CODE.sub(r"<code>\1</code>", str(require("markupsafe").escape(text))))


def _breakable(text: str) -> Any:
    """Escape a title that may be a long file name: a narrow window breaks it after `_`."""
    return _markup(str(require("markupsafe").escape(text)).replace("_", "_<wbr>"))


def _cell(value: Cell) -> str:
    """Write a cell: integers with commas, floats with three digits or more, zeros at the end included."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, float):
        if math.isnan(value):
            return "-"
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}".rstrip(".")
    return f"{value:,}" if _is_number(value) else str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _anchor(title: str) -> str:
    """Return the name by which a link finds a section."""
    return re.sub(r"\W+", "-", title.lower()).strip("-")
