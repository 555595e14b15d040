from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dali_ssd.errors import ConfigError, DaliSsdError, MissingDependencyError
from dali_ssd.metrics.detections import Detections
from dali_ssd.reporting.history import Entry
from dali_ssd.reporting.progress import TrainProgress
from dali_ssd.reporting.views.facts import RunFacts
from dali_ssd.reporting.views.gallery import Gallery, Seen
from dali_ssd.reporting.views.tensorboard import TensorBoardView
from dali_ssd.reporting.views.view import Status
from tests.support.events import read_events
from tests.support.full_disk import full_disk

pytest.importorskip("tensorboardX")


def step_entry(step: int) -> Entry:
    return {
        "kind": "step", "epoch": 0, "step": step, "lr": 0.5, "cross_entropy": 2.5, "smooth_l1": None, "speed": 80.0,
        "data_share": 0.25, "batch": step,
    }  # fmt: skip


def scalars(events: list[Any]) -> dict[tuple[int, str], float]:
    return {
        (event.step, value.tag): value.simple_value
        for event in events
        for value in event.summary.value
        if value.HasField("simple_value")
    }


def test_two_runs_that_begin_in_the_same_second_have_files_of_their_own(
    tmp_path: Path, run: RunFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dali_ssd.reporting.views.tensorboard.time.time", lambda: 1e9)
    for process in (1, 2):
        monkeypatch.setattr("dali_ssd.reporting.views.tensorboard.os.getpid", lambda process=process: process)
        view = TensorBoardView(tmp_path, run)
        view.begin([], TrainProgress())
        view.end([], Status("ended"))
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 2


def test_what_is_written_comes_back(
    tmp_path: Path, run: RunFacts, gallery: Gallery, found: list[Detections], epoch: Callable[..., Entry]
) -> None:
    view = TensorBoardView(tmp_path / "tb", run)
    view.begin([], TrainProgress())
    view.step(step_entry(5))
    view.epoch([epoch(0, map=0.5, ap={"circle": 0.25, "star": None})], Seen(gallery, found))
    view.end([epoch(0)], Status("stopped", "SIGINT"))
    events = read_events(tmp_path / "tb")
    assert scalars(events) == pytest.approx(
        {
            (5, "step/loss/cross_entropy"): 2.5,
            (5, "step/rate/learning_rate"): 0.5,
            (5, "step/speed/images_per_second"): 80.0,
            (5, "step/speed/waiting_for_data"): 0.25,
            (10, "epoch/loss/cross_entropy"): 2.0,
            (10, "epoch/loss/smooth_l1"): 1.5,
            (10, "epoch/rate/learning_rate"): 0.1,
            (10, "epoch/speed/images_per_second"): 80.0,
            (10, "epoch/speed/waiting_for_data"): 0.02,
            (10, "epoch/score/mAP_VOC07"): 0.5,
            (10, "epoch/score/AP_COCO"): 0.0,
            (10, "class_AP/circle"): 0.25,
        }
    )
    images = {value.tag: value.image for event in events for value in event.summary.value if value.HasField("image")}
    assert sorted(images) == [f"samples/{number}" for number in range(6)]
    assert all(image.encoded_image_string.startswith(b"\xff\xd8") for image in images.values())
    texts = {
        value.tag: value.tensor.string_val[0].decode()
        for event in events
        for value in event.summary.value
        if value.HasField("tensor")
    }
    assert texts["options/text_summary"].startswith("| option | value | default |")
    assert texts["end/text_summary"] == "stopped: SIGINT"


def test_a_resumed_run_makes_later_steps_void(tmp_path: Path, run: RunFacts) -> None:
    for at in (TrainProgress(), TrainProgress(epoch=1, step=10)):
        view = TensorBoardView(tmp_path, run)
        view.begin([], at)
        view.end([], Status("ended"))
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2
    starts = [[event.step for event in read_events(path) if event.HasField("session_log")] for path in files]
    assert sorted(starts) == [[0], [11]]  # the checkpoint's own step is done


def test_another_run_in_the_same_folder_is_warned_of(
    tmp_path: Path, run: RunFacts, caplog: pytest.LogCaptureFixture
) -> None:
    for at in (TrainProgress(), TrainProgress(epoch=1, step=10)):
        view = TensorBoardView(tmp_path, run)
        view.begin([], at)
        view.end([], Status("ended"))
    assert caplog.messages == []
    view = TensorBoardView(tmp_path, run)
    view.begin([], TrainProgress())
    view.end([], Status("ended"))
    (message,) = caplog.messages
    assert message.startswith(f"{tmp_path} has events of another run, which TensorBoard will hide")


def test_on_a_full_disk_nothing_more_is_written(tmp_path: Path, run: RunFacts, epoch: Callable[..., Entry]) -> None:
    view = TensorBoardView(tmp_path, run)
    view.begin([], TrainProgress())
    (file,) = tmp_path.iterdir()
    with full_disk(file.stat().st_size + 20):
        with pytest.raises(OSError, match="File too large"):
            view.epoch([epoch(0)], None)
        view.step(step_entry(2))
        view.epoch([epoch(1)], None)
    view.end([], Status("ended"))
    assert scalars(read_events(tmp_path)) == {}


def test_steps_are_on_disk_after_some_seconds(tmp_path: Path, run: RunFacts) -> None:
    now = [0.0]
    view = TensorBoardView(tmp_path, run, clock=lambda: now[0])
    view.begin([], TrainProgress())
    view.step(step_entry(1))
    before = len(scalars(read_events(tmp_path)))
    now[0] = view.FLUSH_S
    view.step(step_entry(2))
    assert (before, len(scalars(read_events(tmp_path)))) == (0, 8)
    view.end([], Status("ended"))


def test_a_folder_that_cannot_be_made(tmp_path: Path, run: RunFacts) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DaliSsdError, match="cannot create files in"):
        TensorBoardView(tmp_path / "file" / "tb", run)
    with pytest.raises(ConfigError, match=r"--tensorboard .*file is a file; give a folder"):
        TensorBoardView(tmp_path / "file", run)


def test_without_tensorboardx(tmp_path: Path, run: RunFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("tensorboardX")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'dali-ssd\[tensorboard\]'"):
        TensorBoardView(tmp_path, run)
