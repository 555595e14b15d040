"""Parameter files under the names that GluonCV's script gives them, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mxnet as mx
from mxnet.base import MXNetError

from dali_ssd.errors import CheckpointError, DaliSsdError
from dali_ssd.gluon.checkpoint.header import require_parameter_file
from dali_ssd.gluon.checkpoint.shapes import difference
from dali_ssd.util.files import atomic_path
from dali_ssd.util.words import counted, first_line

__all__ = [
    "best_path",
    "load_parameters",
    "periodic_path",
    "save_best",
    "save_parameters",
]


def best_path(prefix: str) -> Path:
    """Return the file of the parameters with the best mAP."""
    return Path(f"{prefix}_best.params")


def periodic_path(prefix: str, epoch: int, mean_ap: float) -> Path:
    """Return the file of the parameters after `epoch`."""
    return Path(f"{prefix}_{epoch:04d}_{mean_ap:.4f}.params")


def save_parameters(net: Any, path: Path) -> None:
    """Write the parameters of a network. Raises DaliSsdError if that fails."""
    mx.nd.waitall()  # for the running means, see `state.parameter_arrays`
    try:
        with atomic_path(path) as temporary:
            net.save_parameters(str(temporary))
    except MXNetError as error:
        raise DaliSsdError(f"cannot write {path}: {first_line(error)}") from error


def save_best(net: Any, prefix: str, epoch: int, mean_ap: float) -> Path:
    """Write the best parameters so far, and a line to the log of best scores, as GluonCV's script does."""
    path = best_path(prefix)
    save_parameters(net, path)
    with open(f"{prefix}_best_map.log", "a", encoding="utf-8") as file:
        file.write(f"{epoch:04d}:\t{mean_ap:.4f}\n")
    return path


def load_parameters(net: Any, path: Path, ctx: Any) -> None:
    """Load parameters into a network. Raises CheckpointError if the file is damaged or belongs to another network."""
    require_parameter_file(path)
    stored = _read_whole(path)
    try:
        net.load_parameters(str(path), ctx=ctx)
    # The last two are of names that are not there, and of a file without names.
    except (MXNetError, AssertionError, ValueError, UnicodeDecodeError, KeyError, AttributeError) as error:
        here = {name: tuple(one.shape) for name, one in net._collect_params_with_prefix().items()}
        raise CheckpointError(
            f"{path} belongs to another network: {difference(stored, here) or first_line(error)}; "
            "are --network, --data-shape and --classes those of the training run?"
        ) from error


def _read_whole(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes in a file by name.

    Raises CheckpointError if no network could read the file; MXNet's error names a line of its own sources.
    """
    try:
        # A second read, but an error here can only come from the file.
        stored = mx.nd.load(str(path))
    except (MXNetError, ValueError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"{path} is cut short or damaged, its {counted(path.stat().st_size, 'byte')} make no whole parameter file; "
            "copy it again, or take another .params file of the training run"
        ) from error
    # A list: arrays without names, as no network has saved them.
    return {name: array.shape for name, array in stored.items()} if isinstance(stored, dict) else {}
