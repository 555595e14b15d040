"""Which operators a pipeline for a GPU has, and where they run: known without a GPU, since nothing is built."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

pytest.importorskip("nvidia.dali")

from dali_ssd.bench.work import HOST_STEPS
from dali_ssd.config import AugmentConfig, NvjpegConfig, RenderConfig, TargetConfig
from dali_ssd.graph.source import ReaderSlice
from dali_ssd.graph.where import Where
from pipelines import ssd
from tests.support.own_plugin import load_plugin_or_skip
from tests.support.pipes import ANCHORS
from tests.support.shards import as_shard, write_random

Operator = tuple[str, str]
"""Its name in DALI, and cpu, gpu or mixed."""

PLAN: list[Operator] = [("readers__MXNet", "cpu"), ("PeekImageShape", "cpu"), ("NumbaFunction", "cpu")]
DRAW: list[Operator] = [("random__Uniform", "cpu")]
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
HOST_TARGETS: list[Operator] = [("NumbaFunction", "cpu")]
RECORDS: list[Operator] = [("GetProperty", "cpu")]
PLUGIN_RENDER: list[Operator] = [("SsdRender", "gpu")]
PLUGIN_TARGETS: list[Operator] = [("SsdTargets", "gpu")]

GPU, GPU_WITH_PLUGIN = Where("gpu"), Where("gpu", plugin=True)


@pytest.fixture(scope="module")
def plugin() -> None:
    load_plugin_or_skip()


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> ReaderSlice:
    return as_shard(write_random(tmp_path_factory.mktemp("shards"), 4))


def nodes(pipeline: Any) -> list[Any]:
    """The nodes of a pipeline that is not built, without constants."""
    pipeline._build_graph()
    return [node for node in pipeline._ops if type(node._op).schema_name != "Constant"]


def operators(pipeline: Any) -> Counter[Operator]:
    return Counter((type(node._op).schema_name, node._op.device) for node in nodes(pipeline))


def constants(pipeline: Any) -> int:
    """Number of constants, of which each takes 0.05 ms a run."""
    pipeline._build_graph()
    return sum(type(node._op).schema_name == "Constant" for node in pipeline._ops)


def training(records: ReaderSlice, where: Where = GPU, targets: TargetConfig | None = None, until: Any = None) -> Any:
    return ssd.train(
        *(records, ANCHORS, AugmentConfig(), RenderConfig(data_shape=64), targets or TargetConfig()),
        **{"initial_fill": 4, "upright": False, "unit": "fraction", "where": where, "until": until},
        **{"batch_size": 4, "num_threads": 1, "device_id": None},
    )


def validation(records: ReaderSlice, where: Where = GPU) -> Any:
    options = {"upright": False, "unit": "fraction", "where": where}
    return ssd.val(records, RenderConfig(data_shape=64), **options, batch_size=4, num_threads=1, device_id=None)


def on_host(found: Counter[Operator]) -> Counter[Operator]:
    return Counter({operator: count for operator, count in found.items() if operator[1] == "cpu"})


def test_training(records: ReaderSlice) -> None:
    """Exact targets are the host's; that they are copied is no operator of its own."""
    wanted = Counter([*PLAN, *DRAW, *PLACE, *DECODE, *RENDER, *HOST_TARGETS, *RECORDS])
    assert operators(training(records)) == wanted


@pytest.mark.slow
@pytest.mark.plugin
@pytest.mark.usefixtures("plugin")
def test_training_with_the_plugin(records: ReaderSlice) -> None:
    wanted = Counter([*PLAN, *DRAW, *DECODE, *PLUGIN_RENDER, *PLUGIN_TARGETS, *RECORDS])
    assert operators(training(records, GPU_WITH_PLUGIN)) == wanted


def test_validation(records: ReaderSlice) -> None:
    wanted = Counter([*PLAN, *PLACE, *DECODE, *RENDER, ("Pad", "cpu"), *RECORDS])
    assert operators(validation(records)) == wanted


