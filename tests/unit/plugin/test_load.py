"""The plugin in a process: its operators run, and a library that cannot be loaded is an error and not the end."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_ssd.errors import PluginError
from dali_ssd.plugin.build import build_plugin
from dali_ssd.plugin.load import load_plugin, plugin_loaded, prepare_plugin
from dali_ssd.plugin.options import BuildPluginConfig
from dali_ssd.plugin.sources import Sources
from dali_ssd.util.optional import require
from tests.support.driver import install_driver
from tests.support.plugin import SCALE, clean_path, failing, operator, own_cache, put, quick
from tests.support.processes import in_processes

FOR_90 = BuildPluginConfig("90")


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a process of its own, in which DALI has loaded nothing."""
    return in_processes("spawn", function, [arguments])[0]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sources, Path]:
    """Sources with an operator, and the cache with the plugin."""
    folder = tmp_path_factory.mktemp("plugin")
    sources = operator(folder / "sources")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DALI_SSD_CACHE", str(folder / "cache"))
        build_plugin(FOR_90, sources)
    return sources, folder / "cache"


def run_operator(sources: Sources) -> tuple[bool, Path | None, Path | None, bool, list[float]]:
    before = plugin_loaded(sources)
    path, again = prepare_plugin(sources), prepare_plugin(sources)
    fn, pipeline_def = require("nvidia.dali.fn"), require("nvidia.dali").pipeline_def  # it is in no stub of DALI's

    @pipeline_def(batch_size=2, num_threads=1, device_id=None, enable_checkpointing=True)
    def scaled() -> Any:
        return fn.dali_ssd_test_scale(fn.constant(fdata=[1, 2, 3]))

    pipeline = scaled()
    pipeline.build()
    (rows,) = pipeline.run()
    assert pipeline.checkpoint()
    return before, path, again, plugin_loaded(sources), np.array(rows.as_tensor())[1].tolist()


@pytest.mark.plugin
def test_its_operators_run(built: tuple[Sources, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    sources, cache = built
    monkeypatch.setenv("DALI_SSD_CACHE", str(cache))
    before, path, again, after, numbers = alone(run_operator, sources)
    assert (before, after) == (False, True)
    assert path == again == next((cache / "plugin").glob("*.so"))
    assert numbers == [SCALE, 2 * SCALE, 3 * SCALE]


def load_again(path: Path, sources: Sources) -> tuple[Path | None, Path | None, Path | None, bool]:
    first = load_plugin(path, sources)
    module: Any = importlib.reload(sys.modules["dali_ssd.plugin.load"])
    return first, module.load_plugin(path, sources), module.prepare_plugin(sources), module.plugin_loaded(sources)


@pytest.mark.plugin
def test_operators_that_another_copy_has_registered_are_used(built: tuple[Sources, Path]) -> None:
    """DALI would end the process. The module is loaded anew, as in a notebook."""
    sources, cache = built
    path = next((cache / "plugin").glob("*.so"))
    assert alone(load_again, path, sources) == (path, None, None, True)


def test_operators_that_are_there_in_part_are_an_error(tmp_path: Path) -> None:
    sources = Sources(tmp_path, ("Copy", "DaliSsdTestNone"))
    said = refusal(tmp_path / "a.so", sources)
    assert said.startswith("DALI has Copy of another plugin in this process, but not DaliSsdTestNone for both devices:")
    with pytest.raises(PluginError, match=r"^DALI has Copy of another plugin"):
        prepare_plugin(sources)
    assert not plugin_loaded(sources)


def refusal(path: Path, sources: Sources) -> str:
    with pytest.raises(PluginError) as caught:
        load_plugin(path, sources)
    return str(caught.value)


@pytest.mark.plugin
@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999])
def test_half_a_library_is_refused_before_it_ends_the_process(
    built: tuple[Sources, Path], share: float, tmp_path: Path
) -> None:
    sources, cache = built
    whole = next((cache / "plugin").glob("*.so")).read_bytes()
    (tmp_path / "cut.so").write_bytes(whole[: int(share * len(whole))])
    said = alone(refusal, tmp_path / "cut.so", sources)
    assert (
        said == f"{tmp_path / 'cut.so'} is cut short or no library: build it again by `dali-ssd build-plugin --rebuild`"
    )


