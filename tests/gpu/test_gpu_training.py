"""Training on GPUs: mixed precision, several GPUs of one process, NCCL, and Horovod's processes.

As commands, since AMP changes MXNet for the whole process.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("nvidia.dali")

from dali_ssd.synthetic import write_shapes
from tests.support.engines import Run, need_engine

IMAGES, BATCH, EPOCHS = 64, 8, 3
NETWORK = ("--network", "mobilenet0.25", "--data-shape", "128")
LIMIT_S = 600

Numbers = list[dict[str, Any]]


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("shapes"), "train", IMAGES, seed=0)[0]


def need_gpus(count: int) -> None:
    """Skip if MXNet is not installed, is built for CPUs, or finds fewer GPUs."""
    found = import_module("mxnet").context.num_gpus() if find_spec("mxnet") else 0
    if found < count:
        pytest.skip(f"needs an MXNet that finds {count} GPUs or more, not {found}")


def trained(shard: Path, folder: Path, *options: str, launch: tuple[str, ...] = (), network: Any = NETWORK) -> Numbers:
    """The epochs and steps of a training run as its metrics file has them."""
    from dali_ssd.reporting.history import read_history

    folder.mkdir()
    usual = [
        "train", "--train", str(shard), "--pretrained-base", "no", "--batch-size", str(BATCH), "--epochs", str(EPOCHS),
        "--lr", "0.0005", "--log-interval", "1", *network,
    ]  # fmt: skip
    with Run(folder, [sys.executable, "-m", "dali_ssd", *launch, *usual, *options]) as run:
        code = run.ended(LIMIT_S)
    if "this build of MXNet has none" in run.output:
        pytest.skip(f"needs an MXNet with what {options} ask for")
    assert code == 0, run.output
    [metrics] = folder.glob("*_metrics.jsonl")
    return read_history(metrics)


def losses(numbers: Numbers, kind: str) -> list[float]:
    """The sums of both losses, all of them finite."""
    found = [entry["cross_entropy"] + entry["smooth_l1"] for entry in numbers if entry["kind"] == kind]
    assert len(found) == (EPOCHS if kind == "epoch" else EPOCHS * IMAGES // BATCH) and np.isfinite(found).all()
    return found


def test_mixed_precision_learns_from_float16_images(shard: Path, tmp_path: Path) -> None:
    need_gpus(1)
    from dali_ssd.gluon.options import TrainConfig, network_recipe

    assert network_recipe(TrainConfig(amp=True)).image.dtype == "float16"
    half = losses(trained(shard, tmp_path / "amp", "--amp"), "epoch")
    whole = losses(trained(shard, tmp_path / "float32"), "epoch")
    assert half[-1] < half[0]
    np.testing.assert_allclose(half, whole, rtol=0.1)


def test_two_gpus_learn_about_what_one_does(shard: Path, tmp_path: Path) -> None:
    """By a network without batch normalization, from other batches of the same images."""
    need_gpus(2)
    network = ("--network", "vgg16_atrous", "--data-shape", "300")
    one, two = (
        losses(trained(shard, tmp_path / gpus, "--gpus", gpus, network=network), "epoch") for gpus in ("0", "0,1")
    )
    assert one[-1] < one[0] and two[-1] < two[0]
    np.testing.assert_allclose(one, two, rtol=0.15)


def test_nccl_sums_what_mxnets_own_store_does(shard: Path, tmp_path: Path) -> None:
    need_gpus(2)
    nccl, device = (
        losses(trained(shard, tmp_path / store, "--gpus", "0,1", "--kvstore", store), "step")
        for store in ("nccl", "device")
    )
    np.testing.assert_allclose(nccl, device, rtol=0.02)


def test_two_horovod_processes_learn_what_one_with_two_gpus_does(shard: Path, tmp_path: Path) -> None:
    need_gpus(2)
    need_engine("horovod")
    launch = ("launch", "-n", "2", "--engine", "horovod", "--")
    two = losses(trained(shard, tmp_path / "horovod", launch=launch), "step")
    one = losses(trained(shard, tmp_path / "one", "--gpus", "0,1"), "step")
    np.testing.assert_allclose(two, one, rtol=0.02)
