"""The checks of `dali-ssd gpu-check` on records of drawn shapes, with the plugin."""

from __future__ import annotations

import pytest

pytest.importorskip("nvidia.dali")

from dali_ssd.bench.gpucheck.checks import CHECKS, check_cuda, run_check
from dali_ssd.bench.gpucheck.sample import Sample, take_sample
from dali_ssd.graph.where import Where
from dali_ssd.plugin import prepare_plugin
from dali_ssd.synthetic import write_shapes


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    folder = tmp_path_factory.mktemp("shapes")
    prepare_plugin()
    return take_sample(write_shapes(folder, "drawn", 32, seed=1), 32, folder)


@pytest.mark.parametrize("name", CHECKS)
def test_the_gpu_makes_what_the_cpu_makes(name: str, sample: Sample) -> None:
    result = run_check(CHECKS[name], sample, Where("gpu", plugin=True))
    assert result.problem == "", result
    assert "render: plugin" in result.placement


def test_cuda_works() -> None:
    assert check_cuda().state == "passed"
