from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dali_ssd.bench.gpucheck.options import GpuCheckConfig
from dali_ssd.errors import ConfigError


def config(**options: Any) -> GpuCheckConfig:
    given: dict[str, Any] = {"shards": ("a.rec",), "out": Path("out")} | options
    return GpuCheckConfig(**given)


def test_each_data_shape_is_a_benchmark_of_the_loader_beside_the_decoder() -> None:
    benchmarks = config(seconds=2.0, seed=7).benchmarks()
    assert [one.data_shape for one in benchmarks] == [300, 512]
    assert [one.data_shape for one in config(data_shapes="512, 512").benchmarks()] == [512]
    for one in benchmarks:
        assert one.contender_names == ["dali_ssd", "decode"]
        assert one.sizes == [32, 128, 256]
        assert (one.window.seconds, one.seed, one.shards) == (2.0, 7, ("a.rec",))


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"gpus": "first"}, "gpus must be all"),
        ({"gpus": ""}, "gpus must be all"),
        ({"images": 0}, "images must be greater than 0"),
        ({"rounds": 0}, "rounds must be greater than 0"),
        ({"batch_sizes": "many"}, "batch_sizes must be whole numbers"),
        ({"batch_sizes": ""}, "batch_sizes must be whole numbers"),
        ({"batch_sizes": ","}, "batch_sizes must be whole numbers above 0 separated by commas, not ','"),
        ({"data_shapes": "300,301"}, "data_shapes must be 300, 512 or both separated by commas, not '300,301'"),
        ({"data_shapes": "300,abc"}, "GpuCheckConfig: data_shapes must be 300, 512 or both .*, not '300,abc'"),
        ({"data_shapes": ""}, "data_shapes must be 300, 512 or both separated by commas, not ''"),
        ({"data_shapes": ","}, "data_shapes must be 300, 512 or both"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        config(**options)
