"""The failures that this project was started to fix, by their original names, and what a user sees instead."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dali_ssd import TrainLoader
from dali_ssd.cli.main import main
from dali_ssd.errors import DatasetError, RecordError
from dali_ssd.gluon.checkpoint.file import find_checkpoints
from dali_ssd.records.format.labels import build_label
from tests.end_to_end.training import NAME, TRAIN, weights
from tests.support.pipes import ANCHORS
from tests.support.processes import Method, in_processes
from tests.support.shards import Record, draw, encoded, random_boxes, write

pytest.importorskip("mxnet")

COUNT, SIZE = 12, 80


def records(label: Callable[[npt.NDArray[np.float64], int], npt.NDArray[np.float32]] | None = None) -> list[Record]:
    """JPEGs of 80 x 80 pixels with two objects each, or what `label` makes of their boxes and number."""
    rng = np.random.default_rng(0)
    label = label or (lambda boxes, _: build_label(boxes, [0, 1]))
    return [
        (label(random_boxes(rng, 2), number), encoded(draw(rng, SIZE, SIZE), "JPEG", quality=90))
        for number in range(COUNT)
    ]


def loader(shards: Any, **options: Any) -> TrainLoader:
    return TrainLoader(
        shards, **{"anchors": ANCHORS, "batch_size": 4, "data_shape": 64, "num_threads": 2, "seed": 7, **options}
    )


def digest(shards: Any, **options: Any) -> int:
    """Check sum of an epoch: pixels, classes, offsets."""
    with loader(shards, **options) as batches:
        return zlib.crc32(b"".join(array.asnumpy().tobytes() for batch in batches for part in batch for array in part))


def train(shard: Path, out: Path, *more: str) -> int:
    options = ["--classes", "a,b", "--epochs", "1", "--save-interval", "0", "--save-prefix", f"{out}/"]
    return main(["train", "--train", str(shard), *TRAIN, *options, *more])


def has_finite_weights(out: Path) -> bool:
    return all(np.isfinite(array).all() for array in weights(find_checkpoints(f"{out}/{NAME}")[-1]).values())


# ----------------------------------------------------------------------------- Invalid RecordIO File, with many workers


def _read(shard: Path, threads: int) -> int:
    return digest(shard, num_threads=threads)


@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_invalid_recordio_file_with_many_workers(tmp_path: Path, method: Method) -> None:
    """GluonCV's forked workers moved each other's file position. Here each process reads the same as one alone."""
    (shard,) = write(tmp_path, records())
    found = in_processes(method, _read, [(shard, threads) for threads in (1, 4, 8)])
    assert found == [_read(shard, 8)] * 3


def test_a_shard_that_is_invalid_is_named_with_the_byte(tmp_path: Path) -> None:
    (shard,) = write(tmp_path, records())
    content = bytearray(shard.read_bytes())
    content[0] ^= 1
    shard.write_bytes(content)
    with pytest.raises(
        DatasetError, match=r"dali-ssd check(.|\n)*s\.rec, record 0, byte 0: no record begins at byte 0"
    ):
        loader(shard)


# ---------------------------------------------------------------------------------------- corrupt JPEG, 1 and 4 workers


@pytest.mark.parametrize("workers", [1, 4])
def test_corrupt_jpeg(tmp_path: Path, workers: int) -> None:
    """The run is refused, or runs without the image; it does not fail hours later."""
    some = records()
    some[5] = (some[5][0], some[5][1][: len(some[5][1]) // 2])
    some[8] = (some[8][0], b"\xff\xd8 and nothing more")
    (shard,) = write(tmp_path, some)
    with pytest.raises(DatasetError, match=r"2 errors in the records(.|\n)*record 5,(.|\n)*record 8,"):
        loader(shard, num_threads=workers)
    with loader(shard, num_threads=workers, on_bad="skip", max_bad=0.2) as batches:
        assert [found.place.key for found in batches.bad_records] == [5, 8]
        seen = {place.key for _ in range(4) for batch in batches for place in batch.records()}
    assert seen == set(range(COUNT)) - {5, 8}


def test_corrupt_jpeg_behind_its_first_scan(tmp_path: Path) -> None:
    """A table between the scans with impossible counts: DALI refuses it, and the check of heads finds it."""
    some = records()
    image = encoded(draw(np.random.default_rng(0), SIZE, SIZE), "JPEG", quality=90, progressive=True)
    table = image.index(b"\xff\xc4", image.index(b"\xff\xda"))
    some[5] = (some[5][0], image[: table + 5] + b"\xff" * 16 + image[table + 21 :])
    (shard,) = write(tmp_path, some)
    with pytest.raises(DatasetError, match=r"record 5,.*Huffman table"):
        loader(shard)


@pytest.mark.parametrize("workers", [1, 4])
def test_corrupt_image_that_shows_only_when_decoded(tmp_path: Path, workers: int) -> None:
    some = records()
    image = encoded(draw(np.random.default_rng(0), SIZE, SIZE), "PNG")
    pixels = image.index(b"IDAT") + 4
    some[5] = (some[5][0], image[:pixels] + b"\xff" * 64 + image[pixels + 64 :])
    (shard,) = write(tmp_path, some)
    with pytest.raises(RecordError, match=r"s\.rec, record 5, .*dali-ssd check --decode"):
        digest(shard, num_threads=workers)
    with loader(shard, num_threads=workers, on_bad="skip", max_bad=0.2) as batches:
        assert [found.place.key for found in batches.bad_records] == [5]


# --------------------------------------------------------------------- Cannot differentiate node, with labels in pixels


def in_pixels(boxes: npt.NDArray[np.float64], _: int) -> npt.NDArray[np.float32]:
    return build_label(boxes * SIZE, [0, 1])


def test_cannot_differentiate_node_with_pixel_labels(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No anchor was positive, so GluonCV's loss was constant. Labels in pixels work like others."""
    fractions, pixels = write(tmp_path, records()), write(tmp_path, records(in_pixels), stem="p")
    for one, other in zip(loader(fractions), loader(pixels), strict=True):
        np.testing.assert_array_equal(one.data[0].asnumpy(), other.data[0].asnumpy())
        np.testing.assert_array_equal(one.cls_targets[0].asnumpy(), other.cls_targets[0].asnumpy())
        np.testing.assert_allclose(one.box_targets[0].asnumpy(), other.box_targets[0].asnumpy(), atol=1e-3)
        assert (other.cls_targets[0].asnumpy() > 0).any(axis=1).all()
    (said,) = [record.getMessage() for record in caplog.records]
    assert "labels in pixels" in said and "--coordinates pixel" in said
    assert train(pixels[0], tmp_path / "out") == 0
    assert has_finite_weights(tmp_path / "out")


