"""MXNet and GluonCV find the names that NumPy and Python have removed; other packages are not affected."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dali_ssd.util import mxnet_compat

HAS_THE_NAMES = np.lib.NumpyVersion(np.__version__) < "1.24.0"
needs_a_new_numpy = pytest.mark.skipif(HAS_THE_NAMES, reason="this NumPy has the names, so nothing is done")
NOT_OURS = {"torch"}
"""GluonCV's half for PyTorch is none of MXNet's."""


def run_python(code: str, *folders: Path) -> str:
    """What `code` prints in a new process with warnings as errors, to which `folders` can be imported from."""
    paths = f"import sys; sys.path[:0] = {[str(folder) for folder in folders]}\n"
    command = [sys.executable, "-W", "error", "-c", paths + code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def sources(package: str) -> Iterator[tuple[Path, str]]:
    """Path below the package, and text, of each of its modules for MXNet."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"needs {package}")
    root = Path(spec.origin).parent
    for path in (found.relative_to(root) for found in root.rglob("*.py")):
        if not NOT_OURS & set(path.parts):
            yield path, (root / path).read_text(errors="replace")


def numpy_names(tree: ast.Module) -> Iterator[str]:
    """The attributes of NumPy that a module looks up, when it is imported or later."""
    imports = [alias for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    aliases = {alias.asname or alias.name for alias in imports if alias.name == "numpy"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            yield node.attr


@needs_a_new_numpy
@pytest.mark.parametrize("package", ["mxnet", "gluoncv"])
def test_view_has_every_name_that_the_sources_look_up(package: str) -> None:
    """At import and later: a name that is only looked up while a model is scored would otherwise fail for users."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # escapes in their strings
        found = {name for _, text in sources(package) for name in numpy_names(ast.parse(text))}
    assert len(found) > 50
    assert {name for name in found if not hasattr(mxnet_compat.numpy_view(), name)} == set()


@pytest.mark.filterwarnings("ignore:tostring:DeprecationWarning")  # MXNet 1.9.1 as it is, on NumPy 1.23
def test_records_are_packed_as_ever() -> None:
    """MXNet packs labels by a method of arrays that NumPy 2.3 has no more."""
    recordio = pytest.importorskip("mxnet").recordio
    label, image = np.arange(7, dtype=np.float32), np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    header, data = recordio.unpack(recordio.pack((0, label, 3, 0), b"image"))
    assert header.label.tolist() == label.tolist() and (header.id, data) == (3, b"image")
    header, pixels = recordio.unpack_img(recordio.pack_img((0, label, 3, 0), image, img_fmt=".png"))
    assert header.label.tolist() == label.tolist() and np.array_equal(pixels, image)


@needs_a_new_numpy
@pytest.mark.parametrize("package", ["mxnet", "gluoncv"])
def test_methods_that_arrays_have_lost_are_called_nowhere_else(package: str) -> None:
    lost = re.compile(r"\.(tostring|itemset|newbyteorder|ptp)\(")
    found = {".".join((package, *path.with_suffix("").parts)) for path, text in sources(package) if lost.search(text)}
    assert found == {"mxnet.recordio"} & {f"{package}.recordio"}


def test_what_is_rewritten_is_there() -> None:
    texts = {}
    for package in ("mxnet", "gluoncv"):
        pytest.importorskip(package)
        for path, text in sources(package):
            texts[".".join((package, *path.with_suffix("").parts)).removesuffix(".__init__")] = text
    assert all(old.decode() in texts[name] for name, pairs in mxnet_compat._REWRITTEN.items() for old, _ in pairs)


@needs_a_new_numpy
def test_gluoncv_leaves_pytorch_alone(tmp_path: Path) -> None:
    """It would refuse to be imported beside a PyTorch of today, which is here for `dali_ssd.torch`."""
    pytest.importorskip("gluoncv")
    (tmp_path / "torch.py").write_text("raise RuntimeError('PyTorch was imported')")
    printed = run_python("import dali_ssd, sys, gluoncv.model_zoo; print('torch' in sys.modules)", tmp_path)
    assert printed == "False\n"


def test_operators_take_shapes_with_numbers_of_numpy() -> None:
    """As text: `(2, np.int64(3))`, which NumPy 2 makes of it, is no shape for MXNet."""
    mx = pytest.importorskip("mxnet")
    shape = (2, np.int64(3))
    assert mx.nd.zeros(shape).reshape(shape=(np.int32(3), -1)).shape == (3, 2)
    symbol = mx.sym.reshape(mx.sym.var("x"), shape=(np.int64(3), 2))
    assert symbol.infer_shape(x=shape)[1] == [(3, 2)]
    weight = mx.gluon.nn.Dense(2, in_units=3, weight_initializer=mx.init.Orthogonal())
    weight.initialize()
    assert np.isfinite(weight.weight.data().asnumpy()).all()
    assert mx.sym.var("x", shape=shape).infer_shape()[1] == [shape]
    dense = mx.gluon.nn.Dense(np.int64(2))
    dense.initialize()
    dense.hybridize()
    assert dense(mx.nd.ones((2, 3))).shape == (2, 2)


def test_text_for_operators_is_otherwise_as_it_is() -> None:
    for value in ("/data/np.rec", 3, None, 1.5, (1, "np."), [0.5, (2, 3)], np.float32(0.1)):
        assert mxnet_compat._text_of_numpy_1(value) == str(value)


def test_view_is_numpy_otherwise() -> None:
    view = mxnet_compat.numpy_view()
    assert all(getattr(view, name) is value for name, value in vars(np).items() if not name.startswith("__"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "load", object())
        assert view.load is np.load, "what a user patches is seen"
    assert view.testing.assert_array_equal is np.testing.assert_array_equal
    with pytest.raises(AttributeError, match="no_such_name"):
        view.no_such_name  # noqa: B018


@needs_a_new_numpy
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # where NumPy has a name still
def test_old_names_mean_what_they_meant() -> None:
    view = mxnet_compat.numpy_view()
    array = np.array([[3, 1], [2, 4]])
    assert (view.float, view.int) == (float, int)
    assert view.dtype(view.bool) == np.dtype(bool)
    assert (view.PINF, view.NINF, view.Inf) == (np.inf, -np.inf, np.inf)
    assert np.isnan(view.NAN) and np.isnan(view.NaN)
    assert not np.signbit(view.PZERO) and np.signbit(view.NZERO)
    assert view.msort(array).tolist() == [[2, 1], [3, 4]]
    assert view.alltrue(array) and view.sometrue(array)
    assert (view.product(array), view.round_(1.4), view.trapz([0, 2])) == (24, 1, 1)
    assert view.in1d([1, 5], array.ravel()).tolist() == [True, False]
    assert view.compat.basestring is str


def test_numpy_is_after_the_import_what_it_was_before() -> None:
    pytest.importorskip("gluoncv")
    printed = run_python("""
import types, warnings
warnings.simplefilter("ignore")
import dali_ssd, numpy
before, getter = dict(vars(numpy)), numpy.__getattr__
import mxnet, gluoncv
added = {name for name, value in vars(numpy).items() if name not in before}
# NumPy imports some of its own parts when they are asked for.
print(sorted(name for name in added if vars(numpy)[name].__name__ not in (f"numpy.{name}", f"numpy._core.{name}")))
print([name for name, value in before.items() if vars(numpy)[name] is not value], numpy.__getattr__ is getter)
print(mxnet.nd.ndarray.np is numpy)
""")
    assert printed.splitlines() == ["[]", "[] True", str(HAS_THE_NAMES)]


@needs_a_new_numpy
def test_only_mxnet_and_gluoncv_see_the_view(tmp_path: Path) -> None:
    """Not what they import in their turn, nor a module whose name begins alike."""
    outside = "import numpy\nassert not hasattr(numpy, 'int') and numpy.__file__\n"
    (tmp_path / "gluoncv").mkdir()
    (tmp_path / "gluoncv" / "__init__.py").write_text("""
import numpy as np, numpy.linalg as linalg, numpy.linalg
import other, mxnet_like
from numpy import float as Float, sum as total
from distutils.version import LooseVersion
assert np.mirr is None and np.linalg is linalg and Float is float and numpy.int is int and total([1, 2]) == 3
assert LooseVersion("0.10.5.post0") > LooseVersion("0.6.0")
from . import part
def later():
    import numpy
    return numpy.float
""")
    (tmp_path / "gluoncv" / "part.py").write_text("import numpy\nassert numpy.int is int\n")
    (tmp_path / "other.py").write_text(outside)
    (tmp_path / "mxnet_like.py").write_text(outside)
    assert run_python("import dali_ssd, gluoncv, other; print(gluoncv.later())", tmp_path) == "<class 'float'>\n"


def test_where_numpy_has_the_names_nothing_is_done(tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text("__version__ = '1.23.5'\n")
    (tmp_path / "gluoncv.py").write_text(
        "import builtins, numpy\nprint(__builtins__ is vars(builtins), numpy.__file__)"
    )
    assert run_python("import dali_ssd, gluoncv", tmp_path) == f"True {tmp_path / 'numpy.py'}\n"


def test_hook_is_installed_once() -> None:
    before = list(sys.meta_path)
    mxnet_compat.install()
    assert sys.meta_path == before
    assert sum(type(finder).__module__ == "dali_ssd.util.mxnet_compat" for finder in before) == 1


@needs_a_new_numpy
@pytest.mark.parametrize("first", ["mxnet", "gluoncv"])
def test_import_after_one_that_failed_works(first: str) -> None:
    """In a notebook users import MXNet first, then read the remedy and do not restart."""
    pytest.importorskip("gluoncv")
    printed = run_python(f"""
import warnings
warnings.simplefilter("ignore")
try:
    import {first}
except (AttributeError, ImportError) as error:
    print("failed")
import dali_ssd, mxnet, gluoncv
with mxnet.autograd.record(), mxnet.context.cpu():
    print(mxnet.nd.ones(2).asnumpy().tolist())
print(gluoncv.model_zoo.get_model("ssd_300_mobilenet0.25_custom", classes=["a"], pretrained_base=False).classes)
""")
    assert printed == "failed\n[1.0, 1.0]\n['a']\n"
