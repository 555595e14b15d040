"""The peers do the work that the table claims: the same records, sizes, value ranges and targets."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mxnet")

from gluoncv.model_zoo.ssd.anchor import SSDAnchorGenerator

from dali_ssd.anchors import VGG_SHAPES, vgg_anchors
from dali_ssd.bench.contenders import load
from dali_ssd.bench.work import Work, WorkBatch
from dali_ssd.errors import ConfigError
from dali_ssd.synthetic import SHAPES, write_shapes
from tests.support.benchmark import ANCHORS, decoded_boxes, share_on_canvas

Batches = Callable[..., list[WorkBatch]]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Two shards of ten images each."""
    folder = tmp_path_factory.mktemp("shapes")
    return tuple(str(path) for path in write_shapes(folder, "shapes", 20, seed=1, num_shards=2))


@pytest.fixture
def batches(shards: tuple[str, ...], tmp_path: Path) -> Batches:
    def draw(name: str, count: int, size: int = 8) -> list[WorkBatch]:
        work = Work(shards, batch_size=size, threads=1, folder=str(tmp_path))
        found = []
        stream: Iterator[WorkBatch] = load(name).batches(work, ANCHORS)
        for batch in islice(stream, count):
            batch.wait()
            found.append(batch)
        return found

    return draw


@pytest.mark.parametrize("name", ["gluoncv", "mxnet", "stock", "dali_ssd", "synthetic"])
def test_images_have_the_networks_shape_type_and_range(batches: Batches, name: str) -> None:
    for batch in batches(name, 2):
        (data,) = batch.data
        pixels = data.asnumpy()
        assert batch.size == 8
        assert pixels.shape == (8, 3, 300, 300)
        assert pixels.dtype == np.float32
        assert np.isfinite(pixels).all()
        # Normalized, not clipped: brightness, contrast and saturation add up, at most to about 12.
        assert 0.1 < pixels.std() < 4
        assert -16 < pixels.min() < 0 < pixels.max() < 16


@pytest.mark.parametrize("name", ["gluoncv", "stock", "dali_ssd"])
def test_targets_stand_for_boxes_in_the_image(batches: Batches, name: str) -> None:
    kinds = set()
    for batch in batches(name, 6):
        classes, boxes = batch.cls_targets[0].asnumpy(), batch.box_targets[0].asnumpy()
        assert classes.shape == (8, 8732)
        assert boxes.shape == (8, 8732, 4)
        assert classes.dtype == boxes.dtype == np.float32
        assert not boxes[classes == 0].any()
        kinds |= set(np.unique(classes))
        for of_image, encoded in zip(classes, boxes, strict=True):
            found = decoded_boxes(of_image, encoded)
            assert (found > -1).all()
            assert (found < 301).all()
            # Many anchors stand for the same box: an image has few.
            assert len(np.unique(found.round(), axis=0)) <= 8
    assert {1, 2, 3, 4} <= kinds <= set(range(len(SHAPES) + 1))


def test_expand_is_part_of_the_peers_work(batches: Batches) -> None:
    """Half of the images are on a larger canvas, whose color normalizes to nearly 0."""
    for name in ("gluoncv", "mxnet", "stock", "dali_ssd"):
        data = np.concatenate([batch.data[0].asnumpy() for batch in batches(name, 6)])
        assert 0.15 < share_on_canvas(data) < 0.7, name


@pytest.mark.parametrize("name", ["gluoncv", "decode", "stock"])
def test_epochs_follow_each_other_without_end(batches: Batches, name: str) -> None:
    assert sum(batch.size for batch in batches(name, 7)) == 56


def test_all_shards_are_read(batches: Batches, shards: tuple[str, ...]) -> None:
    """Of 20 images in two shards, an epoch of GluonCV's shows each once."""
    from dali_ssd.bench.contenders.gluoncv import _Chain

    chain = _Chain([list(range(10)), [], list(range(10, 14))])
    assert len(chain) == 14
    assert [chain[i] for i in range(14)] == list(range(14))


@pytest.mark.parametrize("data_shape", [300, 512])
def test_anchors_are_those_that_gluoncv_generates(data_shape: int) -> None:
    anchors = []
    for index, level in enumerate(VGG_SHAPES[data_shape]):
        cells = (level.cells, level.cells)
        make = SSDAnchorGenerator(index, (data_shape,) * 2, level.sizes, level.ratios, level.step, alloc_size=cells)
        anchors.append(make.anchors.value.asnumpy().reshape(-1, 4))
    np.testing.assert_array_equal(vgg_anchors(data_shape), np.concatenate(anchors))


def test_gluoncv_says_how_much_shared_memory_its_workers_need(
    batches: Batches, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage("/dev/shm")._replace(free=64 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: full)
    with pytest.raises(ConfigError, match=r"need 120 MB in /dev/shm, which has 67 MB free; .* --shm-size 1g"):
        batches("gluoncv", 1, size=32)
