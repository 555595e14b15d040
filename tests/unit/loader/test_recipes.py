"""A recipe's numbers reach the batch, and options given beside it replace them."""

from __future__ import annotations

from functools import partial, wraps
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from nvidia.dali import pipeline_def

from dali_ssd import TrainLoader, ValLoader, config
from dali_ssd.boxes import decode
from dali_ssd.config import AugmentConfig, TargetConfig
from dali_ssd.errors import ConfigError
from dali_ssd.graph.targets import encode_targets
from dali_ssd.loader.recipes import find_recipe
from dali_ssd.records.format.labels import build_label
from pipelines import ssd
from tests.support.loaders import FRAMEWORK, as_numpy
from tests.support.pipes import ANCHORS
from tests.support.recipe import OWN, SIDE
from tests.support.shards import draw, encoded, write

BOX = np.array([[0.125, 0.25, 0.625, 0.75]])
MIRRORED = np.array([[24, 16, 56, 48]], np.float32)
"""`BOX` in network pixels, from the other side."""

HERE = "tests.support.recipe:OWN"
train, val = partial(TrainLoader, framework=FRAMEWORK), partial(ValLoader, framework=FRAMEWORK)


@pytest.fixture(scope="module")
def pixels() -> npt.NDArray[np.uint8]:
    return draw(np.random.default_rng(0), SIDE, SIDE)


