"""The search for nvcc and g++."""

from __future__ import annotations

from pathlib import Path

import pytest

from dali_ssd.errors import PluginError
from dali_ssd.plugin.toolkit import find_host_compiler, find_toolkit
from tests.support.plugin import clean_path, no_compiler, script


def nvcc(folder: Path, release: str) -> Path:
    return script(folder / "nvcc", f"echo 'Cuda compilation tools, release {release}, V{release}.88'; echo compute_90")


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """The three places, none of which has an nvcc yet."""
    path = clean_path(monkeypatch, tmp_path / "path")
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "home"))
    return {"home": tmp_path / "home" / "bin", "path": path, "wheel": path / "nvidia" / "cu13" / "bin"}


def test_places_are_looked_at_in_order(places: dict[str, Path]) -> None:
    for name in ("wheel", "path", "home"):
        made = nvcc(places[name], "13.0")
        found = find_toolkit(13)
        assert (found.nvcc, found.release, found.known) == (made, (13, 0), (90,))


def test_other_releases_are_passed_over(places: dict[str, Path]) -> None:
    nvcc(places["home"], "12.4")
    script(places["path"] / "nvcc", "exit 1")
    made = nvcc(places["wheel"], "13.2")
    assert find_toolkit(13).nvcc == made
    assert find_toolkit(12).nvcc == places["home"] / "nvcc"


def test_each_place_says_why_it_will_not_do(places: dict[str, Path]) -> None:
    nvcc(places["home"], "12.4")
    script(places["path"] / "nvcc", "echo 'some other program'")
    with pytest.raises(PluginError) as caught:
        find_toolkit(13)
    said = str(caught.value)
    assert said.startswith("no CUDA 13 toolkit to build the plugin with: `pip install 'dali-ssd[plugin]'` brings one")
    assert f"CUDA_HOME={places['home'].parent}: {places['home'] / 'nvcc'} is of CUDA 12.4" in said
    assert f"PATH: {places['path'] / 'nvcc'} does not tell its version and what it builds for" in said
    assert "nvidia-cuda-nvcc in this Python: there is no nvcc" in said


def test_what_does_not_run_is_said_so(places: dict[str, Path]) -> None:
    script(places["path"] / "nvcc", "exit 3")
    with pytest.raises(
        PluginError, match=r"CUDA_HOME=\S+: there is no nvcc; PATH: \S+ does not run \(.* 3.*\); nvidia"
    ):
        find_toolkit(13)


def test_pypi_has_no_toolkit_of_cuda_12(places: dict[str, Path]) -> None:
    with pytest.raises(PluginError, match="no CUDA 12 toolkit to build the plugin with: install one, or name it by"):
        find_toolkit(12)


def test_a_wheel_needs_to_be_told_where_its_headers_are(places: dict[str, Path]) -> None:
    nvcc(places["wheel"], "13.0")
    assert find_toolkit(13).flags == []
    root = places["wheel"].parent
    (root / "lib").mkdir()
    (root / "lib" / "libcudart_static.a").touch()
    assert find_toolkit(13).flags == [f"-I{root / 'include'}", f"-L{root / 'lib'}"]


def test_the_cpp_compiler_must_be_there_run_and_be_new_enough(places: dict[str, Path]) -> None:
    with pytest.raises(PluginError, match=r"there is no g\+\+; on Debian or Ubuntu run: apt-get install -y g\+\+$"):
        find_host_compiler()
    compiler = script(places["path"] / "g++", "exit 1")
    with pytest.raises(PluginError, match=rf"the C\+\+ compiler {compiler.parent}/g\+\+ does not run: .* NVCC_CCBIN$"):
        find_host_compiler()
    script(compiler, "echo 9.4.0")
    with pytest.raises(PluginError, match=r"g\+\+ is version 9, and the plugin needs 11 or newer: name another by"):
        find_host_compiler()
    script(compiler, "echo 12")
    find_host_compiler()


def test_a_named_cpp_compiler_is_a_program_or_the_folder_of_one(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = script(places["home"] / "g++", "echo 12").parent
    for named in ("g++-99", str(places["path"])):
        monkeypatch.setenv("NVCC_CCBIN", named)
        with pytest.raises(PluginError) as caught:
            find_host_compiler()
        assert str(caught.value) == f"NVCC_CCBIN={named} names no C++ compiler: correct it, or unset it for g++ of PATH"
    for named in (str(elsewhere), str(elsewhere / "g++")):
        monkeypatch.setenv("NVCC_CCBIN", named)
        assert find_host_compiler() == elsewhere / "g++"
    monkeypatch.setenv("NVCC_CCBIN", "")  # as if it were not set
    with pytest.raises(PluginError, match=r"there is no g\+\+; on Debian"):
        find_host_compiler()


@pytest.mark.plugin
def test_the_toolkit_of_this_machine_builds_for_the_gpus_of_today() -> None:
    assert no_compiler() is None
    assert {80, 90} <= set(find_toolkit(13).known)
