"""Recipes found by name, with arguments in place of their numbers.

The package has no list of recipes: they are found through the entry points of `GROUP`, or as modules.
"""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from typing import Any, Literal

from dali_ssd.config import AugmentConfig, InputConfig, RenderConfig, TargetConfig
from dali_ssd.errors import ConfigError
from dali_ssd.util.optional import explain

__all__ = ["GROUP", "Recipe", "asked_recipe", "build", "find_recipe"]

GROUP = "dali_ssd.pipelines"
"""The entry-point group in which packages announce their recipes."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a batch looks like."""

    name: str
    train: Any
    """Definition of the training pipeline, such as `pipelines.ssd.train`."""
    val: Any
    """Definition of the validation pipeline, such as `pipelines.ssd.val`."""
    augment: AugmentConfig
    image: RenderConfig
    targets: TargetConfig


def asked_recipe(config: InputConfig) -> Recipe:
    """Return the recipe for a command's options. Raises as `find_recipe` does."""
    return find_recipe(config.recipe or None, data_shape=config.data_shape or None)


_PARTS: dict[str, type] = {"augment": AugmentConfig, "image": RenderConfig, "targets": TargetConfig}
_PIPELINES = ("train", "val")


def find_recipe(
    recipe: Any = None,
    *,
    data_shape: int | None = None,
    dtype: Any = None,
    layout: Any = None,
    mean: Any = None,
    std: Any = None,
    targets: Any = None,
    augment: AugmentConfig | None = None,
) -> Recipe:
    """Return a recipe, with the arguments that are not None in place of its own numbers.

    Args:
        recipe: an entry point of the group `dali_ssd.pipelines`, or `module` or `module:attribute`; or a `Recipe`, a
            module or anything else with its parts. None: `ssd512` for 512 pixels, else `ssd300` at the size of
            `data_shape`.

    Raises:
        ConfigError: there is no recipe of this name (the message lists the known ones); or it renders another size than
            `data_shape`; or a value cannot work.
        MissingDependencyError: the recipe needs a package that is not installed.
    """
    usual = "ssd512" if data_shape == 512 else "ssd300"
    found = _load(usual if recipe is None else recipe)
    size = found.image.data_shape
    if recipe is not None and data_shape not in (None, size):
        raise ConfigError(
            f"recipe {found.name} renders {size} pixels, and data_shape is {data_shape}; leave one of them out"
        )
    given = {"data_shape": data_shape, "dtype": dtype, "layout": layout, "mean": mean, "std": std}
    image = replace(found.image, **{name: value for name, value in given.items() if value is not None})
    if targets is not None:
        found = replace(found, targets=replace(found.targets, targets=targets))
    return _checked(replace(found, image=image, augment=found.augment if augment is None else augment))


def build(made: Any, recipe: Recipe, part: Literal["train", "val"]) -> None:
    """Build what a recipe's definition has returned. Raises ConfigError if that is no pipeline with outputs."""
    from nvidia.dali import Pipeline

    kind = f"an object of the class {type(made).__name__}"
    if isinstance(made, Pipeline):
        try:
            made.build()
            return
        except NotImplementedError:  # DALI's, for a definition that returns nothing
            kind = "a pipeline without outputs"
    kind = "None" if made is None else kind
    raise ConfigError(
        f"{part} of the recipe {recipe.name} returns {kind}, and must return a DALI pipeline with outputs: decorate it "
        "with `nvidia.dali.pipeline_def`, and return what pipelines.ssd does"
    )


def _load(recipe: Any) -> Recipe:
    if not isinstance(recipe, str):
        return _from_parts(recipe, str(getattr(recipe, "name", getattr(recipe, "__name__", repr(recipe)))))
    known = {entry.name: entry for entry in entry_points(group=GROUP)}
    module, _, attribute = recipe.partition(":")
    try:
        found = known[recipe].load() if recipe in known else importlib.import_module(module)
        return _from_parts(getattr(found, attribute) if attribute else found, recipe)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        missing = explain(error)
        if missing is not None:
            raise missing from error
        raise ConfigError(
            f"no recipe {recipe!r} ({error}); known are {', '.join(sorted(known)) or 'none'}, or give module:attribute"
        ) from error


def _from_parts(found: Any, name: str) -> Recipe:
    lacks = [part for part in (*_PIPELINES, *_PARTS) if not hasattr(found, part)]
    if lacks:
        raise ConfigError(f"recipe {name} lacks {', '.join(lacks)}; it needs {', '.join((*_PIPELINES, *_PARTS))}")
    return _checked(Recipe(name, *(getattr(found, part) for part in (*_PIPELINES, *_PARTS))))


def _checked(recipe: Recipe) -> Recipe:
    for part, kind in _PARTS.items():
        value = getattr(recipe, part)
        if not isinstance(value, kind):
            raise ConfigError(
                f"{part} of the recipe {recipe.name!r} must be of the class {kind.__name__}, not {value!r}"
            )
    for part in _PIPELINES:
        if not callable(getattr(recipe, part)):
            raise ConfigError(f"{part} of the recipe {recipe.name} must be the definition of a pipeline")
        names = _parameters(getattr(recipe, part))
        if "device" in names and "where" not in names:
            raise ConfigError(
                f"{part} of the recipe {recipe.name} takes `device`, and must take `where`, a "
                "`dali_ssd.graph.where.Where`, in its place; `where.device` is what `device` was"
            )
    return recipe


def _parameters(definition: Any) -> list[str]:
    """Return the names of a definition's own parameters, below DALI's decorator; none if Python cannot tell."""
    try:
        return list(inspect.signature(definition).parameters)
    except (TypeError, ValueError):
        return []
