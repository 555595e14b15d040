"""What decides which batches a loader gives, as texts that two runs can compare, and states that hold them."""

from __future__ import annotations

import base64
import hashlib
import inspect
import numbers
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dali_ssd.errors import CheckpointError, ConfigError
from dali_ssd.loader.recipes import Recipe
from dali_ssd.util.validation import is_whole

__all__ = ["code_of", "digest", "plain", "require_same_run", "require_whole"]


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


def require_same_run(state: Any, ours: Mapping[str, str]) -> None:
    """Raise CheckpointError if a state is none of a loader, or belongs to another rank, other data, options or code.

    `ours` is the identity of the loader that is to go on from it, and its rank.
    """
    identity = state.get("identity") if isinstance(state, Mapping) else None
    if not isinstance(identity, Mapping):
        raise CheckpointError("the loader's state has no identity: it is none that state_dict() returned")
    theirs = {"the rank": state.get("rank", ours["the rank"]), **identity}  # older states have no rank
    differ = [
        f"{name} was {theirs.get(name)} and is {ours[name]}" for name in ours if str(theirs.get(name)) != ours[name]
    ]
    if differ:
        raise CheckpointError(f"the loader's state belongs to another run: {'; '.join(differ)}")


def require_whole(state: Mapping[str, Any], groups: int, devices: int, per_run: int) -> None:
    """Raise CheckpointError unless a state has all that `TrainLoader.state_dict` returns, each within its limits.

    There are `groups` groups of a pipeline for each of `devices`, with `per_run` batches in a run. The limit of `batch`
    depends on the epoch, and is not known here.
    """
    faults = [
        f"{name} must be a whole number of at least 0, not {state.get(name)!r}"
        for name in ("epoch", "batch")
        if not _within(state.get(name))
    ]
    if not _within(state.get("turn"), groups):
        faults.append(f"turn must be a whole number within 0..{groups - 1}, not {state.get('turn')!r}")
    given = state.get("groups")
    if not isinstance(given, (list, tuple)) or len(given) != groups:
        faults.append(f"groups must be a list of {groups}")
    elif not all(isinstance(group, Mapping) and _within(group.get("taken"), per_run) for group in given):
        faults.append(f"taken of each of the groups must be a whole number within 0..{per_run - 1}")
    elif not all(_are_checkpoints(group.get("pipelines"), devices) for group in given):
        faults.append(f"pipelines of each of the groups must be a list of {devices}, texts in base64")
    if faults:
        raise CheckpointError(f"the loader's state is damaged: {'; '.join(faults)}")


def _within(value: Any, count: int | None = None) -> bool:
    """Return whether a value is a whole number from 0 on, and below `count`."""
    return is_whole(value) and value >= 0 and (count is None or value < count)


def _are_checkpoints(values: Any, count: int) -> bool:
    """Return whether values are `count` texts in base64, or None for a pipeline at its beginning."""
    if not isinstance(values, (list, tuple)) or len(values) != count:
        return False
    try:
        for text in values:
            if text is not None:
                base64.b64decode(text, validate=True)
    except (TypeError, ValueError):  # as binascii's own is
        return False
    return True
