"""Kernels as DALI calls them: a C function that computes one image, which NumPy code can call as well.

DALI's `numba_function` compiles its wrapper anew in every process (ten seconds for this package's kernels). A `Kernel`
hands the operator the address of a C callback that Numba keeps in its disk cache instead, so that only the first run
on a machine compiles. So a callback must not depend on options: they come as an input, `settings`.
"""

from __future__ import annotations

import functools
import hashlib
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from numba import carray, types
from numba.core.caching import FunctionCache

from dali_ssd import kernels
from dali_ssd.errors import ConfigError
from dali_ssd.kernels.compile import kernel_function

__all__ = [
    "RUN",
    "SETUP",
    "Kernel",
    "compiled",
    "cube",
    "dali_type",
    "dims",
    "matrix",
    "scalar",
    "source_digest",
    "vector",
]

_POINTER, _COUNT = types.uint64, types.int32
RUN = types.void(_POINTER, _POINTER, _POINTER, _COUNT, _POINTER, _POINTER, _POINTER, _COUNT)
"""outs, out_shapes, out_ndims, num_outs, ins, in_shapes, in_ndims, num_ins: one image."""
SETUP = types.void(_POINTER, _POINTER, _COUNT, _POINTER, _POINTER, _COUNT, _COUNT)
"""out_shapes, out_ndims, num_outs, in_shapes, in_ndims, num_ins, num_samples: one batch."""


@kernel_function
def dims(shapes, tensor, sample, samples, ndim):  # type: ignore[no-untyped-def]
    """Return the shape `(ndim,) int64` of one tensor of one sample, as a view that a setup function may write."""
    table = carray(_pointer(shapes), ((tensor + 1) * samples,), np.uint64)
    return carray(_pointer(table[tensor * samples + sample]), (ndim,), np.int64)


@kernel_function
def scalar(tensors, tensor, dtype):  # type: ignore[no-untyped-def]
    """Input or output number `tensor` of one image, which has no dimension, as an array of one element."""
    return carray(_address(tensors, tensor), (1,), dtype)


@kernel_function
def vector(tensors, shapes, tensor, dtype):  # type: ignore[no-untyped-def]
    """Return input or output number `tensor` of one image as a 1-D array."""
    return carray(_address(tensors, tensor), (dims(shapes, tensor, 0, 1, 1)[0],), dtype)


@kernel_function
def matrix(tensors, shapes, tensor, dtype):  # type: ignore[no-untyped-def]
    """Return input or output number `tensor` of one image as a 2-D array."""
    shape = dims(shapes, tensor, 0, 1, 2)
    return carray(_address(tensors, tensor), (shape[0], shape[1]), dtype)


@kernel_function
def cube(tensors, shapes, tensor, dtype):  # type: ignore[no-untyped-def]
    """Return input or output number `tensor` of one image as a 3-D array."""
    shape = dims(shapes, tensor, 0, 1, 3)
    return carray(_address(tensors, tensor), (shape[0], shape[1], shape[2]), dtype)


_NOTE_AFTER_S = 2.0
_NOTE = "dali-ssd: getting a kernel ready; compiling takes up to half a minute, once on this machine"
"""Also right where the kernel is loaded from the cache, which takes as long on a machine that is busy."""


