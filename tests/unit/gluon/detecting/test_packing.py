from __future__ import annotations

import io
import os
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from dali_ssd.gluon.detecting import packing
from dali_ssd.gluon.detecting.packing import groups, packed
from dali_ssd.records.dataset import open_dataset
from tests.support.records import encoded


def files(folder: Path, **contents: bytes) -> list[Path]:
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in contents]


def test_bytes_are_packed_unchanged(tmp_path: Path) -> None:
    given = files(tmp_path, a=encoded(), b=encoded("PNG", "L"), c=encoded("JPEG", "CMYK", orientation=6))
    with packed(given) as some:
        assert some.shard is not None and some.left_out == () and list(some.files.values()) == given
        records = list(open_dataset(some.shard))
        assert [record.image for record in records] == [path.read_bytes() for path in given]
        assert [record.place.key for record in records] == list(some.files) == [0, 1, 2]
    assert not some.shard.exists()


@pytest.mark.timeout(60)
def test_a_pipe_or_a_device_is_named_and_not_waited_for(tmp_path: Path) -> None:
    """Nobody writes to the pipe, and the device has no end."""
    os.mkfifo(tmp_path / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "socket.jpg"))
        odd = [tmp_path / "pipe.jpg", tmp_path / "socket.jpg", Path("/dev/zero")]
        with packed([*odd, *files(tmp_path, good=encoded())]) as some:
            assert list(some.files.values()) == [tmp_path / "good"]
            assert [one.name for one in some.left_out] == [str(path) for path in odd]
            assert {one.reason for one in some.left_out} == {"a device, a pipe or a socket; copy its content to a file"}


@pytest.mark.parametrize("filled", [False, True])
def test_what_cannot_be_read_is_named_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filled: bool
) -> None:
    """Also after an import of GluonCV, which has Pillow fill up images that are cut."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", filled)
    given = files(
        tmp_path,
        good=encoded(),
        empty=b"",
        text=b"hello",
        cut=encoded()[:300],
        tga=encoded("TGA")[:-500],
        last=encoded(),
    )
    given.append(tmp_path / "gone")
    with packed(given) as some:
        assert some.shard is not None
        assert [path.name for path in some.files.values()] == ["good", "last"]
        assert [record.place.key for record in open_dataset(some.shard)] == list(some.files) == [0, 5]
        reasons = {Path(name).name: reason for name, reason in some.left_out}
    assert reasons["empty"] == "the file is empty" and reasons["text"] == "not an image"
    assert reasons["gone"] == "No such file or directory" and "ends in its head" in reasons["cut"]
    assert reasons["cut"].startswith("images that end too early: ")  # numbers alone may not say what is wrong
    assert "TGA that cannot be read" in reasons["tga"]


def test_a_few_bytes_that_claim_to_be_huge_are_left_out(tmp_path: Path) -> None:
    gif = bytearray(encoded("GIF", "P"))
    gif[6:10] = b"\xff\xff\xff\xff"
    with packed(files(tmp_path, a=bytes(gif))) as some:
        assert some.shard is None and "GIF of 65535x65535, which is too large" in some.left_out[0].reason


def test_nothing_is_left(tmp_path: Path) -> None:
    with packed(files(tmp_path, a=b"", b=encoded()[:300])) as some:
        assert some.shard is None and len(some.left_out) == 2


def test_a_gif_is_its_first_picture(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (40, 30), (200, 0, 0)), Image.new("RGB", (40, 30), (0, 0, 200))
    content = io.BytesIO()
    first.save(content, "GIF", save_all=True, append_images=[second])
    with packed(files(tmp_path, a=content.getvalue())) as some:
        assert some.shard is not None
        [record] = open_dataset(some.shard)
        with Image.open(io.BytesIO(record.image)) as image:
            assert image.format == "PNG"
            np.testing.assert_array_equal(np.asarray(image), np.asarray(first))


def test_many_files_come_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = files(tmp_path, **{f"f{n}": bytes(10) for n in range(7)})
    monkeypatch.setattr(packing, "_GROUP_IMAGES", 3)
    assert [len(group) for group in groups(given)] == [3, 3, 1]
    monkeypatch.setattr(packing, "_GROUP_BYTES", 15)
    assert [len(group) for group in groups([*given, tmp_path / "gone"])] == [2, 2, 2, 2]
    assert not list(groups([]))
