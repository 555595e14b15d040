"""The example of a training with PyTorch: with a small detector, and where torchvision is installed, with its SSDs."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tyro

torch: Any = pytest.importorskip("torch")
for name in ("matplotlib", "pycocotools"):
    pytest.importorskip(name)

from dali_ssd.errors import CheckpointError, ConfigError, MissingDependencyError, TrainingError  # noqa: E402
from dali_ssd.records.format.classes import CLASSES_FILE  # noqa: E402
from dali_ssd.reporting.history import read_history  # noqa: E402
from dali_ssd.reporting.log import TrainLog  # noqa: E402
from dali_ssd.torch import BoxBatch, ValLoader, joined_processes  # noqa: E402
from examples.torchvision_ssd import Network, Options, Training, main, torchvision_network, train  # noqa: E402
from tests.end_to_end.small_detector import SIDE, Detector, small_network  # noqa: E402
from tests.support.paths import ROOT  # noqa: E402
from tests.support.ports import own_port  # noqa: E402
from tests.support.processes import in_processes  # noqa: E402
from tests.support.shards import write_random  # noqa: E402

SMALL = {"batch_size": 4, "epochs": 3, "lr": 0.01, "lr_warmup": 3, "lr_decay_epoch": (2,), "log_interval": 2}
CLOCKS = {"speed", "data_share", "seconds"}
"""What is measured, and so is never the same."""


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """22 images: with 4 a step, epochs are of 5, 6 and 5 steps."""
    folder = tmp_path_factory.mktemp("shards")
    (folder / CLASSES_FILE).write_text("a\nb\nc\n")
    return write_random(folder, 22)[0]


@pytest.fixture
def small(shard: Path, tmp_path: Path) -> Callable[..., Options]:
    """Options for a small run in a folder of its own."""

    def options(folder: str = "run", **changes: Any) -> Options:
        (tmp_path / folder).mkdir(exist_ok=True)
        given: dict[str, Any] = SMALL | {
            "train": (str(shard),),
            "val": (str(shard),),
            "save_prefix": f"{tmp_path / folder}/",
        }
        return Options(**given | changes)

    return options


def measured(options: Options) -> list[dict[str, Any]]:
    """What a run has measured, but for speeds. Each start says once more where the loader works."""
    entries = read_history(options.file("_metrics.jsonl"))
    return [
        {name: value for name, value in entry.items() if name not in CLOCKS}
        for entry in entries
        if entry["kind"] != "placement"
    ]


def learned(options: Options) -> dict[str, Any]:
    """The parameters, running means and momenta in a run's checkpoint, as bytes."""
    content = torch.load(options.file(".ckpt"), weights_only=True)
    states = content["optimizer"]["state"]
    momenta = {
        f"{name} {number}": state[name] for number, state in states.items() for name in ("exp_avg", "exp_avg_sq")
    }
    return {name: tensor.numpy().tobytes() for name, tensor in (content["model"] | momenta).items()}


def test_a_resumed_run_is_the_unbroken_one(small: Callable[..., Options], monkeypatch: pytest.MonkeyPatch) -> None:
    whole, cut = small("whole"), small("cut")
    assert train(whole, small_network) == 0
    monkeypatch.setenv("SMALL_DETECTOR_STOP", "0:8")  # in the second epoch
    assert train(cut, small_network) == 143
    assert measured(cut)[-1]["step"] < 8
    monkeypatch.delenv("SMALL_DETECTOR_STOP")
    resumed = small("cut", resume="auto")
    assert train(resumed, small_network) == 0
    assert [entry["step"] for entry in measured(whole) if entry["kind"] == "epoch"] == [5, 11, 16]
    assert measured(cut) == measured(whole) and learned(cut) == learned(whole)


def test_a_run_that_ended_goes_on_for_more_epochs(small: Callable[..., Options]) -> None:
    assert train(small("short", epochs=2, checkpoint_every=4), small_network) == 0
    assert train(small("short", resume="auto"), small_network) == 0
    assert train(small("long"), small_network) == 0
    short, long = small("short"), small("long")
    assert measured(short) == measured(long) and learned(short) == learned(long)


