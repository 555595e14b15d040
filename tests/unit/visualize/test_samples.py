from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import dali_ssd
from dali_ssd.anchors import network_anchors
from dali_ssd.config import InputConfig, TargetConfig
from dali_ssd.errors import ConfigError, DatasetError, RecordError
from dali_ssd.loader import TrainLoader
from dali_ssd.loader.recipes import find_recipe
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.format.recordio import Header, pack
from dali_ssd.records.writer import ShardWriter
from dali_ssd.visualize.options import ShowConfig
from dali_ssd.visualize.samples import exhibit, picture
from dali_ssd.visualize.views import views_of
from tests.support.records import BOX, encoded, record
from tests.support.shards import write_random

SMALL = InputConfig(data_shape=128)


def test_views_of_a_record_are_what_training_sees(tmp_path: Path) -> None:
    """To the bit, of every batch: those of a shard that has this record alone."""
    (shard,) = write_random(tmp_path / "all", 5)
    dataset, recipe = open_dataset(shard), find_recipe(data_shape=64, targets="boxes")
    with ShardWriter(tmp_path / "one", "a") as writer:
        writer.write(pack(*dataset.read(3)), key=3)
    views = views_of(dataset, 3, recipe, 40, unit="fraction", seed=5)
    assert len(views) == 40
    with TrainLoader(tmp_path / "one" / "a.rec", recipe=recipe, seed=5, framework="dlpack") as loader:
        batches = [next(iter(loader)) for _ in range(2)]
    images = np.concatenate([np.array(batch.data[0]) for batch in batches])
    for (image, _), expected in zip(views, images, strict=False):
        np.testing.assert_array_equal(image, expected)
    objects = [rows[rows[:, 4] >= 0] for batch in batches for rows in np.array(batch.labels[0])]
    for (_, found), expected in zip(views, objects, strict=False):
        np.testing.assert_array_equal(found[found[:, 4] >= 0], expected)


