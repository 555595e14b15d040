"""The options of the loaders: as the classes that define them, or one by one as keywords.

The classes hold names, types and defaults (`PipelineConfig`, `RecordsConfig`, `NvjpegConfig`, the parts of a recipe).
`ValOptions`, `TrainOptions` and their bases only let editors and type checkers see the names as keywords; a test
compares them with the classes.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Set
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, NamedTuple

from typing_extensions import TypedDict

from dali_ssd.config import (
    AnyUnit,
    AugmentConfig,
    NvjpegConfig,
    OnBad,
    PipelineConfig,
    PluginUse,
    RecordsConfig,
    TargetKind,
)
from dali_ssd.errors import ConfigError
from dali_ssd.loader.recipes import Recipe, find_recipe
from dali_ssd.util.files import require_folder_of
from dali_ssd.util.validation import is_whole

__all__ = [
    "LoaderOptions",
    "PartOptions",
    "RandomOptions",
    "SharedOptions",
    "TrainOptions",
    "ValOptions",
    "check_records_options",
    "check_world",
    "gather",
    "refuse_other_names",
]


class SharedOptions(TypedDict, total=False):
    """Keywords of all loaders, for any framework."""

    data_shape: int | None
    mean: tuple[float, float, float] | None
    std: tuple[float, float, float] | None
    batch_size: int
    num_threads: int | Literal["auto"]
    prefetch: int
    upright: bool
    plugin: PluginUse
    hw_decoder_load: float
    preallocate_width: int
    preallocate_height: int
    on_bad: OnBad
    max_bad: float
    coordinates: AnyUnit


class RandomOptions(TypedDict, total=False):
    """Keywords of loaders for training, for any framework."""

    augment: AugmentConfig | None
    targets: TargetKind | None
    initial_fill: int
    seed: int


class ValOptions(SharedOptions, total=False):
    """Keywords of both loaders."""

    dtype: Literal["float32", "float16"] | None
    layout: Literal["NCHW", "NHWC"] | None


class TrainOptions(ValOptions, RandomOptions, total=False):
    """Keywords of `TrainLoader`."""


class PartOptions(TypedDict, total=False):
    """Keywords that the loaders name themselves, for loaders that only hand them on."""

    recipe: str | Recipe | ModuleType | None
    num_classes: int | None
    bad_list: str | Path | None
    pipeline: PipelineConfig | None
    records: RecordsConfig | None
    nvjpeg: NvjpegConfig | None


class LoaderOptions(NamedTuple):
    """All options of a loader."""

    recipe: Recipe
    pipeline: PipelineConfig
    records: RecordsConfig
    nvjpeg: NvjpegConfig


def gather(
    names: type[ValOptions],
    given: Mapping[str, Any],
    recipe: Any,
    pipeline: PipelineConfig | None,
    records: RecordsConfig | None,
    nvjpeg: NvjpegConfig | None,
) -> LoaderOptions:
    """Return a loader's options, with keywords in place of the recipe's numbers and the classes' fields.

    Raises:
        TypeError: a keyword that is not among the `names`.
        ConfigError: values that cannot work.
    """
    _refuse_unknown("a loader", given, names.__annotations__.keys())
    kinds = (PipelineConfig, RecordsConfig, NvjpegConfig)
    for name, value, kind in zip(("pipeline", "records", "nvjpeg"), (pipeline, records, nvjpeg), kinds, strict=True):
        if not isinstance(value, kind | None):
            raise ConfigError(f"{name} must be a {kind.__name__}, not {value!r}")
    of_pipeline, of_records, of_nvjpeg = (
        {field.name: given[field.name] for field in fields(kind) if field.name in given} for kind in kinds
    )
    of_recipe = {name: value for name, value in given.items() if name not in of_pipeline | of_records | of_nvjpeg}
    return LoaderOptions(
        find_recipe(recipe, **of_recipe),
        replace(pipeline or PipelineConfig(), **of_pipeline),
        replace(records or RecordsConfig(), **of_records),
        replace(nvjpeg or NvjpegConfig(), **of_nvjpeg),
    )


def refuse_other_names(
    framework: str, loader: type, names: type[SharedOptions], given: Mapping[str, Any], instead: Mapping[str, str]
) -> None:
    """Raise TypeError for keywords that a loader for one framework does not have.

    Args:
        framework: whose loader it is, for messages.
        loader: its class, whose own keywords there are as well.
        names: the keywords that it hands on.
        given: those that it was given to hand on.
        instead: keywords of the loader for all frameworks that it lacks, and what to give in their place.
    """
    instead = {**instead, "num_shards": "world_size", "shard_id": "rank"}
    for name in given:
        if name in instead:
            raise TypeError(f"a loader for {framework} has no option {name!r}; give {instead[name]}")
    own = {name for name, one in inspect.signature(loader).parameters.items() if one.kind is one.KEYWORD_ONLY}
    _refuse_unknown(f"a loader for {framework}", given, own | names.__annotations__.keys())


def check_records_options(num_classes: int | None, bad_list: str | Path | None) -> Path | None:
    """Return the path of `bad_list`. Raises ConfigError if `num_classes` or `bad_list` cannot work."""
    if num_classes is not None and not (is_whole(num_classes) and num_classes > 0):
        raise ConfigError(f"num_classes must be a whole number of at least 1, not {num_classes!r}")
    if bad_list is not None and (not isinstance(bad_list, (str, Path)) or Path(bad_list).suffix != ".txt"):
        raise ConfigError(f"bad_list is a list, so its name must end in .txt, not {str(bad_list)!r}")
    if bad_list is None:
        return None
    require_folder_of("bad_list", bad_list)
    return Path(bad_list)


def check_world(world_size: int, rank: int) -> None:
    """Raise ConfigError unless `rank` is the number of one of `world_size` processes."""
    if not (is_whole(world_size) and world_size > 0):
        raise ConfigError(f"world_size must be a whole number of at least 1, not {world_size!r}")
    if not (is_whole(rank) and 0 <= rank < world_size):
        raise ConfigError(f"rank must be a whole number within 0..{world_size - 1}, not {rank!r}")


def _refuse_unknown(loader: str, given: Mapping[str, Any], known: Set[str]) -> None:
    unknown = sorted(given.keys() - known)
    if unknown:
        raise TypeError(f"{loader} has no option {unknown[0]!r}; there are {', '.join(sorted(known))}")
