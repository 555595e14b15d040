from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("mxnet")

from dali_ssd.errors import ConfigError
from dali_ssd.gluon.options import TrainConfig
from dali_ssd.gluon.training.heartbeat import HEARTBEAT_VARIABLE, Heartbeat
from dali_ssd.gluon.training.trainer import Trainer

LONG_AGO = 1000.0


class Clock:
    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


def age(path: Path) -> None:
    os.utime(path, (LONG_AGO, LONG_AGO))


def is_touched(path: Path) -> bool:
    return path.stat().st_mtime != LONG_AGO


def test_the_file_is_there_while_the_work_is_done(tmp_path: Path) -> None:
    path = tmp_path / "beat"
    with Heartbeat(path):
        assert path.exists()
    assert not path.exists()


def test_a_beat_touches_the_file_at_most_once_a_second(tmp_path: Path) -> None:
    path, clock = tmp_path / "beat", Clock()
    with Heartbeat(path, clock) as heartbeat:
        age(path)
        clock.now += 0.9
        heartbeat.beat()
        assert not is_touched(path)
        clock.now += 0.2
        heartbeat.beat()
        assert is_touched(path)


def test_beats_go_along_with_items(tmp_path: Path) -> None:
    path, clock = tmp_path / "beat", Clock()
    with Heartbeat(path, clock) as heartbeat:
        age(path)
        clock.now += 2
        assert list(heartbeat.along([1, 2])) == [1, 2]
        assert is_touched(path)


def test_the_environment_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HEARTBEAT_VARIABLE, str(tmp_path / "beat"))
    with Heartbeat.from_environment():
        assert (tmp_path / "beat").exists()


def test_without_a_file_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(HEARTBEAT_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    with Heartbeat.from_environment() as heartbeat:
        heartbeat.beat()
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"none/beat.*{HEARTBEAT_VARIABLE}"), Heartbeat(tmp_path / "none" / "beat"):
        pass


def test_a_failure_while_the_work_is_done_does_not_end_it(tmp_path: Path) -> None:
    folder, clock = tmp_path / "folder", Clock()
    folder.mkdir()
    with Heartbeat(folder / "beat", clock) as heartbeat:
        (folder / "beat").unlink()
        folder.rmdir()
        clock.now += 2
        heartbeat.beat()
    assert not folder.exists()


def test_each_training_step_is_a_beat(
    make_net: Callable[..., object], make_loader: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    beats = []
    monkeypatch.setattr(Heartbeat, "beat", lambda self: beats.append(self))
    heartbeat = Heartbeat()
    Trainer(make_net(), make_loader(3), TrainConfig(epochs=2, gpus=""), heartbeat=heartbeat).run()
    assert beats == [heartbeat] * 6
