from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dali_ssd.errors import RecordError, RecordLocation
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.labels import build_label
from dali_ssd.records.format.recordio import Header, pack
from dali_ssd.records.writer import ShardWriter
from dali_ssd.visualize.stored import decoded, stored_tile
from dali_ssd.visualize.tiles import stored_tiles


def jpeg(width: int, height: int, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (200, 10, 10)).save(file, "JPEG", **options)
    return file.getvalue()


def test_stored_images_are_as_labels_see_them(tmp_path: Path) -> None:
    """EXIF says to turn the image; MXNet does not, and labels refer to what it decodes."""
    exif = Image.Exif()
    exif[0x0112] = 6
    with ShardWriter(tmp_path, "a") as writer:
        label = build_label([[0.25, 0.5, 0.5, 1.0]], [3])
        writer.write(pack(Header(label, 0, 0), jpeg(40, 20, exif=exif)), key=7)
    [tile] = stored_tiles(open_dataset(tmp_path / "a.rec"), [0])
    assert tile.image.shape == (20, 40, 3)
    assert tile.image[..., 0].mean() > 150
    assert tile.boxes.tolist() == [[10, 10, 20, 20]]
    assert tile.class_ids.tolist() == [3]
    assert tile.caption == "a.rec record 7"


@pytest.mark.parametrize("payload", [b"", b"no image", jpeg(8, 8)[:20]], ids=["empty", "garbage", "cut"])
def test_images_that_cannot_be_decoded_are_named(tmp_path: Path, payload: bytes) -> None:
    with ShardWriter(tmp_path, "a") as writer:
        writer.write(pack(Header(build_label([[0.25, 0.5, 0.5, 1.0]], [3]), 0, 0), payload), key=7)
    with pytest.raises(RecordError, match=r"a\.rec, record 7, byte 0: the image cannot be decoded"):
        stored_tiles(open_dataset(tmp_path / "a.rec"), [0])


def test_boxes_in_pixels_are_not_scaled() -> None:
    header = Header(build_label([[10, 5, 30, 15]], [0]))
    assert stored_tile(header, jpeg(40, 20), RecordLocation()).boxes.tolist() == [[10, 5, 30, 15]]
    small = Header(build_label([[0, 0, 1, 2]], [0]))
    assert stored_tile(small, jpeg(40, 20), RecordLocation(), unit="pixel").boxes.tolist() == [[0, 0, 1, 2]]
    assert stored_tile(small, jpeg(40, 20), RecordLocation()).boxes.tolist() == [[0, 0, 40, 40]]


@pytest.mark.parametrize(("enough", "size"), [(None, 1600), (900, 1600), (800, 800), (399, 400), (10, 200)])
def test_large_images_are_decoded_as_far_as_is_enough(enough: int | None, size: int) -> None:
    place, data = RecordLocation(), jpeg(1600, 1200)
    assert decoded(data, place, enough=enough).shape == (size * 3 // 4, size, 3)
    fractions, pixels = build_label([[0.25, 0.5, 0.5, 1.0]], [0]), build_label([[400, 600, 800, 1200]], [0])
    for label in (fractions, pixels):
        tile = stored_tile(Header(label), data, place, enough=enough)
        np.testing.assert_allclose(tile.boxes, [[size / 4, size * 3 / 8, size / 2, size * 3 / 4]])
