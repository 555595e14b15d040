"""The command of every rank, and its environment."""

from __future__ import annotations

import re
import shlex

import pytest

from dali_ssd.errors import ConfigError
from dali_ssd.launch.start.command import by_hand, environment, resumed, train_command
from dali_ssd.launch.start.hosts import Seat
from dali_ssd.launch.start.options import LaunchConfig


def command(given: str, **options: object) -> str:
    return shlex.join(train_command(LaunchConfig(**options), given.split()))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("engine", "given", "added"),
    [
        ("auto", "train", " --horovod"),
        ("horovod", "train --lr 1", " --horovod"),
        ("kvstore", "train", " --kvstore dist_sync"),
        ("auto", "train --horovod", ""),
        ("auto", "train --kvstore dist_device_sync", ""),
        ("kvstore", "train --kvstore=dist_device_sync", ""),
        ("horovod", "train --horovod", ""),
        ("auto", "train --kvstore local", " --horovod"),
    ],
)
def test_the_engine_is_added_once(engine: str, given: str, added: str) -> None:
    assert command(given, engine=engine) == given + added


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ("", {}, "say what to run, after two dashes"),
        ("eval --params a", {}, "launch starts `train`, not 'eval'"),
        ("train --horovod", {"engine": "kvstore"}, "--engine kvstore, and --horovod in the command"),
        ("train --kvstore=dist_sync", {"engine": "horovod"}, "--engine horovod, and --kvstore dist_sync in"),
        ("train --kvstore local", {"engine": "kvstore"}, "--engine kvstore, and --kvstore local in the command"),
        (
            "train --resume a.ckpt",
            {"restart": 1},
            "--restart resumes from the newest checkpoint, the command from a.ckpt",
        ),
    ],
)
def test_what_is_refused(given: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        command(given, **options)


def test_a_restart_resumes_once() -> None:
    assert resumed(["train"]) == ["train", "--resume", "auto"]
    assert resumed(["train", "--resume=auto"]) == ["train", "--resume=auto"]
    assert command("train --resume auto --horovod", restart=2) == "train --resume auto --horovod"


def test_ranks_on_other_hosts_get_some_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXNET_HOME", "/models")
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("HOROVOD_FUSION_THRESHOLD", "0")
    for name in ("RANK", "LOCAL_SIZE", "CROSS_RANK", "GLOO_RENDEZVOUS_ADDR", "GLOO_IFACE", "CONTROLLER"):
        monkeypatch.setenv(f"HOROVOD_{name}", "1")
    here, there = (environment(Seat(1, host, 0, 1), 2, "a", 1234) for host in ("localhost", "other"))
    assert here == {
        **{"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"},
        **{"MASTER_ADDR": "a", "MASTER_PORT": "1234"},
    }
    assert [name for name in there if name.startswith("HOROVOD_")] == ["HOROVOD_FUSION_THRESHOLD"]
    assert there["MXNET_HOME"] == "/models" and "HOME" not in there and here.items() <= there.items()


def test_a_line_for_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getcwd", lambda: "/a b")
    assert by_hand({"RANK": "1"}, ["python", "-c", "x y"]) == "cd '/a b' && env RANK=1 python -c 'x y'"
