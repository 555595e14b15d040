"""A training run small enough for tests: its options, the files it leaves, and commands that fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy.typing as npt
import pytest

from dali_ssd.cli.main import main
from dali_ssd.gluon.checkpoint.file import read_checkpoint

__all__ = ["NAME", "SMALL", "TRAIN", "fails", "same_weights", "weights"]

NAME = "ssd_128_mobilenet0.25_custom"
SMALL = ["--network", "mobilenet0.25", "--data-shape", "128", "--gpus", ""]
TRAIN = [*SMALL, "--batch-size", "8", "--lr", "0.01", "--pretrained-base", "no", "-j", "2", "--log-interval", "2"]


def weights(checkpoint: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a checkpoint: parameters and momentum."""
    return read_checkpoint(checkpoint)[0]


def same_weights(first: Path, second: Path) -> bool:
    """Whether two checkpoints hold the same arrays, to the bit."""
    one, other = weights(first), weights(second)
    return one.keys() == other.keys() and all(one[name].tobytes() == other[name].tobytes() for name in one)


def fails(argv: list[str], capfd: pytest.CaptureFixture[str], message: str, code: int = 2) -> None:
    """Run a command that must end with this message and without a traceback."""
    try:
        assert main(argv) == code
    except SystemExit as exit_:  # tyro reports options that cannot work itself
        assert exit_.code == code
    err = capfd.readouterr().err
    assert "Traceback" not in err
    assert message in err
