"""Pictures of records from options: as stored, or as a training run sees them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dali_ssd.config import PipelineConfig
from dali_ssd.kernels.targets import as_center_anchors
from dali_ssd.loader import TrainLoader
from dali_ssd.loader.recipes import Recipe, asked_recipe
from dali_ssd.records.dataset import expand_paths, open_dataset
from dali_ssd.records.format.classes import CLASSES_FILE, class_names
from dali_ssd.visualize.grid import Tile
from dali_ssd.visualize.options import ShowConfig
from dali_ssd.visualize.tiles import augmented_tiles, box_tiles, stored_tiles

__all__ = ["augmented_images", "exhibit", "grid_anchors"]


def exhibit(config: ShowConfig) -> tuple[tuple[str, ...], list[Tile]]:
    """Return class names (none if nothing names them) and the tiles that the options ask for.

    Raises DatasetError, or a subclass of it, if shards cannot be read.
    """
    shards = expand_paths(config.shards)
    named = config.classes or all((shard.parent / CLASSES_FILE).is_file() for shard in shards)
    classes = class_names(config.classes, shards) if named else ()
    if config.augmented:
        return classes, augmented_images(shards, asked_recipe(config.input), config.images, config.seed)
    dataset = open_dataset(shards)
    count = min(config.images, len(dataset))
    numbers = np.random.default_rng(config.seed).choice(len(dataset), count, replace=False)
    return classes, stored_tiles(dataset, sorted(int(number) for number in numbers))


def augmented_images(shards: Sequence[Path], recipe: Recipe, count: int, seed: int = PipelineConfig.seed) -> list[Tile]:
    """Draw the first `count` images that a training run with this recipe and seed would see."""
    anchors = None if recipe.targets.targets == "boxes" else grid_anchors(recipe.image.data_shape)
    tiles: list[Tile] = []
    with TrainLoader(shards, anchors=anchors, batch_size=1, recipe=recipe, seed=seed, framework="dlpack") as loader:
        while len(tiles) < count:
            for batch in loader:
                if anchors is None:
                    tiles += box_tiles(batch, recipe)
                else:
                    tiles += augmented_tiles(batch, as_center_anchors(anchors), recipe)
                if len(tiles) == count:
                    break
    return tiles


def grid_anchors(data_shape: int) -> NDArray[np.float32]:
    """Lay square anchors of all sizes everywhere, (1, N, 4), so that every box has one to be drawn from."""
    sizes = [side for side in (8, 16, 32, 64, 128, 256, 512, 1024) if side <= data_shape]
    parts = []
    for side in sizes:
        centers = np.arange(side / 2, data_shape, max(side / 2, 8))
        x, y = np.meshgrid(centers, centers)
        parts.append(np.stack([x, y, np.full_like(x, side), np.full_like(x, side)], axis=-1).reshape(-1, 4))
    anchors: NDArray[np.float32] = np.concatenate(parts)[None].astype(np.float32)
    return anchors
