"""Whether the machine has a GPU, as its driver says."""

from __future__ import annotations

import ctypes
from functools import cache


@cache
def cuda_device_present() -> bool:
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int()
    return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
