"""The decays of the learning rate."""

from __future__ import annotations

from dali_ssd.errors import ConfigError

__all__ = ["decays_due", "parse_decay_epochs"]


def parse_decay_epochs(text: str) -> tuple[float, ...]:
    """Return the epochs in `"160,200"`, sorted. Raises ConfigError if they are not numbers separated by commas."""
    try:
        return tuple(sorted(float(part) for part in text.split(",") if part.strip()))
    except ValueError:
        raise ConfigError(f"--lr-decay-epoch must be epochs separated by commas, not {text!r}") from None


def decays_due(epochs: tuple[float, ...], epoch: int, since: int) -> int:
    """Count the decays to apply at the start of `epoch` if those up to and including epoch `since` are applied."""
    return sum(since < step <= epoch for step in epochs)