@pytest.mark.slow
@pytest.mark.plugin
@pytest.mark.usefixtures("plugin")
def test_validation_with_the_plugin(records: ReaderSlice) -> None:
    wanted = Counter([*PLAN, *DECODE, *PLUGIN_RENDER, ("Pad", "cpu"), *RECORDS])
    assert operators(validation(records, GPU_WITH_PLUGIN)) == wanted


@pytest.mark.slow
@pytest.mark.plugin
@pytest.mark.usefixtures("plugin")
def test_the_plugin_gets_the_hosts_decisions_from_the_host(records: ReaderSlice) -> None:
    """Plans, regions and objects are not copied to the GPU one by one, only the pixels are there."""
    inputs = {
        type(node._op).schema_name: [edge.device for edge in node._inputs]
        for node in nodes(training(records, GPU_WITH_PLUGIN))
    }
    assert inputs["SsdRender"] == ["gpu", "cpu", "cpu"] and inputs["SsdTargets"] == ["cpu"]


@pytest.mark.slow
@pytest.mark.plugin
@pytest.mark.usefixtures("plugin")
def test_dalis_targets_are_dalis_with_the_plugin_too(records: ReaderSlice) -> None:
    found = operators(training(records, GPU_WITH_PLUGIN, TargetConfig("box_encoder")))
    assert found[("BoxEncoder", "gpu")] == 1 and ("SsdTargets", "gpu") not in found


def test_what_the_benchmark_measures_is_the_hosts_part(records: ReaderSlice) -> None:
    """The same operators by the same functions; merging is only so that a pipeline can give them out."""
    merged = Counter({("_conditional__Merge", "cpu"): 4})
    measured = operators(training(records, until=HOST_STEPS[-1])) - merged
    assert measured == on_host(operators(training(records)))


@pytest.mark.slow
@pytest.mark.plugin
@pytest.mark.usefixtures("plugin")
def test_what_the_benchmark_measures_is_the_hosts_part_with_the_plugin(records: ReaderSlice) -> None:
    """Which has nothing to place."""
    measured = operators(training(records, GPU_WITH_PLUGIN, until=HOST_STEPS[-1]))
    assert measured == on_host(operators(training(records, GPU_WITH_PLUGIN)))
    placed, planned = (operators(training(records, GPU_WITH_PLUGIN, until=step)) for step in ("place", "plan"))
    assert placed == planned


def test_constants_are_few(records: ReaderSlice) -> None:
    """The plan's options, the size to place in, and two tables of the targets."""
    assert (constants(training(records)), constants(validation(records))) == (4, 2)


@pytest.mark.slow
@pytest.mark.plugin
@pytest.mark.usefixtures("plugin")
def test_with_the_plugin_there_is_one_constant(records: ReaderSlice) -> None:
    """The plan's options: the plugin has its own as arguments."""
    assert {constants(define(records, GPU_WITH_PLUGIN)) for define in (training, validation)} == {1}


def test_the_decoder_has_its_options(records: ReaderSlice) -> None:
    where = Where("gpu", nvjpeg=NvjpegConfig(0.5, preallocate_width=640, preallocate_height=480))
    for pipeline in (training(records, where), validation(records, where)):
        (decoder,) = [node for node in nodes(pipeline) if node._op.device == "mixed"]
        options = {
            "hw_decoder_load": 0.5,
            "preallocate_width_hint": 640,
            "preallocate_height_hint": 480,
            "jpeg_fancy_upsampling": True,
        }
        assert options.items() <= decoder._op._init_args.items()


def test_whole_images_are_cut_on_the_gpu(records: ReaderSlice) -> None:
    for define in (training, validation):
        found = operators(define(records, Where("gpu", whole=True)))
        regions = operators(define(records))
        assert found - regions == Counter([("decoders__Image", "mixed"), ("Slice", "gpu")]), found - regions
        assert regions - found == Counter([("decoders__ImageSlice", "mixed")])


def test_a_cpus_pipeline_has_no_other_device(records: ReaderSlice) -> None:
    assert {device for _, device in operators(training(records, Where()))} == {"cpu"}