def test_what_a_run_says_and_leaves(small: Callable[..., Options], capfd: pytest.CaptureFixture[str]) -> None:
    options = small(epochs=1)
    assert train(options, small_network) == 0
    log = capfd.readouterr().err
    for part in ("[Epoch 0][Batch 1], Speed: ", "[Epoch 0] Training cost: ", "[Epoch 0] Validation: \na=", "COCO AP="):
        assert part in log
    assert sorted(path.name for path in Path(options.save_prefix).iterdir()) == [
        f"{options.network}{end}" for end in (".ckpt", "_best.pt", "_curve.png", "_metrics.jsonl", "_train.log")
    ]
    kinds = [entry["kind"] for entry in measured(options)]
    assert kinds == ["step", "step", "epoch"]
    last = measured(options)[-1]
    assert 0 <= last["map"] <= 1 and last["cross_entropy"] > 0 and last["step"] == 5


def test_the_learning_rate_rises_and_decays(small: Callable[..., Options], monkeypatch: pytest.MonkeyPatch) -> None:
    def last_rate(options: Options) -> float:
        """Of the optimizer, with which the last step was made."""
        return float(torch.load(options.file(".ckpt"), weights_only=True)["optimizer"]["param_groups"][0]["lr"])

    options = small(lr=0.3, val=(), log_interval=1)
    assert train(options, small_network) == 0
    rates = [entry["lr"] for entry in measured(options) if entry["kind"] == "step"]  # that of the next step
    assert rates == pytest.approx([0.2] + [0.3] * 10 + [0.03] * 5) and last_rate(options) == pytest.approx(0.03)
    monkeypatch.setenv("SMALL_DETECTOR_STOP", "0:1")
    begun = small("begun", lr=0.3, val=())
    assert train(begun, small_network) == 143
    assert last_rate(begun) == pytest.approx(0.1)


def test_epochs_that_are_scored(small: Callable[..., Options]) -> None:
    options = small(epochs=4, val_interval=2)
    assert train(options, small_network) == 0
    assert ["map" in entry for entry in measured(options) if entry["kind"] == "epoch"] == [True, False, True, True]


def test_the_best_parameters_are_those_of_the_best_epoch(small: Callable[..., Options]) -> None:
    long = small("long", epochs=4, lr_decay_epoch=())
    assert train(long, small_network) == 0
    scores = [entry["map"] for entry in measured(long) if entry["kind"] == "epoch"]
    best = max(range(4), key=lambda epoch: (scores[epoch], epoch))
    assert best < 3, scores
    short = small("short", epochs=best + 1, lr_decay_epoch=())
    assert train(short, small_network) == 0
    kept, then = torch.load(long.file("_best.pt")), torch.load(short.file(".ckpt"), weights_only=True)["model"]
    assert all(torch.equal(kept[name], then[name]) for name in then) and len(kept) == len(then)


def test_a_run_that_is_over_says_so(small: Callable[..., Options], capfd: pytest.CaptureFixture[str]) -> None:
    assert train(small(epochs=1), small_network) == 0
    capfd.readouterr()
    assert train(small(epochs=1, resume="auto"), small_network) == 0
    assert "All 1 epochs are trained" in capfd.readouterr().err


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
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(own_port())}
    return [shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(2)]


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
        command += [str(own_port()), "-m", "tests.end_to_end.small_detector", *arguments]
        more = {"PYTHONPATH": str(ROOT)} | environment
        return subprocess.run(
            command, env=os.environ | more, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
        )

    whole, cut = small("whole"), small("cut")
    assert torchrun(whole).returncode == 0
    stopped = torchrun(cut, SMALL_DETECTOR_STOP="1:7")
    assert stopped.returncode != 0 and "SIGTERM: stopped after step 7; saved" in stopped.stderr
    assert "examples/torchvision_ssd.py" not in stopped.stderr, "a traceback"
    on = torchrun(cut)
    assert on.returncode == 0 and "Going on from" in on.stderr
    assert measured(cut) == measured(whole) and learned(cut) == learned(whole)


