"""torchvision's contender does the work that the table claims, by as many workers as are asked for."""

from __future__ import annotations

import gc
import multiprocessing
import shutil
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dali_ssd.bench.contenders import load
from dali_ssd.bench.work import Work, WorkBatch
from dali_ssd.boxes import center_to_corner, iou
from dali_ssd.errors import ConfigError, MissingDependencyError
from dali_ssd.graph.targets import encode_targets
from dali_ssd.synthetic import SHAPES, write_shapes
from tests.support.benchmark import ANCHORS, decoded_boxes, share_on_canvas

Batches = Callable[..., list[WorkBatch]]

pytestmark = [
    # Python 3.12 and newer: PyTorch's workers are forks, here of a process in which DALI or Numba may have threads.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")
]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Two shards of ten images each."""
    folder = tmp_path_factory.mktemp("shapes")
    return tuple(str(path) for path in write_shapes(folder, "shapes", 20, seed=1, num_shards=2))


@pytest.fixture
def batches(shards: tuple[str, ...]) -> Batches:
    pytest.importorskip("torchvision")

    def draw(count: int, size: int = 8, seed: int = 233) -> list[WorkBatch]:
        work = Work(shards, batch_size=size, threads=2, seed=seed)
        return list(islice(load("torchvision").batches(work, ANCHORS), count))

    return draw


def arrays(batch: WorkBatch) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Data, class targets and box targets."""
    data, classes, boxes = (np.asarray(array) for (array,) in (batch.data, batch.cls_targets, batch.box_targets))
    return data, classes, boxes


def test_images_and_targets_have_the_networks_shape_type_and_range(batches: Batches) -> None:
    kinds = set()
    for batch in batches(6):
        data, classes, encoded = arrays(batch)
        assert batch.size == 8
        assert (data.shape, classes.shape, encoded.shape) == ((8, 3, 300, 300), (8, 8732), (8, 8732, 4))
        assert data.dtype == classes.dtype == encoded.dtype == np.float32
        # Normalized values of 0 to 1.
        assert -2.2 < data.min() < 0 < data.max() < 2.7
        assert data.std() > 0.1
        assert not encoded[classes == 0].any()
        kinds |= set(np.unique(classes))
        for of_image, offsets in zip(classes, encoded, strict=True):
            found = decoded_boxes(of_image, offsets)
            assert 1 <= len(found) < 1000
            assert (found > -1).all()
            assert (found < 301).all()
            # Many anchors stand for the same box: an image has few.
            assert len(np.unique(found.round(), axis=0)) <= 8
    assert {0, 1, 2, 3, 4} <= kinds <= set(range(len(SHAPES) + 1))


def test_zooming_out_is_part_of_the_work(batches: Batches) -> None:
    data = np.concatenate([arrays(batch)[0] for batch in batches(6)])
    assert 0.15 < share_on_canvas(data) < 0.7


def test_epochs_follow_each_other_without_end(batches: Batches) -> None:
    """Of 20 images, an epoch has two batches of 8; the rest of it is dropped, as by the reference."""
    assert [batch.size for batch in batches(5)] == [8] * 5


def test_fewer_records_than_a_batch_are_a_batch(batches: Batches) -> None:
    assert [batch.size for batch in batches(2, size=32)] == [20, 20]


def test_the_seed_decides_all(batches: Batches) -> None:
    one, same, other = (arrays(*batches(1, seed=seed)) for seed in (1, 1, 2))
    for left, right in zip(one, same, strict=True):
        np.testing.assert_array_equal(left, right)
    assert (one[0] != other[0]).any()


def test_workers_end_with_the_generator(shards: tuple[str, ...]) -> None:
    pytest.importorskip("torchvision")
    before = set(multiprocessing.active_children())
    stream = load("torchvision").batches(Work(shards, batch_size=8, threads=2), ANCHORS)
    next(stream)
    assert len(set(multiprocessing.active_children()) - before) == 2
    del stream
    gc.collect()
    assert set(multiprocessing.active_children()) <= before


def test_records_of_all_shards_are_read_and_may_have_no_object(shard: Path, shards: tuple[str, ...]) -> None:
    pytest.importorskip("torchvision")
    from dali_ssd.bench.contenders.torchvision import _Records

    records = _Records(Work((*shards, str(shard))), ANCHORS)
    assert len(records) == 24
    assert records[23][1].max() == 4  # the class id of the last record is 3


def test_matching_is_that_of_the_loader_but_for_the_best_anchors_of_a_box() -> None:
    """Of which torchvision takes one, whatever else it is positive for, and GluonCV all, but none for two boxes."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    from dali_ssd.bench.contenders.torchvision import _Targets

    rng, targets = np.random.default_rng(0), _Targets(ANCHORS)
    for count in (1, 1, 3, 10):
        low = rng.uniform(0, 250, (count, 2))
        boxes = np.concatenate([low, rng.uniform(low + 10, 300)], axis=1).astype(np.float32)
        ids = rng.integers(0, 20, count)
        classes, offsets = (np.asarray(part) for part in targets(torch.from_numpy(boxes), torch.from_numpy(ids) + 1))
        ious = iou(boxes, center_to_corner(ANCHORS))
        best = (ious > ious.max(axis=1, keepdims=True) - 1e-6).any(axis=0)
        assert ((classes > 0) & best).any()
        assert not ((classes > 0) & (ious.max(axis=0) < 0.5 - 1e-6) & ~best).any()
        usual = (ious.max(axis=0) > 0.5 + 1e-6) & ~best
        expected, encoded = encode_targets(boxes, ids, ANCHORS)
        assert (classes[usual] > 0).all()
        np.testing.assert_array_equal(classes[usual], expected[usual])
        np.testing.assert_allclose(offsets[usual], encoded[usual], atol=1e-4)


def test_little_shared_memory_is_refused(batches: Batches, monkeypatch: pytest.MonkeyPatch) -> None:
    full = shutil.disk_usage("/dev/shm")._replace(free=2**26)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(ConfigError, match=r"need 200 MB in /dev/shm"):
        batches(1, size=32)


def test_without_torchvision_the_row_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "dali_ssd.bench.contenders.torchvision", raising=False)
    for name in ("torch", "torchvision"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=r"is not installed; .*'dali-ssd\[torchvision\]'"):
        load("torchvision")