@pytest.mark.parametrize("content", [b"", b"text\n", b"x" * 4096, b"\x7fELF\x01" + bytes(4096)])
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.so").write_bytes(content)
    assert "is cut short or no library: build it again" in refusal(tmp_path / "a.so", Sources(tmp_path, ("None",)))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.symlink_to("nothing"), "No such file or directory"),
    ],
)
def test_what_cannot_be_read_is_refused(make: Callable[[Path], None], reason: str, tmp_path: Path) -> None:
    make(tmp_path / "a.so")
    said = refusal(tmp_path / "a.so", Sources(tmp_path, ("None",)))
    again = "build it again by `dali-ssd build-plugin --rebuild`"
    assert said == f"the plugin {tmp_path / 'a.so'} cannot be read ({reason}): {again}"


@pytest.mark.plugin
def test_a_library_that_needs_what_dali_has_not_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one built for another DALI."""
    monkeypatch.setenv("DALI_SSD_CACHE", str(tmp_path / "cache"))
    sources = quick(tmp_path / "sources", "extern int gone_in_2_5; int *need() { return &gone_in_2_5; }")
    path = build_plugin(FOR_90, sources).path
    said = alone(refusal, path, sources)
    assert said.startswith(f"DALI cannot load the plugin {path} (") and "gone_in_2_5" in said
    assert said.endswith("): build it again by `dali-ssd build-plugin --rebuild`")


@pytest.mark.plugin
def test_a_library_without_an_operator_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DALI_SSD_CACHE", str(tmp_path / "cache"))
    sources = quick(tmp_path / "sources")
    path = build_plugin(FOR_90, sources).path
    said = alone(refusal, path, dataclasses.replace(sources, operators=("Add", "Subtract")))
    assert said == f"the plugin {path} has no Add, Subtract: build it again by `dali-ssd build-plugin --rebuild`"


def test_without_a_plugin_and_without_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clean_path(monkeypatch, tmp_path / "bin")
    monkeypatch.setenv("DALI_SSD_CACHE", str(tmp_path / "cache"))
    with pytest.raises(
        PluginError, match=r"there is no GPU here that says what for: run `dali-ssd build-plugin --arch"
    ):
        prepare_plugin(quick(tmp_path / "sources"))


def test_with_a_gpu_it_is_built_for_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here by a compiler that tells what it was asked for, and fails."""
    failing(monkeypatch, tmp_path / "bin", 'for word in "$@"; do echo "$word"; done | tail', "exit 1", code=86)
    install_driver(tmp_path / "lib", monkeypatch, 86, 61)  # of which one is too old for any plugin
    sources = quick(tmp_path / "sources", units=1)
    put(own_cache(tmp_path, monkeypatch), sources, "90")  # for another GPU
    with pytest.raises(PluginError, match="-gencode=arch=compute_86,code=sm_86") as caught:
        prepare_plugin(sources)
    assert "compute_61" not in str(caught.value)


def test_a_build_that_failed_is_not_tried_again_by_the_next_loader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, tmp_path / "bin", f"echo tried >> {tmp_path / 'tries'}", "exit 1", code=86)
    install_driver(tmp_path / "lib", monkeypatch, 86)
    cache = own_cache(tmp_path, monkeypatch)
    sources, others = (quick(tmp_path / name, units=1) for name in ("sources", "others"))
    said = []
    for one in (sources, sources, others):
        with pytest.raises(PluginError) as caught:
            prepare_plugin(one)
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert (tmp_path / "tries").read_text().count("tried") == 2
    put(cache, sources, "86")  # which another process has built meanwhile
    with pytest.raises(PluginError, match=r"86\.so is cut short or no library"):
        prepare_plugin(sources)
