"""The variables by which launchers tell one of two processes on this host of the other."""

from __future__ import annotations

__all__ = ["by_hand", "open_mpi", "torchrun"]


def by_hand(rank: int, port: int = 29500) -> dict[str, str]:
    """What PyTorch itself needs to know, and no more."""
    return {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}


def torchrun(rank: int, port: int = 29500) -> dict[str, str]:
    return by_hand(rank, port) | {"LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": "2"}


def open_mpi(rank: int, port: int = 29500) -> dict[str, str]:
    """What mpirun sets, and a port, which it does not."""
    numbers = {"RANK": rank, "SIZE": 2, "LOCAL_RANK": rank, "LOCAL_SIZE": 2}
    return {f"OMPI_COMM_WORLD_{name}": str(number) for name, number in numbers.items()} | {"MASTER_PORT": str(port)}
