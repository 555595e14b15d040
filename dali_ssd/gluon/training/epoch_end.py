"""What is done every so many epochs: scoring, and parameter files."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan
from typing import Any

from dali_ssd.gluon.checkpoint.parameters import periodic_path, save_best, save_parameters
from dali_ssd.gluon.options import TrainConfig
from dali_ssd.reporting.progress import TrainProgress
from dali_ssd.reporting.report import Scored

__all__ = ["EpochEnd"]


class EpochEnd:
    """Scores and saves a network, each at its interval and after the last epoch.

    Args:
        config: has the intervals.
        score: returns the validation scores of a network, None in processes other than rank 0; None: nothing is scored.
        prefix: of the names of files; None: nothing is saved.
    """

    def __init__(self, config: TrainConfig, score: Callable[[Any], Scored | None] | None, prefix: str | None) -> None:
        self._config, self._score, self._prefix = config, score, prefix

    def score(self, net: Any, epoch: int) -> Scored | None:
        """Return the scores of an epoch; None if none are due, or if another process has them."""
        if self._score is None or not (self._is_due(epoch, self._config.val_interval) or self._saves(epoch)):
            return None
        return self._score(net)

    def save(self, net: Any, at: TrainProgress, scores: Scored | None) -> None:
        """Save the best parameters so far, and those that are due. Raises DaliSsdError if that fails."""
        mean_ap = scores.mean_ap if scores else 0.0
        if self._prefix and mean_ap > at.best_map:
            save_best(net, self._prefix, at.epoch, mean_ap)
        if self._prefix and self._saves(at.epoch):
            save_parameters(net, periodic_path(self._prefix, at.epoch, mean_ap))
        # Only now: a run that is resumed after an error of these writes them again.
        at.best_map = max(at.best_map, 0.0 if isnan(mean_ap) else mean_ap)

    def _is_due(self, epoch: int, interval: int) -> bool:
        return epoch % interval == 0 or epoch + 1 == self._config.epochs

    def _saves(self, epoch: int) -> bool:
        return self._config.save_interval > 0 and self._is_due(epoch, self._config.save_interval)
