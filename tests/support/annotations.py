"""A tiny Pascal VOC folder and COCO file, made of what each test gives."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dali_ssd.convert.readers.coco import CocoConfig
from dali_ssd.convert.readers.voc import VocConfig
from dali_ssd.convert.run import Converted, convert

CAT = ("cat", 11, 11, 41, 41)
"""A box in pixels, as Pascal VOC counts them."""
Corner = float | str
"""Of a box in a file; some tests write there what is no number."""
Box = tuple[str, Corner, Corner, Corner, Corner]


def jpeg(width: int, height: int, orientation: int | None = None) -> bytes:
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    stream = io.BytesIO()
    noise = np.random.default_rng(width).integers(0, 255, (height, width, 3), np.uint8)
    Image.fromarray(noise).save(stream, "JPEG", exif=exif)
    return stream.getvalue()


def turned_tiff() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (100, 50)).save(stream, "TIFF", tiffinfo={274: 6})
    return stream.getvalue()


class Voc:
    """Writes images and annotations."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("Annotations", "JPEGImages", "ImageSets/Main"):
            (root / name).mkdir(parents=True)

    def add(
        self,
        identity: str,
        boxes: Sequence[Box],
        size: tuple[int, int] = (100, 50),
        declared: tuple[Any, Any] | None = (100, 50),
        *,
        orientation: int | None = None,
        difficult: str = "0",
        image: bytes | None = None,
        suffix: str = ".jpg",
    ) -> None:
        data = jpeg(*size, orientation) if image is None else image
        (self.root / "JPEGImages" / f"{identity}{suffix}").write_bytes(data)
        objects = "".join(
            f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin>"
            f"<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
            for name, x0, y0, x1, y1 in boxes
        )
        sizes = "" if declared is None else f"<size><width>{declared[0]}</width><height>{declared[1]}</height></size>"
        self.xml(identity, f"<annotation><filename>{identity}{suffix}</filename>{sizes}{objects}</annotation>")

    def xml(self, identity: str, text: str) -> None:
        (self.root / "Annotations" / f"{identity}.xml").write_text(text)

    def split(self, name: str, *ids: str) -> None:
        (self.root / "ImageSets" / "Main" / f"{name}.txt").write_text("".join(f"{line}\n" for line in ids))


class Coco:
    """Writes images and one JSON file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "images").mkdir(parents=True)
        self.content: dict[str, list[dict[str, Any]]] = {"images": [], "annotations": [], "categories": []}

    def image(self, identity: Any, size: tuple[int, int] = (100, 50), **fields: Any) -> None:
        name = f"{identity}.jpg"
        (self.root / "images" / name).write_bytes(jpeg(*size))
        self.content["images"].append(
            {"id": identity, "file_name": name, "width": size[0], "height": size[1], **fields}
        )

    def box(self, image: Any, category: Any, bbox: Any, **fields: Any) -> None:
        number = len(self.content["annotations"])
        entry = {"id": number, "image_id": image, "category_id": category, "bbox": bbox, **fields}
        self.content["annotations"].append(entry)

    def categories(self, **names: int) -> None:
        self.content["categories"] += [{"id": identity, "name": name} for name, identity in names.items()]

    def save(self, name: str = "instances.json") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.content))
        return path


def by_voc(voc: Voc, **options: Any) -> Converted:
    """Convert a VOC set by one process, into its own folder `out`."""
    return convert(VocConfig(voc.root, voc.root / "out", workers=1, **options))


def by_coco(coco: Coco, **options: Any) -> Converted:
    """Convert a COCO set by one process, into its own folder `out`."""
    coco.save()
    return convert(CocoConfig(coco.root, coco.root / "out", workers=1, **options))


@pytest.fixture
def voc(tmp_path: Path) -> Voc:
    return Voc(tmp_path / "voc")


@pytest.fixture
def coco(tmp_path: Path) -> Coco:
    return Coco(tmp_path / "coco")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def one(coco: Coco) -> Coco:
    """One image with a box of one class."""
    coco.image(1)
    coco.categories(cat=1)
    coco.box(1, 1, [10, 10, 30, 30])
    return coco
