"""The example in several processes: they learn, score, stop and go on as one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch")
for name in ("matplotlib", "pycocotools"):
    pytest.importorskip(name)

from dali_ssd.reporting.log import TrainLog  # noqa: E402
from dali_ssd.torch import BoxBatch, ValLoader, joined_processes  # noqa: E402
from examples.torchvision_ssd import Network, Options, Training, train  # noqa: E402
from tests.end_to_end.torchvision_ssd.runs import learned, measured  # noqa: E402
from tests.end_to_end.torchvision_ssd.small_detector import SIDE, Detector, small_network  # noqa: E402
from tests.support.announced import torchrun  # noqa: E402
from tests.support.paths import ROOT  # noqa: E402
from tests.support.ports import own_port  # noqa: E402
from tests.support.processes import in_processes  # noqa: E402


def drawn_boxes(numbers: list[int]) -> BoxBatch:
    """Some of six images, the last one of which has no object."""
    images = torch.randn(6, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    one, none = torch.tensor([[2.0, 3, 20, 30]]), torch.zeros(0, 4)
    targets = [{"boxes": one, "labels": torch.tensor([1])}] * 5
    targets.append({"boxes": none, "labels": torch.zeros(0, dtype=torch.int64)})
    return BoxBatch(images[numbers], [targets[number] for number in numbers])


def small_step(arguments: dict[str, Any], environment: dict[str, str], parts: list[list[int]]) -> dict[str, Any]:
    """The weights after one step on the images of this rank."""
    os.environ.update(environment)
    torch.manual_seed(0)
    with joined_processes("cpu") as device, TrainLog(quiet=True) as log:
        network = Network(Detector(3, plain=True), SIDE, (0, 0, 0), (1, 1, 1))
        training = Training(Options(**arguments), network, ("a", "b", "c"), device, log)
        training.step(drawn_boxes(parts[training.rank]))
    weights = {name: value.numpy() for name, value in training.model.state_dict().items()}
    return weights | {"losses": np.array(training.meter.means())}


STEP = {"train": ("none",), "batch_size": 6, "lr": 0.1, "lr_warmup": 0}


def two_ranks() -> list[dict[str, str]]:
    """What torchrun sets for two processes."""
    port = own_port()
    return [torchrun(rank, port) for rank in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize("parts", [[[0, 1, 2, 3], [4, 5]], [[0, 1, 2, 3, 4], [5]]], ids=["fewer", "none"])
def test_processes_together_learn_as_one_process_does(tmp_path: Path, parts: list[list[int]]) -> None:
    """Though one has fewer objects, or none."""
    arguments = STEP | {"save_prefix": f"{tmp_path}/"}
    alone = in_processes("spawn", small_step, [(arguments, {}, [[0, 1, 2, 3, 4, 5]])])[0]
    both = in_processes("spawn", small_step, [(arguments, rank, parts) for rank in two_ranks()])
    for weights in both:
        for name, value in alone.items():
            np.testing.assert_allclose(weights[name], value, rtol=1e-5, atol=1e-7, err_msg=name)


def test_a_batch_without_objects(tmp_path: Path) -> None:
    stepped = small_step(STEP | {"save_prefix": f"{tmp_path}/"}, {}, [[5, 5]])
    assert stepped["losses"].tolist() == [0, 0] and all(np.isfinite(value).all() for value in stepped.values())


def small_scored(options: Options, environment: dict[str, str]) -> dict[str, Any]:
    """The running means after a validation, of which each process has its own before."""
    os.environ.update(environment)
    given: dict[str, Any] = {"batch_size": 2, "data_shape": SIDE, "num_classes": 3}
    with (
        joined_processes("cpu") as device,
        TrainLog(quiet=True) as log,
        ValLoader(options.val, **given) as val,
    ):
        training = Training(options, small_network(options, 3), ("a", "b", "c"), device, log)
        for buffer in training.model.buffers():
            buffer.fill_(training.rank + 1)
        training.score(val)
        return {name: buffer.numpy() for name, buffer in training.model.named_buffers()}


@pytest.mark.slow
def test_processes_score_one_network(small: Callable[..., Options]) -> None:
    for buffers in in_processes("spawn", small_scored, [(small(), rank) for rank in two_ranks()]):
        assert len(buffers) == 3 and all((buffer == 1).all() for buffer in buffers.values())


def trained(options: Options, environment: dict[str, str]) -> int:
    """The exit code of a run in one of several processes."""
    os.environ.update(environment)
    return train(options, small_network)


@pytest.mark.slow
def test_only_rank_0_has_the_checkpoint(small: Callable[..., Options]) -> None:
    """As where each host has a disk of its own."""
    for epochs in (1, 2):
        options = [small(folder, epochs=epochs, resume="auto") for folder in ("first host", "second host")]
        codes = in_processes("spawn", trained, list(zip(options, two_ranks(), strict=True)))
        assert codes == [0, 0]
        options[1].file(".ckpt").write_bytes(b"what another run has left there")
    assert [entry["epoch"] for entry in measured(options[0]) if entry["kind"] == "epoch"] == [0, 1]


@pytest.mark.slow
def test_two_processes_stop_together_and_go_on(small: Callable[..., Options]) -> None:
    """Rank 1 alone gets a signal, within the second epoch."""

    def torchrun(options: Options, **environment: str) -> subprocess.CompletedProcess[str]:
        arguments = ["--train", *options.train, "--val", *options.val, "--save-prefix", options.save_prefix]
        arguments += ["--lr-decay-epoch", *map(str, options.lr_decay_epoch), "--resume", options.resume or "auto"]
        for name in ("batch_size", "epochs", "lr", "lr_warmup", "log_interval"):
            arguments += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
        command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port"]
        command += [str(own_port()), "-m", "tests.end_to_end.torchvision_ssd.small_detector", *arguments]
        more = {"PYTHONPATH": str(ROOT)} | environment
        return subprocess.run(
            command, env=os.environ | more, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
        )

    whole, cut = small("whole"), small("cut")
    assert torchrun(whole).returncode == 0
    stopped = torchrun(cut, SMALL_DETECTOR_STOP="1:7")
    assert stopped.returncode != 0 and "SIGTERM: stopped after step 7; saved" in stopped.stderr
    assert "examples/torchvision_ssd.py" not in stopped.stderr, "a traceback"
    on = torchrun(cut)
    assert on.returncode == 0 and "Going on from" in on.stderr
    assert measured(cut) == measured(whole) and learned(cut) == learned(whole)
