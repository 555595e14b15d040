"""How all pictures look: light paper with a margin, so that they fit on white and on dark pages, and large letters."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from dali_ssd.util.files import atomic_path
from dali_ssd.visualize.names import class_color

__all__ = ["INK", "hexadecimal", "outline", "save", "sheet", "show"]

INK = "#33363b"
_PAPER = "#fafaf9"
_WIDTH, _DPI = 8.0, 100
"""800 pixels: twice what a telephone shows, so letters are twice as large as there."""
_CAPTION, _NAME = 15, 13
"""Points of letters."""


def sheet(rows: int, columns: int, height: float, **options: Any) -> tuple[Figure, list[Any]]:
    """Return an empty sheet, `height` inches high, and its panels, row by row."""
    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1, wspace=0.02, hspace=0.02)
    figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor=_PAPER, layout=layout)
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, columns, squeeze=False, **options)
    for panel in panels.flat:
        panel.axis("off")
    return figure, list(panels.flat)


def show(panel: Any, image: NDArray[Any], caption: str = "") -> None:
    """Show an image (H, W, 3) in pixels of its own, with a line above it."""
    height, width = image.shape[:2]
    panel.imshow(image, extent=(0, width, height, 0), interpolation="antialiased")
    panel.set_title(caption, loc="left", fontsize=_CAPTION, color=INK, pad=5)


def outline(panel: Any, box: Iterable[float], color: str, name: str = "", **style: Any) -> None:
    """Draw a box, xmin ymin xmax ymax, with its name on a plate at its upper left corner."""
    x0, y0, x1, y1 = (float(value) for value in box)
    style = {"linewidth": 2.5, "fill": False, **style}
    panel.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, edgecolor=color, **style))
    if name:
        plate = {"facecolor": color, "edgecolor": "none", "pad": 2.0}
        panel.text(x0, y0, name, fontsize=_NAME, color="white", va="bottom", bbox=plate, clip_on=False)


def hexadecimal(class_id: int) -> str:
    """Return a class's color as in all pictures of the package, but darker, so that white is readable on it."""
    red, green, blue = (round(value * 0.8) for value in class_color(class_id))
    return f"#{red:02x}{green:02x}{blue:02x}"


def save(drawn: Figure | Image.Image, path: Path) -> None:
    """Write a PNG of at most 256 colors, which takes a third of the bytes."""
    if isinstance(drawn, Figure):
        stream = io.BytesIO()
        drawn.savefig(stream, format="png", facecolor=drawn.get_facecolor())
        drawn = Image.open(stream)
    picture = drawn.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    with atomic_path(path) as temporary:
        picture.save(temporary, "PNG", optimize=True)
