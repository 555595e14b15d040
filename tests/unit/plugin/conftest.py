"""What the tests of the plugin share: the plugin itself, built once, and shards of the real data."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.support.own_plugin import load_plugin_or_skip


@pytest.fixture(scope="session")
def plugin() -> None:
    load_plugin_or_skip()


@pytest.fixture(scope="session")
def real_shards(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that returns the shard of `bccd` or `photos`."""
    from dali_ssd.cli.main import main

    formats = {
        "bccd": ["voc", str(real_data / "bccd")],
        "photos": ["coco", str(real_data / "photos" / "instances.json")],
    }

    @cache
    def shard(data: str) -> Path:
        folder = tmp_path_factory.mktemp(data)
        main(["convert", *formats[data], str(folder), "--stem", data])
        return folder / f"{data}.rec"

    return shard
