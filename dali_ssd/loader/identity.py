"""What decides which batches a loader gives, as texts that two runs can compare."""

from __future__ import annotations

import hashlib
import inspect
import numbers
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dali_ssd.errors import ConfigError
from dali_ssd.loader.recipes import Recipe

__all__ = ["code_of", "digest", "plain"]


def code_of(recipe: Recipe) -> bytes:
    """Return the source of the module that defines the training pipeline, or of the cell of a notebook.

    Raises ConfigError if there is none: a state could not be matched with this code.
    """
    definition = recipe.train
    while isinstance(definition, partial):
        definition = definition.func
    definition = inspect.unwrap(definition)  # else it is DALI's decorator
    try:
        file = Path(inspect.getfile(definition))
        return file.read_bytes() if file.is_file() else inspect.getsource(definition).encode()
    except (OSError, TypeError) as error:
        raise ConfigError(
            f"the code of the recipe {recipe.name}'s training pipeline cannot be read ({error}); define it in a file"
        ) from error


def plain(value: Any) -> Any:
    """Return options with all numbers as float, so that equal ones look equal whatever their type."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return float(value) if isinstance(value, numbers.Real) else value


def digest(array: Any) -> str:
    """Return a short text that stands for the numbers of an array."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]
