"""The work of `dali-ssd check`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dali_ssd.errors import ConfigError
from dali_ssd.records.dataset import expand_paths
from dali_ssd.records.format.classes import names_or_none
from dali_ssd.records.inspect import inspect_shards
from dali_ssd.records.lint.dataset_report import DatasetReport
from dali_ssd.records.options import CheckConfig

__all__ = ["check"]


def check(config: CheckConfig) -> DatasetReport:
    """Inspect shards without reading or writing the cache.

    Raises `DatasetError` if a path matches no shard or all shards are empty, `ConfigError` if the classes are invalid.
    """
    shards = expand_paths(config.shards)
    return inspect_shards(
        shards,
        coordinates=config.coordinates,
        num_classes=_num_classes(config.classes, shards),
        decoders=("opencv", "dali") if config.decode else (),
        workers=config.workers,
        fresh=True,
        index_unlisted=config.fix is not None or config.quarantine is not None,
    )


def _num_classes(spec: str, shards: Sequence[Path]) -> int | None:
    """Return the number of classes: as given, else from the `classes.txt` beside the shards; None if there is none."""
    if spec.isascii() and spec.isdigit():
        if int(spec[:9]) < 1:
            raise ConfigError(f"the number of classes must be at least 1, not {spec}")
        return int(spec[:9])
    return len(names_or_none(spec, shards)) or None
