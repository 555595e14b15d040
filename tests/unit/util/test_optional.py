"""Messages if an optional dependency is missing or cannot be loaded."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dali_ssd.errors import DatasetError, MissingDependencyError
from dali_ssd.util.optional import explain, import_module, require


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("mxnet", "pip install 'dali-ssd[mxnet]'"),
        ("nvidia.dali", "pip install 'dali-ssd[cuda13]'"),
        ("horovod.mxnet", f"tools/build-horovod {sys.executable}"),
        ("gluoncv", "pip install 'dali-ssd[gluon]'"),
        ("pycocotools.coco", "pip install 'dali-ssd[scoring]'"),
        ("matplotlib.figure", "pip install 'dali-ssd[pictures]'"),
        ("torchvision.ops", "torchvision is not installed; run: pip install 'dali-ssd[torchvision]'"),
    ],
)
def test_missing_module_gives_the_command(monkeypatch: pytest.MonkeyPatch, module: str, command: str) -> None:
    for name in (module.partition(".")[0], module):  # both: another test may have imported the submodule
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError) as caught:
        require(module)
    assert command in str(caught.value)
    assert "\n" not in str(caught.value)


def test_mxnet_is_installed_alone_where_its_numpy_is_not_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mxnet", None)
    with pytest.raises(MissingDependencyError) as caught:
        require("mxnet")
    assert ("&& pip install --no-deps mxnet==1.9.1" in str(caught.value)) == (sys.version_info >= (3, 13))


def test_installed_module_is_returned() -> None:
    assert require("json").dumps([1]) == "[1]"


def test_other_missing_module_is_a_bug_and_stays_what_it_is() -> None:
    with pytest.raises(ModuleNotFoundError) as caught:
        import_module("dali_ssd.no_such_module")
    assert not isinstance(caught.value, MissingDependencyError)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (
            "raise OSError('libquadmath.so.0: cannot open shared object file: No such file')",
            "libquadmath.so.0 .*apt-get",
        ),
        ("raise ImportError('libGL.so.1: cannot open shared object file')", "libGL.so.1 .*apt-get install -y libgomp1"),
    ],
)
def test_module_that_cannot_be_loaded_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, says: str
) -> None:
    (tmp_path / "unloadable_part.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependencyError, match=says):
        require("unloadable_part")


def test_gluoncv_that_hides_the_cause_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = "raise ImportError('Unable to import modules due to missing `mxnet` & `torch`. Install one.')"
    (tmp_path / "gluoncv.py").write_text(hidden)
    (tmp_path / "mxnet.py").write_text("raise OSError('libgomp.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("gluoncv", "mxnet"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.raises(MissingDependencyError, match=r"libgomp\.so\.1"):
        require("gluoncv")


def test_what_is_no_missing_dependency_is_not_explained() -> None:
    assert explain(FileNotFoundError(2, "No such file or directory", "a.rec")) is None
    assert explain(AttributeError("module 'numpy' has no attribute 'boll'")) is None
    assert explain(DatasetError("no shard")) is None


def test_explained_error_is_not_explained_twice() -> None:
    error = MissingDependencyError("MXNet is not installed")
    assert explain(error) is error
