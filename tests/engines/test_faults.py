"""Ranks and roles that are killed in the middle of a run: all end within seconds, say why, and begin again if asked."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.support.engines import ENGINES, LAUNCH, LOOP, Run, need_engine, read_proc

pytestmark = pytest.mark.engines

LIMIT_S = 15
LONG = ["--steps", "1000000"]


def start(folder: Path, engine: str, *options: str) -> Run:
    need_engine(engine)
    return Run(folder, [*LAUNCH, "-n", "2", *options, "--engine", engine, "--", "train", *LONG])


def wait_until_trained(run: Run, times: int = 2) -> None:
    """Wait until all ranks add up."""
    run.wait_for(" of 2, ", times)
    time.sleep(0.5)


def kill(run: Run, **variables: str) -> None:
    """Kill the process with these variables: a role, or else the rank's own."""
    found = run.processes(**variables)
    victim = [each for each in found if "DMLC_ROLE" in variables or LOOP in read_proc(each, "cmdline")]
    assert len(victim) == 1
    os.kill(victim[0], signal.SIGKILL)


@pytest.mark.parametrize(
    ("engine", "victim", "said"),
    [
        ("horovod", {}, "dali-ssd: rank 1 was ended by SIGKILL"),
        ("kvstore", {}, "dali-ssd: rank 1 was ended by SIGKILL"),
        ("kvstore", {"DMLC_ROLE": "server"}, "the key-value store's server of rank 1 was ended by SIGKILL"),
    ],
)
def test_all_end_and_say_why(engine: str, victim: dict[str, str], said: str, tmp_path: Path) -> None:
    with start(tmp_path, engine) as run:
        wait_until_trained(run)
        kill(run, RANK="1", **victim)
        code = run.ended(LIMIT_S)
    assert said in run.output
    assert code == (1 if victim else 128 + signal.SIGKILL), run.output


@pytest.mark.parametrize(
    ("engine", "victim"), [("horovod", {"RANK": "0"}), ("kvstore", {"RANK": "0", "DMLC_ROLE": "scheduler"})]
)
def test_all_begin_again_and_save_when_asked_to_stop(engine: str, victim: dict[str, str], tmp_path: Path) -> None:
    with start(tmp_path, engine, "--restart", "1") as run:
        wait_until_trained(run)
        kill(run, **victim)
        run.wait_for("starting all ranks again; 0 restarts left", limit=LIMIT_S)
        wait_until_trained(run, 4)
        run.process.send_signal(signal.SIGINT)
        assert run.ended(LIMIT_S) == 128 + signal.SIGINT, run.output
    assert run.output.count("resume=False") == 2 and run.output.count("resume=True") == 2
    assert "rank 0 saves" in run.output and "rank 1 saves" in run.output


@pytest.mark.parametrize("engine", ENGINES)
def test_ranks_do_not_outlive_the_launcher(engine: str, tmp_path: Path) -> None:
    with start(tmp_path, engine) as run:
        wait_until_trained(run)
        run.process.kill()
        assert run.ended(LIMIT_S) == -signal.SIGKILL
