"""The learning rate at each step of a run that warms up, decays, is scaled and is resumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mxnet")

from dali_ssd.gluon.options import TrainConfig
from dali_ssd.gluon.training.trainer import Trainer
from dali_ssd.reporting.history import read_history

BATCHES = 2
CONFIG = TrainConfig(
    epochs=4, lr=0.02, lr_batch_size=4, global_batch_size=2, lr_warmup=5, lr_decay=0.1, lr_decay_epoch="1,3",
    log_interval=1, checkpoint_every=1, checkpoint_keep=99, save_interval=0,
)  # fmt: skip
RATES = [0.01 * factor for factor in (0.2, 0.4, 0.06, 0.08, 0.1, 0.1, 0.01, 0.01)]
"""Half of --lr, as the batch is half of what it is for; the second epoch decays while the rate still rises."""


def rates(prefix: str) -> list[float]:
    return [entry["lr"] for entry in read_history(Path(f"{prefix}_metrics.jsonl")) if entry["kind"] == "step"]


@pytest.fixture(scope="module")
def whole(make_net: Any, make_loader: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The prefix of a run that nothing has interrupted."""
    prefix = str(tmp_path_factory.mktemp("whole") / "ssd")
    Trainer(make_net(), make_loader(BATCHES), CONFIG, prefix=prefix).run()
    return prefix


def test_warm_up_and_decays_work_together(whole: str) -> None:
    assert rates(whole) == pytest.approx(RATES)


@pytest.mark.parametrize(("step", "factor"), [(2, 1), (3, 1), (3, 0.25), (6, 0.25)])
def test_a_resumed_run_goes_on_with_the_same_warm_up_and_decays(
    make_net: Any, make_loader: Any, whole: str, tmp_path: Path, step: int, factor: float
) -> None:
    """Of the rate that is asked for then."""
    prefix = str(tmp_path / "again")
    resumed = Trainer(make_net(), make_loader(BATCHES), replace(CONFIG, lr=CONFIG.lr * factor), prefix=prefix)
    resumed.resume(Path(f"{whole}_{step:08d}.ckpt"))
    resumed.run()
    assert rates(prefix) == pytest.approx([*RATES[:step], *(rate * factor for rate in RATES[step:])])
