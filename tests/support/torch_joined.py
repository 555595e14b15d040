"""A process that meets the others by `joined_processes`, and what it finds there.

    torchrun --standalone --nproc-per-node 2 -m tests.support.torch_joined FOLDER

writes FOLDER/RANK.json.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from dali_ssd.errors import DaliSsdError, DatasetError
from dali_ssd.torch import joined_processes
from dali_ssd.torch.processes import from_rank_0, gathered


def found(environment: dict[str, str] | None = None) -> dict[str, Any]:
    """What a process finds among the others, with these variables besides."""
    os.environ.update(environment or {})
    with joined_processes("cpu") as device:
        rank, size = distributed.get_rank(), distributed.get_world_size()
        total = torch.ones(()) + rank
        distributed.all_reduce(total)
        result = {"rank": rank, "size": size, "device": str(device), "backend": distributed.get_backend()}
        result |= {"sum": total.item(), "all": gathered(rank), "first": from_rank_0(lambda: f"of rank {rank}")}
        result["error"] = _refused(rank)
    return result | {"left": not distributed.is_initialized()}


def _refused(rank: int) -> str:
    def refuse() -> None:
        raise DatasetError(f"no file in rank {rank}")

    try:
        from_rank_0(refuse)
    except DaliSsdError as error:
        return f"{type(error).__name__}: {error}"
    return ""


def waited(environment: dict[str, str]) -> str:
    """What rank 0 says when rank 1 does not come to a collective; empty in rank 1."""
    os.environ.update(environment)
    with joined_processes("cpu", timedelta(seconds=5)):
        store = distributed.distributed_c10d._get_default_store()
        if distributed.get_rank():
            store.wait(["enough"], timedelta(seconds=60))
            return ""
        try:
            distributed.all_reduce(torch.ones(()))
        except RuntimeError as error:
            return str(error)
        finally:
            store.set("enough", "")
    return ""


if __name__ == "__main__":
    what = found()
    (Path(sys.argv[1]) / f"{what['rank']}.json").write_text(json.dumps(what))