def test_a_few_labels_in_pixels_are_named(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (shard,) = write(tmp_path, records(lambda boxes, number: build_label(boxes * (SIZE if number == 3 else 1), [0, 1])))
    assert train(shard, tmp_path / "out") == 2
    err = capfd.readouterr().err
    assert "record 3," in err and "pixels where fractions belong" in err and "dali-ssd check" in err


# ----------------------------------------------------------------------------------------------- labels without objects


@pytest.mark.parametrize("none", [[2, 5], [2, 5, -1, 0, 0, 0, 0]], ids=["nothing", "class -1"])
def test_labels_without_objects(tmp_path: Path, none: list[float]) -> None:
    """Neither reading nor the loss of a batch without any object fails; such images are background."""
    label = build_label([[0.1, 0.1, 0.9, 0.9]], [0])
    (shard,) = write(tmp_path, records(lambda _, number: label if number == 3 else np.array(none, np.float32)))
    with loader(shard) as batches:
        positive = [bool(batch.cls_targets[0].asnumpy().any()) for batch in batches]
    assert positive.count(True) == 1 and len(positive) == 3
    assert train(shard, tmp_path / "out") == 0
    assert has_finite_weights(tmp_path / "out")


@pytest.mark.parametrize(
    ("none", "says"),
    [
        ([2, 5], "none of 12 records has an object"),
        ([2, 5, -1, 0, 0, 0, 0], "none of 12 records has an object"),
        ([2, 5, 0, 0.2, 0.2, 0.2, 0.7], "none of 12 records has an object with an area inside of its image"),
        ([2, 5, 0, 1.2, 0.2, 1.4, 0.7], "none of 12 records has an object with an area inside of its image"),
        ([0], "the label is the single number 0: packed without --pack-label"),
    ],
    ids=["nothing", "class -1", "no area", "outside", "one number"],
)
def test_a_set_without_any_object_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], none: list[float], says: str
) -> None:
    (shard,) = write(tmp_path, records(lambda *_: np.array(none, np.float32)))
    assert train(shard, tmp_path / "out") == 2
    assert says in capfd.readouterr().err


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ([2, 6, 0, 0.1, 0.2, 0.5, 0.6, 1], "are marked difficult (12), so none counts"),
        ([2, 5], "no objects with an area inside of their image"),
    ],
    ids=["difficult", "nothing"],
)
def test_a_validation_without_any_object_that_counts_is_refused_before_the_first_epoch(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], label: list[float], says: str
) -> None:
    (shard,) = write(tmp_path, records())
    (val,) = write(tmp_path, records(lambda *_: np.array(label, np.float32)), stem="val")
    assert train(shard, tmp_path / "out", "--val", str(val)) == 2
    out, err = capfd.readouterr()
    assert says in err and "[Epoch" not in out + err
    assert not list((tmp_path / "out").glob("*.params"))


def test_some_labels_without_objects(tmp_path: Path) -> None:
    half = records(lambda boxes, number: build_label(boxes, [0, 1]) if number % 2 else np.array([2, 5], np.float32))
    (shard,) = write(tmp_path, half)
    with loader(shard) as batches:
        for batch in batches:
            positive = (batch.cls_targets[0].asnumpy() > 0).any(axis=1)
            assert positive.tolist() == [place.key is not None and place.key % 2 == 1 for place in batch.records()]


# ------------------------------------------------------------------------------------------------------ a missing index


def test_missing_index(tmp_path: Path) -> None:
    (shard,) = write(tmp_path, records())
    expected, index = digest(shard), shard.with_suffix(".idx").read_bytes()
    shard.with_suffix(".idx").unlink()
    assert digest(shard) == expected
    assert shard.with_suffix(".idx").read_bytes() == index
