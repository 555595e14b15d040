"""The options of the soak, checked before anything is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from dali_ssd.util.validation import check_ending, check_not_negative, check_positive, check_types, raise_all

__all__ = ["SoakConfig"]

_POSITIVE = ("batches", "batch_size", "data_shape", "records", "sample_every", "max_memory", "max_files")
_NOT_NEGATIVE = ("copies", "train_every", "score_every", "settling", "num_workers", "seed")


@dataclass(frozen=True)
class SoakConfig:
    """Load, train and score for a long time on shards with bad records, and check growth and delivered records.

    Exit code 0: all is well; 1: something grew, or a bad record was delivered; 128 + its number after a signal.
    """

    batches: int = 20_000
    """Batches to load."""
    batch_size: int = 8
    """Images per batch."""
    data_shape: int = 128
    """Side of the network input in pixels: 128 or 300."""
    records: int = 600
    """Records to draw, before some of them are damaged."""
    copies: int = 3
    """Records with each kind of damage."""
    train_every: int = 4
    """Batches between two training steps; 0: load only."""
    score_every: int = 250
    """Batches between two scorings of the network; 0: none."""
    sample_every: int = 50
    """Batches between two samples of memory and open files."""
    settling: int = 10_000
    """Batches before growth is measured, while MXNet's caches fill up and the network learns to detect more. Growth is
    measured over at least as many batches."""
    max_memory: float = 0.5
    """Most growth of the process's own resident memory, in 10^6 bytes per 1,000 batches."""
    max_files: float = 0.1
    """Most growth of the number of open files per 1,000 batches."""
    num_workers: Annotated[int, tyro.conf.arg(aliases=["-j"])] = 0
    """Loader threads; 0: all cores."""
    out: str = "soak.md"
    """Report to write, with a picture beside it."""
    seed: int = 233

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_positive(self, *_POSITIVE) + check_not_negative(self, *_NOT_NEGATIVE)
        raise_all(self, faults + check_ending(self, "out", ".md"))
