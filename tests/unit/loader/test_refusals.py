"""What a loader refuses, and its messages on records that it leaves out."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_ssd.errors import ConfigError, DaliSsdError, DatasetError
from tests.support.loaders import COUNT, TWO, train, val
from tests.support.shards import encoded, write, write_random


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size .*0"),
        ({"batch_size": -4}, "batch_size .*-4"),
        ({"batch_size": 5, "ctx": TWO}, r"\(2\), not 5"),
        ({"ctx": []}, "ctx"),
        ({"batch_size": "8"}, "batch_size must be a whole number, not '8'"),
        ({"max_bad": "few"}, "max_bad must be a number, not 'few'"),
        ({"data_shape": 64.5}, "data_shape must be a whole number, not 64.5"),
        ({"data_shape": 5}, "data_shape .*5"),
        ({"dtype": "int8"}, "dtype .*int8"),
        ({"layout": "HWCN"}, "layout .*HWCN"),
        ({"mean": (0.5,)}, "mean must "),
        ({"mean": (float("nan"), 0, 0)}, r"mean must be within -1000\.\.1000, not \(nan, 0, 0\)"),
        ({"mean": (0, 1e39, 0)}, "mean must be within"),
        ({"std": (0.5, 0, 0.5)}, "std must be greater than 0"),
        ({"std": (0.5, float("inf"), 0.5)}, "std must be greater than 0 and at most 1000"),
        ({"num_threads": 0}, "num_threads .*0"),
        ({"num_threads": -3}, "num_threads .*-3"),
        ({"num_threads": "many"}, "num_threads .*many"),
        ({"device": "tpu"}, "device .*tpu"),
        ({"prefetch": 0}, "prefetch .*0"),
        ({"recipe": "ssd9000"}, "ssd9000"),
        ({"recipe": "ssd512"}, "ssd512 .*512 .*64"),
        ({"num_classes": 0}, "num_classes .*0"),
        ({"num_classes": True}, "num_classes .*True"),
        ({"num_threads": True}, "num_threads .*True"),
        ({"upright": "no"}, "upright must be True or False, not 'no'"),
        ({"recipe": 5}, "recipe 5 lacks train, val, augment, image, targets"),
        ({"recipe": ".x"}, "no recipe '.x'"),
        ({"device": "gpu"}, "device='gpu' needs GPUs in ctx"),
        ({"bad_list": 5}, "bad_list .*5"),
        ({"bad_list": "no/such/folder/list.txt"}, "bad_list .*there is no folder .*no/such/folder"),
        ({"bad_list": "list.rec"}, "bad_list .*list.rec"),
        ({"coordinates": "miles"}, "coordinates .*miles"),
    ],
    ids=str,
)
@pytest.mark.parametrize("make", [train, val])
def test_wrong_options_are_named_before_any_shard_is_opened(make: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make("no/such.rec", **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": "magic"}, "targets .*magic"),
        ({"initial_fill": 0}, "initial_fill .*0"),
        ({"seed": -1}, "seed .*-1"),
        ({"anchors": np.ones((3, 5))}, r"anchors .*\(3, 5\)"),
        ({"rank": 2, "world_size": 2}, "rank .*2"),
        ({"rank": 0.0}, "rank .*0.0"),
        ({"world_size": "2"}, "world_size .*'2'"),
        ({"world_size": 0}, "world_size .*0"),
        ({"augment": {"hue": 0}}, "augment of the recipe .*must be of the class AugmentConfig"),
        ({"rank": -1}, "rank .*-1"),
    ],
    ids=str,
)
def test_wrong_options_of_training_are_named_before_any_shard_is_opened(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        train("no/such.rec", **options)


@pytest.mark.parametrize("make", [train, val])
def test_missing_empty_and_truncated_shards(tmp_path: Path, make: Any) -> None:
    with pytest.raises(DatasetError, match=r"missing\.rec"):
        make(tmp_path / "missing.rec")
    with pytest.raises(DatasetError, match="no file matches"):
        make(str(tmp_path / "none-*.rec"))
    (tmp_path / "empty.rec").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"empty\.rec"):
        make(tmp_path / "empty.rec")
    (path,) = write_random(tmp_path, 5)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DatasetError, match=r"s\.rec"):
        make(path)


@pytest.mark.parametrize("make", [train, val])
def test_an_image_that_no_decoder_takes_is_named(tmp_path: Path, make: Any) -> None:
    payloads = [encoded(np.zeros((30, 30, 3), np.uint8), "JPEG")] * 3 + [b"no image at all"]
    label = np.array([2, 5, 0, 0.2, 0.2, 0.8, 0.8], np.float32)
    paths = write(tmp_path, [(label, payload) for payload in payloads])
    with pytest.raises(DaliSsdError, match="record 3"):
        for _ in make(paths):
            pass


@pytest.mark.parametrize("make", [train, val])
def test_what_is_left_out_is_listed(tmp_path: Path, make: Any, caplog: pytest.LogCaptureFixture) -> None:
    (shard,) = write_random(tmp_path, COUNT)
    os.truncate(shard, shard.stat().st_size - 100)
    make(shard, on_bad="skip", max_bad=0.2, bad_list=tmp_path / "bad.txt").close()
    assert caplog.messages == [f"1 bad record left out; {tmp_path}/bad.txt lists what is wrong"]
    assert (tmp_path / "bad.txt").read_text().startswith("truncated-shard\t")
    make(shard, on_bad="skip", max_bad=0.2).close()
    cached = re.fullmatch("1 bad record left out; (.*) lists what is wrong", caplog.messages[-1])
    assert cached is not None and Path(cached[1]).read_text() == (tmp_path / "bad.txt").read_text()


def test_a_fault_of_an_index_is_no_bad_record(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (shard,) = write_random(tmp_path, COUNT)
    with Path(shard).with_suffix(".idx").open("a") as index:
        index.write("900\t0\n")
    options = {"on_bad": "skip", "max_bad": 0.2, "bad_list": tmp_path / "bad.txt"}
    with val(shard, **options) as loader:
        assert loader.num_records == COUNT
    os.truncate(shard, os.stat(shard).st_size - 100)
    val(shard, **options).close()
    assert caplog.messages == [
        f"1 fault of an index passed over; {tmp_path}/bad.txt lists what is wrong",
        f"1 bad record left out and 1 fault of an index passed over; {tmp_path}/bad.txt lists what is wrong",
    ]


def test_a_list_is_not_written_over_a_shard(shards: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must end in \.txt, not '.*a\.rec'"):
        train(shards, on_bad="skip", bad_list=tmp_path / "a.rec")


def test_an_index_that_lists_nothing(tmp_path: Path) -> None:
    (shard,) = write_random(tmp_path, COUNT)
    shard.with_suffix(".idx").write_text("")
    with pytest.raises(DatasetError, match="the indexes list none of 10 that are there; rebuild them"):
        train(shard)


def test_records_that_no_index_lists_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (shard,) = write_random(tmp_path, COUNT)
    index = shard.with_suffix(".idx")
    index.write_text("".join(index.read_text().splitlines(keepends=True)[:-2]))
    with train(shard) as loader:
        assert loader.num_records == COUNT - 2
    (message,) = caplog.messages
    assert "records that the index does not list, so they are not read (2)" in message and "dali-ssd index" in message


def test_too_few_records_for_the_devices(tmp_path: Path) -> None:
    for make in (train, val):
        with pytest.raises(DatasetError, match="1 record for 2 devices: each needs"):
            make(write_random(tmp_path / make.__name__, 1), ctx=TWO)
