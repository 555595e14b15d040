from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dali_ssd.errors import CheckpointError
from dali_ssd.gluon.checkpoint.file import (
    checkpoint_path,
    find_checkpoints,
    keep_newest,
    newest_whole,
    read_checkpoint,
    set_aside_after,
    write_checkpoint,
)

META = {"lr": 0.1, "loader": b"\x00\xffstate", "random": random.getstate(), "names": ["a", "b"], "none": None}


ARRAYS: dict[str, npt.NDArray[Any]] = {
    "parameters/a.weight": np.arange(12, dtype=np.float32).reshape(3, 4),
    "momentum/0/a.weight": np.ones((), np.float16),
    "empty": np.zeros((0, 4), np.float64),
}


def write(path: Path) -> None:
    write_checkpoint(path, ARRAYS, META)


def test_round_trip(tmp_path: Path) -> None:
    write(tmp_path / "x.ckpt")
    read, meta = read_checkpoint(tmp_path / "x.ckpt")
    assert read.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert (read[name].dtype, read[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(read[name], array)
    assert meta == META
    assert [path.name for path in tmp_path.iterdir()] == ["x.ckpt"]


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner) | st.tuples(inner, inner),
)


@settings(max_examples=30)
@given(st.dictionaries(st.text("xyz"), json_like))
def test_any_meta_comes_back(tmp_path_factory: pytest.TempPathFactory, meta: dict[str, Any]) -> None:
    path = tmp_path_factory.getbasetemp() / "meta.ckpt"
    write_checkpoint(path, {}, meta)
    assert read_checkpoint(path) == ({}, meta)


def test_numpy_values_in_the_meta(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "x.ckpt", {}, {"state": np.arange(3, dtype=np.uint32), "n": np.float64(0.5)})
    meta = read_checkpoint(tmp_path / "x.ckpt")[1]
    assert meta["state"].dtype == np.uint32
    assert meta["state"].tolist() == [0, 1, 2]
    assert meta["n"] == 0.5


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        read_checkpoint(tmp_path / "x.ckpt")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "x.ckpt"
    write(path)
    return path.read_bytes()


@given(data=st.data())
def test_a_cut_checkpoint_is_refused(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.ckpt"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(CheckpointError, match="not a whole checkpoint"):
        read_checkpoint(path)


@given(data=st.data())
def test_a_changed_byte_is_found_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "flip.ckpt"
    content = bytearray(whole)
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        read, meta = read_checkpoint(path)
    except CheckpointError:
        return
    # Some bytes of a zip, such as time stamps, mean nothing.
    assert meta == META
    assert all(np.array_equal(array, ARRAYS[name]) for name, array in read.items() if name in ARRAYS)


def test_another_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dali_ssd.gluon.checkpoint.file.FORMAT", 99)
    write(tmp_path / "x.ckpt")
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="another format"):
        read_checkpoint(tmp_path / "x.ckpt")


def test_the_last_ones_are_kept(tmp_path: Path) -> None:
    prefix = str(tmp_path / "run_ssd")
    for step in (5, 20, 100, 9):
        write(checkpoint_path(prefix, step))
    write(checkpoint_path(str(tmp_path / "run"), 1))
    assert [int(path.stem[-8:]) for path in find_checkpoints(prefix)] == [5, 9, 20, 100]
    keep_newest(prefix, 2)
    assert [int(path.stem[-8:]) for path in find_checkpoints(prefix)] == [20, 100]
    assert len(find_checkpoints(str(tmp_path / "run"))) == 1


def test_no_folder_no_checkpoints(tmp_path: Path) -> None:
    assert find_checkpoints(str(tmp_path / "none" / "x")) == []


def test_the_newest_whole_checkpoint(tmp_path: Path) -> None:
    prefix = f"{tmp_path}/net"
    assert newest_whole(prefix) == (None, [])
    for step in (100, 200, 300):
        write(checkpoint_path(prefix, step))
    assert newest_whole(prefix) == (checkpoint_path(prefix, 300), [])
    content = checkpoint_path(prefix, 300).read_bytes()
    checkpoint_path(prefix, 300).write_bytes(content[: len(content) // 2])
    path, faults = newest_whole(prefix)
    assert path == checkpoint_path(prefix, 200)
    assert [str(checkpoint_path(prefix, 300)) in str(fault) for fault in faults] == [True]
    for step in (100, 200):
        checkpoint_path(prefix, step).write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"00000300\.ckpt is not a whole checkpoint"):
        newest_whole(prefix)


def test_checkpoints_that_a_training_leaves_behind_are_set_aside(tmp_path: Path) -> None:
    prefix = f"{tmp_path}/net"
    for step in (100, 200, 300):
        write(checkpoint_path(prefix, step))
    assert set_aside_after(prefix, 300) == []
    moved = set_aside_after(prefix, 100)
    assert [path.name for path in moved] == ["net_00000200.ckpt.abandoned", "net_00000300.ckpt.abandoned"]
    assert all(path.is_file() for path in moved) and find_checkpoints(prefix) == [checkpoint_path(prefix, 100)]
    write(checkpoint_path(prefix, 150))
    keep_newest(prefix, 1)
    assert find_checkpoints(prefix) == [checkpoint_path(prefix, 150)]
