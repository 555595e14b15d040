"""Compilation of the functions of this room, and packing of the options that they take.

Options are not constants of the machine code, which would have to be compiled for each of their values: they come as
one vector, from which `unpack_array` returns each array, and `unpack_record` the numbers by their names.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["kernel_function", "pack_arrays", "pack_record", "unpack_array", "unpack_record"]

kernel_function = numba.njit(error_model="numpy")
"""Decorator of the functions that a kernel is made of. Division by zero gives infinity, as in NumPy: Python's check
would be a branch in each loop, and keep it from being vectorized."""


def pack_arrays(*arrays: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return all arrays that a kernel needs apart from the image as one vector.

    One, because a constant costs DALI 0.05 ms per run, however small it is: eight took 1.5% of the loader's time.
    """
    flat = [np.ravel(np.asarray(array, np.float32)) for array in arrays]
    return np.concatenate([np.array([len(flat), *map(np.size, flat)], np.float32), *flat])


def pack_record(fields: np.dtype[np.void], *values: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Return one value for each field, all of float32, as a vector for `pack_arrays`."""
    record = np.zeros((), fields)
    for name, value in zip(record.dtype.names or (), values, strict=True):
        record[name] = value
    return record.reshape(1).view(np.float32)


@kernel_function
def unpack_array(vector, number):  # type: ignore[no-untyped-def]
    """Return packed array `number` as a 1-D array."""
    begin = 1 + int(vector[0])
    for before in range(number):
        begin += int(vector[1 + before])
    return vector[begin : begin + int(vector[1 + number])]


@kernel_function
def unpack_record(vector, number, fields):  # type: ignore[no-untyped-def]
    """Return packed array `number` as a record with the `fields` of its dtype."""
    return unpack_array(vector, number).view(fields)[0]
