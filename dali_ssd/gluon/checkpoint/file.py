"""The checkpoint file: arrays and JSON in one uncompressed zip with checksums, replaced atomically.

There is no pickle in it: reading a checkpoint runs no code from it.
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
    "Arrays",
    "checkpoint_path",
    "find_checkpoints",
    "keep_newest",
    "newest_whole",
    "pack",
    "read_checkpoint",
    "read_content",
    "set_aside_after",
    "unpack",
    "write_checkpoint",
]

Arrays: TypeAlias = dict[str, NDArray[Any]]

SUFFIX = ".ckpt"
ABANDONED = ".abandoned"
"""Suffix of checkpoints from before which the run was resumed."""
FORMAT = 3
"""Version of the layout; others are refused."""
_META = "meta.json"
_npy: Any = np.lib.format
"""NumPy's module, whose functions are typed in some releases only."""


def checkpoint_path(prefix: str, step: int) -> Path:
    """Return the file of the checkpoint after `step` training steps."""
    return Path(f"{prefix}_{step:08d}{SUFFIX}")


def find_checkpoints(prefix: str) -> list[Path]:
    """Return the checkpoints of a training run, oldest first."""
    name = re.compile(re.escape(Path(prefix).name) + r"_(\d{8,})" + re.escape(SUFFIX))
    found = {path: match for path in Path(prefix).parent.glob(f"*{SUFFIX}") if (match := name.fullmatch(path.name))}
    return sorted(found, key=lambda path: int(found[path][1]))


def newest_whole(prefix: str) -> tuple[Path | None, list[CheckpointError]]:
    """Return the newest readable checkpoint of a training run, None if it has none; and the faults of newer ones.

    Raises CheckpointError if there are checkpoints, but none can be read.
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
    """Delete all but the `count` newest checkpoints of a training run."""
    for path in find_checkpoints(prefix)[: -max(count, 1)]:
        path.unlink(missing_ok=True)


def set_aside_after(prefix: str, step: int) -> list[Path]:
    """Rename the checkpoints after `step`, from which a run is resumed; return their new names.

    Otherwise they would be the newest: `keep_newest` would delete later ones, and `newest_whole` return them.
    """
    later = [path for path in find_checkpoints(prefix) if int(path.stem.rpartition("_")[2]) > step]
    return [path.rename(f"{path}{ABANDONED}") for path in later]


def write_checkpoint(path: Path, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> None:
    """Write `path` whole or not at all. `meta` may hold JSON values, bytes, tuples and NumPy arrays.

    Raises DaliSsdError if the file cannot be written.
    """
    with atomic_open(path, "wb") as file:
        _write(file, arrays, meta)


def pack(arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> bytes:
    """Return what `write_checkpoint` would write."""
    content = io.BytesIO()
    _write(content, arrays, meta)
    return content.getvalue()


def unpack(content: bytes) -> tuple[Arrays, dict[str, Any]]:
    """Return what `pack` was given."""
    return read_checkpoint(Path("memory"), content)


def read_content(path: Path) -> bytes:
    """Return the bytes of a checkpoint, to be read elsewhere. Raises CheckpointError if they cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}; use an older one") from error


def read_checkpoint(path: Path, content: bytes | None = None) -> tuple[Arrays, dict[str, Any]]:
    """Read arrays and meta from a file, or from its `content`.

    Raises CheckpointError if the file is missing, damaged or of another format.
    """
    try:
        with zipfile.ZipFile(path if content is None else io.BytesIO(content)) as archive:
            header = json.loads(archive.read(_META))
            arrays = {name[:-4]: _read_array(archive, name) for name in archive.namelist() if name.endswith(".npy")}
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {path}") from None
    # A damaged zip raises almost anything: zlib, struct, unicode and key errors among others.
    except (OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile, RuntimeError) as error:
        raise CheckpointError(f"{path} is not a whole checkpoint ({error}); use an older one") from error
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} has another format than this version reads ({FORMAT}); go on with the version that wrote it"
        )
    return arrays, _from_json(header["meta"])


def _write(file: IO[bytes], arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_META, json.dumps({"format": FORMAT, "meta": _to_json(meta)}))
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                _write_array(entry, array)


def _write_array(entry: IO[bytes], array: NDArray[Any]) -> None:
    _npy.write_array(entry, np.asarray(array, order="C"), allow_pickle=False)


def _read_array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    # Read the whole entry first: its checksum is only compared at its end.
    entry = io.BytesIO(archive.read(name))
    array: NDArray[Any] = _npy.read_array(entry, allow_pickle=False)
    return array


def _to_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _to_json(item) for key, item in value.items()}
    if isinstance(value, bytes):
        return {"__bytes__": base64.b64encode(value).decode()}
    if isinstance(value, np.ndarray):
        return {"__array__": value.tolist(), "dtype": value.dtype.str}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple):
        return {"__tuple__": [_to_json(item) for item in value]}
    if isinstance(value, list):
        return [_to_json(item) for item in value]
    return value


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "__bytes__" in value:
        return base64.b64decode(value["__bytes__"])
    if "__array__" in value:
        return np.array(value["__array__"], value["dtype"])
    if "__tuple__" in value:
        return tuple(_from_json(item) for item in value["__tuple__"])
    return {key: _from_json(item) for key, item in value.items()}
