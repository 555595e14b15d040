"""The learning rate's steps."""

from __future__ import annotations

from dali_ssd.errors import ConfigError

__all__ = ["decays_due", "parse_decay_epochs"]


def parse_decay_epochs(text: str) -> tuple[float, ...]:
    """Read `"160,200"`, sorted; raises ConfigError for what is not numbers separated by commas."""
    try:
        return tuple(sorted(float(part) for part in text.split(",") if part.strip()))
    except ValueError:
        raise ConfigError(f"--lr-decay-epoch must be epochs separated by commas, not {text!r}") from None


def decays_due(epochs: tuple[float, ...], epoch: int, since: int) -> int:
    """Count the decays to apply at the start of `epoch`, when those up to and including epoch `since` were applied."""
    return sum(since < step <= epoch for step in epochs)
