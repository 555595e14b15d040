"""The loaders, targets and kernels, and what they need."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_ssd import TrainLoader, encode_targets
from dali_ssd.config import InputConfig, RenderConfig, TargetConfig
from dali_ssd.gluon.options import TrainConfig, network_recipe
from dali_ssd.graph.targets import target_kernel
from dali_ssd.loader import ValLoader
from dali_ssd.loader.recipes import find_recipe
from dali_ssd.records.dataset import open_dataset
from dali_ssd.records.diagnose import find_damage
from dali_ssd.util.optional import require
from pipelines import ssd
from tests.errors.cases import Case, labeled, raising, write

ANCHORS = np.array([[16, 16, 8, 8], [32, 32, 40, 40]], np.float32)

OPTIONS: dict[str, Any] = {"anchors": ANCHORS, "batch_size": 2, "data_shape": 64, "framework": "dlpack"}


def loader(folder: Path, **options: Any) -> TrainLoader:
    return TrainLoader(write(folder), **{**OPTIONS, **options})


def not_utf8(folder: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setenv("DALI_SSD_CACHE", os.fsdecode(os.fsencode(folder) + b"/\xe9"))
    return loader(folder)


def option(**options: Any) -> Case:
    return lambda folder, _: loader(folder, **options)


def missing_gpu(folder: Path, _: pytest.MonkeyPatch) -> object:
    return loader(folder, framework="mxnet", ctx=pytest.importorskip("mxnet").gpu(99))


def early_engine(folder: Path, patch: pytest.MonkeyPatch) -> object:
    mx = pytest.importorskip("mxnet")
    patch.setattr(mx.context, "num_gpus", lambda: 1)
    patch.setenv("MXNET_ENGINE_TYPE", "ThreadedEnginePerDeviceAsync")
    return loader(folder, framework="mxnet", ctx=mx.gpu())


def not_copied(folder: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setattr("dali_ssd.loader.frameworks.dlpack._count_gpus", lambda: 1)
    return loader(folder, ctx="gpu", device="cpu")


def recipe_of_devices(_: Path, patch: pytest.MonkeyPatch) -> object:
    def train(records: object, *, device: str) -> None: ...

    patch.setattr("pipelines.ssd300.train", train)
    return find_recipe()


def odd_recipe(_: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setattr("pipelines.ssd300.image", 300)
    return find_recipe()


def loader_of_code(code: str) -> object:
    scope: dict[str, Any] = {}
    exec(compile(code, "<typed>", "exec"), scope)  # a "<string>" has a source where `python -c` runs
    return TrainLoader(
        "a.rec", anchors=ANCHORS, framework="dlpack", recipe=replace(find_recipe(), train=scope["train"])
    )


def stale_iterator(folder: Path, _: object) -> None:
    made = ValLoader(write(folder), batch_size=2, framework="dlpack")
    earlier = iter(made)
    next(earlier)
    next(iter(made))
    next(earlier)


def pipeline_of_none(folder: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setattr("pipelines.ssd300.train", lambda *_, **__: None)
    return loader(folder)


def of_other_targets(folder: Path, patch: pytest.MonkeyPatch) -> object:
    make = ssd.train
    patch.setattr(
        "pipelines.ssd300.train",
        lambda records, anchors, augment, image, targets, **options: make(
            records, anchors, augment, image, TargetConfig("boxes"), **options
        ),
    )
    return loader(folder)


def gone_bad(folder: Path, _: object) -> object:
    shard = write(folder)
    dataset = open_dataset(shard)
    shard.write_bytes(bytes(shard.stat().st_size))
    raise find_damage(dataset, "Critical error in readers.mxnet")


def stopped(message: str) -> Case:
    def case(folder: Path, _: object) -> object:
        raise find_damage(open_dataset(write(folder)), message)

    return case


def closed(folder: Path, _: object) -> object:
    with loader(folder) as one:
        pass
    return next(iter(one))


def carried_over(folder: Path, patch: pytest.MonkeyPatch) -> object:
    with loader(folder) as one:
        patch.setattr("dali_ssd.loader.base.os.getpid", lambda: -1)
        return next(iter(one))


def changed(change: Callable[[Path], object]) -> Case:
    def case(folder: Path, _: object) -> None:
        shard = write(folder)
        dataset = open_dataset(shard)
        change(shard)
        dataset.require_sizes()

    return case


def other_state(folder: Path, _: object) -> None:
    with loader(folder) as one, loader(folder / "other", seed=1) as other:
        one.load_state_dict(other.state_dict())


def changed_state(change: Callable[[dict[str, Any]], object]) -> Case:
    """What a loader says of a state of its own, in which something has changed."""

    def case(folder: Path, _: object) -> None:
        with loader(folder) as one:
            state = one.state_dict()
            change(state)
            one.load_state_dict(state)

    return case


def without_mxnet(folder: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setitem(sys.modules, "mxnet", None)
    return loader(folder, framework="mxnet")


def missing_package(folder: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setitem(sys.modules, "horovod", None)
    return require("horovod.mxnet")


def broken_import(error: Exception) -> Case:
    def case(folder: Path, patch: pytest.MonkeyPatch) -> object:
        patch.setattr("dali_ssd.util.optional.importlib.import_module", raising(error))
        return require("mxnet")

    return case


def targets(boxes: Any, ids: Any) -> Case:
    return lambda *_: encode_targets(np.array(boxes, np.float32), np.array(ids), ANCHORS)


CASES: dict[str, Case] = {
    "DALI cannot open": not_utf8,
    "bad_list is a list": option(bad_list="a.rec"),
    "or give framework='dlpack'": without_mxnet,
    "ctx must be an mx.Context": option(ctx=[], framework="mxnet"),
    "ctx must be 'cpu'": option(ctx="tpu"),
    "and DALI finds": option(ctx="gpu:99"),
    "cannot copy them to ctx": not_copied,
    "gives DALI its memory back": early_engine,
    "takes `device`, and must take `where`": recipe_of_devices,
    "framework must be": option(framework="caffe"),
    "device must be cpu or gpu": option(device="tpu"),
    "batch_size must be a multiple": option(batch_size=3, ctx=["cpu"] * 2),
    "each needs one at least": lambda folder, _: ValLoader(
        write(folder), batch_size=5, ctx=["cpu"] * 5, framework="dlpack"
    ),
    "rank must be": option(rank=2, world_size=2),
    "under its old name": option(rank=0, shard_id=0),
    "anchors must have the shape": option(anchors=np.zeros((2, 3))),
    "anchors must be finite": option(anchors=np.zeros((2, 4))),
    "no recipe {name}": lambda *_: find_recipe("none"),
    "must be of the class": odd_recipe,
    "lacks {parts}; it needs": lambda *_: find_recipe("dali_ssd.config"),
    "must be the definition of a pipeline": lambda _, patch: (
        patch.setattr("pipelines.ssd300.train", None),
        find_recipe(),
    ),
    "training pipeline cannot be read": lambda *_: loader_of_code("def train(): ..."),
    "needs GPUs in ctx": option(device="gpu"),
    "ctx has {context}, and MXNet finds": missing_gpu,
    "{path}: there is no folder {folder}": option(bad_list="no/such/folder/list.txt"),
    "world_size must be": option(world_size=0),
    "{name} must be a {kind}, not {value}": option(records={"on_bad": "skip"}),
    "anchors must be an array": option(anchors="all"),
    "renders {size} pixels, and": lambda *_: find_recipe("ssd512", data_shape=300),
    "the networks take NCHW float32": lambda *_: network_recipe(
        TrainConfig(input=InputConfig("tests.support.recipe:OWN"))
    ),
    "the networks learn from targets for their anchors": lambda *_: network_recipe(
        TrainConfig(input=InputConfig("tests.support.recipe:BOXES"))
    ),
    "this iteration of the ValLoader cannot go on": stale_iterator,
    "and must return a DALI pipeline with outputs": pipeline_of_none,
    "returns {count} outputs, and targets": of_other_targets,
    "anchors are missing": option(anchors=None),
    "leave anchors out": option(targets="boxes"),
    "{options}: {faults}": lambda *_: RenderConfig(data_shape=1),
    "{name} is not installed": missing_package,
    "the system library": broken_import(OSError("libGL.so.1: cannot open shared object file")),
    "the record cannot be used, or has gone bad": gone_bad,
    "was a shard replaced?": stopped("Critical error in readers.mxnet"),
    "the pipeline stopped: {cause}": stopped("out of memory"),
    "the loader is closed": closed,
    "num_classes must be": option(num_classes=0),
    "cannot have, such as": lambda folder, _: ValLoader(
        write(folder, [labeled(2, 5, 7, 0, 0, 1, 1)]), num_classes=1, framework="dlpack"
    ),
    "the loader was made in another process": carried_over,
    "has changed from": changed(lambda shard: shard.write_bytes(b"")),
    "it was there when the run began": changed(Path.unlink),
    "the loader's state belongs": other_state,
    "the loader's state has no identity": changed_state(dict.clear),
    "the loader's state is damaged: {faults}": changed_state(lambda state: state.pop("groups")),
    "the loader's state is damaged: batch": changed_state(lambda state: state.update(batch=10**9)),
    "DALI cannot go on from the loader's state": changed_state(
        lambda state: state["groups"][0].update(pipelines=["AAAA"])
    ),
    "boxes must be (M, 4)": targets([[1, 2, 3, 4]], [1, 2]),
    "boxes must be finite": targets([[3, 4, 1, 2]], [1]),
    "class ids must be 0": targets([[1, 2, 3, 4]], [-1]),
    "the kernel takes": lambda *_: target_kernel().on_arrays(ANCHORS),
    "array {number} must be": lambda *_: target_kernel().on_arrays(*[np.zeros(1, "U1")] * len(target_kernel()._ins)),
}
