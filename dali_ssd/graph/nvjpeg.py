"""Which nvJPEG DALI decodes with: a process has one under its name, and whoever loads it first chooses.

torchvision brings one of its own, under the same name as that of DALI's package and older.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from dali_ssd.plugin.sources import dali_here

__all__ = ["cuts_regions", "load_nvjpeg", "nvjpeg_version"]

_FIRST = (13, 2)
"""Before it, nvJPEG may err at the edges of a region with interpolated color; DALI then lets the host decode instead,
with a warning for each image."""
_FOLDERS = ("cu{major}/lib", "nvjpeg/lib")
"""Of the library in NVIDIA's packages of Python, for CUDA 13 and for CUDA 12."""


def load_nvjpeg() -> ctypes.CDLL | None:
    """Return this process's nvJPEG, for which that of DALI's package is loaded if there is none yet.

    None without one: DALI then decodes on the host, and says so.
    """
    major = dali_here().cuda_major
    name = f"libnvjpeg.so.{major}"
    with suppress(OSError):
        return ctypes.CDLL(name, mode=os.RTLD_NOLOAD | os.RTLD_NOW)
    for library in (*_packaged(name, major), name):  # the name alone is the system's, such as in NVIDIA's images
        with suppress(OSError):
            return ctypes.CDLL(library)
    return None


def nvjpeg_version() -> tuple[int, int] | None:
    """Return the major and minor version of this process's nvJPEG; None if there is none or it does not tell."""
    ask = getattr(load_nvjpeg(), "nvjpegGetProperty", None)
    numbers = (ctypes.c_int(), ctypes.c_int())
    if ask is None or any(ask(kind, ctypes.byref(one)) for kind, one in enumerate(numbers)):
        return None
    return numbers[0].value, numbers[1].value


def cuts_regions(version: tuple[int, int] | None) -> bool:
    """Return whether DALI lets an nvJPEG decode regions with interpolated color; of an unknown one, that it does."""
    return version is None or version >= _FIRST


def _packaged(name: str, major: int) -> Iterator[str]:
    nvidia = find_spec("nvidia")
    for root in (nvidia.submodule_search_locations or []) if nvidia else []:
        for folder in _FOLDERS:
            path = Path(root, folder.format(major=major), name)
            if path.is_file():
                yield str(path)
