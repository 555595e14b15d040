"""A real training whose rank 1 is killed: all begin again from the last checkpoint, and train to the end."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from dali_ssd.synthetic import write_shapes
from tests.support.engines import ENGINES, Run, need_engine, read_proc

pytestmark = pytest.mark.engines

DALI_SSD = [sys.executable, "-m", "dali_ssd"]
LIMIT_S = 120
IMAGES, BATCH, EPOCHS, EVERY = 64, 8, 2, 3
STEPS = IMAGES // BATCH
"""Of an epoch."""
TRAIN = [
    "train", "--train", "train.rec", "--network", "mobilenet0.25", "--data-shape", "128", "--pretrained-base", "no",
    "--batch-size", str(BATCH), "--epochs", str(EPOCHS), "--gpus", "", "--checkpoint-every", str(EVERY),
    "--checkpoint-keep", "99", "--save-interval", str(EPOCHS), "--lr", "0.0005", "-j", "1",
]  # fmt: skip
NAME = "ssd_128_mobilenet0.25_custom"


def rank_of(run: Run, rank: int) -> int:
    """The process of a rank that trains, and not the key-value store's of that rank."""
    [found] = [
        each
        for each in run.processes(RANK=str(rank))
        if "DMLC_ROLE=s" not in read_proc(each, "environ") and "\0train\0" in read_proc(each, "cmdline")
    ]
    return found


def wait_for_checkpoint(run: Run, folder: Path, limit: float) -> None:
    end = time.monotonic() + limit
    while not list(folder.glob(f"{NAME}_[0-9]*.ckpt")):  # what is not whole yet has another name
        assert time.monotonic() < end and run.process.poll() is None, f"no checkpoint:\n{run.output}"
        time.sleep(0.02)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_killed_rank_costs_the_steps_since_the_last_checkpoint(engine: str, tmp_path: Path) -> None:
    need_engine(engine)
    write_shapes(tmp_path, "train", IMAGES, seed=0)
    options = ["launch", "-n", "2", "--restart", "1", "--engine", engine, "--", *TRAIN]
    with Run(tmp_path, [*DALI_SSD, *options], OMP_NUM_THREADS="1") as run:
        wait_for_checkpoint(run, tmp_path, LIMIT_S)
        os.kill(rank_of(run, 1), signal.SIGKILL)
        assert run.ended(LIMIT_S) == 0, run.output
        output = run.output
    assert "rank 1 was ended by SIGKILL" in output and "starting all ranks again; 0 restarts left" in output
    assert f"Going on from {NAME}_0000" in output and "begins with its first batch" not in output, output
    assert (tmp_path / f"{NAME}_{EPOCHS * STEPS:08d}.ckpt").is_file()
    assert (tmp_path / f"{NAME}_{EPOCHS - 1:04d}_0.0000.params").is_file()
    goes_on_alone(tmp_path)


def goes_on_alone(folder: Path) -> None:
    """From the checkpoint of two processes, one begins the epoch again, and says so."""
    begun = STEPS // EVERY * EVERY + EVERY  # within the second epoch
    path = f"{NAME}_{begun:08d}.ckpt"
    with Run(folder, [*DALI_SSD, *TRAIN, "--resume", path]) as run:
        assert run.ended(LIMIT_S) == 0, run.output
    assert f"Going on from {path}: [Epoch 1][Batch 0]" in run.output
    assert "taken with another number of processes or devices: epoch 1 begins with its first batch" in run.output
    assert (folder / f"{NAME}_{begun + STEPS:08d}.ckpt").is_file()
