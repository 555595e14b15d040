"""`dali-ssd gpu-check SHARDS --out DIR`: check and measure this package on NVIDIA GPUs."""

from __future__ import annotations

from functools import partial

import tyro

from dali_ssd.bench.gpucheck.options import GpuCheckConfig
from dali_ssd.bench.measuring.devices import find_gpus
from dali_ssd.util.optional import import_module, require

__all__ = ["run"]


def run(argv: list[str]) -> int:
    """Check, measure, write and print; return 0 if all passed and was measured, else 1."""
    config = tyro.cli(GpuCheckConfig, args=argv, prog="dali-ssd gpu-check")
    require("nvidia.dali")
    devices = find_gpus(config.gpus)
    session, report = (import_module(f"dali_ssd.bench.gpucheck.{name}") for name in ("session", "report"))
    write = partial(report.write_report, folder=config.out)
    found = session.run_gpu_check(config, devices, ["dali-ssd", "gpu-check", *argv], write)
    print(report.summary(found))
    print(f"written: {', '.join(str(config.out / name) for name in report.NAMES)}")
    return 1 if found.failures else 0
