from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dali_ssd.bench.datasets import MakeConfig, describe, main, make_set, resized
from dali_ssd.errors import ConfigError, DatasetError
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.recordio import Header, pack
from dali_ssd.records.writer import ShardWriter


def test_a_description_has_the_means(shard: Path) -> None:
    data = describe(open_dataset(shard))
    assert (data.records, data.mean_width, data.mean_height, data.mean_objects) == (4, 64, 48, 1)
    assert data.shards == [str(shard)]
    assert 0 < data.mean_kilobytes < 10


def test_records_without_a_readable_image_are_left_out_of_the_means(tmp_path: Path, shard: Path) -> None:
    header, payload = open_dataset(shard).read(0)
    with ShardWriter(tmp_path, "half") as writer:
        writer.write(pack(header, payload))
        writer.write(pack(header, b"no image"))
    data = describe(open_dataset(writer.paths[0]))
    assert (data.records, data.mean_width) == (2, 64)


def test_no_readable_image_at_all_is_an_error(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, "bad") as writer:
        writer.write(pack(Header(np.array([2, 5], np.float32)), b"no image"))
    with pytest.raises(DatasetError, match=r"no readable image in .*bad\.rec.*dali-ssd check"):
        describe(open_dataset(writer.paths[0]))


def test_a_set_repeats_records_and_keeps_labels_and_bytes(tmp_path: Path, shard: Path) -> None:
    assert make_set(MakeConfig(str(shard), tmp_path / "big.rec", min_records=9)) == 12
    source, made = open_dataset(shard), open_dataset(tmp_path / "big.rec")
    assert len(made) == 12
    for i in range(12):
        header, payload = made.read(i)
        original, image = source.read(i % 4)
        assert payload == image
        assert header.id == i
        np.testing.assert_array_equal(header.label, original.label)


def test_a_set_of_smaller_images(tmp_path: Path, shard: Path) -> None:
    make_set(MakeConfig(str(shard), tmp_path / "small.rec", longest_side=32))
    header, payload = open_dataset(tmp_path / "small.rec").read(3)
    assert Image.open(io.BytesIO(payload)).size == (32, 24)
    np.testing.assert_array_equal(header.label, open_dataset(shard).read(3)[0].label)


@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 100))
def test_the_longest_side_is_what_was_asked(width: int, height: int, side: int) -> None:
    buffer = io.BytesIO()
    Image.new("L", (width, height)).save(buffer, "PNG")
    image = Image.open(io.BytesIO(resized(buffer.getvalue(), side, 92)))
    assert image.format == "JPEG"
    assert image.mode == "RGB"
    assert max(image.size) == side
    # Within rounding: half a pixel may go either way.
    assert min(image.size) == pytest.approx(max(1, side * min(width, height) / max(width, height)), abs=0.5 + 1e-9)


@pytest.mark.parametrize("fields", [{"longest_side": -1}, {"quality": 0}, {"min_records": -1}])
def test_numbers_out_of_range_are_refused(fields: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        MakeConfig("a.rec", Path("b.rec"), **fields)


def test_the_result_must_be_a_shard() -> None:
    with pytest.raises(ConfigError, match=r"must end in \.rec"):
        MakeConfig("a.rec", Path("b.idx"))


def test_from_the_command_line(tmp_path: Path, shard: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(shard), str(tmp_path / "out.rec"), "--longest-side", "16", "--min-records", "5"])
    assert capsys.readouterr().out == f"{tmp_path / 'out.rec'}: 8 records\n"


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none\.rec"):
        make_set(MakeConfig(str(tmp_path / "none.rec"), tmp_path / "out.rec"))