@functools.cache
def source_digest() -> str:
    """Return a digest of the code of all kernels.

    Numba's cache checks the file of the outermost function alone; it would miss an edit in a function that this calls.
    """
    rooms = (Path(__file__).parent, Path(kernels.__file__).parent)
    files = sorted(file for room in rooms for file in room.rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def compiled(signature: Any, function: Callable[[str], Callable[..., None]]) -> Any:
    """Compile the callback that `function(digest)` returns, or load it from Numba's disk cache.

    The callback must mention its `digest`: the values of a closure are part of the key of Numba's cache.
    """
    callback = function(source_digest())
    note = threading.Timer(_NOTE_AFTER_S, lambda: print(_NOTE, file=sys.stderr))
    note.start()
    try:
        return numba.cfunc(signature, cache=_has_cache(callback))(callback)
    finally:
        note.cancel()


def dali_type(dtype: str) -> Any:
    """Return DALI's name for a NumPy dtype."""
    from nvidia.dali.types import DALIDataType

    return DALIDataType.__members__["FLOAT" if dtype == "float32" else dtype.upper()]


class Kernel:
    """A compiled function of some arrays, the same in a DALI graph and on NumPy arrays.

    Args:
        run: callback of signature `RUN` that computes one image.
        setup: callback of signature `SETUP` that writes the output shapes of a batch.
        ins, outs: dtype and number of dimensions of each input and output.
    """

    def __init__(
        self, run: Any, setup: Any, ins: tuple[tuple[str, int], ...], outs: tuple[tuple[str, int], ...]
    ) -> None:
        self._run, self._setup, self._ins, self._outs = run, setup, ins, outs

    def in_graph(self, *nodes: Any) -> Any:
        """Apply the kernel to DALI DataNodes as a CPU operator; return a node, or a tuple of several outputs."""
        return _operator()(
            run_fn=self._run,
            setup_fn=self._setup,
            in_types=[dali_type(dtype) for dtype, _ in self._ins],
            ins_ndim=[ndim for _, ndim in self._ins],
            out_types=[dali_type(dtype) for dtype, _ in self._outs],
            outs_ndim=[ndim for _, ndim in self._outs],
            device="cpu",
        )(*nodes)

    def on_arrays(self, *arrays: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], ...]:
        """Apply the kernel to the arrays of one image: the same machine code, without DALI.

        Raises ConfigError if the number of arrays or of dimensions, or the kind of number of a dtype, is another one.
        """
        if len(arrays) != len(self._ins):
            raise ConfigError(f"the kernel takes {len(self._ins)} arrays, not {len(arrays)}")
        ins = [_input(*item) for item in enumerate(zip(arrays, self._ins, strict=True))]
        in_shapes = [np.array(array.shape, np.int64) for array in ins]
        out_shapes = [np.zeros(ndim, np.int64) for _, ndim in self._outs]
        # The callbacks take tables of addresses; these locals keep the tables alive during the calls.
        in_sizes, out_sizes = _addresses(in_shapes), _addresses(out_shapes)
        in_ndims, out_ndims = _ndims(self._ins), _ndims(self._outs)
        sizes = (out_sizes.ctypes.data, out_ndims.ctypes.data, len(out_shapes))
        in_sizes_and_count = (in_sizes.ctypes.data, in_ndims.ctypes.data, len(ins))
        self._setup.ctypes(*sizes, *in_sizes_and_count, 1)
        outs = [np.empty(shape, dtype) for shape, (dtype, _) in zip(out_shapes, self._outs, strict=True)]
        in_data, out_data = _addresses(ins), _addresses(outs)
        self._run.ctypes(out_data.ctypes.data, *sizes, in_data.ctypes.data, *in_sizes_and_count)
        return tuple(outs)


def _input(number: int, given: tuple[npt.NDArray[Any], tuple[str, int]]) -> npt.NDArray[Any]:
    """Return an array as the machine code takes it, which would crash on any other."""
    array, (dtype, ndim) = np.asarray(given[0]), given[1]
    if array.ndim != ndim or not np.can_cast(array.dtype, dtype, "same_kind"):
        wanted = f"{dtype} with {ndim} dimensions"
        raise ConfigError(f"array {number} must be {wanted}, not {array.dtype} of the shape {array.shape}")
    return np.ascontiguousarray(array, dtype).reshape(array.shape)


def _ndims(signature: tuple[tuple[str, int], ...]) -> npt.NDArray[np.int32]:
    return np.array([ndim for _, ndim in signature], np.int32)


def _addresses(arrays: list[npt.NDArray[Any]]) -> npt.NDArray[np.uint64]:
    return np.array([array.ctypes.data for array in arrays], np.uint64)


@functools.cache
def _operator() -> Any:
    """Return DALI's Numba operator, made to take compiled callbacks in place of Python functions."""
    from nvidia.dali.plugin.numba import NumbaFunction

    class CompiledFunction(NumbaFunction):
        def _get_run_fn_cpu(self, run_fn: Any, *_: Any) -> int:
            return int(run_fn.address)

        def _get_setup_fn_cpu(self, setup_fn: Any) -> int:
            return int(setup_fn.address)

    return CompiledFunction


@numba.extending.intrinsic
def _pointer(typing_context: Any, address: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.uint64), generate


@kernel_function
def _address(tensors, tensor):  # type: ignore[no-untyped-def]
    return _pointer(carray(_pointer(tensors), (tensor + 1,), np.uint64)[tensor])


def _has_cache(callback: Callable[..., None]) -> bool:
    """Return whether the package's folder or the user's cache folder can be written."""
    try:
        FunctionCache(callback)
    except RuntimeError:
        return False
    return True
