"""The work of `dali-ssd gpu-check` with two parts of a CPU in place of GPUs: all of its processes, none of CUDA.

This shows that it checks, measures and reports; what it would find on a GPU, only a GPU can tell.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("nvidia.dali")

from dali_ssd.bench.gpucheck.checks import CHECKS
from dali_ssd.bench.gpucheck.options import GpuCheckConfig
from dali_ssd.bench.gpucheck.report import NAMES, write_report
from dali_ssd.bench.gpucheck.session import run_gpu_check
from dali_ssd.bench.measuring.devices import cpu_devices
from dali_ssd.synthetic import write_shapes

pytestmark = pytest.mark.slow


def test_two_parts_of_a_cpu_are_checked_and_measured_alone_and_together(tmp_path: Path) -> None:
    (shard,) = write_shapes(tmp_path, "drawn", 64, seed=1)
    config = GpuCheckConfig(
        (str(shard),), out=tmp_path, batch_sizes="8", data_shapes="300", seconds=0.3, warmup_seconds=0.1, images=8
    )
    found = run_gpu_check(config, cpu_devices(2), ["a test"], partial(write_report, folder=tmp_path))
    assert found.failures == []
    assert [one.name for one in found.checks] == [*CHECKS, *CHECKS]
    record, page = ((tmp_path / name).read_text() for name in NAMES)
    rows = {(row["trial"]["contender"], *row["trial"]["devices"]): row for row in json.loads(record)["summary"]["300"]}
    assert set(rows) == {(name, *numbers) for name in ("dali_ssd", "decode") for numbers in ((0,), (1,), (0, 1))}
    for (_, *numbers), row in rows.items():
        assert row["speed"]["median"] > 0
        assert bool(row["scaling"]) == (len(numbers) == 2)
        assert sum(row["each"]) == pytest.approx(row["speed"]["median"] if len(numbers) == 2 else 0)
    assert rows["decode", 0, 1]["ratio"]["median"] > 0
    assert "part of a CPU, which says nothing about a GPU" in page
    assert "What ran where: decode: CPU" in page
