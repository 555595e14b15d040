"""`targets="boxes"`: what the view shows of each object, in place of targets for anchors."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dali_ssd import TrainLoader
from dali_ssd.config import AugmentConfig, RenderConfig, TargetConfig
from dali_ssd.errors import CheckpointError, ConfigError
from dali_ssd.graph.targets import encode_targets
from dali_ssd.loader.batch import BoxBatch
from dali_ssd.records.format.labels import build_label
from pipelines import ssd
from tests.support.loaders import ONE, TWO, as_numpy, same, train, values
from tests.support.pipes import ANCHORS
from tests.support.recipe import BOXES
from tests.support.shards import draw, encoded, write, write_random


def boxes(shards: Any, **options: Any) -> TrainLoader:
    return train(shards, anchors=None, targets="boxes", **options)


def objects_of(batch: BoxBatch) -> list[npt.NDArray[Any]]:
    """The rows of each image that are objects; they come first, and -1 is in all others."""
    found = []
    for objects in (image for part in batch.labels for image in as_numpy(part)):
        count = int((objects[:, 4] >= 0).sum())
        assert (objects[:count] >= 0).all() and (objects[count:] == -1).all()
        found.append(objects[:count])
    return found


@pytest.mark.parametrize("ctx", [ONE, TWO], ids=["one", "two"])
def test_the_exact_targets_of_the_same_seed_are_made_of_these_boxes(shards: str, ctx: list[Any]) -> None:
    """Where runs are as long: how many batches a run has depends on the anchors."""
    with boxes(shards, ctx=ctx, batch_size=8) as ours, train(shards, ctx=ctx, batch_size=8) as theirs:
        assert ours._per_run == theirs._per_run == 1
        for _ in range(3):
            for one, other in zip(ours, theirs, strict=True):
                assert one.records() == other.records()
                assert all(same([[a]], [[b]]) for a, b in zip(one.data, other.data, strict=True))
                wanted = [encode_targets(found[:, :4], found[:, 4], ANCHORS) for found in objects_of(one)]
                classes, offsets = (np.concatenate([as_numpy(a) for a in part]) for part in (other[1], other[2]))
                np.testing.assert_array_equal(classes, [of_image[0] for of_image in wanted])
                np.testing.assert_array_equal(offsets, [of_image[1] for of_image in wanted])


def test_a_box_that_rounding_leaves_no_area_is_not_shown(tmp_path: Path) -> None:
    """torchvision ends a training at such a box."""
    rng, records = np.random.default_rng(0), []
    for _ in range(8):
        low = rng.uniform(0.1, 0.8, (40, 2)).astype(np.float32)
        high = np.nextafter(low, np.float32(1))
        high[::2, 0] += 0.1  # half of them have a width
        records.append((build_label(np.hstack([low, high]), np.zeros(40)), encoded(draw(rng, 50, 70))))
    with boxes(write(tmp_path, records), batch_size=8) as loader:
        shown = [objects for _ in range(3) for batch in loader for objects in objects_of(batch)]
    assert sum(map(len, shown)) > 20
    for objects in shown:
        assert (objects[:, :2] < objects[:, 2:4]).all()


def test_a_batch_unpacks_and_its_images_have_as_many_rows(shards: str) -> None:
    with boxes(shards) as loader:
        batch = next(iter(loader))
        assert isinstance(batch, BoxBatch) and len(batch) == 2
        (images,), (labels,) = batch
        assert batch[0] is batch.data and batch[1] is batch.labels
        assert images.shape == (4, 3, 64, 64)
        assert labels.ndim == 3 and labels.shape[::2] == (4, 5) and labels.dtype == np.float32


def test_images_without_objects(tmp_path: Path) -> None:
    """Some, and all of a batch: rows of -1 alone."""
    rng = np.random.default_rng(0)
    image = encoded(draw(rng, 64, 64))
    none, one = (build_label(np.array(given).reshape(-1, 4), [0] * len(given)) for given in ([], [[0, 0, 1, 1]]))
    path = write(tmp_path, [(none, image)] * 7 + [(one, image)])
    whole = AugmentConfig(expand_probability=0, crop_min_iou=())
    with boxes(path, batch_size=2, augment=whole) as loader:
        counts = [[len(found) for found in objects_of(batch)] for _ in range(4) for batch in loader]
    assert sorted(map(sum, counts)) == [0] * 12 + [1] * 4


@pytest.mark.parametrize("ctx", [ONE, TWO], ids=["one", "two"])
@pytest.mark.parametrize("taken", [1, 2, 3])
def test_the_rest_is_the_same_to_the_bit(shards: str, ctx: list[Any], taken: int) -> None:
    """Two batches an epoch: in its middle, at its end, and in the next."""
    with boxes(shards, ctx=ctx) as first, boxes(shards, ctx=ctx) as second:
        stream = (batch for _ in range(3) for batch in first)
        for _ in range(taken):
            next(stream)
        second.load_state_dict(first.state_dict())
        rest = (batch for _ in range(2) for batch in second)
        for _ in range(3):
            one, other = next(stream), next(rest)
            assert same(one, other) and one.records() == other.records()


def test_ranks_get_what_one_process_with_as_many_devices_gets(tmp_path: Path) -> None:
    """Up to the padding, which is that of all devices of a process."""
    shards = write_random(tmp_path, 21, num_shards=2)
    ranks = [boxes(shards, batch_size=2, world_size=2, rank=rank) for rank in range(2)]
    with boxes(shards, batch_size=4, ctx=TWO) as alone:
        for *parts, whole in zip(*ranks, alone, strict=True):
            assert [place for part in parts for place in part.records()] == whole.records()
            for number, part in enumerate(parts):
                np.testing.assert_array_equal(as_numpy(part.data[0]), as_numpy(whole.data[number]))
            each = [found for part in parts for found in objects_of(part)]
            assert all(map(np.array_equal, each, objects_of(whole)))


def test_a_state_belongs_to_one_kind_of_targets(shards: str) -> None:
    with boxes(shards, batch_size=8) as ours, train(shards, batch_size=8) as theirs:
        for loader, other in ((ours, theirs), (theirs, ours)):
            with pytest.raises(CheckpointError, match="the options was"):
                loader.load_state_dict(other.state_dict())


def test_anchors_are_given_for_targets_alone() -> None:
    with pytest.raises(ConfigError, match=r"targets='boxes' gives the boxes themselves, .* leave anchors out"):
        train("none.rec", targets="boxes")
    with pytest.raises(ConfigError, match=r"anchors are missing, .* give them, or targets='boxes'"):
        train("none.rec", anchors=None)


def test_the_kind_of_targets_may_be_the_recipes(shards: str) -> None:
    with train(shards, anchors=None, recipe=BOXES) as loader:
        assert loader.placement.targets == "none, boxes of the host"
        assert all(np.isfinite(found).all() for batch in loader for found in values(batch))


def of_always(kind: TargetConfig) -> Any:
    """A pipeline that makes one kind of targets whatever the recipe says, as one of an earlier version does."""

    def define(
        records: Any, anchors: Any, augment: AugmentConfig, image: RenderConfig, targets: TargetConfig, **options: Any
    ) -> Any:
        return ssd.train(records, ANCHORS, augment, image, kind, **options)

    return define


@pytest.mark.parametrize(
    ("made", "wanted", "message"),
    [
        ("exact", "boxes", "returns 4 outputs, and targets='boxes' needs 3: data, labels and the records' places"),
        ("boxes", "exact", "returns 3 outputs, and targets='exact' needs 4: data, cls_targets, box_targets and the"),
    ],
)
def test_a_pipeline_that_makes_other_targets_is_refused(shards: str, made: Any, wanted: Any, message: str) -> None:
    recipe = SimpleNamespace(**{**vars(BOXES), "train": of_always(TargetConfig(made)), "targets": TargetConfig(wanted)})
    with pytest.raises(ConfigError, match=f"the training pipeline of the recipe .* {message}"):
        train(shards, recipe=recipe, anchors=None if wanted == "boxes" else ANCHORS)
