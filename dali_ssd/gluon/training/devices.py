"""The devices of a training run."""

from __future__ import annotations

from typing import Any

import mxnet as mx

from dali_ssd.errors import ConfigError

__all__ = ["devices_of"]


def devices_of(gpus: str) -> list[Any]:
    """Turn `"0,1"` into MXNet contexts; empty means the CPU, `auto` GPU 0, or the CPU if there is none.

    Raises ConfigError if the text is not a list of GPU numbers, or if there is no such GPU.
    """
    present = mx.context.num_gpus()
    if gpus.strip() == "auto":
        return [mx.gpu(0)] if present else [mx.cpu()]
    try:
        numbers = [int(part) for part in gpus.split(",") if part.strip()]
    except ValueError:
        raise ConfigError(f"--gpus must be numbers separated by commas, not {gpus!r}") from None
    missing = [number for number in numbers if not 0 <= number < present]
    if missing:
        hint = "leave it out to train on the CPU" if not present else f"there are {present}, from 0"
        raise ConfigError(f"--gpus {gpus}: MXNet finds no GPU {missing[0]}; {hint}")
    if len(set(numbers)) < len(numbers):
        raise ConfigError(f"--gpus {gpus}: a GPU is named twice")
    return [mx.gpu(number) for number in numbers] or [mx.cpu()]
