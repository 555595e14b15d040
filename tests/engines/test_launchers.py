"""Each launcher, with each engine: all processes find each other."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from dali_ssd.synthetic import write_shapes
from tests.support.engines import ENGINES, LAUNCH, LOOP, Run, need_command, need_engine
from tests.support.ports import own_port

pytestmark = pytest.mark.engines

NETWORK = ["--network", "resnet50_v1"]
"""Options of training that launchers must not take for their own."""
TRAIN = [
    "train", "--train", "train.rec", "--network", "mobilenet0.25", "--data-shape", "128", "--pretrained-base", "no",
    "--batch-size", "8", "--epochs", "1", "--gpus", "", "-j", "1",
]  # fmt: skip
LIMIT_S = 180
"""Kernels may have to be compiled."""
MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-np", "2"]
HOROVODRUN = [sys.executable, "-m", "dali_ssd.launch.horovodrun", "-np", "2"]
STEP = """\
for task in 0 1; do
    SLURM_PROCID=$task SLURM_LOCALID=$task SLURM_NODEID=0 SLURM_STEP_ID=0 SLURM_JOB_ID=77 SLURM_STEP_NUM_TASKS=2 \
    SLURM_STEP_TASKS_PER_NODE=2 SLURM_STEP_NODELIST=localhost "$@" &
    started+=($!)
done
wait ${started[0]} && wait ${started[1]}
"""
"""What srun does on one host, as far as its variables go."""
BY_HAND = """\
for rank in 0 1; do
    RANK=$rank WORLD_SIZE=2 LOCAL_RANK=$rank LOCAL_WORLD_SIZE=2 MASTER_ADDR=localhost MASTER_PORT=$0 "$@" &
    started+=($!)
done
wait ${started[0]} && wait ${started[1]}
"""


def begin(launcher: str, program: list[str]) -> list[str]:
    """The command that starts two of a program."""
    return {
        "by hand": ["bash", "-c", BY_HAND, str(own_port()), *program],
        "mpirun": [*MPIRUN, *program],
        "srun": ["bash", "-c", STEP, "bash", *program],
        "horovodrun": [*HOROVODRUN, "sh", "-c", shlex.join(["exec", *program])],
    }[launcher]


def need(launcher: str, engine: str) -> None:
    need_engine("horovod" if launcher == "horovodrun" else engine)
    if launcher == "mpirun":
        need_command("mpirun", "openmpi-bin")


@pytest.mark.parametrize(
    ("launcher", "engine", "said"),
    [
        ("by hand", "horovod", "torchrun's environment"),
        ("by hand", "kvstore", "torchrun's environment"),
        ("mpirun", "kvstore", "Open MPI"),
        ("srun", "horovod", "Slurm"),
        ("horovodrun", "kvstore", "horovodrun"),
    ],
)
def test_all_find_each_other(launcher: str, engine: str, said: str, tmp_path: Path) -> None:
    need(launcher, engine)
    program = [sys.executable, LOOP, "train", *ENGINES[engine], *NETWORK]
    with Run(tmp_path, begin(launcher, program)) as run:
        assert run.ended() == 0, run.output
    for rank in (0, 1):
        assert f"rank {rank} of 2, {said}, " in run.output
        assert f"rank {rank} has the sum 3\n" in run.output


@pytest.mark.parametrize(
    ("launcher", "engine"), [("mpirun", "horovod"), ("srun", "kvstore"), ("horovodrun", "horovod")]
)
def test_all_train_together(launcher: str, engine: str, tmp_path: Path) -> None:
    """With the other engine, the loop stands in for training, which takes longer."""
    need(launcher, engine)
    write_shapes(tmp_path, "train", 16, seed=0)
    program = [sys.executable, "-m", "dali_ssd", *TRAIN, *ENGINES[engine]]
    with Run(tmp_path, begin(launcher, program), OMP_NUM_THREADS="1") as run:
        assert run.ended(LIMIT_S) == 0, run.output
    assert run.output.count("Training in 2 processes; process 0 on cpu(0)") == 1, run.output
    assert run.output.count("[Epoch 0] Training cost:") == 1, run.output


@pytest.mark.parametrize("engine", ENGINES)
def test_launch_starts_all(engine: str, tmp_path: Path) -> None:
    need_engine(engine)
    with Run(tmp_path, [*LAUNCH, "-n", "2", "--engine", engine, "--", "train", *NETWORK]) as run:
        assert run.ended() == 0, run.output
    lines = run.output.splitlines()
    said = "has the sum 3"
    assert f"rank 0 {said}" in lines and f"[rank 1] rank 1 {said}" in lines


def test_horovod_alone_sees_one_process_and_that_is_refused(tmp_path: Path) -> None:
    """Without us, a Horovod that was built with gloo trains a model in each process of mpirun, without a word."""
    need_engine("horovod")
    need_command("mpirun", "openmpi-bin")
    with Run(tmp_path, [*MPIRUN, sys.executable, LOOP, "train", "--horovod", "--alone"]) as run:
        assert run.ended() == 2
    assert "error: Open MPI announces 2 processes, but Horovod sees 1, so each would train" in run.output


def test_training_without_an_engine_is_refused(tmp_path: Path) -> None:
    need_command("mpirun", "openmpi-bin")
    with Run(tmp_path, [*MPIRUN, sys.executable, LOOP, "train", "--alone"]) as run:
        assert run.ended() == 2
    assert "error: Open MPI announces 2 processes, but training sees 1, so each would train" in run.output


def test_horovodrun_itself_refuses_the_line_without_a_shell(tmp_path: Path) -> None:
    """If it no longer does, docs/scaling.md needs no `sh -c`."""
    need_engine("horovod")
    with Run(tmp_path, [*HOROVODRUN, sys.executable, LOOP, "train", "--horovod", *NETWORK]) as run:
        assert run.ended() == 2
    assert "ambiguous option: --network" in run.output
