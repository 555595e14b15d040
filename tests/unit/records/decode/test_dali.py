"""Images checked by DALI's decoder, and the search for the record behind one of its errors."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dali_ssd.errors import DaliSsdError, DatasetError, RecordError
from dali_ssd.records.dataset import Dataset, open_dataset
from dali_ssd.records.decode import dali as decoding
from dali_ssd.records.decode.dali import undecodable
from dali_ssd.records.decode.dali_worker import _Decoder, batches
from dali_ssd.records.diagnose import find_damage
from dali_ssd.records.format.labels import build_label
from dali_ssd.records.format.recordio import Header, pack
from dali_ssd.records.inspect import inspect_shards
from dali_ssd.records.writer import ShardWriter
from tests.support.images import CUT, REFUSED, WHOLE

pytest.importorskip("nvidia.dali")


def encoded(kind: str, mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), np.uint8)
    Image.fromarray(noise).convert(mode).save(stream, kind)
    return stream.getvalue()


GOOD = [
    encoded("JPEG"), encoded("JPEG", "L"), encoded("JPEG", "CMYK"), encoded("PNG", "RGBA"), encoded("PNG", "P"),
    encoded("BMP"), encoded("WEBP"), encoded("TIFF"),
]  # fmt: skip


def broken_png() -> bytes:
    data = bytearray(encoded("PNG"))
    data[len(data) // 2] ^= 1
    return bytes(data)


def write(folder: Path, images: list[bytes]) -> Dataset:
    label = build_label([(0.1, 0.1, 0.5, 0.5)], [0])
    with ShardWriter(folder, "t", 2) as writer:
        for image in images:
            writer.write(pack(Header(label), image))
    return open_dataset(str(folder / "t-*.rec"))


def test_formats_that_count_as_good_decode(tmp_path: Path) -> None:
    dataset = write(tmp_path, GOOD)
    assert undecodable(dataset, range(len(dataset))) == {}


def test_what_a_head_says_of_other_formats_is_what_dali_does() -> None:
    """A decoder for one image at a time: for a batch DALI would not report which image it refuses."""
    decoder = _Decoder(1)
    for images, taken in ((WHOLE, True), (CUT, False), (REFUSED, False)):
        assert {name: decoder.fault([data]) is None for name, data in images.items()} == dict.fromkeys(images, taken)


def test_bad_images_are_found_among_many(tmp_path: Path) -> None:
    images = GOOD * 12
    for i in (3, 40, 41, 90):
        images[i] = (broken_png(), b"text", encoded("JPEG")[:900], b"")[i % 4]
    dataset = write(tmp_path, images)
    keys = {dataset.place(i).key for i in undecodable(dataset, range(len(dataset)))}
    assert keys == {3, 40, 41, 90}


def test_batches_are_limited_in_number_and_pixels() -> None:
    sizes = [10, 10, 10, 1 << 25, 10, 1 << 24, 1 << 24, 10]
    made = list(batches(((bytes([i]), size) for i, size in enumerate(sizes)), 2))
    assert made == [[b"\0", b"\1"], [b"\2"], [b"\3"], [b"\4", b"\5"], [b"\6", b"\7"]]


FAKE = """
import json, os, sys, time
items, most = json.load(sys.stdin), int(sys.argv[-1])
for first in range(0, len(items), most):
    batch = items[first : first + most]
    print(json.dumps(["begin", first, first + len(batch)]), flush=True)
    for number, (_, offset) in enumerate(batch):
        if offset in {crash}:
            os.abort()
        if offset in {hang}:
            time.sleep(60)
        if offset in {bad}:
            print(json.dumps(["bad", first + number, "it is bad"]), flush=True)
print('["end"]')
"""


@pytest.mark.parametrize(("crash", "hang", "bad"), [([0, 40, 74], [], [3, 41]), ([], [5], [6]), ([], [], [9])])
def test_death_of_the_decoder_costs_one_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crash: list[int], hang: list[int], bad: list[int]
) -> None:
    dataset = write(tmp_path, [encoded("JPEG")] * 150)

    def at(numbers: list[int]) -> set[int | None]:
        return {dataset.place(number).offset for number in numbers} or {-1}

    script = FAKE.format(crash=at(crash), hang=at(hang), bad=at(bad))
    monkeypatch.setattr(decoding, "_WORKER", ("-c", script))
    monkeypatch.setattr(decoding, "_TIMEOUT_S", 3.0)
    shard_zero = range(75)  # byte offsets repeat in the second shard
    died = {number: "the decoder crashes on it" for number in crash + hang}
    expected = died | {number: "it is bad" for number in bad}
    assert undecodable(dataset, shard_zero) == dict(sorted(expected.items()))


def test_decoder_that_cannot_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = write(tmp_path, GOOD)
    monkeypatch.setattr(decoding, "_WORKER", ("-c", "raise SystemExit(7)"))
    with pytest.raises(DatasetError, match="died with code 7 before it began"):
        undecodable(dataset, range(3))


def test_verify_by_decoding_and_its_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = write(tmp_path, [*GOOD, broken_png(), b"text"])
    first = inspect_shards(dataset.shards, decoders=("dali",), cache_dir=tmp_path / "cache")
    assert [found.kind for found in first.errors] == ["not-an-image", "undecodable-image"]
    assert len(first.without_bad(0.5)) == len(GOOD)

    def never(*_: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(decoding, "undecodable", never)
    assert inspect_shards(dataset.shards, decoders=("dali",), cache_dir=tmp_path / "cache").errors == first.errors


READER_ERROR = (
    "Critical error\nError in operator `nvidia.dali.fn.decoders.image`\n\nencountered:\n\nFailed to decode\nmore"
)


def test_damage_after_verification_is_named(tmp_path: Path) -> None:
    dataset = write(tmp_path, [encoded("JPEG")] * 6)
    place = dataset.place(4)
    assert place.shard is not None and place.offset is not None
    data = bytearray(place.shard.read_bytes())
    data[place.offset + 60 : place.offset + 80] = bytes(20)
    place.shard.write_bytes(data)
    error = find_damage(dataset, READER_ERROR)
    assert isinstance(error, RecordError) and error.place == place
    assert "has gone bad" in str(error) and "dali-ssd check --decode" in str(error)


def test_damage_that_only_decoding_shows(tmp_path: Path) -> None:
    dataset = write(tmp_path, [*GOOD, broken_png()])
    error = find_damage(dataset, READER_ERROR)
    assert isinstance(error, RecordError) and error.place.key == 8


def test_lost_shard_is_named(tmp_path: Path) -> None:
    dataset = write(tmp_path, GOOD)
    dataset.shards[0].unlink()
    assert "cannot read" in str(find_damage(dataset, READER_ERROR))


def test_other_errors_are_passed_on(tmp_path: Path) -> None:
    dataset = write(tmp_path, GOOD)
    healthy = find_damage(dataset, READER_ERROR)
    assert isinstance(healthy, DatasetError) and "every record reads and decodes" in str(healthy)
    other = find_damage(dataset, "Error in operator `resize`\nencountered:\nout of memory")
    assert type(other) is DaliSsdError and "out of memory" in str(other)
    assert "without a message" in str(find_damage(dataset, ""))