@pytest.fixture(scope="module")
def shard(pixels: npt.NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    (path,) = write(tmp_path_factory.mktemp("recipes"), [(build_label(BOX, [2]), encoded(pixels))] * 4)
    return path


def first(loader: Any) -> Any:
    with loader:
        return next(iter(loader))


@pytest.mark.parametrize("part", ["augment", "image", "targets"])
def test_the_recipe_of_these_tests_differs_in_every_number(part: str) -> None:
    usual = vars(getattr(find_recipe("ssd300"), part))
    assert {name for name, value in vars(getattr(OWN, part)).items() if value == usual[name]} <= {"targets"}


def test_every_number_of_a_recipe_reaches_the_training_batch(shard: Path, pixels: npt.NDArray[np.uint8]) -> None:
    batch = first(train(shard, anchors=ANCHORS, batch_size=2, recipe=HERE))
    data = as_numpy(batch.data[0])
    assert data.dtype == np.float16 and data.shape == (2, SIDE, SIDE, 3)
    mirrored = (pixels[:, ::-1] / 255 - OWN.image.mean) / OWN.image.std
    np.testing.assert_allclose(data[0], mirrored, atol=2e-3)
    classes, offsets = encode_targets(MIRRORED, [2], ANCHORS, OWN.targets)
    np.testing.assert_array_equal(as_numpy(batch.cls_targets[0])[0], classes)
    np.testing.assert_allclose(as_numpy(batch.box_targets[0])[0], offsets, atol=1e-4)
    positive = classes > 0
    assert positive.sum() > (encode_targets(MIRRORED, [2], ANCHORS)[0] > 0).sum()  # the lower threshold
    boxes = decode(offsets[positive].astype(np.float64), ANCHORS[positive].astype(np.float64), OWN.targets.stds)
    np.testing.assert_allclose(boxes, np.repeat(MIRRORED, positive.sum(), 0), atol=1e-3)


def test_every_number_of_a_recipe_reaches_the_validation_batch(shard: Path, pixels: npt.NDArray[np.uint8]) -> None:
    batch = first(val(shard, batch_size=2, recipe=HERE))
    data = as_numpy(batch.data[0])
    assert data.dtype == np.float16 and data.shape == (2, SIDE, SIDE, 3)
    np.testing.assert_allclose(data[0], (pixels / 255 - OWN.image.mean) / OWN.image.std, atol=2e-3)
    np.testing.assert_allclose(as_numpy(batch.labels[0])[0, 0], [8, 16, 40, 48, 2, 0], atol=1e-4)


def test_the_kind_of_targets_is_the_recipes(
    tmp_path: Path, pixels: npt.NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two objects with one best anchor, GluonCV's matching gives one the next best, and DALI's operator none."""
    monkeypatch.setattr(OWN, "targets", TargetConfig(targets="box_encoder"))
    boxes = np.concatenate([BOX, BOX + 0.02])
    (path,) = write(tmp_path, [(build_label(boxes, [0, 1]), encoded(pixels))] * 4)
    anchors = np.array([[40, 32, 32, 32], [20, 20, 32, 32]], np.float32)
    cases: list[tuple[dict[str, Any], int]] = [({}, 1), ({"targets": "exact"}, 2)]
    for options, positive in cases:
        batch = first(train(path, anchors=anchors, batch_size=2, recipe=HERE, **options))
        assert int((as_numpy(batch.cls_targets[0])[0] > 0).sum()) == positive


def test_the_pipeline_is_handed_the_recipes_augmentation(shard: Path) -> None:
    """What a batch of one mirrored image cannot show of it."""
    handed: list[Any] = []

    def spy(*args: Any, **options: Any) -> Any:
        handed.append(options["augment"])
        return ssd.train(*args, **options)

    recipe: Any = SimpleNamespace(**{**vars(OWN), "train": wraps(ssd.train)(spy)})
    with train(shard, anchors=ANCHORS, batch_size=2, recipe=recipe):
        assert handed == [OWN.augment]


def test_what_is_given_takes_the_place_of_the_recipes_numbers(shard: Path) -> None:
    batch = first(
        train(shard, anchors=ANCHORS, batch_size=2, recipe=HERE, dtype="float32", layout="NCHW", data_shape=SIDE)
    )
    assert batch.data[0].dtype == np.float32 and batch.data[0].shape == (2, 3, SIDE, SIDE)


@pytest.mark.parametrize("make", [partial(train, anchors=ANCHORS, augment=OWN.augment), val], ids=["train", "val"])
def test_mean_and_std_may_be_given(shard: Path, pixels: npt.NDArray[np.uint8], make: Any) -> None:
    mean, std = (0.4, 0.3, 0.2), (0.1, 0.2, 0.3)
    batch = first(make(shard, batch_size=2, data_shape=SIDE, mean=mean, std=std))
    wanted = (pixels / 255 - mean) / std
    if make is not val:
        wanted = wanted[:, ::-1]
    np.testing.assert_allclose(as_numpy(batch.data[0])[0], wanted.transpose(2, 0, 1), atol=1e-4)


@pytest.mark.parametrize(
    ("options", "name", "size"),
    [
        ({}, "ssd300", 300),
        ({"data_shape": 300}, "ssd300", 300),
        ({"data_shape": 128}, "ssd300", 128),
        ({"data_shape": 512}, "ssd512", 512),
        ({"recipe": "ssd512"}, "ssd512", 512),
        ({"recipe": "ssd512", "data_shape": 512}, "ssd512", 512),
        ({"recipe": "pipelines.ssd300"}, "pipelines.ssd300", 300),
    ],
)
def test_which_recipe_and_which_size(options: dict[str, Any], name: str, size: int) -> None:
    recipe = find_recipe(**options)
    assert (recipe.name, recipe.image.data_shape) == (name, size)
    assert recipe.augment == AugmentConfig() and recipe.targets == TargetConfig()
    assert recipe.image.mean == config.IMAGENET_MEAN
    assert find_recipe(recipe) == recipe


@pytest.mark.parametrize("recipe", [OWN, find_recipe(HERE), HERE], ids=["object", "Recipe", "name"])
def test_a_recipe_may_be_handed_over_as_it_is(shard: Path, recipe: Any) -> None:
    with train(shard, anchors=ANCHORS, batch_size=2, recipe=recipe) as loader:
        assert loader.recipe.image == OWN.image
        loader.load_state_dict(loader.state_dict())


def test_equal_numbers_of_other_types_are_the_same_run(shard: Path) -> None:
    options: dict[str, Any] = {"anchors": ANCHORS, "batch_size": 2}
    side: Any = np.int64(SIDE)
    with (
        train(shard, **options, data_shape=SIDE, augment=AugmentConfig(hue=36)) as one,
        train(shard, **options, data_shape=side, augment=AugmentConfig(hue=36.0)) as other,
    ):
        other.load_state_dict(one.state_dict())


def test_code_that_nobody_can_read_is_refused_before_the_shards() -> None:
    scope: dict[str, Any] = {"pipeline_def": pipeline_def}
    code = "@pipeline_def\ndef train(*args, **options): ..."
    exec(compile(code, "<typed>", "exec"), scope)  # a "<string>" has a source where `python -c` runs, as workers do
    recipe: Any = SimpleNamespace(**{**vars(OWN), "train": scope["train"]})
    with pytest.raises(ConfigError, match=r"the code of the recipe .* cannot be read"):
        train("none.rec", anchors=ANCHORS, recipe=recipe)


def test_a_pipeline_with_some_options_set_is_one(shard: Path) -> None:
    recipe: Any = SimpleNamespace(**{**vars(OWN), "train": partial(ssd.train)})
    with train(shard, anchors=ANCHORS, batch_size=2, recipe=recipe) as loader:
        loader.load_state_dict(loader.state_dict())


@pytest.mark.parametrize("part", ["train", "val"])
def test_a_pipeline_that_still_takes_a_device_is_told_of_where(part: str) -> None:
    @pipeline_def
    def old(records: Any, *, device: str) -> None: ...

    with pytest.raises(ConfigError, match=rf"{part} of the recipe .* takes `device`, and must take `where`"):
        find_recipe(SimpleNamespace(**{**vars(OWN), part: old}))


@pipeline_def
def _train_nothing(
    records: Any, anchors: Any, augment: Any, image: Any, targets: Any, *, initial_fill: int, upright: Any, unit: Any,
    where: Any,
) -> None: ...  # fmt: skip


@pipeline_def
def _val_nothing(records: Any, image: Any, *, upright: Any, unit: Any, where: Any) -> None: ...


def _nothing(*_: Any, **__: Any) -> None: ...


def _object(*_: Any, **__: Any) -> dict[str, int]:
    return {}


@pytest.mark.parametrize("make", [train, val], ids=["train", "val"])
def test_a_recipe_that_returns_no_pipeline_is_named(shard: Path, make: Any) -> None:
    part, options = ("train", {"anchors": ANCHORS}) if make is train else ("val", {})
    empty = _train_nothing if make is train else _val_nothing
    for definition, what in ((_nothing, "None"), (empty, "a pipeline without outputs"), (_object, "class dict")):
        recipe = SimpleNamespace(name="mine", **{**vars(OWN), part: definition})
        with pytest.raises(ConfigError, match=rf"{part} of the recipe mine returns .*{what}, and must return a DALI"):
            make(shard, batch_size=2, recipe=recipe, **options)


def test_what_a_recipe_lacks_is_named() -> None:
    with pytest.raises(ConfigError, match=r"recipe dali_ssd.config lacks train, val, augment, image, targets; "):
        find_recipe("dali_ssd.config")
    with pytest.raises(ConfigError, match=r"train of the recipe .* must be the definition of a pipeline"):
        find_recipe(SimpleNamespace(**{**vars(OWN), "train": None}))


@pytest.mark.parametrize("make", [train, val], ids=["train", "val"])
def test_the_size_reaches_the_batch(shard: Path, make: Any) -> None:
    options = {"anchors": ANCHORS} if make is train else {}
    assert first(make(shard, batch_size=2, recipe="ssd512", **options)).data[0].shape == (2, 3, 512, 512)


def test_a_size_and_a_recipe_that_disagree_are_both_named(shard: Path) -> None:
    for make in (find_recipe, lambda name, **options: val(shard, recipe=name, **options)):
        with pytest.raises(ConfigError, match=r"recipe ssd512 renders 512 pixels, and data_shape is 300"):
            make("ssd512", data_shape=300)


@pytest.mark.parametrize("name", ["ssd9000", "pipelines.ssd300:nothing", "no.such.module:x", "", ":", "a b"])
def test_an_unknown_recipe_is_an_error_that_lists_the_known(name: str) -> None:
    with pytest.raises(ConfigError, match="ssd300"):
        find_recipe(name)


def test_a_part_of_a_recipe_that_is_something_else_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OWN, "image", 300)
    with pytest.raises(ConfigError, match=r"image of the recipe .* must be of the class RenderConfig, not 300"):
        find_recipe(HERE)
