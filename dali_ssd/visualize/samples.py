"""Pictures of records from options: as stored, or as a training run sees them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dali_ssd.anchors import network_anchors
from dali_ssd.config import InputConfig, PipelineConfig
from dali_ssd.errors import ConfigError
from dali_ssd.loader import TrainLoader
from dali_ssd.loader.recipes import Recipe, asked_recipe
from dali_ssd.records.dataset import Dataset, Paths, expand_paths, list_paths
from dali_ssd.records.format.classes import names_or_none
from dali_ssd.records.format.labels import parse_label
from dali_ssd.records.inspect import whole_records
from dali_ssd.util.words import counted
from dali_ssd.visualize.grid import Tile, own_side, tile_grid
from dali_ssd.visualize.options import ShowConfig
from dali_ssd.visualize.stored import unit_of_boxes
from dali_ssd.visualize.tiles import box_tile, box_tiles, drawable_tiles, object_colors, stored_tiles, with_anchors

__all__ = ["augmented_images", "exhibit", "picture", "show"]

_log = logging.getLogger(__name__)

_SIDE, _LARGE = 300, 420
"""Pixels of the longer side of an image, and where there is more to see on it. A record alone has its own size."""


def show(
    shards: Paths,
    *,
    record: int | None = None,
    augmented: int | Literal["auto"] | None = None,
    targets: bool = False,
    network: str = ShowConfig.network,
    images: int = ShowConfig.images,
    columns: int = ShowConfig.columns,
    classes: str | Path | Sequence[str] = "",
    recipe: str = "",
    data_shape: int = 0,
    seed: int = ShowConfig.seed,
) -> Image.Image:
    """Return the picture that `dali-ssd show` draws, which a notebook shows by itself.

    Args:
        shards: a `.rec` path, many, or a glob such as `"data/train-*.rec"`.
        classes: names, or a file with one per line; by default `classes.txt` beside the shards.
        record, augmented, targets, network, images, columns, recipe, data_shape, seed: the command's options.

    Raises:
        ConfigError: options that cannot work.
        DatasetError: shards or a record that cannot be read.
    """
    config = ShowConfig(
        tuple(map(str, list_paths(shards))),
        record=record,
        augmented=augmented,
        targets=targets,
        network=network,
        images=images,
        columns=columns,
        classes=_option(classes),
        input=InputConfig(recipe, data_shape),
        seed=seed,
    )
    return picture(config)


def picture(config: ShowConfig) -> Image.Image:
    """Return the picture that the options ask for. Raises as `exhibit` does."""
    classes, tiles = exhibit(config)
    _warn_of_missing_names(classes, tiles)
    if config.record is not None and not config.views:
        side = own_side(tiles[0], _LARGE)
    else:
        side = _LARGE if config.targets or config.record is not None else _SIDE
    return tile_grid(tiles, classes, columns=config.columns, side=side)


def exhibit(config: ShowConfig) -> tuple[tuple[str, ...], list[Tile]]:
    """Return class names (none if nothing names them) and the tiles that the options ask for.

    Raises DatasetError, or a subclass of it, if shards cannot be read or have no such record; ConfigError if the
    network's anchors are not known.
    """
    shards = expand_paths(config.shards)
    classes = names_or_none(config.classes, shards)
    if not config.views:
        dataset = whole_records(shards)
        draw = drawable_tiles if config.record is None else stored_tiles
        return classes, draw(dataset, _numbers(dataset, config))
    recipe = asked_recipe(config.input)
    anchors = _anchors(config, recipe) if config.targets else None
    if config.record is None:
        original, tiles = [], augmented_images(shards, recipe, config.views, config.seed)
    else:
        dataset = whole_records(shards)
        [number] = _numbers(dataset, config)
        original, tiles = stored_tiles(dataset, [number]), _views(dataset, number, recipe, config.views, config.seed)
    if anchors is None:
        return classes, original + tiles
    return classes, [
        *(replace(tile, colors=object_colors(tile)) for tile in original),
        *(with_anchors(tile, anchors, recipe) for tile in tiles),
    ]


def augmented_images(shards: Sequence[Path], recipe: Recipe, count: int, seed: int = PipelineConfig.seed) -> list[Tile]:
    """Draw the first `count` images that a training run with this recipe and seed would see, with their boxes."""
    boxes = replace(recipe, targets=replace(recipe.targets, targets="boxes"))
    tiles: list[Tile] = []
    with TrainLoader(shards, batch_size=1, recipe=boxes, seed=seed, framework="dlpack") as loader:
        while len(tiles) < count:
            for batch in loader:
                tiles += box_tiles(batch, recipe)
                if len(tiles) == count:
                    break
    return tiles


def _warn_of_missing_names(classes: tuple[str, ...], tiles: Sequence[Tile]) -> None:
    most = max((int(tile.class_ids.max()) for tile in tiles if len(tile.class_ids)), default=-1)
    if classes and most >= len(classes):
        _log.warning(
            "there are %s, so objects up to class id %d have numbers in place of names; give the names of all ids",
            counted(len(classes), "class name"),
            most,
        )


def _option(classes: str | Path | Sequence[str]) -> str:
    """Return class names as the command line has them."""
    if isinstance(classes, str | Path):
        return str(classes)
    if not isinstance(classes, Sequence) or not all(isinstance(name, str) and "," not in name for name in classes):
        raise ConfigError(f"classes must be a file, or names that have no commas, not {classes!r}")
    return "".join(f"{name}," for name in classes)  # with a comma at the end, a single name is not taken for a file


def _anchors(config: ShowConfig, recipe: Recipe) -> NDArray[np.float32]:
    if recipe.targets.targets == "box_encoder":
        raise ConfigError(
            f"the recipe {recipe.name} makes its targets by DALI's operator, whose matching cannot be drawn; give a "
            "recipe with targets='exact'"
        )
    return network_anchors(config.network, recipe.image.data_shape)


def _numbers(dataset: Dataset, config: ShowConfig) -> list[int]:
    """Return the numbers of the records that are asked for."""
    if config.record is not None:
        return [dataset.number_of(config.record)]
    count = min(config.images, len(dataset))
    numbers = np.random.default_rng(config.seed).choice(len(dataset), count, replace=False)
    return sorted(int(number) for number in numbers)


def _views(dataset: Dataset, number: int, recipe: Recipe, count: int, seed: int) -> list[Tile]:
    from dali_ssd.visualize.views import views_of  # needs DALI, and what is stored does not

    unit = unit_of_boxes(parse_label(dataset.read(number)[0].label, dataset.place(number)))
    views = views_of(dataset, number, recipe, count, unit=unit, seed=seed)
    return [box_tile(*view, f"view {i}", recipe=recipe) for i, view in enumerate(views, 1)]
