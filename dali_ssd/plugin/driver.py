"""A program that prints the compute capability, times ten, of each GPU that CUDA shows to it, as the driver says.

It runs by itself and imports nothing of this package: a process that has asked the driver cannot be forked any more.
"""

from __future__ import annotations

import ctypes
import sys

__all__ = ["capabilities"]

_LIBRARY = "libcuda.so.1"
_NO_DEVICE = 100
_MAJOR, _MINOR = 75, 76
"""Attributes of a device."""


def capabilities() -> list[int]:
    """Return the capability of each GPU; none without a driver. Raises OSError if there is one that does not work."""
    try:
        driver = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        if str(error).startswith(f"{_LIBRARY}: cannot open shared object file"):
            return []
        raise
    code = driver.cuInit(0)
    if code == _NO_DEVICE:
        return []
    _check(code, "cuInit")
    count = ctypes.c_int()
    _check(driver.cuDeviceGetCount(ctypes.byref(count)), "cuDeviceGetCount")
    return [10 * _attribute(driver, _MAJOR, gpu) + _attribute(driver, _MINOR, gpu) for gpu in range(count.value)]


def _attribute(driver: ctypes.CDLL, attribute: int, gpu: int) -> int:
    value, device = ctypes.c_int(), ctypes.c_int()
    _check(driver.cuDeviceGet(ctypes.byref(device), gpu), "cuDeviceGet")
    _check(driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, device), "cuDeviceGetAttribute")
    return value.value


def _check(code: int, function: str) -> None:
    if code != 0:
        raise OSError(f"{function} returns {code}")


if __name__ == "__main__":
    try:
        print(*capabilities())
    except OSError as error:
        sys.exit(str(error))
