"""The first bytes of a parameter file, by which it is known without MXNet."""

from __future__ import annotations

from pathlib import Path

from dali_ssd.errors import CheckpointError

__all__ = ["require_parameter_file"]

_MAGIC = (0x112).to_bytes(8, "little")
"""First bytes of every file of `mx.nd.save`."""


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
