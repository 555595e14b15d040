"""The plugin as a file: built once, found afterwards, by several processes, and what is left where building fails."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dali_ssd.errors import PluginError
from dali_ssd.plugin.architectures import Architectures, Wanted
from dali_ssd.plugin.build import BuiltPlugin, build_plugin, find_plugin
from dali_ssd.plugin.options import BuildPluginConfig
from dali_ssd.plugin.sources import Sources, dali_here
from dali_ssd.plugin.toolkit import find_toolkit
from dali_ssd.util.files import locked
from dali_ssd.util.optional import require
from tests.support.plugin import clean_path, operator, quick, script, toolkit_for
from tests.support.processes import in_processes

FOR_90 = BuildPluginConfig("90")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of plugins in a cache of its own."""
    monkeypatch.delenv("DALI_SSD_PLUGIN", raising=False)
    monkeypatch.setenv("DALI_SSD_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "plugin"


def put(folder: Path, sources: Sources, tag: str = "90") -> Path:
    """A file with the name of a plugin."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{sources.key(dali_here())}-{tag}.so"
    path.touch()
    return path


def failing(monkeypatch: pytest.MonkeyPatch, folder: Path, *lines: str) -> None:
    """Have a toolkit that knows 90, and does this when it compiles."""
    path = clean_path(monkeypatch, folder)
    script(path / "g++", "echo 12")
    script(path / "nvcc", *toolkit_for(90), *lines)


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


BUILD = """
import sys
from pathlib import Path
from dali_ssd.plugin.build import build_plugin
from dali_ssd.plugin.options import BuildPluginConfig
from dali_ssd.plugin.sources import Sources
print(build_plugin(BuildPluginConfig("90"), Sources(Path(sys.argv[1]), (), (("ANSWER", 42), ("SCALE", 7)))).path)
"""


def start(sources: Sources) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILD, str(sources.folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.plugin
def test_another_process_waits_and_says_so(tmp_path: Path, cache: Path) -> None:
    cache.mkdir(parents=True)
    with locked(cache):
        process = start(quick(tmp_path / "sources"))
        assert process.stderr is not None
        assert process.stderr.readline() == "another process is building the DALI plugin: waiting for it\n"
        assert process.poll() is None and os.listdir(cache) == []
    assert process.communicate(timeout=120)[0].startswith(str(cache))


def processes_of(folder: Path) -> Iterator[int]:
    """Processes that have the folder among their arguments."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(folder) in words:
            yield int(entry.name)


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def interrupted(sources: Sources, cache: Path, number: signal.Signals) -> int:
    """Send a signal to a process once its compilers run, and return its exit code."""
    process = start(sources)
    wait_for(lambda: list(cache.glob(".build.*/0.log")) and len(set(processes_of(sources.folder))) > 1)
    process.send_signal(number)
    process.communicate(timeout=60)
    return process.returncode


@pytest.mark.plugin
def test_ctrl_c_ends_the_compilers_and_leaves_nothing(tmp_path: Path, cache: Path) -> None:
    code = interrupted(operator(tmp_path / "sources"), cache, signal.SIGINT)
    assert code in (1, -signal.SIGINT)
    assert list(processes_of(tmp_path)) == []
    assert os.listdir(cache) == []


@pytest.mark.plugin
def test_what_a_killed_process_leaves_is_removed_by_the_next(tmp_path: Path, cache: Path) -> None:
    assert interrupted(operator(tmp_path / "sources"), cache, signal.SIGKILL) == -signal.SIGKILL
    for orphan in processes_of(tmp_path):
        os.kill(orphan, signal.SIGKILL)
    assert len(list(cache.glob(".build.*"))) == 1
    built = build_plugin(FOR_90, quick(tmp_path / "others"))
    assert os.listdir(cache) == [built.path.name]


@pytest.mark.plugin
def test_a_fault_of_the_sources_is_shown_with_the_whole_log(tmp_path: Path, cache: Path) -> None:
    sources = quick(tmp_path / "sources", "int broken( { return ANSWER; }")
    with pytest.raises(PluginError, match=r"the plugin cannot be built: \S+nvcc \(CUDA 1") as caught:
        build_plugin(FOR_90, sources)
    (log,) = cache.iterdir()
    said = str(caught.value)
    assert str(log) in said and "\n  " in said and "error" in said and "#$" not in said
    assert "-gencode=arch=compute_90,code=sm_90" in log.read_text()  # the command itself
    quick(tmp_path / "sources")
    sources.folder.joinpath("first.cu").write_text("int whole;")
    log.rename(cache / f"{sources.key(dali_here())}-90.log")
    built = build_plugin(FOR_90, sources)
    assert os.listdir(cache) == [built.path.name]


def test_a_compiler_that_says_nothing(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, tmp_path / "bin", "exit 7")
    with pytest.raises(PluginError, match=r"ended with code 7; all that it said is in \S+\.log, .*\n  it said nothing"):
        build_plugin(FOR_90, quick(tmp_path / "sources"))
    assert [path.suffix for path in cache.iterdir()] == [".log"]


def test_one_that_fails_ends_the_others(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ('case "$*" in *more0.cu*) echo no space; exit 1;; esac', "sleep 300")
    failing(monkeypatch, tmp_path / "bin", *lines)
    begun = time.monotonic()
    with pytest.raises(PluginError, match=r"code 1; .*\n  no space$"):
        build_plugin(FOR_90, quick(tmp_path / "sources", units=3))
    assert time.monotonic() - begun < 60
    assert list(processes_of(tmp_path / "sources")) == []


def test_only_the_last_lines_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"echo line {number}" for number in range(30)]
    failing(monkeypatch, tmp_path / "bin", *lines, "echo '#$ cicc'", "exit 1")
    with pytest.raises(PluginError) as caught:
        build_plugin(FOR_90, quick(tmp_path / "sources", units=1))
    assert str(caught.value).splitlines()[1:] == [f"  line {number}" for number in range(18, 30)]


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
