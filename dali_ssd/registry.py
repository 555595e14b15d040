"""Pipelines found by name: the package does not know which there are."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import Any

from dali_ssd.errors import ConfigError

__all__ = ["GROUP", "find_pipeline"]

GROUP = "dali_ssd.pipelines"
"""The entry-point group in which packages announce their pipelines."""
PARTS = ("train", "val", "augment", "image", "targets")
"""What a recipe has: two pipelines, and its `AugmentConfig`, `RenderConfig` and `TargetConfig`."""


def find_pipeline(name: str) -> Any:
    """The recipe (a module or object with all `PARTS`) of this name.

    Args:
        name: an entry point of the group `dali_ssd.pipelines`, or `module` or `module:attribute`.

    Raises:
        ConfigError: there is none; the message lists the names that are known.
    """
    known = {entry.name: entry for entry in entry_points(group=GROUP)}
    module, _, attribute = name.partition(":")
    try:
        found = known[name].load() if name in known else importlib.import_module(module)
        found = getattr(found, attribute) if attribute else found
        for part in PARTS:
            getattr(found, part)
        return found
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"no pipeline {name!r} ({error}); known are {', '.join(sorted(known)) or 'none'}, or give module:attribute"
        ) from error
