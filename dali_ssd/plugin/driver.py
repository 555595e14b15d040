"""A program that prints what the driver says of each GPU that CUDA shows to it: `capabilities` or `buses`.

It runs by itself and imports nothing of this package: a process that has asked the driver cannot be forked any more.
"""

from __future__ import annotations

import ctypes
import sys

__all__ = ["buses", "capabilities"]

_LIBRARY = "libcuda.so.1"
_NO_DEVICE = 100
_MAJOR, _MINOR = 75, 76
"""Attributes of a device."""


def capabilities() -> list[int]:
    """Return the compute capability of each GPU, times ten; none without a driver.

    Raises OSError if there is one that does not work.
    """
    return [10 * _attribute(*gpu, _MAJOR) + _attribute(*gpu, _MINOR) for gpu in _gpus()]


def buses() -> list[str]:
    """Return the address of each GPU on the PCI bus, as /sys/bus/pci/devices has it. Raises as `capabilities` does."""
    return [_bus(*gpu) for gpu in _gpus()]


def _gpus() -> list[tuple[ctypes.CDLL, ctypes.c_int]]:
    """Return the driver and its handle of each GPU."""
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
    return [(driver, _handle(driver, number)) for number in range(count.value)]


def _handle(driver: ctypes.CDLL, number: int) -> ctypes.c_int:
    device = ctypes.c_int()
    _check(driver.cuDeviceGet(ctypes.byref(device), number), "cuDeviceGet")
    return device


def _attribute(driver: ctypes.CDLL, device: ctypes.c_int, attribute: int) -> int:
    value = ctypes.c_int()
    _check(driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, device), "cuDeviceGetAttribute")
    return value.value


def _bus(driver: ctypes.CDLL, device: ctypes.c_int) -> str:
    text = ctypes.create_string_buffer(32)
    _check(driver.cuDeviceGetPCIBusId(text, len(text), device), "cuDeviceGetPCIBusId")
    return text.value.decode().lower()


def _check(code: int, function: str) -> None:
    if code != 0:
        raise OSError(f"{function} returns {code}")


if __name__ == "__main__":
    try:
        print(*(buses() if sys.argv[1:] == ["buses"] else capabilities()))
    except OSError as error:
        sys.exit(str(error))
