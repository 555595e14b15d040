"""A user's own script, with GluonCV's imports at its top and GluonCV's own loader and metric in its validation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dali_ssd.records.format.labels import build_label
from tests.support.shards import draw, encoded, random_boxes, write

pytest.importorskip("gluoncv")

SCRIPT = Path(__file__).with_name("user_script.py")


@pytest.mark.parametrize("contexts", [1, 2])
def test_script_trains_and_scores(tmp_path: Path, contexts: int) -> None:
    """Also on two contexts: with a part of the batch elsewhere, `Trainer.step` would raise on stale gradients."""
    rng = np.random.default_rng(0)
    records = [
        (build_label(random_boxes(rng, 2), [0, 1]), encoded(draw(rng, 320, 240), "JPEG", quality=90)) for _ in range(4)
    ]
    (shard,) = write(tmp_path, records)
    command = [sys.executable, str(SCRIPT), str(shard), str(shard), str(contexts)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    printed = dict(line.split("=") for line in done.stdout.splitlines())
    assert 0 < float(printed["CrossEntropy"]) < 100
    assert 0 <= float(printed["mAP"]) <= 1
