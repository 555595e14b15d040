"""How far a training run is."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TrainProgress"]


@dataclass
class TrainProgress:
    """The counters of a training run, stored in checkpoints."""

    epoch: int = 0
    """The epoch being trained, from 0."""
    batch: int = 0
    """Batches of the epoch that are trained."""
    step: int = 0
    """Batches trained since the run began."""
    trained: bool = False
    """Whether all batches of the epoch are trained, so that only scoring and saving are left."""
    best_map: float = 0.0
    decayed_at: int = -1
    """Epoch up to and including which the decays of the learning rate are applied."""

    def next_epoch(self) -> None:
        """Go to the start of the next epoch."""
        self.epoch += 1
        self.batch = 0
        self.trained = False
