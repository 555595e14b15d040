"""A card: what a notebook shows of an object. It is no page, has its styles in its elements, and needs no Jinja2."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from dali_ssd.pages.elements import Picture

__all__ = ["card_html"]

_CELL = (
    "text-align:left;padding:2px 12px 2px 0;border:0;background:none;color:inherit;vertical-align:top;"
    "overflow-wrap:anywhere"
)
_PICTURE = "display:block;max-width:100%;height:auto;margin-top:6px;border-radius:4px"


def card_html(title: str, facts: Mapping[str, object], picture: Picture | None, remarks: Sequence[str]) -> str:
    """Return the HTML of a card.

    Args:
        title: in bold above the rest.
        facts: values by their names.
        picture: below the facts, if there is one.
        remarks: lines at the end.
    """
    rows = "".join(
        f'<tr><th style="{_CELL}">{_text(name)}</th><td style="{_CELL}">{_text(value)}</td></tr>'
        for name, value in facts.items()
    )
    table = f'<table style="border-collapse:collapse;color:inherit">{rows}</table>' if rows else ""
    image = f'<img alt="{_text(picture.alt)}" style="{_PICTURE}" src="{picture.uri}">' if picture else ""
    said = "".join(f"<div>{_text(remark)}</div>" for remark in remarks)
    return f"<div><b>{_text(title)}</b>{table}{image}{said}</div>"


def _text(value: object) -> str:
    """Return a value as HTML text; bytes of a path that are no text become question marks."""
    return html.escape(str(value).encode("utf-8", "replace").decode())
