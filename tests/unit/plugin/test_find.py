"""Which of the plugins that were built before is found."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dali_ssd.plugin.architectures import Architectures, Wanted
from dali_ssd.plugin.build import BuiltPlugin, find_plugin
from dali_ssd.plugin.sources import dali_here
from tests.support.plugin import own_cache, put, quick


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of plugins in a cache of its own."""
    return own_cache(tmp_path, monkeypatch)


def test_a_folder_given_beside_the_cache(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an image has it; what the user has built comes first."""
    sources = quick(tmp_path / "sources")
    there = put(tmp_path / "given", sources, "80.90.ptx90")
    assert find_plugin(Wanted(()), sources) is None
    monkeypatch.setenv("DALI_SSD_PLUGIN", str(tmp_path / "given"))
    assert find_plugin(Wanted((86,)), sources) == BuiltPlugin(there, Architectures((80, 90), 90))
    assert find_plugin(Wanted((75,)), sources) is None
    own = put(cache, sources, "86")
    assert find_plugin(Wanted((86,)), sources) == BuiltPlugin(own, Architectures((86,)))


def test_of_several_the_last_built_is_taken(tmp_path: Path, cache: Path) -> None:
    """So that the one that replaces a damaged one is."""
    sources = quick(tmp_path / "sources")
    for tag, age in (("80.90", 30), ("90", 10), ("75.90", 20)):
        os.utime(put(cache, sources, tag), (0, 100 - age))
    found = find_plugin(Wanted((90,)), sources)
    assert found is not None and found.architectures == Architectures((90,))


def test_plugins_for_another_dali_or_of_other_sources_are_left_alone(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = quick(tmp_path / "sources")
    put(cache, sources)
    assert find_plugin(Wanted(()), sources) is not None
    here = dali_here()
    monkeypatch.setattr("dali_ssd.plugin.build.dali_here", lambda: dataclasses.replace(here, version="2.4.1"))
    assert find_plugin(Wanted(()), sources) is None
    monkeypatch.undo()
    monkeypatch.setenv("DALI_SSD_CACHE", str(cache.parent))
    quick(tmp_path / "sources", "int other;")
    assert find_plugin(Wanted(()), sources) is None


def test_other_files_in_the_cache_are_passed_over(tmp_path: Path, cache: Path) -> None:
    sources = quick(tmp_path / "sources")
    path = put(cache, sources)
    path.rename(path.with_name(f".{path.stem}.1-01234567.tmp.so"))
    put(cache, sources, "90.copy")
    assert find_plugin(Wanted(()), sources) is None


@pytest.mark.parametrize(
    "make", [lambda path: path.mkdir(), lambda path: path.symlink_to("nothing"), lambda path: os.mkfifo(path)]
)
def test_what_is_no_file_is_passed_over(
    make: Callable[[Path], None], tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DALI_SSD_PLUGIN", str(tmp_path / "given"))
    sources = quick(tmp_path / "sources")
    odd, there = put(cache, sources), put(tmp_path / "given", sources)
    odd.unlink()
    make(odd)
    assert find_plugin(Wanted((90,)), sources) == BuiltPlugin(there, Architectures((90,)))


def test_what_may_not_be_read_is_passed_over(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = quick(tmp_path / "sources")
    hidden, there = put(cache, sources, "80.90"), put(cache, sources, "90")
    os.utime(there, (0, 0))
    monkeypatch.setattr(os, "access", lambda path, _: path != hidden)  # root may read everything
    assert find_plugin(Wanted((90,)), sources) == BuiltPlugin(there, Architectures((90,)))
