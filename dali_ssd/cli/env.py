"""`dali-ssd env`: versions and the machine, as a report of a problem needs them."""

from __future__ import annotations

from dataclasses import dataclass

import tyro

from dali_ssd.machine.describe import describe_machine, versions
from dali_ssd.machine.gpu import why_no_gpu
from dali_ssd.util.words import counted

__all__ = ["EnvConfig", "run"]


@dataclass(frozen=True)
class EnvConfig:
    """Print the versions of packages, the processor and the GPUs: add them when you report a problem."""


def run(argv: list[str]) -> int:
    """Print a line for each package, for the machine, and for each GPU; return 0."""
    tyro.cli(EnvConfig, args=argv, prog="dali-ssd env")
    machine = describe_machine()
    lines = [
        *versions().items(),
        ("system", machine.system),
        ("cpu", f"{machine.cpu}, {counted(machine.cores, 'core')}, {machine.memory_gb:.1f} GB"),
        *(("gpu", gpu) for gpu in machine.gpus or [f"none: {why_no_gpu()}"]),
    ]
    width = max(len(name) for name, _ in lines)
    print("\n".join(f"{name:<{width}}  {text}" for name, text in lines))
    return 0
