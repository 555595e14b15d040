"""Parameter files under the names that GluonCV's script gives them, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mxnet as mx
from mxnet.base import MXNetError

from dali_ssd.errors import CheckpointError, DaliSsdError
from dali_ssd.util.files import atomic_path
from dali_ssd.util.words import counted, first_line

__all__ = [
    "best_path",
    "load_parameters",
    "periodic_path",
    "require_parameter_file",
    "save_best",
    "save_parameters",
]

_MAGIC = (0x112).to_bytes(8, "little")
"""First bytes of every file of `mx.nd.save`."""


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
    _require_whole(path)
    try:
        net.load_parameters(str(path), ctx=ctx)
    except (MXNetError, AssertionError, ValueError, KeyError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"{path} does not fit this network: {first_line(error)}; "
            "are --network, --data-shape and --classes those of the training run?"
        ) from error


def require_parameter_file(path: Path) -> None:
    """Raise CheckpointError if a file is not there, is empty, or does not begin as a parameter file does."""
    if not path.is_file():
        raise CheckpointError(f"there is no parameter file {path}")
    try:
        with open(path, "rb") as file:
            begin = file.read(len(_MAGIC))
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
    if not begin:
        raise CheckpointError(f"{path} is empty; copy it again, or take another .params file of the training run")
    if not _MAGIC.startswith(begin):
        raise CheckpointError(
            f"{path} is no parameter file of MXNet, its content is of another kind; "
            "give a .params file that a training run has saved"
        )


def _require_whole(path: Path) -> None:
    """Raise CheckpointError if no network could read the file; MXNet's error names a line of its own sources."""
    try:
        # A second read, but an error here can only come from the file.
        mx.nd.load(str(path))
    except (MXNetError, ValueError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"{path} is cut short or damaged, its {counted(path.stat().st_size, 'byte')} make no whole parameter file; "
            "copy it again, or take another .params file of the training run"
        ) from error
