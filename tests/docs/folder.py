"""The folder in which documents are read: the files that their commands name, small, with drawn shapes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dali_ssd.synthetic import SHAPES, draw_scene, write_shapes
from tests.support.paths import ROOT

__all__ = ["prepare"]

_OBJECT = (
    "<object><name>{}</name><difficult>0</difficult><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}"
    "</ymax></bndbox></object>"
)


def prepare(folder: Path) -> None:
    """Write shards, a VOC folder and a COCO folder."""
    write_shapes(folder / "data", "train", 64, seed=2, num_shards=2)
    for path in [*(folder / "data").iterdir()]:  # train-00000.rec, which would be replaced by train.rec
        path.rename(path.with_name(path.name.replace("-of-00002", "")))
    for stem, count in (("train", 64), ("trainval", 32), ("val", 16), ("test", 16)):
        write_shapes(folder / "data", stem, count, seed=1)
    _write_voc(folder / "VOCdevkit" / "VOC2007", {"trainval": 32, "test": 16})
    _write_coco(folder / "coco", {"train2017": 32, "val2017": 16})
    shutil.copytree(ROOT / "examples", folder / "examples")


def _scene(number: int) -> tuple[Image.Image, list[tuple[str, list[float]]]]:
    """Return an image and its objects: name, and xmin ymin xmax ymax in pixels."""
    image, boxes, ids = draw_scene(np.random.default_rng(number))
    sides = np.array([image.width, image.height] * 2)
    return image, [(SHAPES[one], (box * sides).tolist()) for one, box in zip(ids, boxes, strict=True)]


def _write_voc(root: Path, splits: dict[str, int]) -> None:
    for name in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (root / name).mkdir(parents=True)
    number = 0
    for split, count in splits.items():
        names = [f"{number + one:06d}" for one in range(count)]
        number += count
        (root / "ImageSets" / "Main" / f"{split}.txt").write_text("\n".join(names) + "\n")
        for name in names:
            image, objects = _scene(int(name))
            image.save(root / "JPEGImages" / f"{name}.jpg", quality=90)
            written = "".join(
                _OBJECT.format(kind, *(round(side) + (at < 2) for at, side in enumerate(box))) for kind, box in objects
            )
            size = f"<size><width>{image.width}</width><height>{image.height}</height><depth>3</depth></size>"
            (root / "Annotations" / f"{name}.xml").write_text(
                f"<annotation><filename>{name}.jpg</filename>{size}{written}</annotation>"
            )


def _write_coco(root: Path, splits: dict[str, int]) -> None:
    (root / "annotations").mkdir(parents=True)
    categories = [{"id": 3 * number + 1, "name": name} for number, name in enumerate(SHAPES)]
    number = 1000
    for split, count in splits.items():
        (root / split).mkdir()
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for _ in range(count):
            number += 1
            image, objects = _scene(number)
            image.save(root / split / f"{number:012d}.jpg", quality=90)
            images.append(
                {"id": number, "file_name": f"{number:012d}.jpg", "width": image.width, "height": image.height}
            )
            for kind, (x0, y0, x1, y1) in objects:
                box = {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0), "iscrowd": 0}
                one = {"id": len(annotations) + 1, "image_id": number, "category_id": 3 * SHAPES.index(kind) + 1}
                annotations.append(one | box)
        content = {"images": images, "annotations": annotations, "categories": categories}
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))
