"""Parameter files under the names that GluonCV's script gives them, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mxnet as mx
from mxnet.base import MXNetError

from dali_ssd.errors import CheckpointError, DaliSsdError
from dali_ssd.util.files import atomic_path
from dali_ssd.util.words import counted, first_line

__all__ = ["best_path", "load_parameters", "periodic_path", "save_best", "save_parameters"]

_MAGIC = (0x112).to_bytes(8, "little")
"""What every file of `mx.nd.save` begins with."""


def best_path(prefix: str) -> Path:
    """File of the parameters with the best mAP."""
    return Path(f"{prefix}_best.params")


def periodic_path(prefix: str, epoch: int, mean_ap: float) -> Path:
    """File of the parameters after `epoch`."""
    return Path(f"{prefix}_{epoch:04d}_{mean_ap:.4f}.params")


def save_parameters(net: Any, path: Path) -> None:
    """Write the parameters of a network; raises DaliSsdError where that fails."""
    mx.nd.waitall()  # for the running means, see `capture.parameter_arrays`
    try:
        with atomic_path(path) as temporary:
            net.save_parameters(str(temporary))
    except MXNetError as error:
        raise DaliSsdError(f"cannot write {path}: {first_line(error)}") from error


def save_best(net: Any, prefix: str, epoch: int, mean_ap: float) -> Path:
    """Write the best parameters so far, and a line to the log of bests that GluonCV's script keeps."""
    path = best_path(prefix)
    save_parameters(net, path)
    with open(f"{prefix}_best_map.log", "a", encoding="utf-8") as file:
        file.write(f"{epoch:04d}:\t{mean_ap:.4f}\n")
    return path


def load_parameters(net: Any, path: Path, ctx: Any) -> None:
    """Read parameters into a network; raises CheckpointError where the file is none or belongs to another network."""
    _check_file(path)
    try:
        net.load_parameters(str(path), ctx=ctx)
    except (MXNetError, AssertionError, ValueError, KeyError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"{path} does not fit this network: {first_line(error)}; "
            "are --network, --data-shape and --classes those of the training?"
        ) from error


def _check_file(path: Path) -> None:
    """Raise CheckpointError where no network could read the file; MXNet would name a line of its own sources."""
    if not path.is_file():
        raise CheckpointError(f"there is no parameter file {path}")
    try:
        with open(path, "rb") as file:
            begin = file.read(len(_MAGIC))
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
    if not begin:
        raise CheckpointError(f"{path} is empty; copy it again, or take another .params file of the training")
    if not _MAGIC.startswith(begin):
        raise CheckpointError(
            f"{path} is no parameter file of MXNet, its content is of another kind; "
            "give a .params file that a training has saved"
        )
    try:
        # Once more than needed, but only here does an error mean the file and nothing else.
        mx.nd.load(str(path))
    except (MXNetError, ValueError, UnicodeDecodeError) as error:
        raise CheckpointError(
            f"{path} is cut short or damaged, its {counted(path.stat().st_size, 'byte')} make no whole parameter file; "
            "copy it again, or take another .params file of the training"
        ) from error
