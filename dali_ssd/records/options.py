"""The options of `dali-ssd check` and `dali-ssd reshard`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from dali_ssd.config import AnyUnit, OnBad, PipelineConfig, RecordsConfig
from dali_ssd.util.validation import (
    check_choices,
    check_ending,
    check_not_negative,
    check_positive,
    check_types,
    raise_all,
)

__all__ = ["CheckConfig", "ClassNames", "ReshardConfig"]

ClassNames = Annotated[
    str,
    tyro.conf.arg(
        help="A file with one class name per line, or names separated by commas; default: classes.txt beside the shards"
    ),
]
"""The option of commands that need class names."""


@dataclass(frozen=True)
class CheckConfig:
    """Find every damaged or doubtful record in shards. Exit code 0: none; 1: some; 2: a shard cannot be read."""

    shards: tuple[str, ...]
    """Shards or patterns such as 'data/*.rec'."""
    decode: bool = False
    """Decode every image as well."""
    coordinates: AnyUnit = RecordsConfig.coordinates
    """Unit of the boxes: fractions of the image, as in MXNet, or pixels; auto: the one that nearly all of them look
    like, as in the loaders."""
    classes: str = ""
    """Class names, as a file or a list, or their number; empty: classes.txt beside the shards, if there is one."""
    json: Path | None = None
    """Write all findings to this file."""
    fix: Path | None = None
    """Write clean shards into this folder: repaired if possible, else left out. The input is not changed."""
    quarantine: Path | None = None
    """Put links to the shards into this folder, with indexes that leave bad records out."""
    workers: int = 0
    """Processes; 0: as many as there are cores."""
    show: int = 20
    """Findings printed per kind; 0: all."""

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_not_negative(self, "workers", "show")
        faults += check_choices(self, "coordinates") + check_ending(self, "json", ".json")
        if self.fix is not None and self.quarantine is not None and self.fix.resolve() == self.quarantine.resolve():
            faults.append(f"fix and quarantine must be two folders, not both {str(self.fix)!r}")
        raise_all(self, faults)


@dataclass(frozen=True)
class ReshardConfig:
    """Deal the records of shards out to new ones, unchanged, into another number of shards or in random order."""

    src: tyro.conf.Positional[tuple[str, ...]]
    """Shards or patterns such as 'data/*.rec'. They are not changed."""
    out: Path
    """Folder for the new shards and classes.txt; made if missing."""
    shards: int = 1
    """Number of new shards; records are dealt out to them in turn."""
    shuffle: bool = False
    """Shuffle the records."""
    seed: int = PipelineConfig.seed
    """Seed of the shuffle."""
    stem: str = ""
    """Name of the new shards; empty: what the given ones are all called, or "data"."""
    classes: ClassNames = ""
    on_bad: OnBad = "raise"
    """What cannot be read as a record, or errors of an index: write nothing and name it (raise), or leave it out and
    name it (skip). Records with other errors are copied as they are."""
    overwrite: bool = False
    """Replace shards of the same name, and classes.txt; but never the given shards."""

    def __post_init__(self) -> None:
        check_types(self)
        faults = check_positive(self, "shards") + check_not_negative(self, "seed") + check_choices(self, "on_bad")
        if self.out.suffix in (".rec", ".idx") and not self.out.is_dir():
            faults.append(f"out must be a folder, not {str(self.out)!r}: --stem gives the names of shards")
        raise_all(self, faults)
