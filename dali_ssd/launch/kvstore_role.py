"""A process that is the scheduler or a server of MXNet's key-value store."""

from __future__ import annotations

import sys

from dali_ssd.util.optional import require
from dali_ssd.util.processes import die_with

__all__ = ["main"]


def main() -> None:
    """Play the role that DMLC_ROLE names, until the workers have ended or the process of the number in `argv` has."""
    die_with(int(sys.argv[1]))
    require("mxnet")  # where the role is not `worker`, this import returns no more
