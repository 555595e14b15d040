"""The plugin as a file: built once, found afterwards, by several processes, in folders that may be no good."""

from __future__ import annotations

import dataclasses
import os
import shutil
import time
from pathlib import Path

import pytest

from dali_ssd.errors import PluginError
from dali_ssd.plugin.architectures import Architectures, Wanted
from dali_ssd.plugin.build import BuiltPlugin, build_plugin, find_plugin
from dali_ssd.plugin.options import BuildPluginConfig
from dali_ssd.plugin.sources import Sources
from dali_ssd.plugin.toolkit import find_toolkit
from dali_ssd.util.files import locked
from dali_ssd.util.optional import require
from tests.support.plugin import clean_path, failing, own_cache, put, quick, script, start_building
from tests.support.processes import in_processes

FOR_90 = BuildPluginConfig("90")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of plugins in a cache of its own."""
    return own_cache(tmp_path, monkeypatch)


@pytest.mark.plugin
def test_it_is_built_once_and_found_afterwards(tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources = quick(tmp_path / "sources")
    built = build_plugin(FOR_90, sources)
    assert built.path.parent == cache and built.architectures == Architectures((90,)) and built.seconds > 0
    assert os.listdir(cache) == [built.path.name]
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("building the DALI plugin for 90 with ")
    assert (
        build_plugin(FOR_90, sources)
        == find_plugin(Wanted((90,)), sources)
        == BuiltPlugin(built.path, Architectures((90,)))
    )
    assert capsys.readouterr().err == ""
    assert build_plugin(dataclasses.replace(FOR_90, rebuild=True), sources).seconds > 0


@pytest.mark.plugin
def test_code_for_several_and_for_later_gpus(tmp_path: Path) -> None:
    kernel = "__global__ void kernel(int *out) { *out = ANSWER; }"
    built = build_plugin(BuildPluginConfig("all"), quick(tmp_path / "sources", kernel, units=1))
    content = built.path.read_bytes()
    assert built.architectures.ptx == 120
    assert all(f"sm_{code}".encode() in content for code in built.architectures.codes)


@pytest.mark.plugin
def test_the_toolkit_of_pypi_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not any(Path(folder, "cu13", "bin", "nvcc").is_file() for folder in require("nvidia").__path__):
        pytest.skip("the extra `plugin` is not installed")
    monkeypatch.delenv("CUDA_HOME", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name, which=shutil.which: None if name == "nvcc" else which(name))
    assert "cu13" in find_toolkit(13).nvcc.parts
    kernel = "#include <cuda_runtime.h>\n__global__ void kernel(int *out) { *out = ANSWER; }"
    assert build_plugin(FOR_90, quick(tmp_path / "sources", kernel)).path.is_file()


@pytest.mark.plugin
def test_folders_may_have_spaces_in_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DALI_SSD_CACHE", str(tmp_path / "a cache"))
    built = build_plugin(FOR_90, quick(tmp_path / "the sources"))
    assert built.path.is_file() and " " in str(built.path)


def build_at_once(sources: Sources, ready: Path) -> BuiltPlugin:
    (ready / str(os.getpid())).touch()
    while len(list(ready.iterdir())) < 2:
        time.sleep(0.01)
    return build_plugin(FOR_90, sources)


@pytest.mark.plugin
def test_of_two_processes_at_once_one_builds(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "ready").mkdir()
    sources = quick(tmp_path / "sources")
    first, second = in_processes("spawn", build_at_once, [(sources, tmp_path / "ready")] * 2)
    assert first.path == second.path
    assert sorted(built.seconds > 0 for built in (first, second)) == [False, True]
    assert os.listdir(cache) == [first.path.name]


@pytest.mark.plugin
def test_another_process_waits_and_says_so(tmp_path: Path, cache: Path) -> None:
    cache.mkdir(parents=True)
    with locked(cache):
        process = start_building(quick(tmp_path / "sources"))
        assert process.stderr is not None
        assert process.stderr.readline() == "another process is building the DALI plugin: waiting for it\n"
        assert process.poll() is None and os.listdir(cache) == []
    assert process.communicate(timeout=120)[0].startswith(str(cache))


def test_a_library_that_cannot_be_put_into_its_place(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here for a folder of its name; a full disk is another reason."""
    failing(monkeypatch, tmp_path / "bin", 'while [ "$1" != -o ]; do shift; done; : > "$2"')
    sources = quick(tmp_path / "sources")
    assert build_plugin(FOR_90, sources).path.is_file()
    (path,) = cache.iterdir()
    path.unlink()
    path.mkdir()
    with pytest.raises(PluginError, match=r"the plugin has no place: .*Is a directory.*; set DALI_SSD_CACHE to"):
        build_plugin(FOR_90, sources)
    assert list(cache.iterdir()) == [path]


def test_without_compilers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = clean_path(monkeypatch, tmp_path / "bin")
    sources = quick(tmp_path / "sources")
    with pytest.raises(PluginError, match=r"there is no g\+\+"):
        build_plugin(FOR_90, sources)
    script(path / "g++", "echo 12")
    with pytest.raises(PluginError, match=r"no CUDA 1[23] toolkit to build the plugin with"):
        build_plugin(FOR_90, sources)


def test_a_plugin_that_is_there_needs_no_compiler(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clean_path(monkeypatch, tmp_path / "bin")
    sources = quick(tmp_path / "sources")
    there = put(cache, sources)
    assert build_plugin(FOR_90, sources) == BuiltPlugin(there, Architectures((90,)))


def test_a_read_only_cache(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in it is used; nothing new can be built."""
    failing(monkeypatch, tmp_path / "bin", "exit 1")
    sources = quick(tmp_path / "sources")
    there = put(cache, sources)

    def refuse(path: Path, *_: object, **__: object) -> None:
        if not path.is_dir():
            raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)  # root may write everywhere
    assert build_plugin(FOR_90, sources).path == there
    advice = "the plugin has no place: .*Read-only file system.*; set DALI_SSD_CACHE to"
    with pytest.raises(PluginError, match=advice):
        build_plugin(dataclasses.replace(FOR_90, rebuild=True), sources)
    monkeypatch.setenv("DALI_SSD_CACHE", str(tmp_path / "none"))
    assert find_plugin(Wanted(()), sources) is None
    with pytest.raises(PluginError, match=advice):
        build_plugin(FOR_90, sources)
