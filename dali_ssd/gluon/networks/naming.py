"""GluonCV's names of networks, with which the names of their files begin."""

from __future__ import annotations

import re

__all__ = ["ZOO_NAME", "named_network", "network_name"]

ZOO_NAME = re.compile(r"ssd_(\d+)_(.+?)_(custom|voc|coco)")
"""Data shape, backbone and classes."""


def network_name(network: str, data_shape: int) -> str:
    """Return GluonCV's name of a network with custom classes; names of parameter files begin with it."""
    return f"ssd_{data_shape}_{network}_custom"


def named_network(file: str) -> tuple[str, int] | None:
    """Return backbone and data shape if a file's name has a network's in it, as GluonCV names them; None if not.

    Of several the last: those before are part of a prefix.
    """
    found = None
    for match in re.finditer("ssd_", file):
        found = ZOO_NAME.match(file, match.start()) or found
    return (found[2], int(found[1])) if found else None
