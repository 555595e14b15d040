"""The learning rate: its warm-up and its decays."""

from __future__ import annotations

from dali_ssd.errors import ConfigError

__all__ = ["decays_due", "parse_decay_epochs", "warm_up"]


def parse_decay_epochs(text: str) -> tuple[float, ...]:
    """Return the epochs in `"160,200"`, sorted. Raises ConfigError if they are not numbers separated by commas."""
    try:
        return tuple(sorted(float(part) for part in text.split(",") if part.strip()))
    except ValueError:
        raise ConfigError(f"--lr-decay-epoch must be epochs separated by commas, not {text!r}") from None


def decays_due(epochs: tuple[float, ...], epoch: int, since: int) -> int:
    """Count the decays to apply at the start of `epoch` if those up to and including epoch `since` are applied."""
    return sum(since < step <= epoch for step in epochs)


def warm_up(step: int, steps: int) -> float:
    """Return the factor of the learning rate for a step, counted from 0: a line from 0 that reaches 1 after `steps`.

    The gradual warm-up of Goyal et al., "Accurate, Large Minibatch SGD" (2017), from 0 as in torchvision's references.
    """
    return min(1.0, (step + 1) / max(steps, 1))
