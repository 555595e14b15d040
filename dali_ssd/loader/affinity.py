"""Host threads near their GPU, on machines with several sockets.

A process with several GPUs leaves that to DALI, which binds each pipeline's threads (`bound_by_dali`); its own list of
cores, DALI_AFFINITY_MASK, would be the same for all of them. A process for each GPU binds itself as a whole, by
`bind_near`, before its pipelines are made.

Neither has run on a machine with several sockets and GPUs; the tests give the kernel's lists themselves.
"""

from __future__ import annotations

import logging
import os

from dali_ssd.plugin.gpus import gpu_buses
from dali_ssd.util.cores import all_cores, bind_process, cores_near, divide_cores
from dali_ssd.util.words import counted

__all__ = ["bind_near", "bound_by_dali"]

_log = logging.getLogger(__name__)


def bind_near(gpu: int, local_rank: int, local_size: int) -> tuple[int, ...]:
    """Bind this process to its share of the cores near its GPU, say so in one log line, and return them.

    Nothing is bound, and () is returned: if it is the only process on this machine; if something else has bound it,
    such as a launcher or a container's set of cores; or if all cores are as near, as far as the kernel tells. The cores
    near a GPU are divided among the processes whose GPUs they are near to; if GPUs of other processes are hidden from
    this one, it gets all that are near its own.

    Args:
        gpu: its number, as CUDA counts in this process.
        local_rank: which of this machine's processes this is; the others have the GPU of that number.
        local_size: how many processes there are on this machine.

    Raises:
        PluginError: NVIDIA's driver does not answer.
    """
    mine = os.sched_getaffinity(0)
    if local_size == 1 or mine != all_cores():
        return ()
    buses = gpu_buses()
    near = cores_near(buses[gpu])
    if near == mine:
        return ()
    seen = gpu == local_rank and len(buses) >= local_size
    cores = divide_cores([cores_near(bus) for bus in buses[:local_size]])[local_rank] if seen else tuple(sorted(near))
    bind_process(cores)
    _log.info("bound to %s near GPU %d: %s", counted(len(cores), "core"), gpu, ",".join(map(str, cores)))
    return cores


def bound_by_dali(device: str, devices: int) -> bool:
    """Return whether DALI is to bind each pipeline's threads to the cores near its GPU, as NVIDIA's driver tells them.

    Not with one GPU, which may have all cores: those of the other socket are far, and better than none.
    """
    return device == "gpu" and devices > 1
