"""A DALI input pipeline for SSD detection training from MXNet RecordIO shards.

    from dali_ssd import TrainLoader, ValLoader

The public names are imported when they are first used, so that `import dali_ssd` needs neither DALI nor MXNet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dali_ssd.util import mxnet_compat
from dali_ssd.util.optional import import_module

if TYPE_CHECKING:
    from dali_ssd.graph.targets import encode_targets
    from dali_ssd.loader import TrainLoader, ValLoader
    from dali_ssd.records.dataset import open_dataset
    from dali_ssd.visualize.samples import show

__all__ = ["TrainLoader", "ValLoader", "__version__", "encode_targets", "open_dataset", "show"]

__version__ = "0.2.0"

# On today's NumPy, MXNet and GluonCV can be imported only after this.
mxnet_compat.install()

_HOME = {
    "TrainLoader": "dali_ssd.loader",
    "ValLoader": "dali_ssd.loader",
    "encode_targets": "dali_ssd.graph.targets",
    "open_dataset": "dali_ssd.records.dataset",
    "show": "dali_ssd.visualize.samples",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'dali_ssd' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
