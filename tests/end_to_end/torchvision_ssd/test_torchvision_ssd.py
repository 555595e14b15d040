"""The example of a training with PyTorch, with a small detector."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tyro

torch: Any = pytest.importorskip("torch")
for name in ("matplotlib", "pycocotools"):
    pytest.importorskip(name)

from dali_ssd.errors import CheckpointError, ConfigError, MissingDependencyError, TrainingError  # noqa: E402
from examples.torchvision_ssd import Network, Options, main, train  # noqa: E402
from tests.end_to_end.torchvision_ssd.runs import learned, measured  # noqa: E402
from tests.end_to_end.torchvision_ssd.small_detector import small_network  # noqa: E402


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
    ends = (".ckpt", "_best.pt", "_curve.png", "_metrics.jsonl", "_report.html", "_report.json", "_train.log")
    names = sorted(path.name for path in Path(options.save_prefix).iterdir())
    assert names == [f"{options.network}{end}" for end in ends]
    page = options.file("_report.html").read_text(encoding="utf-8")
    assert "Ended: 1 of 1 epoch done" in page and "epoch 1: " in page and "--save-prefix" in page
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
        {"at": {"epochs": 3}}, {"at": None}, {"meter": [1]}, {"history": 1},
        {"parts": []}, {"parts": [3]}, {"parts": [{"loader": 3}]},
        {"model": {}}, {"model": 1}, {"optimizer": {}}, {"optimizer": None},
        {"optimizer": {"state": {}, "param_groups": []}},
    ],
    ids=str,
)  # fmt: skip
def test_damaged_checkpoint(small: Callable[..., Options], change: dict[str, Any]) -> None:
    assert train(small(epochs=1, val=()), small_network) == 0
    path = small().file(".ckpt")
    torch.save(torch.load(path, weights_only=True) | change, path)
    with pytest.raises(CheckpointError, match=r"is no whole checkpoint|the loader's state has no identity"):
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
