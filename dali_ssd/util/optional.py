"""Optional dependencies: imported when needed, and explained in one line when they are missing or cannot be loaded."""

from __future__ import annotations

import importlib
import re
import sys
from types import ModuleType

from dali_ssd.errors import MissingDependencyError

__all__ = ["explain", "import_module", "require"]

# MXNet's wheels ask for NumPy < 2, of which Python 3.13 has none.
_MXNET_ALONE = " && pip install --no-deps mxnet==1.9.1" if sys.version_info >= (3, 13) else ""
_INSTALL = {
    "mxnet": f"pip install 'dali-ssd[mxnet]'{_MXNET_ALONE} (with CUDA: mxnet-cu112 or mxnet-cu117)",
    "nvidia": "pip install 'dali-ssd[cuda13]' (for an older driver: cuda12)",
    "horovod": f"tools/build-horovod {sys.executable} (in a checkout of dali_ssd)",
    "cv2": "pip install --force-reinstall opencv-python",
    "numba": "pip install 'numba>=0.58'",
    **dict.fromkeys(("gluoncv", "graphviz", "packaging", "requests"), "pip install 'dali-ssd[gluon]'"),
    "pycocotools": "pip install 'dali-ssd[scoring]'",
    **dict.fromkeys(("matplotlib", "jinja2"), "pip install 'dali-ssd[pictures]'"),
    "tensorboardX": "pip install 'dali-ssd[tensorboard]'",
    "torch": "pip install 'dali-ssd[torch]' (with torchvision: 'dali-ssd[torchvision]')",
    "torchvision": "pip install 'dali-ssd[torchvision]'",
    "jax": "pip install 'dali-ssd[jax]'",
}
"""Name of a module, and the command that brings it."""
_NAMES = {
    "nvidia": "NVIDIA DALI",
    "mxnet": "MXNet",
    "gluoncv": "GluonCV",
    "horovod": "Horovod",
    "cv2": "OpenCV",
    "matplotlib": "Matplotlib",
    "jinja2": "Jinja2",
    "torch": "PyTorch",
    "jax": "JAX",
}
_SHARED_OBJECT = re.compile(r"(lib[\w.+-]+\.so[\w.]*): cannot open shared object file")
_GLUONCV_HIDES = "Unable to import modules due to missing"
"""GluonCV catches the error of what it imports, and raises one that begins so."""
_SYSTEM_LIBRARIES = "apt-get install -y libgomp1 libquadmath0 libgl1 libglib2.0-0"


def require(name: str) -> ModuleType:
    """Import the optional module `name`, such as `"mxnet"` or `"nvidia.dali"`.

    Raises MissingDependencyError with the command that installs it if it is missing or cannot be loaded.
    """
    return import_module(name)


def import_module(name: str) -> ModuleType:
    """Import module `name`; raise MissingDependencyError if an optional dependency that it needs is missing."""
    try:
        return importlib.import_module(name)
    except (AttributeError, ImportError, OSError) as error:
        missing = explain(error)
        if missing is None:
            raise
        raise missing from error


def explain(error: BaseException) -> MissingDependencyError | None:
    """Return an error that says what to install if `error`, raised by an import, is about that; else None."""
    if isinstance(error, MissingDependencyError):
        return error
    if isinstance(error, ModuleNotFoundError):
        return _missing_package(error.name or "")
    if isinstance(error, ImportError) and _GLUONCV_HIDES in str(error):
        return _behind_gluoncv()
    if isinstance(error, ImportError | OSError):
        return _missing_library(str(error))
    return None


def _missing_package(module: str) -> MissingDependencyError | None:
    package = module.partition(".")[0]
    if package not in _INSTALL:
        return None
    name = _NAMES.get(package, package)
    return MissingDependencyError(f"{name} is not installed; run: {_INSTALL[package]}", name=module)


def _missing_library(message: str) -> MissingDependencyError | None:
    found = _SHARED_OBJECT.search(message)
    if found is None:
        return None
    return MissingDependencyError(
        f"the system library {found[1]} is missing; on Debian or Ubuntu run: {_SYSTEM_LIBRARIES}"
    )


def _behind_gluoncv() -> MissingDependencyError | None:
    for name in ("mxnet", "cv2"):
        try:
            import_module(name)
        except MissingDependencyError as error:
            return error
    return None
