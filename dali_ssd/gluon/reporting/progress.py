"""Where a training stands."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TrainProgress"]


@dataclass
class TrainProgress:
    """Everything that the loop counts; a checkpoint stores it."""

    epoch: int = 0
    """The epoch being trained, from 0."""
    batch: int = 0
    """Batches of the epoch trained already."""
    step: int = 0
    """Batches trained since the training began."""
    trained: bool = False
    """All batches of the epoch are trained; scoring and saving are left to do."""
    best_map: float = 0.0
    decayed_at: int = -1
    """The learning rate's decays up to and including this epoch are applied."""

    def next_epoch(self) -> None:
        """Go to the beginning of the next epoch."""
        self.epoch += 1
        self.batch = 0
        self.trained = False
