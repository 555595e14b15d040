"""Charts by Matplotlib as SVG inside a page. Their text and axes have the page's color, so they suit light and dark."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable
from typing import Any

from dali_ssd.pages.elements import Chart
from dali_ssd.util.optional import require

__all__ = ["COLORS", "LINE", "chart", "color"]

COLORS = ("#3987d9", "#d9772b", "#3f9d5a", "#d2524f", "#9a6dd0", "#a0714f", "#d062a6", "#7f8790")
"""Colors of lines and bars, each with a contrast of 3 or more to white and to the dark page (WCAG 2.1, 1.4.11)."""
LINE = "#0a0b0d"
"""The color that becomes the page's color of thin lines."""

_INK = "#0b0a0c"
"""The color that becomes the page's color of text."""
_CSS_PIXELS_PER_INCH = 96
_IDS = re.compile(r'(\bid="|url\(#|href="#)')
_HEAD = re.compile(r"<svg [^>]*?viewBox=\"([^\"]+)\"[^>]*>", re.DOTALL)


def chart(
    paint: Callable[[Any], None], alt: str, caption: str = "", *, size: tuple[float, float] = (408, 260)
) -> Chart:
    """Return a chart.

    Args:
        paint: draws on the Matplotlib `Axes` that it gets, or through its `figure` on more of them.
        alt: what can be seen, for those who cannot.
        caption: a line below the chart.
        size: width and height in CSS pixels. The default fits twice or three times beside each other on a wide page,
            and keeps its letters readable on a telephone.

    Raises:
        MissingDependencyError: if Matplotlib is missing.
    """
    matplotlib = require("matplotlib")
    with matplotlib.rc_context(_style()):
        inches = (size[0] / _CSS_PIXELS_PER_INCH, size[1] / _CSS_PIXELS_PER_INCH)
        figure = require("matplotlib.figure").Figure(figsize=inches, layout="constrained")
        paint(figure.add_subplot())
        content = io.StringIO()
        # Without a date and with constant names, equal charts are equal files.
        figure.savefig(content, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return Chart(_inline(content.getvalue()), round(size[0]), alt, caption)


def color(number: int) -> str:
    """Return the color of a line or bar; they begin anew after the last."""
    return COLORS[number % len(COLORS)]


def _style() -> dict[str, Any]:
    cycler = require("cycler").cycler
    ink = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "legend.labelcolor")
    return {
        **dict.fromkeys(ink, _INK),
        "axes.prop_cycle": cycler(color=COLORS),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.titlelocation": "left",
        "axes.titlesize": 9.5,
        "grid.color": LINE,
        "grid.linewidth": 0.7,
        "font.size": 9,
        "axes.labelsize": 9,
        "xtick.labelsize": 9,
        "ytick.labelsize": 9,
        "legend.fontsize": 9,
        "legend.frameon": False,
        "lines.linewidth": 1.6,
        "svg.hashsalt": "dali_ssd",
        "svg.fonttype": "path",
    }


def _inline(svg: str) -> str:
    """Return only the `<svg>` element, with names of its own and the page's colors."""
    found = _HEAD.search(svg)
    assert found is not None, "Matplotlib writes a viewBox"
    body = svg[found.end() :]
    # Several charts share a page, and names in it must not.
    own = "c" + hashlib.sha256(body.encode()).hexdigest()[:8]
    body = _IDS.sub(rf"\1{own}-", body)
    body = body.replace(_INK, "currentColor").replace(LINE, "var(--line)")
    return f'<svg viewBox="{found[1]}" aria-hidden="true">{body.rstrip()}'
