from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dali_ssd.bench.gpucheck.sample import take_sample
from dali_ssd.errors import DatasetError
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.labels import build_label
from dali_ssd.records.format.recordio import Header, pack
from dali_ssd.records.writer import ShardWriter


def shard(folder: Path, images: list[tuple[str, str]]) -> Path:
    """Records of these modes and formats, each of a color of its own."""
    with ShardWriter(folder, "mixed") as writer:
        for number, (mode, kind) in enumerate(images):
            buffer = io.BytesIO()
            Image.new("RGB", (40, 30), (20 * number, 100, 200)).convert(mode).save(buffer, kind)
            writer.write(pack(Header(build_label([[0.1, 0.1, 0.6, 0.8]], [number]), number), buffer.getvalue()))
    return writer.paths[0]


def read(path: str) -> list[tuple[float, Image.Image]]:
    dataset = open_dataset(path)
    records = [dataset.read(number) for number in range(len(dataset))]
    return [(float(header.label[2]), Image.open(io.BytesIO(payload))) for header, payload in records]


def test_both_shards_have_the_same_records_one_of_them_without_loss(drawn: Path, tmp_path: Path) -> None:
    sample = take_sample([drawn], 5, tmp_path)
    assert (sample.count, sample.unit) == (5, "fraction")
    jpegs, exact = read(sample.jpegs), read(sample.exact)
    assert [label for label, _ in jpegs] == [label for label, _ in exact]
    for (_, jpeg), (_, png) in zip(jpegs, exact, strict=True):
        assert (jpeg.format, png.format) == ("JPEG", "PNG")
        np.testing.assert_array_equal(np.asarray(jpeg.convert("RGB")), np.asarray(png))


def test_records_are_taken_evenly_and_no_more_than_there_are(tmp_path: Path) -> None:
    path = shard(tmp_path, [("RGB", "JPEG")] * 8)
    (tmp_path / "some").mkdir()
    (tmp_path / "all").mkdir()
    assert [label for label, _ in read(take_sample([path], 4, tmp_path / "some").jpegs)] == [0, 2, 4, 6]
    assert take_sample([path], 100, tmp_path / "all").count == 8


def test_what_decoders_may_decode_otherwise_is_left_out(tmp_path: Path) -> None:
    path = shard(tmp_path, [("RGB", "JPEG"), ("CMYK", "JPEG"), ("L", "JPEG"), ("RGB", "PNG")])
    assert [label for label, _ in read(take_sample([path], 4, tmp_path).jpegs)] == [0, 2]


def test_shards_without_a_jpeg_are_refused(tmp_path: Path) -> None:
    path = shard(tmp_path, [("RGB", "PNG")] * 2)
    with pytest.raises(DatasetError, match="no JPEG of gray or color among 2 records"):
        take_sample([path], 4, tmp_path)


def test_damaged_shards_are_refused(drawn: Path, tmp_path: Path) -> None:
    path = tmp_path / "short.rec"
    path.write_bytes(drawn.read_bytes()[:-50])
    with pytest.raises(DatasetError, match=r"short\.rec"):
        take_sample([path], 4, tmp_path)
