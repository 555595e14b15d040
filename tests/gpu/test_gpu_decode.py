"""What a GPU decodes otherwise than a CPU: each row of the table in docs/gpu.md."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from nvidia.dali import fn, pipeline_def, types
from PIL import Image, ImageChops

from dali_ssd.config import NvjpegConfig
from dali_ssd.graph.source import decode, image_shapes, read
from dali_ssd.graph.where import Where
from tests.support.pipes import arrays
from tests.support.shards import as_shard, draw, encoded, write

Pixels = npt.NDArray[np.uint8]

WHOLE = None
PART = (9, 14, 50, 61)
"""A region y x height width that begins and ends inside of blocks of 8 and 16 pixels."""


def decoded(folder: Path, payloads: Sequence[bytes], where: Where, region: Any = WHOLE, **options: Any) -> list[Pixels]:
    """The pixels of these files, or of a region of each."""
    shard = as_shard(write(folder, [(np.array([2, 5], np.float32), payload) for payload in payloads]))
    device_id = 0 if where.device == "gpu" else None

    @pipeline_def(batch_size=len(payloads), num_threads=2, device_id=device_id)
    def pipeline():  # type: ignore[no-untyped-def]
        images, _ = read(shard, shuffle=False)
        if region is None:
            extent = fn.cast(image_shapes(images, upright=options.get("upright", False))[0:2], dtype=types.INT32)
            regions = fn.cat(extent * 0, extent)
        else:
            regions = types.Constant(np.array(region, np.int32), device="cpu")
        return decode(images, regions, where=where, **{"upright": False, **options})

    (images,) = pipeline().run()
    return arrays(images)


def apart(folder: Path, payloads: Sequence[bytes], region: Any, **options: Any) -> list[npt.NDArray[np.int16]]:
    """How many levels the GPU's pixels are from the CPU's; skips what the CPU does not decode here."""
    try:
        cpu = decoded(folder / "cpu", payloads, Where(), region, **options)
    except RuntimeError as error:
        pytest.skip(f"the CPU decodes none either: {error}")
    gpu = decoded(folder / "gpu", payloads, Where("gpu"), region, **options)
    assert [one.shape for one in gpu] == [one.shape for one in cpu]
    return [np.abs(one.astype(np.int16) - other) for one, other in zip(cpu, gpu, strict=True)]


@pytest.fixture(scope="module")
def picture() -> Pixels:
    return draw(np.random.default_rng(3), 120, 160)


@pytest.mark.parametrize("region", [WHOLE, PART], ids=["whole", "part"])
@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "PPM"])
def test_other_formats_are_decoded_on_the_host_to_the_bit(
    tmp_path: Path, picture: Pixels, kind: str, region: Any
) -> None:
    (difference,) = apart(tmp_path, [encoded(picture, kind)], region)
    assert not difference.any()


@pytest.mark.parametrize("region", [WHOLE, PART], ids=["whole", "part"])
@pytest.mark.parametrize(("mode", "bare"), [("RGB", False), ("RGB", True), ("L", False)])
def test_jpegs_2000_are_the_same_but_for_rounding(
    tmp_path: Path, picture: Pixels, mode: str, bare: bool, region: Any
) -> None:
    """The only ones beside JPEGs that a GPU decodes, with or without the boxes of a file around them."""
    (difference,) = apart(tmp_path, [encoded(picture, "JPEG2000", mode, no_jp2=bare)], region)
    assert difference.max() <= 3


@pytest.mark.parametrize("region", [WHOLE, PART], ids=["whole", "part"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpegs_are_the_same_but_for_rounding(tmp_path: Path, picture: Pixels, mode: str, region: Any) -> None:
    options = {"subsampling": 0} if mode == "RGB" else {}
    (difference,) = apart(tmp_path, [encoded(picture, "JPEG", mode, quality=95, **options)], region)
    assert difference.max() <= 3


@pytest.mark.parametrize("region", [WHOLE, PART], ids=["whole", "part"])
@pytest.mark.parametrize("subsampling", ["4:2:2", "4:2:0"])
def test_color_of_fewer_pixels_is_interpolated(tmp_path: Path, picture: Pixels, subsampling: str, region: Any) -> None:
    """As libjpeg-turbo does it; repetition, nvJPEG's default, is tens of levels away where color changes fast."""
    sharp = picture.copy()
    sharp[:, 80:] = 255 - sharp[:, 80:]
    (difference,) = apart(tmp_path, [encoded(sharp, "JPEG", quality=95, subsampling=subsampling)], region)
    assert difference.max() <= 8 and difference.mean() <= 1


