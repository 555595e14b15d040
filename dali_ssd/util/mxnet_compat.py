"""Let MXNet 1.9.1 and GluonCV run on today's NumPy and Python, which have removed names that they use.

Neither gets releases any more. MXNet looks up `numpy.bool`, `numpy.PZERO` or `distutils.version` when it is imported;
GluonCV looks up `numpy.float` when it scores. `install` gives every module of the two, and no other, a view of NumPy in
which these names are still there, whenever they are looked up. NumPy itself is never changed, and if it has the names
(before 1.24), nothing is done. Three things are not names, and are replaced in the source as it is loaded: a method of
arrays, how numbers are written into the text that MXNet's operators get, and that GluonCV looks for PyTorch.

How: an import hook puts its own `__import__` among the built-ins of the modules of MXNet and GluonCV as they are
loaded; Python runs a module with the `__builtins__` that it finds in the module's globals (see the documentation of
`exec`). `import dali_ssd` installs the hook, so it must come before `import mxnet`.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType, SimpleNamespace
from typing import Any

__all__ = ["install", "numpy_view"]

_PACKAGES = ("mxnet", "gluoncv")
_REWRITTEN: dict[str, tuple[tuple[bytes, bytes], ...]] = {
    # GluonCV imports PyTorch if it is installed, and then refuses to be imported beside PyTorch 2.
    "gluoncv": ((b"    _require_pytorch_version(", b"    raise ImportError("),),
    # NumPy 2.3 has the method of arrays under its other name only.
    "mxnet.recordio": ((b".tostring()", b".tobytes()"),),
    # Operators get their arguments as text, and in NumPy 2 that of (2, int64(3)) is (2, np.int64(3)).
    "mxnet._ctypes.ndarray": ((b"[str(", b"[_text_of_numpy_1("),),
    "mxnet._ctypes.symbol": ((b"[str(", b"[_text_of_numpy_1("),),
    "mxnet.io.io": ((b"append(str(", b"append(_text_of_numpy_1("),),
    "mxnet.symbol.symbol": (
        (b"= str(shape)", b"= _text_of_numpy_1(shape)"),
        (b"attr[k] = str(v)", b"attr[k] = _text_of_numpy_1(v)"),
        (b"c_str(str(value))", b"c_str(_text_of_numpy_1(value))"),
    ),
}
"""Replacements in the source of a module as it is loaded, in memory only."""
_FIRST_WITHOUT = (1, 24)
"""The first NumPy that lacks some of the names."""


def install() -> None:
    """Give the modules of MXNet and GluonCV that are imported from now on what NumPy and Python have removed.

    Installing it again changes nothing.
    """
    _forget_failed_imports()
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


@cache
def numpy_view() -> ModuleType:
    """Return NumPy as MXNet 1.9.1 and GluonCV know it: a module with all that NumPy has, and the names it had once."""
    import numpy

    view = ModuleType("numpy", numpy.__doc__)
    view.__dict__.update({name: old for name, old in _removed_names(numpy).items() if name not in vars(numpy)})
    view.__dict__["__getattr__"] = lambda name: getattr(numpy, name)  # all else as it is at that moment
    return view


def _removed_names(numpy: ModuleType) -> dict[str, object]:
    """Return all names that MXNet or GluonCV look up and some NumPy lacks, by the release that removed them."""
    financial = dict.fromkeys(("mirr", "npv", "pmt", "ppmt", "pv", "rate"))  # MXNet lists them and calls none
    in_1_24 = {"bool": bool, "float": float, "int": int}
    in_2 = {
        **{"Inf": numpy.inf, "NAN": numpy.nan, "NaN": numpy.nan, "NINF": -numpy.inf, "PINF": numpy.inf},
        **{"NZERO": -0.0, "PZERO": 0.0, "alltrue": numpy.all, "compat": SimpleNamespace(basestring=str)},
        **{"in1d": numpy.isin, "msort": lambda a: numpy.sort(a, axis=0), "trapz": getattr(numpy, "trapezoid", None)},
        **{"product": numpy.prod, "round_": numpy.round, "sometrue": numpy.any},
    }
    return {**financial, **in_1_24, **in_2}


@cache
def _distutils_version() -> ModuleType:
    """Return a substitute for `distutils.version`, which Python 3.12 removed."""
    from packaging.version import Version

    module = ModuleType("distutils.version")
    module.__dict__.update(LooseVersion=Version, StrictVersion=Version)
    return module


@cache
def _builtins() -> dict[str, object]:
    return {**vars(builtins), "__import__": _import, "_text_of_numpy_1": _text_of_numpy_1}


def _text_of_numpy_1(value: object) -> str:
    """Return `str(value)` as NumPy 1 gives it: a number inside a tuple or list does not name its type."""
    text = str(value)
    if "np." not in text or not isinstance(value, tuple | list):  # all but a few: operators are called often
        return text
    import numpy

    if numpy.lib.NumpyVersion(numpy.__version__) < "2.0.0":
        return text
    legacy: Any = "1.25"  # which NumPy 1's types do not know
    with numpy.printoptions(legacy=legacy):
        return str(value)


def _import(
    name: str,
    globals: Mapping[str, object] | None = None,
    locals: Mapping[str, object] | None = None,
    fromlist: Sequence[str] = (),
    level: int = 0,
) -> ModuleType:
    """Import as Python does, but with NumPy's view in place of NumPy."""
    if level == 0 and name == "distutils.version" and fromlist:
        return _distutils_version()
    module = builtins.__import__(name, globals, locals, fromlist, level)
    return numpy_view() if module.__name__ == "numpy" and level == 0 else module


class _Loader(SourceFileLoader):
    """Runs a module with `_import` in place of Python's own, and with what is rewritten in its source."""

    def get_code(self, fullname: str) -> CodeType | None:
        if fullname not in _REWRITTEN:
            return super().get_code(fullname)
        source = self.get_data(self.path)
        for old, new in _REWRITTEN[fullname]:
            source = source.replace(old, new)
        return self.source_to_code(source, self.path)  # not cached: other programs import the module as well

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = _builtins()
        super().exec_module(module)


class _Finder(MetaPathFinder):
    """Finds the modules of MXNet and GluonCV where the other finders do, and loads them by `_Loader`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in _PACKAGES or not _needed():
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None:
                if isinstance(spec.loader, SourceFileLoader):
                    spec.loader = _Loader(spec.loader.name, spec.loader.path)
                return spec
        return None


@cache
def _needed() -> bool:
    try:
        version = importlib.import_module("numpy").__version__
    except ModuleNotFoundError:  # MXNet reports it itself
        return False
    return tuple(int(part) for part in version.split(".")[:2]) >= _FIRST_WITHOUT


def _forget_failed_imports() -> None:
    """Remove the modules that a failed import has left, so that they are loaded again with the names they need."""
    missing = "mxnet" not in sys.modules
    for name in list(sys.modules):
        package, _, part = name.partition(".")
        if package in _PACKAGES and (missing or (part and package not in sys.modules)):
            del sys.modules[name]