def test_a_checkpoint_is_not_replaced_by_another_run(small: Callable[..., Options]) -> None:
    assert train(small(epochs=1), small_network) == 0
    assert train(small("other", epochs=1), small_network) == 0
    for resume in ("", str(small("other").file(".ckpt"))):
        with pytest.raises(ConfigError, match="go on with --resume auto, or choose another --save-prefix"):
            train(small(resume=resume), small_network)
    with pytest.raises(CheckpointError, match=r"belongs to another run: .*\'wd\': 0\.01.* and not .*\'wd\': 0\.5"):
        train(small(resume="auto", wd=0.5), small_network)
    assert train(small(epochs=1, resume=str(small().file(".ckpt"))), small_network) == 0


def test_files_that_are_no_checkpoint(small: Callable[..., Options], tmp_path: Path) -> None:
    for name, content in {"empty": b"", "text": b"no checkpoint", "letter": b"A"}.items():
        (tmp_path / name).write_bytes(content)
    for name, saved in {
        "parameters": {"weight": torch.zeros(1)},
        "tensor": torch.zeros(3),
        "list": [1],
        "zero": 0,
    }.items():
        torch.save(saved, tmp_path / name)
    for name in ("empty", "text", "letter", "parameters", "tensor", "list", "zero", "none"):
        with pytest.raises(CheckpointError, match="is no whole checkpoint of this script"):
            train(small(resume=str(tmp_path / name)), small_network)


@pytest.mark.parametrize(
    "change",
    [
        {"at": {"epochs": 3}}, {"at": None}, {"meter": [1]}, {"parts": []}, {"parts": [3]}, {"parts": [{"loader": 3}]},
        {"model": {}}, {"model": 1}, {"optimizer": {}}, {"optimizer": None},
        {"optimizer": {"state": {}, "param_groups": []}},
    ],
    ids=str,
)  # fmt: skip
def test_damaged_checkpoint(small: Callable[..., Options], change: dict[str, Any]) -> None:
    assert train(small(epochs=1, val=()), small_network) == 0
    path = small().file(".ckpt")
    torch.save(torch.load(path, weights_only=True) | change, path)
    with pytest.raises(CheckpointError, match="is no whole checkpoint of this script"):
        train(small(epochs=2, val=(), resume="auto"), small_network)


def test_the_curve_is_not_found_missing_after_an_epoch(
    small: Callable[..., Options], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match="Matplotlib is not installed"):
        train(small(), small_network)
    assert not list(Path(small().save_prefix).iterdir())