@pytest.mark.parametrize("region", [WHOLE, PART], ids=["whole", "part"])
@pytest.mark.parametrize("subsampling", [0, 2], ids=["4:4:4", "4:2:0"])
def test_progressive_jpegs_are_the_same_but_for_rounding(
    tmp_path: Path, picture: Pixels, subsampling: int, region: Any
) -> None:
    """The hybrid decoder has them, beside the hardware decoder, which has none."""
    payload = encoded(picture, "JPEG", quality=95, progressive=True, subsampling=subsampling)
    (difference,) = apart(tmp_path, [payload], region)
    assert difference.max() <= 8 and difference.mean() <= 1


def cmyk(pixels: Pixels) -> bytes:
    return encoded(pixels, "JPEG", "CMYK", quality=95)


def ycck(pixels: Pixels) -> bytes:
    """The same picture with its inks as brightness and color, which Pillow reads and does not write."""
    *inks, black = Image.fromarray(pixels).convert("CMYK").split()
    planes = Image.merge("RGB", inks).convert("YCbCr").split()
    stored = Image.merge("CMYK", [*map(ImageChops.invert, planes), black])  # Pillow writes them inverted
    buffer = io.BytesIO()
    stored.save(buffer, "JPEG", quality=95)
    head, name, rest = buffer.getvalue().partition(b"Adobe")
    return head + name + rest[:6] + b"\x02" + rest[7:]


@pytest.mark.parametrize("region", [WHOLE, PART], ids=["whole", "part"])
@pytest.mark.parametrize("kind", [cmyk, ycck])
def test_four_inks_are_about_the_picture(tmp_path: Path, picture: Pixels, kind: Any, region: Any) -> None:
    """A conversion of nvJPEG's own, as far from Pillow's as the CPU's is: no equality is expected."""
    payload = kind(picture)
    wanted = np.asarray(Image.open(io.BytesIO(payload)).convert("RGB"))
    y, x, height, width = region or (0, 0, *wanted.shape[:2])
    (found,) = decoded(tmp_path, [payload], Where("gpu"), region)
    assert np.abs(found.astype(np.int16) - wanted[y : y + height, x : x + width]).mean() < 12


@pytest.mark.parametrize("region", [WHOLE, PART], ids=["whole", "part"])
@pytest.mark.parametrize("upright", [False, True])
def test_exif_orientations_are_left_alone_or_applied(
    tmp_path: Path, picture: Pixels, upright: bool, region: Any
) -> None:
    """A region is one of the raster in which the plan was made, upright or not."""
    payloads = []
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        payloads.append(encoded(picture, "JPEG", quality=95, subsampling=0, exif=exif))
    for difference in apart(tmp_path, payloads, region, upright=upright):
        assert difference.max() <= 3


@pytest.mark.parametrize("load", [0.0, 0.65, 1.0])
def test_the_hardware_decoders_share_changes_rounding_alone(tmp_path: Path, picture: Pixels, load: float) -> None:
    payloads = [encoded(picture[:, number:], "JPEG", quality=95, subsampling=0) for number in range(8)]
    where = Where("gpu", nvjpeg=NvjpegConfig(load, preallocate_width=160, preallocate_height=120))
    for one, other in zip(
        decoded(tmp_path / "cpu", payloads, Where()), decoded(tmp_path / "gpu", payloads, where), strict=True
    ):
        assert np.abs(one.astype(np.int16) - other).max() <= 3
