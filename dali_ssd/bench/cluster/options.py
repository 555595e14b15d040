"""The cluster that `dali-ssd bench --plan` asks about, written as `KEY=VALUE,...`."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal, get_type_hints

from dali_ssd.errors import ConfigError
from dali_ssd.util.validation import (
    check_at_most,
    check_choices,
    check_not_negative,
    check_positive,
    check_types,
    raise_all,
)

__all__ = ["ClusterConfig", "given_in", "keys_in_words", "read_cluster"]

_POSITIVE = ("rate", "gpus", "nodes", "batch", "classes", "disk_mb_s", "pcie_gb_s", "link_gbit_s")
_NOT_NEGATIVE = ("parameters", "images", "cores", "memory_gb")
_LIMITS = {
    **dict.fromkeys(("rate", "nodes", "parameters", "memory_gb", "disk_mb_s", "link_gbit_s"), 10**6),
    **dict.fromkeys(("batch", "classes", "pcie_gb_s", "cores"), 10**5),
    "gpus": 1024,
    "images": 10**12,
}
"""Far more than there is, so that a slip such as a unit that is written too is found."""


@dataclass(frozen=True)
class ClusterConfig:
    """A cluster and the training on it: nodes that are alike, and a process for each GPU."""

    rate: float
    """Images/s that each GPU trains on: asked for, since nothing here measures it."""
    gpus: int = 1
    """GPUs of a node."""
    nodes: int = 1
    batch: int = 32
    """Images per step on each GPU."""
    network: str = "vgg16_atrous"
    """Backbone of the SSD, as `dali-ssd train --network` has it."""
    classes: int = 80
    """Classes of the SSD: COCO's."""
    parameters: float = 0.0
    """Parameters that have gradients, in millions; 0: counted in the network, for which MXNet must be there."""
    gradients: Literal["float32", "float16"] = "float32"
    """Numbers that are exchanged. Also with `--amp` they are float32, since MXNet's parameters stay so."""
    pixels: Literal["float32", "float16"] = "float32"
    """Numbers of the network's input, which matters if the CPU makes it."""
    decode: Literal["gpu", "cpu"] = "gpu"
    """What decodes, renders and makes targets; `gpu` with the plugin, if it can be had here."""
    engine: Literal["horovod", "kvstore"] = "horovod"
    """What exchanges gradients: Horovod's ring, or MXNet's `dist_sync` with a server for each process."""
    images: int = 0
    """Images of the whole data set; 0: as many as the shards have, which may be a part of it."""
    cores: int = 0
    """Cores of a node; 0: those that this process may use here."""
    memory_gb: float = 0.0
    """Memory of a node for records and the page cache, in 10^9 bytes; 0: what is available here."""
    disk_mb_s: float = 2000.0
    """What a node reads from its disk or a network file system, in 10^6 bytes/s; by default about that of an NVMe."""
    pcie_gb_s: float = 25.0
    """From the host to each GPU, in 10^9 bytes/s; by default about what PCIe 4.0 x16 reaches."""
    link_gbit_s: float = 100.0
    """A node's network in each direction, in 10^9 bit/s."""

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_positive(self, *_POSITIVE) + check_not_negative(self, *_NOT_NEGATIVE)
        faults += check_at_most(self, **_LIMITS) + check_choices(self, "gradients", "pixels", "decode", "engine")
        raise_all(self, faults)


def given_in(text: str) -> dict[str, str]:
    """Return the values of a text by their keys, as they are written.

    Raises ConfigError, which names all faults, if the text is empty or not `KEY=VALUE,...`, has a key twice, one that
    `ClusterConfig` lacks, or lacks one that it needs.
    """
    if not text.strip():
        raise ConfigError("--plan is empty, as of a shell variable that is not set; write KEY=VALUE,... such as rate=9")
    pairs = [[part.strip() for part in word.split("=", 1)] for word in text.split(",")]
    faults = [f"{'='.join(pair)!r} is not KEY=VALUE" for pair in pairs if len(pair) < 2 or not all(pair)]
    keys = [pair[0] for pair in pairs if len(pair) == 2]
    faults += [f"{key} is there twice" for key in dict.fromkeys(keys) if keys.count(key) > 1]
    known = [field.name for field in fields(ClusterConfig)]
    unknown = [key for key in dict.fromkeys(keys) if key and key not in known]
    if unknown:
        faults.append(f"there is no {', '.join(unknown)}; there are {', '.join(known)}")
    needed = [field.name for field in fields(ClusterConfig) if field.default is MISSING]
    faults += [f"{name} is missing" for name in needed if name not in keys]
    _refuse(text, faults)
    return {key: value for key, value in pairs}


def read_cluster(text: str) -> ClusterConfig:
    """Return the cluster that a text such as `gpus=8,nodes=8,rate=1527` describes.

    Raises ConfigError, which names all faults of the same kind.
    """
    hints, faults = get_type_hints(ClusterConfig), []
    values: dict[str, Any] = {}
    for key, word in given_in(text).items():
        kind, what = _NUMBERS.get(hints[key], (str, ""))
        try:
            values[key] = kind(word)
        except ValueError:
            faults.append(f"{key} must be {what}, not {word!r}")
    _refuse(text, faults)
    return ClusterConfig(**values)


def keys_in_words() -> str:
    """Return all keys with their defaults, for `--help`."""
    return ", ".join(
        field.name if field.default is MISSING else f"{field.name}={field.default}" for field in fields(ClusterConfig)
    )


_NUMBERS: dict[Any, tuple[type, str]] = {int: (int, "a whole number"), float: (float, "a number")}


def _refuse(text: str, faults: list[str]) -> None:
    if faults:
        raise ConfigError(f"--plan {text}: {'; '.join(faults)}")
