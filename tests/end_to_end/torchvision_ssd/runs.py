"""Small runs of the example, and what they leave."""

from __future__ import annotations

from typing import Any

import torch

from dali_ssd.reporting.history import read_history
from examples.torchvision_ssd import Options

SMALL = {"batch_size": 4, "epochs": 3, "lr": 0.01, "lr_warmup": 3, "lr_decay_epoch": (2,), "log_interval": 2}
CLOCKS = {"speed", "data_share", "seconds"}
"""What is measured, and so is never the same."""


def measured(options: Options) -> list[dict[str, Any]]:
    """What a run has measured, but for speeds. Each start says once more where the loader works."""
    entries = read_history(options.file("_metrics.jsonl"))
    return [
        {name: value for name, value in entry.items() if name not in CLOCKS}
        for entry in entries
        if entry["kind"] != "placement"
    ]


def learned(options: Options) -> dict[str, Any]:
    """The parameters, running means and momenta in a run's checkpoint, as bytes."""
    content = torch.load(options.file(".ckpt"), weights_only=True)
    states = content["optimizer"]["state"]
    momenta = {
        f"{name} {number}": state[name] for number, state in states.items() for name in ("exp_avg", "exp_avg_sq")
    }
    return {name: tensor.numpy().tobytes() for name, tensor in (content["model"] | momenta).items()}
