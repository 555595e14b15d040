"""Which nvJPEG a process has: the package's own, or that of whoever came first."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest

pytest.importorskip("nvidia.dali")

from dali_ssd.graph import nvjpeg
from dali_ssd.graph.nvjpeg import cuts_regions, load_nvjpeg, nvjpeg_version
from dali_ssd.plugin.sources import dali_here
from tests.support.paths import ROOT


def packaged() -> str:
    major = dali_here().cuda_major
    path = next(nvjpeg._packaged(f"libnvjpeg.so.{major}", major), "")
    if not path:
        pytest.skip("NVIDIA's packages for Python have no nvJPEG here")
    return path


def in_new_process(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_it_is_that_of_dalis_package() -> None:
    path = packaged()
    code = "from dali_ssd.graph.nvjpeg import load_nvjpeg\nload_nvjpeg()\nprint(open('/proc/self/maps').read())"
    assert str(Path(path).resolve()) in in_new_process(code)
    version = nvjpeg_version()
    assert version is not None and version[0] == dali_here().cuda_major


def test_it_is_the_one_that_is_there_already(tmp_path: Path) -> None:
    """A library of the same name within, as torchvision's is, whatever its file is called."""
    if not which("gcc"):
        pytest.skip("needs gcc")
    name = f"libnvjpeg.so.{dali_here().cuda_major}"
    source, other = tmp_path / "old.c", tmp_path / "libnvjpeg.36e11081.so"
    source.write_text("int nvjpegGetProperty(int kind, int *value) { *value = kind ? 1 : 13; return 0; }\n")
    subprocess.run(["gcc", "-shared", "-fPIC", f"-Wl,-soname,{name}", str(source), "-o", str(other)], check=True)
    code = f"import ctypes; ctypes.CDLL({str(other)!r}); from dali_ssd.graph.nvjpeg import nvjpeg_version as version"
    assert in_new_process(f"{code}; print(version())") == "(13, 1)"


def test_pytorchs_loaders_load_it_before_torchvision_can() -> None:
    pytest.importorskip("torch")
    code = "import dali_ssd.torch\nprint(open('/proc/self/maps').read())"
    assert str(Path(packaged()).resolve()) in in_new_process(code)


def test_without_one_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvjpeg, "load_nvjpeg", lambda: None)
    assert nvjpeg_version() is None


def test_one_is_loaded_once() -> None:
    packaged()
    first, second = load_nvjpeg(), load_nvjpeg()
    assert first is not None and second is not None and first._handle == second._handle


@pytest.mark.parametrize(
    ("version", "able"),
    [(None, True), ((12, 4), False), ((13, 0), False), ((13, 1), False), ((13, 2), True), ((14, 0), True)],
)
def test_regions_are_for_those_that_interpolate_color(version: tuple[int, int] | None, able: bool) -> None:
    assert cuts_regions(version) is able
