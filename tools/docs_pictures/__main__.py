"""Write all pictures into a folder: `python -m tools.docs_pictures FOLDER`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from dali_ssd.errors import DaliSsdError
from dali_ssd.util.files import require_folder_of
from tools.docs_pictures import anchors, record, reports
from tools.docs_pictures.paper import save
from tools.docs_pictures.scene import Scene, write_scenes

__all__ = ["main"]

_ONE = [7]
"""Seed of the record that most pictures show: objects from small to large."""
_MANY = list(range(20, 44))
"""Seeds of those that make a batch."""


def main(folder: Path) -> None:
    """Draw scenes, and write the pictures that are made of them; raises DaliSsdError if there is no such folder."""
    require_folder_of("FOLDER", folder / "record.png")
    with tempfile.TemporaryDirectory() as temporary:
        one = write_scenes(Path(temporary), "one", map(Scene, _ONE))
        many = write_scenes(Path(temporary), "many", map(Scene, _MANY))
        twice = write_scenes(Path(temporary), "twice", [*map(Scene, _MANY), Scene(*_ONE).labeled_again(0)])
        made: dict[str, Figure | Image.Image] = {
            "record": record.boxes(one),
            "windows": record.windows(one),
            "decoded": record.decoded(one),
            "colors": record.colors(one),
            "views": record.views(one),
            "anchors": anchors.layers(one),
            "positives": anchors.positives(one),
            "batch": record.views(many),
            "detect": reports.detections(one),
            "training-report": reports.training(one),
            "eval-report": reports.evaluation(many),
            "inspect": reports.inspection(twice),
        }
    for name, figure in made.items():
        save(figure, folder / f"{name}.png")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tools.docs_pictures FOLDER")
    try:
        main(Path(sys.argv[1]))
    except DaliSsdError as error:
        sys.exit(f"docs_pictures: {error}")
