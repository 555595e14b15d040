"""The options of the loaders for PyTorch that are those of all loaders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dali_ssd.launch.cores import with_own_threads
from dali_ssd.loader.options import PartOptions, RandomOptions, SharedOptions, refuse_other_names

__all__ = ["TrainOptions", "ValOptions", "checked"]

_OTHER_NAMES = {
    "ctx": "device",
    "layout": "memory_format=torch.channels_last or torch.contiguous_format",
    "framework": "dali_ssd.TrainLoader for other frameworks",
}
"""Options of loaders for other frameworks, and what to give here."""


class ValOptions(SharedOptions, PartOptions, total=False):
    """Keywords of both loaders besides those that they name."""


class TrainOptions(ValOptions, RandomOptions, total=False):
    """Keywords of `TrainLoader` besides those that it names."""


def checked(loader: type, names: type[ValOptions], options: Mapping[str, Any], world_size: int) -> dict[str, Any]:
    """Return the options that a loader hands on, with this process's share of the cores.

    Raises TypeError for one that is not among the loader's own and the `names`.
    """
    refuse_other_names("PyTorch", loader, names, options, _OTHER_NAMES)
    return with_own_threads(options, world_size)
