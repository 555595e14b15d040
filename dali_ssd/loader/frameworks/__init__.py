"""The frameworks that batches go to, one per module; a new one takes a module and its name here."""

from __future__ import annotations

from typing import Literal, cast, get_args

from dali_ssd.errors import ConfigError
from dali_ssd.loader.frameworks.base import Device, Framework
from dali_ssd.util.optional import import_module

__all__ = ["Device", "Framework", "FrameworkName", "find_framework"]

FrameworkName = Literal["mxnet", "dlpack"]
"""Modules of this package."""


def find_framework(name: FrameworkName) -> Framework:
    """Return the module of a framework. Raises ConfigError if there is none of this name."""
    known = get_args(FrameworkName)
    if name not in known:
        raise ConfigError(f"framework must be {' or '.join(known)}, not {name!r}")
    return cast("Framework", import_module(f"{__name__}.{name}"))
