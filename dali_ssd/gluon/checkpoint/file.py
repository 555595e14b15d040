"""The file of a checkpoint: arrays and JSON in one uncompressed zip with check sums, replaced atomically.

No pickle: reading a checkpoint runs no code from it.
"""

from __future__ import annotations

import base64
import io
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dali_ssd.errors import CheckpointError
from dali_ssd.util.files import atomic_open

__all__ = [
    "ABANDONED",
    "SUFFIX",
    "checkpoint_path",
    "find_checkpoints",
    "keep_newest",
    "newest_whole",
    "read_checkpoint",
    "set_aside_after",
    "write_checkpoint",
]

Arrays: TypeAlias = dict[str, NDArray[Any]]

SUFFIX = ".ckpt"
ABANDONED = ".abandoned"
"""Added to the names of checkpoints that a training no longer builds on."""
FORMAT = 2
"""Number of the layout; a reader refuses others."""
_META = "meta.json"
_npy: Any = np.lib.format
"""Its functions have types in some releases of NumPy only."""


def checkpoint_path(prefix: str, step: int) -> Path:
    """File of the checkpoint after `step` training steps."""
    return Path(f"{prefix}_{step:08d}{SUFFIX}")


def find_checkpoints(prefix: str) -> list[Path]:
    """Checkpoints of a training, the oldest first."""
    name = re.compile(re.escape(Path(prefix).name) + r"_(\d{8,})" + re.escape(SUFFIX))
    found = {path: match for path in Path(prefix).parent.glob(f"*{SUFFIX}") if (match := name.fullmatch(path.name))}
    return sorted(found, key=lambda path: int(found[path][1]))


def newest_whole(prefix: str) -> tuple[Path | None, list[CheckpointError]]:
    """The newest checkpoint of a training that can be read, None without any; and what is wrong with newer ones.

    Raises CheckpointError where there are some, and none of them can be read.
    """
    faults: list[CheckpointError] = []
    for path in reversed(find_checkpoints(prefix)):
        try:
            read_checkpoint(path)
        except CheckpointError as error:
            faults.append(error)
        else:
            return path, faults
    if faults:
        raise faults[0]
    return None, []


def keep_newest(prefix: str, count: int) -> None:
    """Delete all but the `count` newest checkpoints of a training."""
    for path in find_checkpoints(prefix)[: -max(count, 1)]:
        path.unlink(missing_ok=True)


def set_aside_after(prefix: str, step: int) -> list[Path]:
    """Rename the checkpoints of a training after `step`, for one that goes on from there; return their new names.

    They would count as the newest: `keep_newest` would delete those that follow, `newest_whole` would go back to them.
    """
    later = [path for path in find_checkpoints(prefix) if int(path.stem.rpartition("_")[2]) > step]
    return [path.rename(f"{path}{ABANDONED}") for path in later]


def write_checkpoint(path: Path, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> None:
    """Write `path` whole or not at all. `meta` may hold what JSON can, and bytes, tuples and NumPy arrays.

    Raises DaliSsdError where the disk refuses.
    """
    text = json.dumps({"format": FORMAT, "meta": _pack(meta)})
    with atomic_open(path, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_META, text)
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                _write_array(entry, array)


def read_checkpoint(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Read arrays and meta; raises CheckpointError where the file is missing, damaged or of another format."""
    try:
        with zipfile.ZipFile(path) as archive:
            content = json.loads(archive.read(_META))
            arrays = {name[:-4]: _read_array(archive, name) for name in archive.namelist() if name.endswith(".npy")}
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {path}") from None
    # A damaged zip comes out as almost anything: zlib, struct, unicode and key errors among others.
    except (OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile, RuntimeError) as error:
        raise CheckpointError(f"{path} is not a whole checkpoint ({error}); use an older one") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} has another format than this version reads ({FORMAT}); go on with the version that wrote it"
        )
    return arrays, _unpack(content["meta"])


def _write_array(entry: IO[bytes], array: NDArray[Any]) -> None:
    _npy.write_array(entry, np.asarray(array, order="C"), allow_pickle=False)


def _read_array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    # The whole entry first: its check sum is only compared at its end.
    entry = io.BytesIO(archive.read(name))
    array: NDArray[Any] = _npy.read_array(entry, allow_pickle=False)
    return array


def _pack(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _pack(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return {"__bytes__": base64.b64encode(value).decode()}
    if isinstance(value, np.ndarray):
        return {"__array__": value.tolist(), "dtype": value.dtype.str}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple):
        return {"__tuple__": [_pack(item) for item in value]}
    if isinstance(value, list):
        return [_pack(item) for item in value]
    return value


def _unpack(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "__bytes__" in value:
        return base64.b64decode(value["__bytes__"])
    if "__array__" in value:
        return np.array(value["__array__"], value["dtype"])
    if "__tuple__" in value:
        return tuple(_unpack(item) for item in value["__tuple__"])
    return {key: _unpack(item) for key, item in value.items()}
