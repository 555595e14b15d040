"""What the tests of the plugin share: the plugin itself, built once, and shards of the real data."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from dali_ssd.errors import PluginError
from dali_ssd.plugin.build import build_plugin
from dali_ssd.plugin.load import load_plugin
from dali_ssd.plugin.options import BuildPluginConfig


@pytest.fixture(scope="session")
def plugin() -> None:
    """Load the plugin, built for any GPU: only its operators for the CPU run here."""
    try:
        built = build_plugin(BuildPluginConfig(arch="90"))
    except PluginError as error:
        pytest.skip(str(error))
    load_plugin(built.path)


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
