"""Commands of advice as they can be typed: with the shards, names and units that were given to the inspection."""

from __future__ import annotations

import shlex

from dali_ssd.inspection.options import InspectConfig

__all__ = ["check_command", "milder_recipe", "reshard_command", "show_command", "train_command"]


def check_command(config: InspectConfig, *options: str) -> str:
    """Return the command that checks all shards."""
    return _typed("check", *config.shards, *_names_and_unit(config), *options)


def reshard_command(config: InspectConfig, count: int) -> str:
    """Return the command that deals the records of all shards out to so many new ones, in random order."""
    return _typed("reshard", *config.shards, "--out", "resharded", "--shards", str(count), "--shuffle", *_names(config))


def show_command(config: InspectConfig, shard: str, key: int) -> str:
    """Return the command that draws one record, by the key that it has in its shard."""
    return _typed("show", shard, "--record", str(key), *_names(config))


def train_command(config: InspectConfig, network: str, data_shape: int) -> str:
    """Return the command that trains a network of a size on the shards.

    Without the recipe: one that is named renders a single size.
    """
    size = ["--network", network, "--data-shape", str(data_shape)]
    return _typed("train", *size, "--train", *config.shards, *_names_and_unit(config))


def milder_recipe(config: InspectConfig, expand_ratio: tuple[float, float]) -> str:
    """Return a module whose `recipe` is the one that was inspected, with other canvases."""
    recipe, size = config.input.recipe, config.input.data_shape
    asked = repr(recipe) if recipe else f"data_shape={size}" if size else ""
    ratio = ", ".join(f"{end:g}" for end in expand_ratio)
    return (
        "from dataclasses import replace\n\n"
        "from dali_ssd.loader.recipes import find_recipe\n\n"
        f"recipe = find_recipe({asked})\n"
        f"recipe = replace(recipe, augment=replace(recipe.augment, expand_ratio=({ratio})))"
    )


def _typed(*words: str) -> str:
    return shlex.join(["dali-ssd", *words])


def _names(config: InspectConfig) -> list[str]:
    return ["--classes", config.classes] if config.classes else []


def _names_and_unit(config: InspectConfig) -> list[str]:
    unit = ["--coordinates", config.coordinates] if config.coordinates != InspectConfig.coordinates else []
    return [*_names(config), *unit]
