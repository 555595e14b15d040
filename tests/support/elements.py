"""What is on a page: elements of its sections, found by title and kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dali_ssd.pages.elements import Element, Note
from dali_ssd.pages.page import Page

__all__ = ["elements", "notes", "only"]


def elements(page: Page, title: str) -> Sequence[Element]:
    """The elements of the section with a title."""
    return next(section.elements for section in page.sections if section.title == title)


def only(kind: type[Any], found: Sequence[Element]) -> Any:
    """The one element of a kind."""
    [one] = [element for element in found if isinstance(element, kind)]
    return one


def notes(found: Sequence[Element]) -> list[str]:
    """The titles of the notes."""
    return [element.title for element in found if isinstance(element, Note)]
