"""What the report of an evaluation is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dali_ssd.metrics.analysis import Analysis
from dali_ssd.metrics.scores import Scores
from dali_ssd.records.dataset import Dataset

__all__ = ["Evaluation"]


@dataclass(frozen=True)
class Evaluation:
    """Scored detections, and all that is known of them."""

    title: str
    scores: Scores
    """With `found`."""
    analysis: Analysis
    """Of the same images."""
    dataset: Dataset
    """The records of the images, in the same order, from which pictures are cut."""
    data_shape: int
    """Side of the network's input in pixels."""
    facts: Sequence[tuple[str, str]] = ()
    """What was scored, and on what."""
    command: str = ""
    """The command line behind it."""
