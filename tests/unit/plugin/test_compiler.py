"""The compilers: what they say, how far they are, and that none is left, whatever ends the process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from dali_ssd.errors import PluginError
from dali_ssd.plugin.build import build_plugin
from dali_ssd.plugin.options import BuildPluginConfig
from dali_ssd.plugin.sources import Sources, dali_here
from dali_ssd.plugin.toolkit import find_toolkit
from dali_ssd.util.progress import Progress
from tests.support.plugin import failing, operator, own_cache, quick, start_building

FOR_90 = BuildPluginConfig("90")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of plugins in a cache of its own."""
    return own_cache(tmp_path, monkeypatch)


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
    """Send a signal to a process once its compilers run, see that they end too, and return its exit code."""
    process = start_building(sources)
    wait_for(lambda: list(cache.glob(".build.*/0.log")) and len(set(processes_of(sources.folder))) > 1)
    process.send_signal(number)
    process.communicate(timeout=60)
    wait_for(lambda: not list(processes_of(sources.folder)), seconds=10)
    return process.returncode


@pytest.mark.plugin
def test_ctrl_c_ends_the_compilers_and_leaves_nothing(tmp_path: Path, cache: Path) -> None:
    code = interrupted(operator(tmp_path / "sources"), cache, signal.SIGINT)
    assert code in (1, -signal.SIGINT)
    end = time.monotonic() + 5
    while list(processes_of(tmp_path)) and time.monotonic() < end:  # a killed process needs a moment to end
        time.sleep(0.05)
    assert list(processes_of(tmp_path)) == []
    assert os.listdir(cache) == []


@pytest.mark.plugin
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_compilers_of_a_killed_process_end_and_what_it_leaves_is_removed_by_the_next(
    number: signal.Signals, tmp_path: Path, cache: Path
) -> None:
    assert interrupted(operator(tmp_path / "sources"), cache, number) == -number
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


def test_a_compiler_that_does_not_start_is_named(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvcc = tmp_path / "bin" / "nvcc"
    failing(monkeypatch, nvcc.parent, "exit 1")
    toolkit = find_toolkit(dali_here().cuda_major)
    monkeypatch.setattr("dali_ssd.plugin.build.find_toolkit", lambda _: toolkit)
    nvcc.chmod(0o644)
    with pytest.raises(PluginError, match=rf"the last of it:\n  {nvcc} does not start: Permission denied$"):
        build_plugin(FOR_90, quick(tmp_path / "sources"))


def test_other_faults_are_not_those_of_the_place(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, tmp_path / "bin", "exit 1")
    monkeypatch.setattr("sys.executable", str(tmp_path / "none"))
    with pytest.raises(PluginError) as caught:
        build_plugin(FOR_90, quick(tmp_path / "sources"))
    assert str(caught.value) == (
        f"the plugin cannot be built: {tmp_path / 'none'} does not start: No such file or directory"
    )
    assert os.listdir(cache) == []


class Counting(Progress):
    """Keeps how much was done whenever that was more."""

    seen: ClassVar[list[int]] = []

    def advance(self, steps: int = 1) -> None:
        super().advance(steps)
        self.seen.append(self.done)


def test_progress_is_counted_by_front_ends_wherever_the_toolkit_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ("cicc --c++20", '"$CICC_PATH/cicc" --c++20', '"/opt/a toolkit/nvvm/bin/cicc" --c++20', "/opt/bin/cicc -x")
    others = ("ptxas -v", 'fatbinary --cicc-cmdline="-ftz=0"', '"/opt/a cicc/ptxas" -v', "CICC_PATH=/opt/cicc")
    lines = [f"echo '#$ {line}'" for line in (*made, *others)]
    failing(monkeypatch, tmp_path / "bin", *lines, "sleep 0.5", 'while [ "$1" != -o ]; do shift; done; : > "$2"')
    monkeypatch.setattr("dali_ssd.plugin.build.Progress", Counting)
    build_plugin(BuildPluginConfig("90"), quick(tmp_path / "sources", units=1))
    assert Counting.seen[-1] == 2 and len(made) in Counting.seen and max(Counting.seen) <= 2 * len(made)


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