def test_views_of_a_shard_that_dali_cannot_open(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    (shard,) = write_random(folder, 2)
    config = ShowConfig((str(shard),), record=0, augmented=1, input=SMALL)
    with pytest.raises(DatasetError, match=r"DALI cannot open .*caf.xe9.*, whose name is not UTF-8"):
        exhibit(config)


def test_a_record_has_its_views_beside_it(tmp_path: Path) -> None:
    (shard,) = write_random(tmp_path, 3)
    _, tiles = exhibit(ShowConfig((str(shard),), record=2, augmented=3, input=SMALL))
    assert [tile.caption for tile in tiles] == ["s.rec record 2", "view 1", "view 2", "view 3"]
    assert [tile.image.shape for tile in tiles[1:]] == [(128, 128, 3)] * 3
    _, [alone] = exhibit(ShowConfig((str(shard),), record=2))
    np.testing.assert_array_equal(alone.image, tiles[0].image)


def test_targets_are_drawn_on_views_not_on_the_original(tmp_path: Path) -> None:
    (shard,) = write_random(tmp_path, 3)
    config = ShowConfig((str(shard),), record=0, augmented=2, targets=True, network="mobilenet0.25", input=SMALL)
    _, tiles = exhibit(config)
    assert [tile.outlines is not None for tile in tiles] == [False, True, True]
    _, tiles = exhibit(replace(config, record=None, augmented=None, images=3))
    assert len(tiles) == 3 and all("positive anchor" in tile.caption for tile in tiles)


def test_class_names_that_are_too_few_are_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with ShardWriter(tmp_path, "a") as writer:
        writer.write(record([BOX], [3]))
    config = ShowConfig((str(tmp_path / "a.rec"),))
    for classes in ("", "a,b,c,d"):
        picture(replace(config, classes=classes))
    assert not caplog.messages
    picture(replace(config, classes="a,b,c"))
    assert ["there are 3 class names" in text and "class id 3" in text for text in caplog.messages] == [True]


def test_damage_of_other_records_is_no_obstacle(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, "a") as writer:
        for one in (record(), record(image=b"no image"), record()):
            writer.write(one)
    shard = str(tmp_path / "a.rec")
    assert len(exhibit(ShowConfig((shard,), record=2, augmented=2, input=SMALL))[1]) == 3
    with pytest.raises(RecordError, match=r"record 1, .*cannot be decoded"):
        exhibit(ShowConfig((shard,), record=1, augmented=2, input=SMALL))


def test_a_record_that_only_dali_refuses_is_named(tmp_path: Path) -> None:
    """OpenCV passes over bytes between a JPEG's segments, and DALI does not."""
    image, behind_app0 = encoded(), 20
    with ShardWriter(tmp_path, "a") as writer:
        writer.write(record(image=image[:behind_app0] + bytes(3) + image[behind_app0:]))
    with pytest.raises(RecordError, match="record 0, byte 0: the record cannot be used"):
        exhibit(ShowConfig((str(tmp_path / "a.rec"),), record=0, augmented=2, input=SMALL))


def test_a_recipe_that_gives_no_boxes_is_refused(tmp_path: Path) -> None:
    dataset, recipe = open_dataset(write_random(tmp_path, 1)), find_recipe(data_shape=64)

    def train(*args: Any, targets: TargetConfig, **options: Any) -> Any:
        return recipe.train(
            *args, targets=TargetConfig(), **options | {"anchors": network_anchors("mobilenet0.25", 128)}
        )

    with pytest.raises(ConfigError, match="returns 4 outputs, and targets='boxes' needs 3"):
        views_of(dataset, 0, replace(recipe, train=train), 1, unit="fraction", seed=0)


def test_a_record_without_objects_has_views(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, "a") as writer:
        writer.write(pack(Header(np.array([2, 5], np.float32)), encoded()))
    config = ShowConfig((str(tmp_path / "a.rec"),), record=0, augmented=2, targets=True)
    _, tiles = exhibit(config)
    assert [tile.caption for tile in tiles[1:]] == [f"view {n}: 0 positive anchors, 0 forced" for n in (1, 2)]


def test_a_record_that_cannot_be_read_leaves_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with ShardWriter(tmp_path, "a") as writer:
        for one in (record(), record(label=[2, 5, 0, math.nan, 0.1, 0.5, 0.5]), record(image=b"")):
            writer.write(one)
    _, tiles = exhibit(ShowConfig((str(tmp_path / "a.rec"),)))
    captions = ["a.rec record 0", "a.rec record 1: cannot be read", "a.rec record 2: cannot be read"]
    assert [tile.caption for tile in tiles] == captions and not len(tiles[1].boxes)
    assert caplog.text.count("not drawn") == 2
    with pytest.raises(RecordError):
        exhibit(ShowConfig((str(tmp_path / "a.rec"),), record=2))


def test_targets_of_dalis_operator_are_not_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = find_recipe(data_shape=128, targets="box_encoder")
    monkeypatch.setattr("dali_ssd.visualize.samples.asked_recipe", lambda _: recipe)
    with pytest.raises(ConfigError, match="by DALI's operator, whose matching cannot be drawn"):
        exhibit(ShowConfig((str(write_random(tmp_path, 1)[0]),), targets=True))


def test_show_returns_the_picture(tmp_path: Path) -> None:
    shard = write_random(tmp_path, 3)[0]
    for given in (shard, str(shard), [shard]):
        picture = dali_ssd.show(given, images=2)
        assert isinstance(picture, Image.Image) and picture.width == 2 * 310 + 10
    large = dali_ssd.show(shard, record=1, augmented=2, data_shape=64)
    assert large.width == 3 * 430 + 10
    with pytest.raises(ConfigError, match="images must be greater than 0"):
        dali_ssd.show(shard, images=0)
    with pytest.raises(ConfigError, match=r"shards must be a path or pattern .*, or many, not 5"):
        dali_ssd.show(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(("size", "longer"), [((40, 30), 420), ((640, 480), 640), ((1600, 1200), 1280)])
def test_a_record_alone_is_drawn_at_its_own_size_within_limits(
    tmp_path: Path, size: tuple[int, int], longer: int
) -> None:
    with ShardWriter(tmp_path, "a") as writer:
        writer.write(record(image=encoded(size=size)))
    picture = dali_ssd.show(tmp_path / "a.rec", record=0)
    letters = max(13, longer // 50)
    assert picture.size == (longer + 20, longer * 3 // 4 + letters + 9 + 20)


def test_class_names_may_be_a_list(tmp_path: Path) -> None:
    (shard,) = write_random(tmp_path, 2)
    (tmp_path / "names.txt").write_text("a\nb c\nd\n")
    pictures = [
        dali_ssd.show(shard, images=2, classes=one).tobytes()
        for one in (["a", "b c", "d"], ("a", "b c", "d"), "a,b c,d", tmp_path / "names.txt")
    ]
    assert len({*pictures}) == 1
    with pytest.raises(DatasetError, match="class names more than once"):
        dali_ssd.show(shard, classes=["a", "a"])
    for wrong in ([1, 2], ["a,b"], 3):
        with pytest.raises(ConfigError, match="classes must be a file, or names that have no commas"):
            dali_ssd.show(shard, classes=wrong)  # type: ignore[arg-type]


def test_boxes_of_the_original_are_where_they_are_stored(tmp_path: Path) -> None:
    with ShardWriter(tmp_path, "a") as writer:
        writer.write(record())
    _, [tile] = exhibit(ShowConfig((str(tmp_path / "a.rec"),), record=0))
    np.testing.assert_allclose(tile.boxes, [np.array(BOX) * [40, 30, 40, 30]], rtol=1e-6)
