"""Renamed public names: the old ones work for one more release, with a warning that gives the new ones."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar, cast

from dali_ssd.errors import ConfigError

__all__ = ["renamed"]

Function = TypeVar("Function", bound=Callable[..., Any])


def renamed(**new_names: str) -> Callable[[Function], Function]:
    """Let a function also take keywords by old names, given as `old="new"`, with a DeprecationWarning."""

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def wrapper(*args: Any, **keywords: Any) -> Any:
            for old, new in new_names.items():
                if old not in keywords:
                    continue
                if new in keywords:
                    raise ConfigError(f"{old} is {new} under its old name; give it once")
                warnings.warn(f"{old} is deprecated; use {new} instead", DeprecationWarning, stacklevel=2)
                keywords[new] = keywords.pop(old)
            return function(*args, **keywords)

        return cast("Function", wrapper)

    return decorate
