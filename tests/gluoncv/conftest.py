"""The real data as shards, converted once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from dali_ssd.convert.readers.coco import CocoConfig
from dali_ssd.convert.readers.voc import VocConfig
from dali_ssd.convert.run import convert
from dali_ssd.records.dataset import Dataset, open_dataset


@pytest.fixture(scope="session")
def real_sets(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Dataset]:
    """All of `bccd` and of `photos`, by name."""
    folder = tmp_path_factory.mktemp("real")
    configs = [VocConfig(real_data / "bccd", folder / "bccd"), CocoConfig(real_data / "photos", folder / "photos")]
    return {config.src.name: open_dataset(list(convert(config).shards)) for config in configs}
