"""The share of a host's cores for one of the processes that train together, for frameworks that start none."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from dali_ssd.config import PipelineConfig
from dali_ssd.errors import ConfigError
from dali_ssd.launch.world import announced_world
from dali_ssd.util.parallel import available_cores

__all__ = ["threads_of_process", "with_own_threads"]

_log = logging.getLogger(__name__)


def with_own_threads(options: Mapping[str, Any], world_size: int) -> dict[str, Any]:
    """Return the options of a loader, with this process's share of the cores where they say `num_threads="auto"`."""
    pipeline = options.get("pipeline") or PipelineConfig()
    if options.get("num_threads", getattr(pipeline, "num_threads", None)) != "auto":
        return dict(options)
    return {**options, "num_threads": threads_of_process(world_size)}


def threads_of_process(world_size: int) -> int:
    """Return the share of the cores that a process has for its threads, at least 1.

    Its launcher's, divided by the number of processes on this host; or those that it is bound to, if they are fewer. If
    nothing tells how many of several processes are on this host, all, and a warning says so, once.
    """
    try:
        world = announced_world()
    except ConfigError:  # variables that are enough for a framework, and do not tell who shares this host
        world = None
    sharing = 1 if world is None else world.local_size
    launchers, own = (len(os.sched_getaffinity(process)) for process in (os.getppid(), 0))
    if own < launchers:
        return max(1, min(available_cores(), launchers // sharing))
    if world is None and world_size != 1:
        _warn_of_sharing(world_size, own)
    return max(1, available_cores() // sharing)


@cache  # the loaders of training and validation have the same reason
def _warn_of_sharing(processes: int, cores: int) -> None:
    _log.warning(
        "no launcher tells how many of %d processes are on this host: num_threads='auto' takes all %d cores; give "
        "num_threads, or start them by a launcher that tells, such as torchrun",
        processes,
        cores,
    )
