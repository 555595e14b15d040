"""Recipes found by name, and what is left of their numbers once arguments are put in their places.

The package does not know which recipes there are: they are found through the entry points of `GROUP`, or as modules.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from typing import Any

from dali_ssd.config import AugmentConfig, RenderConfig, TargetConfig
from dali_ssd.errors import ConfigError

__all__ = ["GROUP", "Recipe", "find_recipe"]

GROUP = "dali_ssd.pipelines"
"""The entry-point group in which packages announce their recipes."""


@dataclass(frozen=True)
class Recipe:
    """All that decides what a batch looks like."""

    name: str
    train: Any
    """Definition of the training pipeline, as `pipelines.ssd.train` is one."""
    val: Any
    """Definition of the validation pipeline, as `pipelines.ssd.val` is one."""
    augment: AugmentConfig
    image: RenderConfig
    targets: TargetConfig


_PARTS: dict[str, type] = {
    "train": object,
    "val": object,
    "augment": AugmentConfig,
    "image": RenderConfig,
    "targets": TargetConfig,
}
"""What a recipe has, by name, and what each is."""


def find_recipe(
    name: str | Recipe | None = None,
    *,
    data_shape: int | None = None,
    dtype: Any = None,
    layout: Any = None,
    targets: Any = None,
    augment: AugmentConfig | None = None,
) -> Recipe:
    """Return a recipe, with what is given here in place of its own numbers; None: as the recipe has it.

    Args:
        name: an entry point of the group `dali_ssd.pipelines`, or `module` or `module:attribute`; or what an earlier
            call found. None: `ssd512` for 512 pixels, else `ssd300` at the size that `data_shape` says.

    Raises:
        ConfigError: there is none of this name, the message lists those that are known; or it renders another size than
            `data_shape`; or a value cannot work.
    """
    usual = "ssd512" if data_shape == 512 else "ssd300"
    found = name if isinstance(name, Recipe) else _load(usual if name is None else name)
    size = found.image.data_shape
    if name is not None and data_shape not in (None, size):
        raise ConfigError(
            f"recipe {found.name} renders {size} pixels, and data_shape is {data_shape}; leave one of them out"
        )
    given = {"data_shape": data_shape, "dtype": dtype, "layout": layout}
    image = replace(found.image, **{name: value for name, value in given.items() if value is not None})
    if targets is not None:
        found = replace(found, targets=replace(found.targets, targets=targets))
    return replace(found, image=image, augment=found.augment if augment is None else augment)


def _load(name: str) -> Recipe:
    known = {entry.name: entry for entry in entry_points(group=GROUP)}
    module, _, attribute = name.partition(":")
    try:
        found = known[name].load() if name in known else importlib.import_module(module)
        found = getattr(found, attribute) if attribute else found
        parts = {part: getattr(found, part) for part in _PARTS}
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"no recipe {name!r} ({error}); known are {', '.join(sorted(known)) or 'none'}, or give module:attribute"
        ) from error
    for part, kind in _PARTS.items():
        if not isinstance(parts[part], kind):
            raise ConfigError(f"{part} of the recipe {name!r} must be a {kind.__name__}, not {parts[part]!r}")
    return Recipe(name, **parts)