def test_loss_that_is_not_finite(small: Callable[..., Options]) -> None:
    def spoiled(options: Options, classes: int) -> Network:
        network = small_network(options, classes)
        torch.nn.init.constant_(network.model.head.bias, math.inf)
        return network

    with pytest.raises(TrainingError, match="the loss is not finite at step 0"):
        train(small(), spoiled)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 0}, "batch_size must be greater than 0, not 0"),
        ({"batch_size": 1}, "has batch normalization, which needs 2 images per process, not 1"),
        ({"batch_size": 4.5}, "batch_size must be a whole number, not 4.5"),
        ({"wd": -1.0}, "wd must not be negative, not -1.0"),
        ({"checkpoint_every": -5}, "checkpoint_every must not be negative, not -5"),
        ({"lr_warmup": -3}, "lr_warmup must not be negative, not -3"),
        ({"lr": math.inf}, "lr must be finite"),
        ({"wd": math.inf}, "wd must be finite"),
        ({"seed": 2**32}, "seed must be below"),
        ({"num_workers": -1}, "num_workers must not be negative, not -1"),
        ({"num_workers": 1025}, r"num_threads must be auto or within 1\.\.1024, not 1025"),
        ({"amp": True, "device": "cpu"}, "--amp needs a GPU"),
    ],
)
def test_options_that_cannot_work(small: Callable[..., Options], change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        train(small(**change), small_network)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--train", "none.rec"], "torchvision_ssd: error: there is no file none.rec"),
        (["--train", "none.rec", "--network", "vgg"], "invalid choice"),
    ],
)
def test_command_lines_that_cannot_work(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["torchvision_ssd.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        sys.exit(main(small_network))
    assert ended.value.code == 2
    assert message in capfd.readouterr().err


def test_threads_of_the_loader_are_given_as_elsewhere() -> None:
    assert tyro.cli(Options, args=["--train", "none.rec", "-j", "3"]).num_workers == 3


@pytest.fixture(scope="module")
def ssdlite() -> Network:
    pytest.importorskip("torchvision")
    torch.manual_seed(0)
    return torchvision_network(Options(train=("none",)), 3)


@pytest.mark.parametrize("name", ["ssd300_vgg16", "ssdlite320_mobilenet_v3_large"])
def test_pretrained_weights_are_those_that_the_input_is_for(name: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    models = pytest.importorskip("torchvision.models")
    asked: list[Any] = []

    def state(weights: Any, *_: Any, **__: Any) -> dict[str, Any]:
        """Instead of a download."""
        asked.append(weights)
        builder = {"VGG16_Weights": models.vgg16, "MobileNet_V3_Large_Weights": models.mobilenet_v3_large}
        state_dict: dict[str, Any] = builder[type(weights).__name__]().state_dict()
        return state_dict

    monkeypatch.setattr(models.WeightsEnum, "get_state_dict", state)
    network = torchvision_network(Options(train=("none",), network=name, pretrained_backbone=True), 3)
    if name == "ssd300_vgg16":
        assert asked == [models.VGG16_Weights.IMAGENET1K_FEATURES]
        made_for = asked[0].transforms()
        assert (network.mean, network.std) == (tuple(made_for.mean), tuple(made_for.std))
    else:
        assert asked == [models.MobileNet_V3_Large_Weights.IMAGENET1K_V1]


def drawn_batch(size: int) -> tuple[Any, list[dict[str, Any]]]:
    """Two images, one without objects."""
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    boxes = torch.tensor([[10.0, 20, 200, 180], [50, 50, 90, 100]])
    nothing = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    return images, [{"boxes": boxes, "labels": torch.tensor([1, 3])}, nothing]


def test_torchvision_computes_the_same_when_it_resizes_and_normalizes(ssdlite: Network) -> None:
    from torchvision.models.detection import ssdlite320_mobilenet_v3_large

    assert ssdlite[1:] == (320, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    options = {"image_mean": (0, 0, 0), "image_std": (1, 1, 1), "weights": None, "weights_backbone": None}
    theirs = ssdlite320_mobilenet_v3_large(num_classes=4, **options)
    theirs.load_state_dict(ssdlite.model.state_dict())
    images, targets = drawn_batch(320)
    losses, their_losses = ssdlite.model.train()(images, targets), theirs.train()(list(images), targets)
    assert all(torch.equal(losses[name], their_losses[name]) for name in ("classification", "bbox_regression"))
    assert losses["positives"] > 0
    theirs.load_state_dict(ssdlite.model.state_dict())
    with torch.inference_mode():
        found, their_found = ssdlite.model.eval()(images), theirs.eval()(list(images))
    for one, other in zip(found, their_found, strict=True):
        assert len(one["boxes"]) and all(torch.equal(one[name], other[name]) for name in other)


def test_anchors_are_exact_under_autocast(ssdlite: Network) -> None:
    model: Any = ssdlite.model.train()
    anchors: list[Any] = []
    hook = model.anchor_generator.register_forward_hook(lambda _, given, made: anchors.append(made[0]))
    images, targets = drawn_batch(320)
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            model(images, targets)
    hook.remove()
    exact, mixed = anchors
    assert torch.equal(mixed, exact)


@pytest.mark.slow
def test_ssdlite_resumed_is_the_unbroken_run(small: Callable[..., Options], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torchvision")

    def interrupted(options: Options, classes: int) -> Network:
        network = torchvision_network(options, classes)
        calls = itertools.count(1)
        network.model.register_forward_pre_hook(lambda *_: os.kill(os.getpid(), 15) if next(calls) == 3 else None)
        return network

    whole, cut = (small(folder, epochs=1, batch_size=4) for folder in ("whole", "cut"))
    assert (train(whole), train(cut, interrupted)) == (0, 143)
    assert train(small("cut", epochs=1, batch_size=4, resume="auto")) == 0
    assert measured(cut) == measured(whole) and learned(cut) == learned(whole)
