"""Which operators a pipeline for a GPU has, and where they run: known without a GPU, since nothing is built."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("nvidia.dali")

from dali_ssd.config import AugmentConfig, RenderConfig, TargetConfig
from dali_ssd.graph.source import ReaderSlice
from pipelines import ssd
from tests.support.pipes import ANCHORS
from tests.support.shards import as_shard, write_random

Operator = tuple[str, str]
"""Its name in DALI, and cpu, gpu or mixed."""

PLAN: list[Operator] = [("readers__MXNet", "cpu"), ("PeekImageShape", "cpu"), ("NumbaFunction", "cpu")]
PLACE: list[Operator] = [*[("NumbaFunction", "cpu")] * 2, ("Cast", "cpu"), *[("_conditional__Split", "cpu")] * 4]
DECODE: list[Operator] = [*[("_TensorSubscript", "cpu")] * 2, ("decoders__ImageSlice", "mixed")]
RENDER: list[Operator] = [
    ("_conditional__Split", "gpu"),
    *[("Resize", "gpu")] * 2,
    ("_conditional__Merge", "gpu"),
    ("CoordTransform", "gpu"),
    ("Reshape", "gpu"),
    ("CropMirrorNormalize", "gpu"),
]
RECORDS: list[Operator] = [("GetProperty", "cpu")]


def operators(pipeline: Any) -> Counter[Operator]:
    """Return the operators of a pipeline that is not built; constants do nothing."""
    pipeline._build_graph()
    found = Counter((type(node._op).schema_name, node._op.device) for node in pipeline._ops)
    return Counter({operator: count for operator, count in found.items() if operator[0] != "Constant"})


@pytest.fixture
def records(tmp_path: Path) -> ReaderSlice:
    return as_shard(write_random(tmp_path, 4))


def training(records: ReaderSlice, device: str = "gpu", **options: Any) -> Counter[Operator]:
    targets = TargetConfig(options.pop("targets", "exact"))
    pipeline = ssd.train(
        *(records, ANCHORS, AugmentConfig(), RenderConfig(data_shape=64), targets),
        **{"initial_fill": 4, "upright": False, "unit": "fraction", "device": device},
        **{"batch_size": 4, "num_threads": 1, "device_id": None, **options},
    )
    return operators(pipeline)


def test_training(records: ReaderSlice) -> None:
    drawn = [("random__Uniform", "cpu")]
    targets = [("NumbaFunction", "cpu")]
    assert training(records) == Counter([*PLAN, *drawn, *PLACE, *DECODE, *RENDER, *targets, *RECORDS])


def test_validation(records: ReaderSlice) -> None:
    pipeline = ssd.val(
        records, RenderConfig(data_shape=64), upright=False, unit="fraction", device="gpu",
        batch_size=4, num_threads=1, device_id=None,
    )  # fmt: skip
    assert operators(pipeline) == Counter([*PLAN, *PLACE, *DECODE, *RENDER, ("Pad", "cpu"), *RECORDS])


def test_what_the_benchmark_measures_is_the_hosts_part(records: ReaderSlice) -> None:
    """The same operators by the same functions; merging is only so that a pipeline can give them out."""
    merged = Counter({("_conditional__Merge", "cpu"): 4})
    measured = training(records, until="place") - merged
    host = Counter({name: count for name, count in training(records).items() if name[1] == "cpu"})
    later = Counter([*DECODE[:2], ("NumbaFunction", "cpu"), *RECORDS])
    assert measured == host - later


def test_a_cpus_pipeline_has_no_other_device(records: ReaderSlice) -> None:
    assert {device for _, device in training(records, "cpu")} == {"cpu"}
