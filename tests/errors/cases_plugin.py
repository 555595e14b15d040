"""The DALI plugin: what builds it, and what loads it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dali_ssd.plugin.architectures import Wanted, choose
from dali_ssd.plugin.build import build_plugin
from dali_ssd.plugin.gpus import gpus_here
from dali_ssd.plugin.load import load_plugin, prepare_plugin
from dali_ssd.plugin.options import BuildPluginConfig
from dali_ssd.plugin.sources import Sources, dali_here
from dali_ssd.plugin.toolkit import find_host_compiler, find_toolkit
from tests.errors.cases import Case
from tests.support.driver import install_driver
from tests.support.plugin import clean_path, failing, quick, script


def build(folder: Path, patch: pytest.MonkeyPatch, *lines: str) -> object:
    """Build with a toolkit that does this when it compiles."""
    failing(patch, folder / "bin", *lines)
    return build_plugin(BuildPluginConfig("90"), quick(folder / "sources"))


def without_gpu(folder: Path, patch: pytest.MonkeyPatch) -> object:
    clean_path(patch, folder)
    return Wanted.from_option("native", 13)


def neither_plugin_nor_gpu(folder: Path, patch: pytest.MonkeyPatch) -> object:
    clean_path(patch, folder / "bin")
    return prepare_plugin(quick(folder / "sources"))


def driver(*gpus: int, start: str = "0") -> Case:
    def case(folder: Path, patch: pytest.MonkeyPatch) -> None:
        install_driver(folder, patch, *gpus, start=start)
        gpus_here(13)

    return case


def no_python(folder: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setattr("sys.executable", str(folder / "none"))
    return build(folder, patch)


def wrong_host_compiler(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("NVCC_CCBIN", str(folder))
    find_host_compiler()


def no_entry(folder: Path, patch: pytest.MonkeyPatch) -> object:
    patch.setattr("dali_ssd.plugin.build.temporary_name", lambda _: Path("/proc/none"))
    return build(folder, patch)


def no_toolkit(folder: Path, patch: pytest.MonkeyPatch) -> object:
    clean_path(patch, folder)
    return find_toolkit(dali_here().cuda_major)


def host_compiler(*lines: str) -> Case:
    def case(folder: Path, patch: pytest.MonkeyPatch) -> None:
        path = clean_path(patch, folder)
        if lines:
            script(path / "g++", *lines)
        find_host_compiler()

    return case


def program(folder: Path, _: object) -> object:
    return load_plugin(Path(sys.executable).resolve(), Sources(folder, ("None",)))


def without_operators(folder: Path, _: object) -> object:
    (flag,) = (flag for flag in dali_here().link_flags if flag.startswith("-L"))
    return load_plugin(Path(flag.removeprefix("-L"), "libdali.so"), Sources(folder, ("None",)))


def cut_short(folder: Path, _: object) -> object:
    (folder / "a.so").write_bytes(b"\x7fELF")
    return load_plugin(folder / "a.so", Sources(folder, ("None",)))


CASES: dict[str, Case] = {
    "there is no GPU here to build": without_gpu,
    "CUDA {major} builds nothing for the GPUs here": driver(61),
    "driver does not work": driver(90, start="803"),
    "the CUDA toolkit cannot build for": lambda *_: choose(Wanted((70,)), [75, 80]),
    "no CUDA {major} toolkit": no_toolkit,
    "the plugin needs a C++ compiler": host_compiler(),
    "NVCC_CCBIN={named} names no C++ compiler": wrong_host_compiler,
    "the C++ compiler {path} does not run": host_compiler("exit 1"),
    "is version {version}, and the plugin needs": host_compiler("echo 9"),
    "the plugin cannot be built: {toolkit} ended": lambda folder, patch: build(folder, patch, "echo error; exit 1"),
    "the plugin cannot be built: {program} does not start": no_python,
    "the plugin has no place": no_entry,
    "the sources of the plugin are not in": lambda folder, _: Sources(folder, ()).units,
    "the plugin is not built, and there is no GPU": neither_plugin_nor_gpu,
    "DALI has {operators} of another plugin": lambda folder, _: prepare_plugin(Sources(folder, ("Copy", "None"))),
    "the plugin {path} cannot be read": lambda folder, _: load_plugin(folder, Sources(folder, ("None",))),
    "is cut short or no library": cut_short,
    "DALI cannot load the plugin": program,
    "the plugin {path} has no {operators}": without_operators,
}
