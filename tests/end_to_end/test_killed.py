"""A training run that is killed at any time and resumed ends as one that was not killed."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dali_ssd.gluon.checkpoint.file import find_checkpoints, read_checkpoint
from dali_ssd.synthetic import write_shapes
from tests.end_to_end.training import NAME, TRAIN, same_weights
from tests.support.paths import ROOT

pytest.importorskip("mxnet")

pytestmark = pytest.mark.slow

_TIMEOUT_S = 300.0
"""Seconds; kernels may have to be compiled first."""
STEPS = 12


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shapes(tmp_path_factory.mktemp("shapes"), "train", 32, seed=0)[0]


class Training:
    """A training run of three epochs of four steps in a separate process, which can be restarted."""

    def __init__(self, shard: Path, out: Path) -> None:
        self.shard, self.out, self.log = shard, out, out / "batches.txt"
        out.mkdir(exist_ok=True)
        self.log.touch()

    def start(self, slow: float = 0.0) -> subprocess.Popen[str]:
        own = ["--train", str(self.shard), *TRAIN, "--save-prefix", f"{self.out}/", "--save-interval", "0"]
        options = ["--epochs", "3", "--checkpoint-every", "1", "--checkpoint-keep", "3", "--resume", "auto"]
        command = [sys.executable, "-m", "tests.end_to_end.recorded_train", str(self.log), str(slow), "train"]
        return subprocess.Popen([*command, *own, *options], cwd=ROOT, stderr=subprocess.PIPE, text=True)

    def finish(self) -> None:
        process = self.start()
        _, err = process.communicate(timeout=_TIMEOUT_S)
        assert process.returncode == 0, err

    @property
    def batches(self) -> dict[str, set[str]]:
        """Check sums of each batch, by epoch and number; those that were loaded twice have to be the same."""
        found: dict[str, set[str]] = {}
        for epoch, number, digest in map(str.split, self.log.read_text().splitlines()):
            found.setdefault(f"{epoch} {number}", set()).add(digest)
        return found

    @property
    def checkpoints(self) -> list[Path]:
        return find_checkpoints(f"{self.out}/{NAME}")

    @property
    def half_written(self) -> set[Path]:
        """Checkpoints that are being written, and those that a killed process left."""
        return set(self.out.glob(f".{NAME}*.tmp.ckpt"))

    def kill(self, process: subprocess.Popen[str], due: Callable[[], object], delay: float) -> None:
        """Kill the process some time after a condition is met."""
        wait_until(due)
        time.sleep(delay)
        assert process.poll() is None, "the training was over before it could be killed"
        process.kill()
        process.communicate()


def wait_until(due: Callable[[], object]) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while not due():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def whole(shard: Path, tmp_path_factory: pytest.TempPathFactory) -> Training:
    training = Training(shard, tmp_path_factory.mktemp("whole"))
    training.finish()
    assert len(training.batches) == STEPS
    return training


def test_killed_at_random_and_while_saving(shard: Path, whole: Training, tmp_path: Path) -> None:
    """Three runs: killed anywhere, killed while a checkpoint is written, and to the end."""
    training, chance = Training(shard, tmp_path), random.Random()
    print("seed", seed := chance.randrange(2**32))  # pytest shows it if the test fails
    chance.seed(seed)
    steps = chance.randint(1, 4)
    training.kill(training.start(slow=0.002), lambda: len(training.batches) >= steps, chance.uniform(0, 0.2))
    left = training.half_written
    # The first life may have ended before its first checkpoint; there has to be one to go back to.
    saving = training.start(slow=0.01)
    training.kill(saving, lambda: training.checkpoints and training.half_written - left, chance.uniform(0, 0.2))
    assert training.half_written - left, "it was not killed inside of a checkpoint"
    read_checkpoint(training.checkpoints[-1])
    training.finish()
    assert same_weights(training.checkpoints[-1], whole.checkpoints[-1])
    assert training.batches == whole.batches
    assert all(len(digests) == 1 for digests in training.batches.values())


def test_a_second_interrupt_leaves_at_once(shard: Path, whole: Training, tmp_path: Path) -> None:
    """The first signal is still writing a checkpoint, which takes seconds; the previous checkpoint is intact."""
    training = Training(shard, tmp_path)
    process = training.start(slow=0.01)
    wait_until(lambda: training.checkpoints)
    process.send_signal(signal.SIGINT)
    stderr = process.stderr
    assert stderr is not None  # asked for
    wait_until(lambda: "a second signal quits at once" in stderr.readline())
    wait_until(lambda: training.half_written)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert training.half_written, "it waited for the checkpoint"
    read_checkpoint(training.checkpoints[-1])
