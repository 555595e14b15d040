"""The cores of a process among those that train together."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from dali_ssd.gluon.distributed.messages import gather
from dali_ssd.gluon.distributed.workers import Workers
from dali_ssd.loader.affinity import bind_near

__all__ = ["bind_to_share", "share_of_cores"]

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def bind_to_share(workers: Workers, device: Any) -> tuple[int, ...]:
    """Bind this process to the cores near its GPU, if several processes share a machine whose kernel tells which.

    Return them; () if nothing was bound. Raises PluginError if NVIDIA's driver does not answer.
    """
    if device.device_type == "gpu" and workers.size > 1:
        return bind_near(device.device_id, workers.local_rank, workers.local_size)
    return ()


def share_of_cores(workers: Workers) -> int:
    """Return how many cores this process has if each is divided among the processes that may run on it, at least 1.

    So launchers that bind their processes, such as mpirun and Slurm, and those that do not, give the same share. All
    processes must call it.
    """
    mine = sorted(os.sched_getaffinity(0))
    told = [json.loads(text) for text in gather(workers, json.dumps([_machine(), mine]).encode())]
    sharing = Counter(core for machine, cores in told if machine == _machine() for core in cores)
    return max(1, int(sum(1 / sharing[core] for core in mine) + 1e-6))


def _machine() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return os.uname().nodename
