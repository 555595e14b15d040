"""The GPUs that CUDA shows to this process: which kinds a plugin is to serve, and where on the PCI bus they are.

The driver is asked, and not `nvidia-smi`: that need not be there, and shows GPUs that CUDA_VISIBLE_DEVICES hides.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Literal

from dali_ssd.errors import PluginError

__all__ = ["gpu_buses", "gpus_here", "oldest_of"]

_log = logging.getLogger(__name__)

_PATIENCE = 120
"""Seconds. The first process on a machine with many GPUs starts them all."""


def gpus_here(cuda_major: int) -> tuple[int, ...]:
    """Return the compute capabilities, times ten, of the GPUs that CUDA shows, ascending, each once; () without any.

    Those that are too old for this CUDA are left out, with a warning. Raises PluginError if all are, or if there is a
    driver that does not answer.
    """
    there = sorted({int(word) for word in _ask_driver("capabilities")})
    old = ", ".join(str(gpu) for gpu in there if gpu < oldest_of(cuda_major))
    found = tuple(gpu for gpu in there if gpu >= oldest_of(cuda_major))
    if old and not found:
        raise PluginError(
            f"CUDA {cuda_major} builds nothing for the GPUs here (compute capability {old}): install DALI for an older "
            "CUDA, such as by `pip install 'dali-ssd[cuda12]'`"
        )
    if old:
        _log.warning(
            "the plugin will not run on GPUs of compute capability %s: CUDA %d builds nothing for them", old, cuda_major
        )
    return found


def gpu_buses() -> list[str]:
    """Return the addresses of the GPUs in /sys/bus/pci/devices, in CUDA's order; none without a driver.

    Raises PluginError if there is a driver that does not answer.
    """
    return _ask_driver("buses")


def oldest_of(cuda_major: int) -> int:
    """Return the lowest compute capability that toolkits of this CUDA build for."""
    return 75 if cuda_major >= 13 else 50


def _ask_driver(what: Literal["capabilities", "buses"]) -> list[str]:
    program = [sys.executable, "-I", "-S", str(Path(__file__).with_name("driver.py")), what]
    try:
        done = subprocess.run(program, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        reason = done.stderr.strip() or f"asking it ends with code {done.returncode}"
    except subprocess.TimeoutExpired:
        done, reason = None, f"nothing comes in {_PATIENCE} s"
    except OSError as error:
        done, reason = None, f"the process to ask it does not start: {error.strerror}"
    if done is None or done.returncode != 0:
        raise PluginError(f"NVIDIA's driver does not work ({reason}): look at what `nvidia-smi` says")
    return done.stdout.split()
